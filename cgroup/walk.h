/* SPDX-License-Identifier: MIT */
/* Visits the cgroups below one, without recursion and with a bound. */
#pragma once

#include <sys/types.h>

#include "base/err.h"

#define CG_WALK_MAX 4096 /* cgroups below one leaf that are looked at */

/* Calls visit(dir, arg) for DIR and everything below it, children before parents. The first
 * non-zero answer ends it and is returned. A directory that vanishes meanwhile is passed over. */
rr_checked int cg_walk_bottom_up(const char *dir, int (*visit)(const char *dir, void *arg),
				 void *arg);

/* Calls visit(dir, pid, arg) for every process in DIR and below it. */
rr_checked int cg_walk_processes(const char *dir,
				 int (*visit)(const char *dir, pid_t pid, void *arg), void *arg);

/* The processes in DIR and below it: *ret_pids, at most `max`. Returns how many; of a group that is
 * gone there are none. */
size_t cg_list_processes(const char *dir, pid_t *ret_pids, size_t max);
