/* SPDX-License-Identifier: MIT */
/*
 * All processes as /proc shows them at one moment: who is whose child, and which of a tree is the
 * one that works. The root of /proc is given, so that fixture trees can stand in for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define PROCESS_NAME_SIZE 24 /* the kernel cuts at 15, for its own threads a little later */
#define PROCESSES_MAX 65536

struct process {
	pid_t pid, parent;
	char state; /* 'R', 'S', 'Z', ... */
	char name[PROCESS_NAME_SIZE]; /* no control characters */
	uint64_t start_ticks; /* since boot: with the pid it names a process for ever */
	uint64_t cpu_ticks; /* user and system, its waited-for children not counted */
	uint64_t threads;
	uint64_t resident_pages;
	uint64_t waited_ticks; /* CPU time of waited-for children */
	uint64_t faults; /* minor and major, its waited-for children not counted */
};

struct processes {
	struct process *v; /* by pid; owned */
	size_t n;
};

/* Reads the text of /proc/PID/stat. False when it is not of that form. */
bool process_parse(const char *text, struct process *ret);

/* All that can be seen. 0 or -errno. */
rr_checked int processes_read(const char *proc, struct processes *ret);
void processes_free(struct processes *processes);
#define processes_auto __attribute__((cleanup(processes_free)))

/* NULL when there is none. */
const struct process *processes_find(const struct processes *processes, pid_t pid);

/* Root, if it is there, and after it everything below it that is no zombie: *ret_pids, at most
 * `max`. Returns how many. */
size_t processes_tree(const struct processes *processes, pid_t root, pid_t *ret_pids, size_t max);

/* CPU time that the process took since `before` (or, not being there, ever), in ticks. */
uint64_t process_ticks_since(const struct process *process, const struct processes *before);

/* The one of these that took most CPU time since `before`, of equals that which ever took most, and
 * of these the youngest. NULL when none of them is there. */
const struct process *processes_busiest(const struct processes *now, const struct processes *before,
					const pid_t *pids, size_t n);
