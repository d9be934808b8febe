/* SPDX-License-Identifier: MIT */
/*
 * Something that runs and is looked at again and again: a process and all below it, or the leaf of
 * a job. What each look finds: use, stage, progress, temporary files. It needs nobody's help and
 * changes nothing.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/processes.h"
#include "base/progress.h"
#include "cgroup/usage.h"
#include "policy/ledger.h"

#define WATCH_UNKNOWN UINT64_MAX

/* All processes at the last two looks. */
struct scene {
	struct processes before, now;
	uint64_t before_ns, now_ns; /* BOOTTIME; 0: there was none */
};

/* Looks again. 0 or -errno with words. */
rr_checked int scene_next(struct scene *scene, struct rr_err *err);
void scene_free(struct scene *scene);
#define scene_auto __attribute__((cleanup(scene_free)))

enum watch_from { FROM_NOTHING, FROM_JOB, FROM_PROCESSES };

struct watch {
	/* What is watched; set by watch_process and watch_job. */
	char name[LEDGER_NAME_SIZE];
	char job_id[LEDGER_ID_SIZE]; /* "": not a job of resrun's */
	pid_t root; /* the main process; of a job its launcher, which is not counted */
	uint64_t root_ticks;
	char leaf[LEDGER_LEAF_SIZE]; /* "": processes are found by who is whose child */
	char temp_asked[PATH_MAX]; /* "": its own TMPDIR */
	bool with_io; /* what it reads and writes is wanted, too */

	/* What the last look found. */
	bool ended;
	bool stopped; /* its main process is, by a signal or a debugger */
	pid_t main_pid; /* 0: none seen */
	size_t n_processes;
	uint64_t threads;
	uint64_t age_ns; /* of the main process */
	double cpu_percent; /* 100: one CPU; negative: not known yet */
	uint64_t memory_bytes, memory_peak_bytes; /* the peak: that any look found */
	double io_bytes_per_s; /* read and written, to disks; negative: not known */
	double pressure_percent; /* memory PSI some avg10 of the leaf; negative: not known */
	char stage[PROGRESS_STAGE_SIZE];
	enum watch_from stage_from;
	double progress_percent; /* PROGRESS_UNKNOWN */
	enum watch_from progress_from;
	char input[PATH_MAX]; /* whose position the progress is; "": none */
	char temp[PATH_MAX];
	bool temp_private; /* resrun made it for this job alone */
	uint64_t temp_bytes; /* WATCH_UNKNOWN */
	bool temp_complete; /* else it is at least so much */

	/* Private. */
	uint64_t cpu_us, io_bytes, looked_ns;
	uint64_t cpu_ticks; /* of its processes, as far as it is known */
};

/* That process; -ESRCH with words when there is none. */
rr_checked int watch_process(const struct scene *scene, pid_t pid, struct watch *ret,
			     struct rr_err *err);

/* A running job, by what the ledger tells of it. */
void watch_job(const struct ledger_ticket *ticket, const struct ledger_detail *detail,
	       struct watch *ret);

/* Looks at it. One that has ended keeps what the look before found. */
void watch_look(struct watch *watch, const struct scene *scene);

/* Looks at its temporary directory, which can take longer than all the rest. */
void watch_look_at_temp(struct watch *watch);
