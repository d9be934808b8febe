/* SPDX-License-Identifier: MIT */
/*
 * What `resrunctl sweep` is to go through: each directory once, by the rules of every profile that
 * names it. sweep_targets.c finds them, sweep.c goes through them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "control/context.h"
#include "policy/upkeep.h"

struct sweep_target {
	char *dir; /* owned */
	struct upkeep_rules rules;
	const char **keep; /* the list itself is owned, its words are not */
};

struct sweep_targets {
	struct settings *profiles; /* as resolved; owned, and the rules borrow from them */
	size_t n_profiles;
	struct sweep_target *v; /* owned */
	size_t n;
};

/* Those that `profile` names, or, when it is NULL, [default] and all profiles. Where they differ,
 * the rules that spare most hold. 0 or -errno with words. */
rr_checked int sweep_targets_find(const struct context *context, const char *profile,
				  struct sweep_targets *ret, struct rr_err *err);

/* Keeps only those that are in `dirs`; one that no profile names is added with the rules of the
 * first profile, but not vouched for. 0 or -errno with words. */
rr_checked int sweep_targets_narrow(struct sweep_targets *targets, const struct context *context,
				    char *const *dirs, size_t n, struct rr_err *err);

void sweep_targets_free(struct sweep_targets *targets);
#define sweep_targets_auto __attribute__((cleanup(sweep_targets_free)))
