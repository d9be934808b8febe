/* SPDX-License-Identifier: MIT */
/* CPUs for a job without a cgroup: a cap in whole CPUs is held by an affinity. */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/* Holds the calling process to so many of the CPUs that it may use; 0: leaves them all to it. */
void affinity_hold_self(unsigned cpus);

/* Holds every thread of the descendants of root to so many of the CPUs that we may use; 0: to all
 * of them. Best effort: what is born meanwhile inherits what its parent had. */
void affinity_hold_tree(pid_t root, unsigned cpus);

/* The same of one process. */
void affinity_hold_process(pid_t pid, unsigned cpus);
