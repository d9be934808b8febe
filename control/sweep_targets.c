/* SPDX-License-Identifier: MIT */
/* Which directories the configuration has swept, and by which rules. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/sweep.h"

static int no_memory(struct rr_err *err)
{
	return rr_err_set(err, ENOMEM, "not enough memory for the directories to sweep");
}

static size_t length_of(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* ---- one directory ---- */

/* What either list keeps is kept. */
static int keep_more(struct sweep_target *target, const char *const *more, struct rr_err *err)
{
	size_t old = length_of(target->keep), n = length_of(more);
	const char **keep = realloc(target->keep, (old + n + 1) * sizeof(*keep));

	if (!keep)
		return no_memory(err);
	for (size_t i = 0; i < n; i++)
		keep[old + i] = more[i];
	keep[old + n] = NULL;
	target->keep = keep;
	return 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The rules that spare most. A size of 0 is none, and so spares all. */
static void spare_more(struct sweep_rules *rules, const struct sweep_rules *other)
{
	rules->age_ns = larger(rules->age_ns, other->age_ns);
	rules->fresh_ns = larger(rules->fresh_ns, other->fresh_ns);
	rules->max_bytes = rules->max_bytes && other->max_bytes
				   ? larger(rules->max_bytes, other->max_bytes)
				   : 0;
	rules->vouched = rules->vouched && other->vouched;
}

static struct sweep_target *find(const struct sweep_targets *targets, const char *dir)
{
	for (size_t i = 0; i < targets->n; i++)
		if (strcmp(targets->v[i].dir, dir) == 0)
			return &targets->v[i];
	return NULL;
}

/* NULL out of memory. */
static struct sweep_target *add(struct sweep_targets *targets, const char *dir,
				const struct upkeep_rules *rules)
{
	struct sweep_target *v = realloc(targets->v, (targets->n + 1) * sizeof(*v));

	if (!v)
		return NULL;
	targets->v = v;
	v[targets->n] = (struct sweep_target){ .dir = strdup(dir), .rules = *rules };
	return v[targets->n].dir ? &v[targets->n++] : NULL;
}

static int name_target(struct sweep_targets *targets, const struct context *context,
		       const struct settings *settings, const char *dir, struct rr_err *err)
{
	struct sweep_target *target = find(targets, dir);
	struct upkeep_rules rules;

	upkeep_rules(settings, &context->paths, &rules);
	if (target)
		spare_more(&target->rules.sweep, &rules.sweep);
	else
		target = add(targets, dir, &rules);
	return target ? keep_more(target, rules.sweep.keep, err) : no_memory(err);
}

/* ---- all of them ---- */

static int take_profile(struct sweep_targets *targets, const struct context *context,
			const char *profile, struct rr_err *err)
{
	struct settings *settings = &targets->profiles[targets->n_profiles++];
	const char *name;
	int r = context_resolve(&context->config, profile, settings, &name, err);

	for (char *const *dir = settings_list(settings, SET_SWEEP_DIRS); r == 0 && *dir; dir++)
		r = name_target(targets, context, settings, *dir, err);
	return r;
}

int sweep_targets_find(const struct context *context, const char *profile,
		       struct sweep_targets *ret, struct rr_err *err)
{
	const struct config *config = &context->config;
	int r;

	ret->profiles = calloc(config->n_profiles + 1, sizeof(*ret->profiles));
	if (!ret->profiles)
		return no_memory(err);
	r = take_profile(ret, context, profile ? profile : "default", err);
	for (size_t i = 0; r == 0 && !profile && i < config->n_profiles; i++)
		r = take_profile(ret, context, config->profiles[i].name, err);
	return r;
}

static void target_free(struct sweep_target *target)
{
	free(target->dir);
	free(target->keep);
}

static bool is_wanted(const char *dir, char *const *dirs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(dirs[i], dir) == 0)
			return true;
	return false;
}

int sweep_targets_narrow(struct sweep_targets *targets, const struct context *context,
			 char *const *dirs, size_t n, struct rr_err *err)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < targets->n; i++)
		if (is_wanted(targets->v[i].dir, dirs, n))
			targets->v[kept++] = targets->v[i];
		else
			target_free(&targets->v[i]);
	targets->n = kept;
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (find(targets, dirs[i]))
			continue;
		r = name_target(targets, context, &targets->profiles[0], dirs[i], err);
		/* Whatever file has set sweep_dirs: this one is not among them. */
		if (r == 0)
			targets->v[targets->n - 1].rules.sweep.vouched = false;
	}
	return r;
}

void sweep_targets_free(struct sweep_targets *targets)
{
	for (size_t i = 0; i < targets->n; i++)
		target_free(&targets->v[i]);
	for (size_t i = 0; i < targets->n_profiles; i++)
		settings_free(&targets->profiles[i]);
	free(targets->v);
	free(targets->profiles);
}
