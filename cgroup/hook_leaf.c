/* SPDX-License-Identifier: MIT */
#include "cgroup/hook_leaf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define NAME_TRIES 1000 /* names that a dead process with our pid may have left */

void hook_leaf_path(const char *leaf, char ret[static CG_PATH_MAX])
{
	if (snprintf(ret, CG_PATH_MAX, "%s" HOOK_LEAF_END, leaf) >= CG_PATH_MAX)
		ret[0] = '\0';
}

/* With the controllers on for what is below: a hook may well run a job with limits. */
static int open_all(const char *leaf, struct cg_leaf *ret)
{
	unsigned all = CG_CPU | CG_MEMORY | CG_PIDS | CG_IO;

	hook_leaf_path(leaf, ret->path);
	if (!ret->path[0])
		return -ENAMETOOLONG;
	if (mkdir(ret->path, 0755) < 0 && errno != EEXIST)
		return -errno;
	ret->fd = open(ret->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->fd < 0)
		return -errno;
	rr_ignore(cg_enable(ret->fd, all, &ret->controllers));
	return 0;
}

/* Named as a leaf, so that a resrun in it knows whose it is (delegated.c). */
static int make_one(int all_fd, char *name, size_t size)
{
	static unsigned number;
	int r = -EEXIST;

	for (int i = 0; r == -EEXIST && i < NAME_TRIES; i++) {
		(void)snprintf(name, size, CG_LEAF_PREFIX "%d-%u", (int)getpid(), ++number);
		r = mkdirat(all_fd, name, 0755) < 0 ? -errno : 0;
	}
	return r;
}

int hook_leaf_make(const char *leaf, struct cg_leaf *ret)
{
	__attribute__((cleanup(leaf_close))) struct cg_leaf all = { .fd = -1 };
	struct cg_leaf made = { .fd = -1 };
	char name[64];
	int r = open_all(leaf, &all);

	if (r == 0)
		r = make_one(all.fd, name, sizeof(name));
	if (r < 0)
		return r;
	if (snprintf(made.path, sizeof(made.path), "%s/%s", all.path, name) >=
	    (int)sizeof(made.path))
		return -ENAMETOOLONG;
	made.fd = open(made.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (made.fd < 0)
		return -errno;
	made.controllers = all.controllers;
	*ret = made;
	return 0;
}

void hook_leaf_leave(struct cg_leaf *leaf)
{
	if (leaf->fd < 0)
		return;
	leaf_close(leaf);
	(void)rmdir(leaf->path);
}

/* PARENT of a path PARENT/rr-ID.hooks/...: cuts it off there. */
static bool find_parent(char *path)
{
	char *end = strstr(path, HOOK_LEAF_END "/"), *slash;

	if (!end)
		return false;
	*end = '\0';
	slash = strrchr(path, '/');
	if (!slash || strncmp(slash + 1, CG_LEAF_PREFIX, strlen(CG_LEAF_PREFIX)) != 0)
		return false;
	*slash = '\0';
	return true;
}

int hook_leaf_step_out(void)
{
	char path[CG_PATH_MAX + 64], *slash;
	struct cg_hierarchy hierarchy;
	int r;

	cg_find(&hierarchy);
	if (hierarchy.mode != CG_UNIFIED || !find_parent(hierarchy.own))
		return 0;
	(void)snprintf(path, sizeof(path), "%s/" CG_SUPERVISOR "/cgroup.procs", hierarchy.own);
	r = rr_write_at(AT_FDCWD, path, "0");
	/* direct has none: its parent stands below the root, which may hold processes. */
	slash = strrchr(hierarchy.own, '/');
	if (r != -ENOENT || !slash || slash < hierarchy.own + strlen(hierarchy.mount))
		return r;
	*slash = '\0';
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", hierarchy.own);
	return rr_write_at(AT_FDCWD, path, "0");
}
