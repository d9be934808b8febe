/* SPDX-License-Identifier: MIT */
/*
 * The processes below one, found through /proc: what stands in for a leaf where there is none.
 * The launcher is their subreaper, so that a daemon of the job stays its descendant.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define TREE_MAX 4096 /* processes of one job that are followed */

/* A child of ours that is not of the job, and is not found by any of these; until it is let in
 * again, which is due when it is reaped. -ENOSPC: there are too many. */
rr_checked int tree_leave_out(pid_t pid);
void tree_let_in(pid_t pid);

/* The descendants of root, root itself not among them. Returns how many, at most `max`. */
size_t tree_find(pid_t root, pid_t *ret_pids, size_t max);

/* Adds the children of a process to the n that are there, of every thread of it: a child belongs to
 * the thread that forked it. Returns how many there are then, at most `max`. */
size_t tree_add_children(pid_t pid, pid_t *pids, size_t n, size_t max);
/* The same of the text of a thread's file `children`. */
size_t tree_add_numbers(const char *text, pid_t *pids, size_t n, size_t max);

/* Calls visit for each thread of a process, and of all the descendants of root. */
void tree_each_thread_of(pid_t pid, void (*visit)(pid_t thread, void *arg), void *arg);
void tree_each_thread(pid_t root, void (*visit)(pid_t thread, void *arg), void *arg);

/* CPU time of root's descendants, and of what they and root have waited for. 0 or -errno. */
rr_checked int tree_cpu_us(pid_t root, uint64_t *ret);

/* Adds one process's memory: PSS and the anonymous part of it; its resident size where the kernel
 * does not let us see that. */
void tree_add_memory(pid_t pid, uint64_t *total, uint64_t *working);

/* Calls visit for each process whose environment says that it is of that job, except ourselves and
 * hooks that somebody runs in its launcher's place (RESRUN_MISSED). `pidfd` is of that process, or
 * negative. True when there were any, or some could not be known. */
bool tree_each_of_job(const char *job_id, void (*visit)(pid_t pid, int pidfd, void *arg),
		      void *arg);

/* Kills what a dead launcher's job has left. True when there were any: look again. */
bool tree_kill_orphans(const char *job_id);

/* Sends a signal to each descendant; for KILL again until none is left, for STOP until none has
 * come anew, or tries run out. */
void tree_signal(pid_t root, int signo);
