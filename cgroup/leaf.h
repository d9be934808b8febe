/* SPDX-License-Identifier: MIT */
/*
 * One fresh cgroup for one run: made, limited before anything runs in it, watched until it is
 * empty, removed. A leaf is never used twice and never joined when it already exists.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cgroup/hierarchy.h"
#include "cgroup/limit.h"

#define CG_LEAF_PREFIX "rr-"
#define CG_SUPERVISOR "rr-sup" /* where the launcher and its neighbours stand beside the leaf */

struct cg_leaf {
	int fd; /* directory; -1: there is none */
	char path[CG_PATH_MAX];
	unsigned controllers; /* that are on in it */
};

/* Makes PARENT/rr-ID with as many of the wanted controllers as can be had. The parent exists and
 * may hold no processes. 0 or -errno with words; -EEXIST when the name is taken. */
rr_checked int leaf_make(const char *parent, const char *id, unsigned wanted, struct cg_leaf *ret,
			 struct rr_err *err);

/* Sets what is asked and writes into `limits` what took hold and why the rest did not. Also
 * memory.oom.group, as far as the kernel has it. */
void leaf_limit(const struct cg_leaf *leaf, struct limit_set *limits);

/* The same for one limit of a leaf that is in use; one that is not asked is taken off. */
void leaf_limit_one(const struct cg_leaf *leaf, enum limit_id id, struct limit *limit);

/* Kills all that is in it, by cgroup.kill or, where there is none, frozen and one by one. */
rr_checked int leaf_kill(const char *path);

/* Sends a signal to every process in it and below. Best effort: forks may escape it. */
void leaf_signal(const char *path, int signo);

/* Processes in it and below now; negative when it cannot be told. */
int leaf_count(const char *path);

/* Waits until it is empty, at most wait_ns. 0, or -ETIMEDOUT. A leaf that is gone is empty. */
rr_checked int leaf_wait_empty(const char *path, uint64_t wait_ns);

/* Removes it and what the job made below it; `mount` of the hierarchy. 0, or -errno. */
rr_checked int leaf_remove(const char *path, const char *mount);

void leaf_close(struct cg_leaf *leaf);
