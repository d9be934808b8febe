/* SPDX-License-Identifier: MIT */
/* Runs one hook: /bin/sh -c CMD, with a time limit, its output on our stderr. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "policy/report.h"
#include "runner/signals.h"

/* Starts it and does not wait: for hooks while the job runs, whose end nobody needs to know. 0, or
 * -errno with words. */
rr_checked int hook_start(const char *event, const char *command, const struct signals *signals,
			  struct rr_err *err);

/* Runs it and waits for it; past the limit its process group is killed. *ret has event, status
 * (128+n for a signal, 124 past the limit) and time. 0, or -errno with words when it could not be
 * started. */
rr_checked int hook_run(const char *event, const char *command, uint64_t limit_ns,
			const struct signals *signals, struct report_hook *ret, struct rr_err *err);
