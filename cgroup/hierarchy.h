/* SPDX-License-Identifier: MIT */
/* Where the cgroup v2 hierarchy is, what kind of host this is, and where in it we stand. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define CG_PATH_MAX 1024

enum cg_mode {
	CG_NONE, /* no cgroup v2 mount */
	CG_HYBRID, /* v2 exists, but the controllers are on v1: no caps there */
	CG_UNIFIED, /* v2 only */
};

enum cg_controller {
	CG_CPU = 1 << 0,
	CG_MEMORY = 1 << 1,
	CG_PIDS = 1 << 2,
	CG_IO = 1 << 3,
};
#define CG_CONTROLLERS_N 4

struct cg_hierarchy {
	enum cg_mode mode;
	char mount[CG_PATH_MAX]; /* "/sys/fs/cgroup" */
	char own[CG_PATH_MAX]; /* our cgroup as an absolute directory below mount */
	char root[CG_PATH_MAX]; /* which cgroup the mount shows, when it is not "/": "/docker/ab12"
				 */
	bool is_elsewhere; /* our cgroup is not below the mount, and `own` only the mount */
	bool at_real_root; /* the mount shows the kernel's root cgroup, not a namespace's */
	bool has_systemd; /* systemd is the manager of this hierarchy */
};

/* Looks; changes nothing. A host without cgroups is an answer, not an error. */
void cg_find(struct cg_hierarchy *ret);

/* The cgroup of a process as an absolute directory below the mount, without the " (deleted)" of a
 * removed one. pid 0 is us. 0 or -errno. */
rr_checked int cg_of_process(const struct cg_hierarchy *hierarchy, pid_t pid, char *buf,
			     size_t size);

/* The controllers named in FILE ("cgroup.controllers", "cgroup.subtree_control") of a directory. */
unsigned cg_read_controllers(int dirfd, const char *file);

/* Enables what is wanted for the children of dirfd, each controller as far as it goes.
 * *ret_enabled: those that are on afterwards. 0, or -errno of the first that was refused although
 * it is available here. */
rr_checked int cg_enable(int dirfd, unsigned wanted, unsigned *ret_enabled);

/* "cpu", "memory", "pids", "io". */
const char *cg_controller_name(enum cg_controller controller);

/* Moves every process of directory `from` (absolute) into `to`, again and again until none is left
 * or tries run out. 0, or -errno. */
rr_checked int cg_move_all(const char *from, const char *to);

/* "populated" of DIR/cgroup.events: 1, 0, or -errno (-ENOENT: it is gone). */
rr_checked int cg_populated(const char *dir);
