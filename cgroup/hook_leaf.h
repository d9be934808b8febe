/* SPDX-License-Identifier: MIT */
/*
 * The cgroups of a job's hooks: beside its leaf PARENT/rr-ID a group PARENT/rr-ID.hooks, and in
 * that one for each hook, which can so be killed as a whole and alone. The name follows from the
 * leaf's: whoever clears up after a dead launcher (backend.h, placement_reap_leaf) knows where to
 * look.
 *
 * None of the job's limits is set there. A hook must be able to tell of a job that had no memory
 * left, and what it uses is not what the job needs.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "cgroup/hierarchy.h"
#include "cgroup/leaf.h"

#define HOOK_LEAF_END ".hooks"

/* The group of all hooks of the job with that leaf; "" when its name would be too long. */
void hook_leaf_path(const char *leaf, char ret[static CG_PATH_MAX]);

/* A fresh one for a hook of the job with that leaf. 0 or -errno. */
rr_checked int hook_leaf_make(const char *leaf, struct cg_leaf *ret);

/* The hook is over. It goes if nothing is in it; else with that of all, when the try is over. */
void hook_leaf_leave(struct cg_leaf *leaf);

/* Where we are part of a hook: we go where its launcher's neighbours are, and no longer end with
 * it. Nothing where we are not; 0 or -errno. */
rr_checked int hook_leaf_step_out(void);
