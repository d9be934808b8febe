/* SPDX-License-Identifier: MIT */
/* direct: root, on a host whose hierarchy nobody manages. Leaves stand in MOUNT/resrun. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cgroup/backend.h"

#define MAKE_TRIES 20 /* another launcher may remove the parent as its last leaf goes */

static bool fits(const struct cg_hierarchy *hierarchy, char *why, size_t size)
{
	const char *no = backend_no_hierarchy(hierarchy);

	if (!no && geteuid() != 0)
		no = "only for root";
	else if (!no && hierarchy->has_systemd)
		no = "systemd manages the hierarchy";
	else if (!no && !hierarchy->at_real_root)
		no = "the cgroup mount shows a namespace, not the host's root";
	else if (!no && access(hierarchy->mount, W_OK) < 0)
		no = "cgroupfs is read-only here";
	(void)snprintf(why, size, "%s", no ? no : "");
	return !no;
}

/* MOUNT/resrun, with the controllers on in the root. */
static int make_parent(const struct cg_hierarchy *hierarchy, unsigned controllers, char *parent,
		       size_t size, struct rr_err *err)
{
	rr_autofd int root = open(hierarchy->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned enabled;

	if (root < 0)
		return rr_err_sys(err, errno, "cgroup '%s'", hierarchy->mount);
	/* A controller that cannot be had shows in the leaf, limit by limit. */
	rr_ignore(cg_enable(root, controllers, &enabled));
	if (mkdirat(root, "resrun", 0755) < 0 && errno != EEXIST)
		return rr_err_sys(err, errno, "make cgroup '%s/resrun'", hierarchy->mount);
	(void)snprintf(parent, size, "%s/resrun", hierarchy->mount);
	return 0;
}

static int place(const struct cg_hierarchy *hierarchy, const struct place_request *request,
		 unsigned controllers, struct cg_leaf *ret, struct rr_err *err)
{
	char parent[CG_PATH_MAX];
	int r = 0;

	for (int attempt = 0; attempt < MAKE_TRIES; attempt++) {
		r = make_parent(hierarchy, controllers, parent, sizeof(parent), err);
		if (r == 0)
			r = leaf_make(parent, request->job_id, controllers, ret, err);
		if (r == 0 || access(parent, F_OK) == 0)
			return r;
	}
	return r;
}

static void above(const struct cg_hierarchy *hierarchy, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s", hierarchy->mount);
}

const struct backend backend_direct = {
	.name = "direct", .fits = fits, .place = place, .above = above
};
