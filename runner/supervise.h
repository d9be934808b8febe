/* SPDX-License-Identifier: MIT */
/*
 * Watches the job until its last process is gone: forwards signals, samples what it uses, holds it
 * to its time and, without a cgroup, to its memory; then says how it ended and what it used.
 */
#pragma once

#include "base/err.h"
#include "cgroup/backend.h"
#include "cgroup/oom.h"
#include "cgroup/usage.h"
#include "policy/pressure.h"
#include "policy/report.h"
#include "runner/admit.h"
#include "runner/launch.h"
#include "runner/plan.h"
#include "runner/signals.h"

struct care;

struct outcome {
	enum exit_reason reason;
	int code; /* -1 when it died of a signal */
	int signal; /* 0 when it exited */
	uint64_t wall_ns, ended_wall_ns;
	uint64_t frozen_ns;
	enum oom_limit oom_limit; /* whose limit it was killed for */
	char oom_path[CG_PATH_MAX]; /* of OOM_ABOVE */
	uint64_t stalled_ns; /* held up by memory_high for so long */
	uint64_t timeout_ns; /* its time limit, as last set */
	uint64_t leftovers; /* processes that outlived the job's first one */
	uint64_t temp_peak_bytes; /* of its private directory; REPORT_UNKNOWN: it has none */
	enum pressure_step pressed; /* the hardest by which it gave way to others */
	uint64_t pressed_ns; /* for so long in all */
	bool over_pressure; /* ended by that */
	bool over_temp; /* ended, as that grew beyond temp_max */
	struct usage usage;
};

/* What supervision looks at and acts on; nothing of it is changed but the admission's reservation
 * and the limits. */
struct watch_order {
	const struct plan *plan;
	const struct signals *signals;
	const struct placement *placement;
	struct limit_set *limits; /* changed when resrunctl asks for it */
	const struct child *child;
	struct admission *admission;
	const struct care *care;
};

/* Returns when nothing of the job is left. Trouble in watching is told and never fails the job. */
void supervise(const struct watch_order *order, struct outcome *ret);

/* True when the job did what it was started for. */
bool outcome_is_success(const struct outcome *outcome);
