/* SPDX-License-Identifier: MIT */
/*
 * Placement: where a job can be put so that its limits hold. The backends are tried in a fixed
 * order, each by looking whether it fits and then by doing it; the first that works is taken, and
 * why the others were not is kept for people.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cgroup/hierarchy.h"
#include "cgroup/leaf.h"
#include "cgroup/limit.h"

enum backend_id {
	BACKEND_DELEGATED,
	BACKEND_DIRECT,
	BACKEND_SYSTEMD_SYSTEM,
	BACKEND_SYSTEMD_USER,
	BACKEND_PROCESS,
	BACKENDS_N
};

enum placement_want { PLACE_ANY, PLACE_CGROUP, PLACE_PROCESS };

struct place_request {
	const char *job_id;
	const char *description; /* for systemd's list of units */
	enum placement_want want;
	uint64_t cpu_weight, io_weight; /* of what is around the leaf; 0: the default */
};

struct placement {
	enum backend_id backend;
	struct cg_hierarchy hierarchy;
	struct cg_leaf leaf; /* fd -1 when the backend is PROCESS */
	char reasons[BACKENDS_N]
		    [320]; /* why this backend was not taken; "" when it was not asked */
};

/* One way to place. The first two functions may write words into why and err. */
struct backend {
	const char *name; /* as in the report's "placement" */
	/* Could it be? Looks only. */
	bool (*fits)(const struct cg_hierarchy *hierarchy, char *why, size_t size);
	/* Makes a fresh leaf. 0 or -errno with words; then nothing of it is left. */
	int (*place)(const struct cg_hierarchy *hierarchy, const struct place_request *request,
		     unsigned controllers, struct cg_leaf *ret, struct rr_err *err);
	/* The directory whose controllers a leaf will be able to have. */
	void (*above)(const struct cg_hierarchy *hierarchy, char *ret, size_t size);
};

extern const struct backend backend_direct, backend_delegated, backend_systemd_system,
	backend_systemd_user;

const char *backend_name(enum backend_id id);

/* Why no cgroup can be had on this kind of host, or NULL when it is a unified one. */
const char *backend_no_hierarchy(const struct cg_hierarchy *hierarchy);

/* Which backend would be taken, and why not those before it; changes nothing. */
void placement_probe(enum placement_want want, struct placement *ret);

/* The controller that a limit needs can be had in that placement, as far as that can be told. */
bool placement_has_controller(const struct placement *placement, enum limit_id id);

/* The leaf that was taken has the controller: the kernel holds the limit. */
bool placement_holds(const struct placement *placement, enum limit_id id);

/* What would enforce a limit in that placement, as far as can be told without taking it. */
enum limit_by placement_would_enforce(const struct placement *placement, enum limit_id id,
				      const struct limit *limit);

/* Takes a place and sets the limits in it. `limits` then says what is enforced by what.
 * 0, or -errno with words when only a cgroup would do and none is to be had. */
rr_checked int placement_take(const struct place_request *request, struct limit_set *limits,
			      struct placement *ret, struct rr_err *err);

/* Sets one limit of the running job anew, or takes it off when it is not asked; limit->by then says
 * what holds it. Of a job without a cgroup, our descendants are changed. 0, or -ENOTSUP with words:
 * then it may be half done, and is to be set back. */
rr_checked int placement_change(const struct placement *placement, enum limit_id id,
				struct limit *limit, struct rr_err *err);

/* Kills what is left in the leaf, and what its hooks have left, waits until all is empty, removes
 * it. 0 or -errno with words. */
rr_checked int placement_end(struct placement *placement, struct rr_err *err);

/* The same for a leaf known only by name: that of a launcher which died. 0 or -errno. */
rr_checked int placement_reap_leaf(const char *path);

/* The placement of a job that has a leaf, as far as the leaf's name tells, with a descriptor of the
 * leaf: that of a launcher which died. False when there is no such leaf. */
bool placement_find(const char *path, struct placement *ret);

/* True when the path names a leaf that resrun could have made: a last defence before a kill. */
bool placement_is_leaf_path(const char *path);
