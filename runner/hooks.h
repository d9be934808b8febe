/* SPDX-License-Identifier: MIT */
/* Runs one hook: /bin/sh -c CMD, with a time limit, its output on our stderr as far as it is not
 * too much; where the job has a leaf, in a cgroup of its own (cgroup/hook_leaf.h). When it is over,
 * its process group is killed. What has left that, say a daemon that the job is to use, goes on
 * until the try is over, where there is a cgroup. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "policy/report.h"
#include "runner/signals.h"

#define HOOK_OUTPUT_MAX (1 << 20) /* bytes of one hook that are passed on; the rest is dropped */

struct hook_order {
	const char *event; /* "after": RESRUN_HOOK */
	const char *command;
	const char *leaf; /* the job's; NULL: it has none, or is no more */
	const char *dir; /* to run in; NULL: where we are */
	char *const *environment; /* NAME=VALUE over ours; NULL-terminated, or NULL */
	uint64_t limit_ns;
	const struct signals *signals;
};

/* Has it run by a process of its own, and does not wait: for hooks while the job runs, whose end
 * nobody needs to know. It has the same limits. 0, or -errno with words. */
rr_checked int hook_start(const struct hook_order *order, struct rr_err *err);

/* The try is over: ends those that hook_start has begun. */
void hook_end_apart(void);

/* Runs it and waits for it; past the limit it is killed with all that is in its cgroup. *ret has
 * event, status (128+n for a signal, 124 past the limit) and time. 0, or -errno with words when it
 * could not be started. */
rr_checked int hook_run(const struct hook_order *order, struct report_hook *ret,
			struct rr_err *err);
