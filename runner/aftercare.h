/* SPDX-License-Identifier: MIT */
/*
 * What surrounds the job: hooks before and after, a private temporary directory, the sweep. Nothing
 * here changes the job's status, except that a failing hook_before keeps it from starting.
 */
#pragma once

#include <limits.h>
#include <stdint.h>

#include "base/err.h"
#include "cgroup/backend.h"
#include "policy/report.h"
#include "policy/unfinished.h"
#include "runner/plan.h"
#include "runner/signals.h"
#include "runner/supervise.h"

struct care {
	const char *leaf; /* the job's; NULL: it has none */
	struct report_hook hooks[REPORT_HOOKS_MAX];
	size_t n_hooks;
	uint64_t sweep_files, sweep_bytes;
	int temp_root; /* descriptor of the directory that holds the private one; -1: none made */
	int temp_fd; /* the private one, locked so that other sweepers leave it */
	char temp_name[64];
	char temp_path[PATH_MAX];
	char *caller_tmpdir; /* TMPDIR as it was; owned */
	struct unfinished promise; /* of the hooks after the job */
};

/* The environment that job and hooks share: RESRUN_JOB_ID, RESRUN_THREADS and so on. */
void care_environment(const struct plan *plan, const struct placement *placement);

/* RESRUN_HOOKS alone. */
void care_hooks_directory(void);

/* Makes the private temporary directory, if asked for, and runs the hooks before. 0, or -errno with
 * words: then the job must not start. care_after is to be called in any case. */
rr_checked int care_before(const struct plan *plan, const struct signals *signals, struct care *ret,
			   struct rr_err *err);

/* Hooks after (those of a failure or a cancel too), which were promised, while the leaf still
 * stands. `report`: how it ended, as far as that is known before them; released here. */
void care_hooks(const struct plan *plan, const struct signals *signals,
		const struct outcome *outcome, json_t *report, struct care *care);

/* Removes the private directory and sweeps. */
void care_sweep(const struct plan *plan, struct care *care);
