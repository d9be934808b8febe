/* SPDX-License-Identifier: MIT */
#include "cgroup/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cgroup/affinity.h"
#include "cgroup/hook_leaf.h"
#include "cgroup/io_weight.h"
#include "cgroup/weight.h"

#define EMPTY_WAIT_NS (5 * RR_NS_PER_S) /* after cgroup.kill; other runtimes wait as long */

static const struct backend *const backends[BACKENDS_N] = {
	[BACKEND_DELEGATED] = &backend_delegated,
	[BACKEND_DIRECT] = &backend_direct,
	[BACKEND_SYSTEMD_SYSTEM] = &backend_systemd_system,
	[BACKEND_SYSTEMD_USER] = &backend_systemd_user,
	[BACKEND_PROCESS] = NULL,
};

const char *backend_name(enum backend_id id)
{
	return backends[id] ? backends[id]->name : "process";
}

const char *backend_no_hierarchy(const struct cg_hierarchy *hierarchy)
{
	switch (hierarchy->mode) {
	case CG_UNIFIED:
		return NULL;
	case CG_HYBRID:
		return "the controllers are on cgroup v1 (hybrid host)";
	default:
		return "no cgroup v2 is mounted at /sys/fs/cgroup";
	}
}

/* Takes the first backend that fits; with a request, the first that also works. */
static void choose(enum placement_want want, const struct place_request *request,
		   struct placement *placement)
{
	unsigned all = CG_CPU | CG_MEMORY | CG_PIDS | CG_IO;

	placement->leaf.fd = -1;
	placement->backend = BACKEND_PROCESS;
	cg_find(&placement->hierarchy);
	for (int i = 0; want != PLACE_PROCESS && i < BACKENDS_N; i++) {
		char *why = placement->reasons[i];
		struct rr_err err;

		if (!backends[i] ||
		    !backends[i]->fits(&placement->hierarchy, why, sizeof(placement->reasons[i])))
			continue;
		if (request && backends[i]->place(&placement->hierarchy, request, all,
						  &placement->leaf, &err) < 0) {
			(void)snprintf(why, sizeof(placement->reasons[i]), "%.300s", err.text);
			placement->leaf.fd = -1;
			continue;
		}
		placement->backend = i;
		return;
	}
}

void placement_probe(enum placement_want want, struct placement *ret)
{
	memset(ret, 0, sizeof(*ret));
	choose(want, NULL, ret);
}

/* What is left without the kernel's controller: memory is sampled, CPUs are an affinity, the weight
 * is a nice value. */
static enum limit_by process_enforces(enum limit_id id, const struct limit *limit)
{
	static const enum limit_by by[LIMIT_N] = { [LIMIT_MEMORY] = BY_SAMPLED,
						   [LIMIT_CPUS] = BY_AFFINITY,
						   [LIMIT_CPU_WEIGHT] = BY_NICE };

	/* An affinity holds whole CPUs only; a nice value only gives way. */
	if (id == LIMIT_CPUS && limit->cpus != (double)(unsigned)limit->cpus)
		return BY_NONE;
	if (id == LIMIT_CPU_WEIGHT && limit->amount > LIMIT_WEIGHT_DEFAULT)
		return BY_NONE;
	return by[id];
}

bool placement_has_controller(const struct placement *placement, enum limit_id id)
{
	rr_autofd int above = -1;
	struct limit_set one = { 0 };
	char path[CG_PATH_MAX + 128];

	if (placement->backend == BACKEND_PROCESS)
		return false;
	one.v[id].asked = true;
	backends[placement->backend]->above(&placement->hierarchy, path, sizeof(path));
	above = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return cg_read_controllers(above, "cgroup.controllers") & limit_controllers(&one);
}

enum limit_by placement_would_enforce(const struct placement *placement, enum limit_id id,
				      const struct limit *limit)
{
	char why_not[200];

	if (!placement_has_controller(placement, id))
		return process_enforces(id, limit);
	if (id == LIMIT_IO_WEIGHT &&
	    !io_weight_holds(placement->hierarchy.mount, why_not, sizeof(why_not)))
		return BY_NONE;
	return BY_CGROUP;
}

bool placement_holds(const struct placement *placement, enum limit_id id)
{
	struct limit_set one = { 0 };

	one.v[id].asked = true;
	return placement->backend != BACKEND_PROCESS &&
	       placement->leaf.controllers & limit_controllers(&one);
}

/* A weight that no disk looks at is no limit, though the kernel takes it; and bfq looks at a file
 * of its own. */
static void settle_io_weight(const struct placement *placement, struct limit *limit)
{
	uint64_t weight = limit->asked ? limit->amount : LIMIT_WEIGHT_DEFAULT;
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)io_weight_for_bfq(weight));
	/* There while bfq is loaded; without io.cost the only one. */
	if (rr_write_at(placement->leaf.fd, BFQ_WEIGHT_FILE, text) == 0)
		limit->by = BY_CGROUP;
	if (limit->asked && limit->by == BY_CGROUP &&
	    !io_weight_holds(placement->hierarchy.mount, limit->why_not, sizeof(limit->why_not)))
		limit->by = BY_NONE;
}

/* Where the group around the leaf was made for it, or for leaves of ours; what is around a
 * delegated one is somebody's own. */
static void settle_group(const struct placement *placement, enum limit_id id,
			 const struct limit *limit)
{
	uint64_t weight = limit->asked ? limit->amount : LIMIT_WEIGHT_DEFAULT;
	const char *path = placement->leaf.path;

	if (placement->backend == BACKEND_DELEGATED || !placement_holds(placement, id))
		return;
	weight_settle(path, limit_file(id), weight);
	if (id == LIMIT_IO_WEIGHT)
		weight_settle(path, BFQ_WEIGHT_FILE, io_weight_for_bfq(weight));
}

/* What its controller would have held, were it there, is held as without a cgroup. */
static void limit_in_leaf(const struct placement *placement, struct limit_set *limits)
{
	leaf_limit(&placement->leaf, limits);
	for (int i = 0; i < LIMIT_N; i++)
		if (limits->v[i].asked && !placement_holds(placement, i))
			limits->v[i].by = process_enforces(i, &limits->v[i]);
	if (limits->v[LIMIT_IO_WEIGHT].asked && placement_holds(placement, LIMIT_IO_WEIGHT))
		settle_io_weight(placement, &limits->v[LIMIT_IO_WEIGHT]);
	settle_group(placement, LIMIT_CPU_WEIGHT, &limits->v[LIMIT_CPU_WEIGHT]);
	settle_group(placement, LIMIT_IO_WEIGHT, &limits->v[LIMIT_IO_WEIGHT]);
}

static void limit_as_process(struct limit_set *limits)
{
	for (int i = 0; i < LIMIT_N; i++) {
		struct limit *limit = &limits->v[i];

		limit->by = limit->asked ? process_enforces(i, limit) : BY_NONE;
		if (limit->asked)
			(void)snprintf(limit->why_not, sizeof(limit->why_not), "%s",
				       i == LIMIT_CPUS && limit->by == BY_NONE
					       ? "without a cgroup, only whole CPUs can be held"
					       : "needs a cgroup, and none can be had here");
	}
}

static int no_cgroup(const struct placement *placement, struct rr_err *err)
{
	int r = rr_err_set(err, ENOTSUP, "no cgroup can be had here");

	for (int i = 0; i < BACKENDS_N; i++) {
		size_t used = strlen(err->text);

		if (placement->reasons[i][0])
			(void)snprintf(err->text + used, sizeof(err->text) - used, "; %s: %s",
				       backend_name(i), placement->reasons[i]);
	}
	return r;
}

int placement_take(const struct place_request *request, struct limit_set *limits,
		   struct placement *ret, struct rr_err *err)
{
	memset(ret, 0, sizeof(*ret));
	choose(request->want, request, ret);
	if (ret->backend != BACKEND_PROCESS)
		limit_in_leaf(ret, limits);
	else if (request->want == PLACE_CGROUP)
		return no_cgroup(ret, err);
	else
		limit_as_process(limits);
	return 0;
}

/* A nice value cannot be taken back by its own user; memory is sampled by whoever watches. */
static void change_process(enum limit_id id, struct limit *limit, const char *lacking)
{
	limit->by = limit->asked && id != LIMIT_CPU_WEIGHT ? process_enforces(id, limit) : BY_NONE;
	if (id == LIMIT_CPUS && limit->by == BY_AFFINITY)
		affinity_hold_tree(getpid(), (unsigned)limit->cpus);
	if (id == LIMIT_CPUS && !limit->asked)
		affinity_hold_tree(getpid(), 0);
	(void)snprintf(limit->why_not, sizeof(limit->why_not),
		       id == LIMIT_CPUS ? "without %s, only whole CPUs can be held"
					: "needs %s, and the job has none",
		       lacking);
}

int placement_change(const struct placement *placement, enum limit_id id, struct limit *limit,
		     struct rr_err *err)
{
	bool by_leaf = placement_holds(placement, id), taken_off;

	limit->why_not[0] = '\0';
	if (by_leaf)
		leaf_limit_one(&placement->leaf, id, limit);
	else
		change_process(id, limit,
			       placement->backend == BACKEND_PROCESS ? "a cgroup"
								     : "its controller");
	if (by_leaf && id == LIMIT_IO_WEIGHT)
		settle_io_weight(placement, limit);
	if (id == LIMIT_CPU_WEIGHT || id == LIMIT_IO_WEIGHT)
		settle_group(placement, id, limit);
	taken_off = !limit->asked && (by_leaf ? limit->by == BY_CGROUP : id != LIMIT_CPU_WEIGHT);
	if (taken_off)
		limit->by = BY_NONE;
	if (taken_off || limit->by != BY_NONE)
		return 0;
	return rr_err_set(err, ENOTSUP, "%s: %s", limit_name(id), limit->why_not);
}

bool placement_is_leaf_path(const char *path)
{
	const char *slash = strrchr(path, '/');

	return path[0] == '/' && !strstr(path, "/../") && slash &&
	       strncmp(slash + 1, CG_LEAF_PREFIX, strlen(CG_LEAF_PREFIX)) == 0 &&
	       strcmp(slash + 1, CG_SUPERVISOR) != 0;
}

/* By where the leaf is: see direct.c and systemd.c. */
static enum backend_id backend_of(const char *leaf_path)
{
	char around[CG_PATH_MAX], scope[96];
	const char *id = rr_base_name(leaf_path) + strlen(CG_LEAF_PREFIX);

	(void)snprintf(around, sizeof(around), "%.*s",
		       (int)(rr_base_name(leaf_path) - 1 - leaf_path), leaf_path);
	(void)snprintf(scope, sizeof(scope), "resrun-%s.scope", id);
	if (strcmp(rr_base_name(around), "resrun") == 0)
		return BACKEND_DIRECT;
	if (strcmp(rr_base_name(around), scope) == 0)
		return BACKEND_SYSTEMD_SYSTEM; /* or the user's: here they are one */
	return BACKEND_DELEGATED;
}

bool placement_find(const char *path, struct placement *ret)
{
	struct placement placement = { .leaf = { .fd = -1 } };

	cg_find(&placement.hierarchy);
	if (!placement_is_leaf_path(path) || placement.hierarchy.mode == CG_NONE ||
	    strncmp(path, placement.hierarchy.mount, strlen(placement.hierarchy.mount)) != 0)
		return false;
	placement.backend = backend_of(path);
	(void)snprintf(placement.leaf.path, sizeof(placement.leaf.path), "%s", path);
	placement.leaf.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (placement.leaf.fd < 0)
		return false;
	placement.leaf.controllers = cg_read_controllers(placement.leaf.fd, "cgroup.controllers");
	*ret = placement;
	return true;
}

/* direct keeps its leaves in one directory, which goes with the last of them. */
static void remove_parent(const char *leaf_path)
{
	char parent[CG_PATH_MAX];
	char *slash;

	(void)snprintf(parent, sizeof(parent), "%s", leaf_path);
	slash = strrchr(parent, '/');
	if (!slash)
		return;
	*slash = '\0';
	slash = strrchr(parent, '/');
	if (slash && strcmp(slash, "/resrun") == 0 && rmdir(parent) < 0 && errno != ENOENT)
		weight_left(parent);
}

static int reap(const char *path, const char *mount)
{
	int r;

	/* Nearly always it is empty, and has no groups of the job's own. */
	if (rmdir(path) == 0 || errno == ENOENT) {
		remove_parent(path);
		return 0;
	}
	r = cg_populated(path) == 1 ? leaf_kill(path) : 0;
	if (r == 0)
		r = leaf_wait_empty(path, EMPTY_WAIT_NS);
	if (r == 0)
		r = leaf_remove(path, mount);
	if (r == 0)
		remove_parent(path);
	return r;
}

/* What its hooks have left goes first: while the leaf is there, it tells where that is. */
static int reap_with_hooks(const char *path, const char *mount)
{
	char hooks[CG_PATH_MAX];
	int r = 0, of_leaf;

	hook_leaf_path(path, hooks);
	if (hooks[0])
		r = reap(hooks, mount);
	of_leaf = reap(path, mount);
	return r < 0 ? r : of_leaf;
}

int placement_reap_leaf(const char *path)
{
	struct cg_hierarchy hierarchy;

	cg_find(&hierarchy);
	if (!placement_is_leaf_path(path) || hierarchy.mode == CG_NONE ||
	    strncmp(path, hierarchy.mount, strlen(hierarchy.mount)) != 0)
		return -EINVAL;
	return reap_with_hooks(path, hierarchy.mount);
}

int placement_end(struct placement *placement, struct rr_err *err)
{
	int r;

	if (placement->leaf.fd < 0)
		return 0;
	r = reap_with_hooks(placement->leaf.path, placement->hierarchy.mount);
	leaf_close(&placement->leaf);
	if (r < 0)
		return rr_err_sys(err, -r, "remove cgroup '%s'", placement->leaf.path);
	return 0;
}
