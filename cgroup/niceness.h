/* SPDX-License-Identifier: MIT */
/*
 * A weight for a job without a cgroup: a nice value. Anybody may raise that of his own processes;
 * only root, and whom RLIMIT_NICE allows it, may lower it again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define NICENESS_MOST 19

/* That which stands for a weight; of 100 and more it is 0. */
int niceness_of_weight(uint64_t weight);

/* Gives every thread of the descendants of root the highest one. What is born meanwhile of one that
 * has it not yet, is found the next time. False when none could be given it that had it not. */
bool niceness_raise_tree(pid_t root);

/* Gives `nice` to those that have the highest one. False when the kernel does not let us. */
bool niceness_set_back_tree(pid_t root, int nice);
