/* SPDX-License-Identifier: MIT */
/*
 * What the processes below us use, looked at again and again: what stands in for a leaf's counters
 * where there is none. A look reads little: /proc/PID/stat of each process that has run since the
 * last, through descriptors that stay open. How memory is shared is dear to ask (smaps_rollup walks
 * the page tables), and is asked only when the answer can matter: when by what was mapped and
 * faulted in since it was last asked the sum could have passed its peak or come near the cap, and
 * every ten seconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/processes.h"
#include "cgroup/usage.h"

#define TREE_SCHED_TEXT 64
#define TREE_KEPT 16 /* processes whose files stay open; of others they are opened each time */

struct tree_kept {
	pid_t pid; /* 0: none */
	int stat_fd, children_fd, sched_fd;
	bool seen; /* in the look that goes on */
	char sched[TREE_SCHED_TEXT]; /* how often it had run before `last` was read; "": unknown */
	struct process last;
};

/* A sum over the tree. */
struct tree_sum {
	uint64_t n; /* processes */
	uint64_t pids; /* a sum that tells other processes from the same */
	uint64_t faults;
	uint64_t resident_bytes; /* what several have mapped counts for each: never less than PSS */
};

struct tree_meter {
	int own_fd; /* our own children; -1: not open */
	struct tree_kept kept[TREE_KEPT];
	bool asked; /* the following are known */
	struct tree_sum then; /* when PSS was asked last, */
	uint64_t total_bytes, working_bytes; /* which gave these, */
	uint64_t asked_ns; /* BOOTTIME: then */
};

/* What the caller has to know. */
struct tree_want {
	uint64_t now_ns; /* BOOTTIME */
	bool exact; /* whatever has changed is to be asked */
	uint64_t cap_bytes; /* on memory; UINT64_MAX: none */
};

/* The process that calls has one thread. */
void tree_meter_open(struct tree_meter *ret);

/* Reads memory (PSS, so that shared pages count once) and number of our descendants. Peaks are
 * only of what was asked; in between, the memory now is estimated. */
void tree_meter_read(struct tree_meter *meter, const struct tree_want *want, struct usage *usage);

void tree_meter_close(struct tree_meter *meter);
