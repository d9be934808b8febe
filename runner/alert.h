/* SPDX-License-Identifier: MIT */
/*
 * While a job runs: tells when a resource of the host turns warning, critical, or well again, as
 * events, in the history of alerts, in the system's log and, on critical, to the hooks of
 * hook_on_alert. It changes nothing for the job.
 */
#pragma once

#include "runner/gate.h"
#include "runner/plan.h"
#include "runner/signals.h"

struct alert {
	const struct plan *plan;
	const struct signals *signals;
	const char *leaf; /* the job's; NULL: it has none */
	bool begun; /* the host was looked at once */
	bool noted; /* the levels were told to the history once */
	struct gate gate;
	uint64_t next_ns; /* BOOTTIME, of the next look */
	enum headroom_level level[HEADROOM_N];
};

void alert_start(const struct plan *plan, const struct signals *signals, const char *leaf,
		 struct alert *ret);

/* Looks at the host, if it is time to: then true, and its gate has the verdict. Hooks are started
 * and not waited for. `closely`: the next time soon, also when the host is well. */
bool alert_look(struct alert *alert, bool closely);
