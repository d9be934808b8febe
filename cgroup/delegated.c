/* SPDX-License-Identifier: MIT */
/*
 * delegated: we already stand in a subtree that is ours to arrange: a unit with Delegate=yes, a
 * container with writable cgroupfs, a directory that root gave to us, the leaf of an outer resrun.
 *
 * No cgroup may have both processes and children with controllers. So on first use everything in
 * our cgroup, we included, moves one level down into "rr-sup", and leaves stand beside that. An
 * outer cap stays above us: nested caps nest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "cgroup/backend.h"

static bool inside_resrun(const struct cg_hierarchy *hierarchy)
{
	return strncmp(rr_base_name(hierarchy->own), CG_LEAF_PREFIX, strlen(CG_LEAF_PREFIX)) == 0;
}

/* systemd marks what it has given away; a user's manager carries the mark too, but keeps its tree.
 */
static bool given_by_systemd(const struct cg_hierarchy *hierarchy)
{
	static const char *const marks[] = { "user.delegate", "trusted.delegate" };
	char value[8];

	if (strncmp(rr_base_name(hierarchy->own), "user@", strlen("user@")) == 0)
		return false;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		ssize_t n = getxattr(hierarchy->own, marks[i], value, sizeof(value));

		if (n == 1 && value[0] == '1')
			return true;
	}
	return false;
}

static bool may_write(const char *dir)
{
	static const char *const files[] = { "", "/cgroup.procs", "/cgroup.subtree_control" };
	char path[CG_PATH_MAX + 32];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", dir, files[i]);
		if (access(path, W_OK) < 0)
			return false;
	}
	return true;
}

static bool is_threaded(const char *dir)
{
	char path[CG_PATH_MAX + 32], type[32];

	(void)snprintf(path, sizeof(path), "%s/cgroup.type", dir);
	/* The real root has no such file; it is a domain. */
	return rr_read_at(AT_FDCWD, path, type, sizeof(type)) > 0 && strcmp(type, "domain\n") != 0;
}

/* Why our own cgroup is not ours to arrange, or NULL when it is. */
static const char *not_ours(const struct cg_hierarchy *hierarchy)
{
	if (hierarchy->at_real_root && strcmp(hierarchy->own, hierarchy->mount) == 0)
		return "we stand in the root cgroup, which nobody delegated";
	if (hierarchy->is_elsewhere)
		return "our cgroup is not in what is mounted at /sys/fs/cgroup";
	if (access(hierarchy->own, W_OK) < 0 && errno == EROFS)
		return "cgroupfs is read-only here";
	if (!may_write(hierarchy->own))
		return "our cgroup is not ours to write";
	if (inside_resrun(hierarchy))
		return NULL;
	if (hierarchy->has_systemd && !given_by_systemd(hierarchy))
		return "our cgroup belongs to systemd (no Delegate=yes)";
	/* Root could write it in any case: that does not make it a delegation. */
	if (!hierarchy->has_systemd && geteuid() == 0 && hierarchy->at_real_root)
		return "root places leaves below the root cgroup";
	return NULL;
}

static bool fits(const struct cg_hierarchy *hierarchy, char *why, size_t size)
{
	const char *no = backend_no_hierarchy(hierarchy);

	if (!no)
		no = not_ours(hierarchy);
	if (!no && is_threaded(hierarchy->own))
		no = "our cgroup is threaded, which allows no caps below it";
	(void)snprintf(why, size, "%s", no ? no : "");
	return !no;
}

/* Empties our cgroup into rr-sup. */
static int step_down(const char *own, struct rr_err *err)
{
	char supervisor[CG_PATH_MAX + 16];
	int r;

	(void)snprintf(supervisor, sizeof(supervisor), "%s/" CG_SUPERVISOR, own);
	if (mkdir(supervisor, 0755) < 0 && errno != EEXIST)
		return rr_err_sys(err, errno, "make cgroup '%s'", supervisor);
	r = cg_move_all(own, supervisor);
	if (r < 0)
		return rr_err_sys(err, -r, "move the processes of cgroup '%s' into '%s'", own,
				  supervisor);
	return 0;
}

/* Beside rr-sup, once there is one. */
static void above(const struct cg_hierarchy *hierarchy, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s", hierarchy->own);
	if (strcmp(rr_base_name(ret), CG_SUPERVISOR) == 0)
		*strrchr(ret, '/') = '\0';
}

static int place(const struct cg_hierarchy *hierarchy, const struct place_request *request,
		 unsigned controllers, struct cg_leaf *ret, struct rr_err *err)
{
	char parent[CG_PATH_MAX];
	int r = 0;

	above(hierarchy, parent, sizeof(parent));
	if (strcmp(parent, hierarchy->own) == 0)
		r = step_down(parent, err);
	return r < 0 ? r : leaf_make(parent, request->job_id, controllers, ret, err);
}

const struct backend backend_delegated = {
	.name = "delegated", .fits = fits, .place = place, .above = above
};
