/* SPDX-License-Identifier: MIT */
/* `resrunctl stats [KEY]`: what the runs of each key needed, in numbers. */
#include "control/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "control/arguments.h"
#include "control/context.h"
#include "control/index.h"
#include "control/show.h"
#include "control/times.h"
#include "control/verbs.h"
#include "policy/learn_file.h"

#define US_PER_S 1e6

struct series {
	uint64_t *values; /* owned */
	size_t n, room;
};

/* The keys that are done, and the one that is being read: records come ordered by key. */
struct gathering {
	const char *state_dir;
	struct stats_key *keys; /* owned */
	size_t n;
	struct series memory, cpu, wall, cpus;
};

/* ---- one key ---- */

static int series_add(struct series *series, uint64_t value)
{
	if (series->n == series->room) {
		size_t room = series->room ? 2 * series->room : 256;
		uint64_t *bigger = reallocarray(series->values, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		series->values = bigger;
		series->room = room;
	}
	series->values[series->n++] = value;
	return 0;
}

/* Sorts the series, and empties it. */
static void spread_of(struct series *series, struct stats_spread *ret)
{
	*ret = (struct stats_spread){ .n = series->n };
	if (series->n > 0) {
		ret->median = learn_quantile(series->values, series->n, 0.5);
		ret->p90 = learn_quantile(series->values, series->n, 0.9);
		ret->p95 = learn_quantile(series->values, series->n, 0.95);
		ret->largest = series->values[series->n - 1];
	}
	series->n = 0;
}

/* The prediction for the usual input. */
static void ask_learner(const char *state_dir, struct stats_key *key)
{
	struct learn_run runs[LEARN_RUNS_MAX];
	uint64_t inputs[LEARN_RUNS_MAX];
	struct rr_err err;
	size_t n;

	if (learn_read(state_dir, key->key, runs, &n, &err) < 0)
		show_note("%s", err.text);
	for (size_t i = 0; i < n; i++)
		inputs[i] = runs[i].input_bytes;
	key->input_bytes = n > 0 ? learn_quantile(inputs, n, 0.5) : 0;
	learn_predict(runs, n, key->input_bytes, &key->need);
}

static void finish_key(struct gathering *gathering)
{
	struct stats_key *key;

	if (gathering->n == 0)
		return;
	key = &gathering->keys[gathering->n - 1];
	trend_find(gathering->memory.values, gathering->memory.n, &key->trend);
	spread_of(&gathering->memory, &key->memory);
	spread_of(&gathering->cpu, &key->cpu_us);
	spread_of(&gathering->wall, &key->wall_us);
	spread_of(&gathering->cpus, &key->cpu_milli);
	ask_learner(gathering->state_dir, key);
}

static int begin_key(struct gathering *gathering, const char *name)
{
	struct stats_key *bigger = reallocarray(gathering->keys, gathering->n + 1, sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	gathering->keys = bigger;
	bigger[gathering->n] = (struct stats_key){ 0 };
	(void)snprintf(bigger[gathering->n++].key, sizeof(bigger->key), "%s", name);
	return 0;
}

/* ---- one run ---- */

static bool is_reason(const struct index_run *run, const char *reason)
{
	return run->reason && strcmp(run->reason, reason) == 0;
}

/* What only a run to the end tells. */
static int add_success(struct gathering *gathering, const struct index_run *run)
{
	int r = 0;

	if (run->needed_bytes >= 0)
		r = series_add(&gathering->memory, (uint64_t)run->needed_bytes);
	if (r == 0 && run->cpu_s >= 0)
		r = series_add(&gathering->cpu, (uint64_t)(run->cpu_s * US_PER_S));
	if (r == 0 && run->wall_s >= 0)
		r = series_add(&gathering->wall, (uint64_t)(run->wall_s * US_PER_S));
	if (r == 0 && run->cpu_s >= 0 && run->wall_s > 0)
		r = series_add(&gathering->cpus, (uint64_t)(1000 * run->cpu_s / run->wall_s));
	return r;
}

static int take_run(const struct index_run *run, void *arg)
{
	struct gathering *gathering = arg;
	struct stats_key *key;

	/* Of a job that was lost nobody knows it. */
	if (!run->key)
		return 0;
	if (gathering->n == 0 || strcmp(gathering->keys[gathering->n - 1].key, run->key) != 0) {
		finish_key(gathering);
		if (begin_key(gathering, run->key) < 0)
			return -ENOMEM;
	}
	key = &gathering->keys[gathering->n - 1];
	if (run->ended_wall_ns > key->last_wall_ns)
		key->last_wall_ns = run->ended_wall_ns;
	if (is_reason(run, "not-admitted") || is_reason(run, "not-started")) {
		key->not_started++;
		return 0;
	}
	key->runs++;
	key->killed += is_reason(run, "oom");
	if (run->failed)
		return 0;
	key->succeeded++;
	return add_success(gathering, run);
}

/* ---- the verb ---- */

static void gathering_free(struct gathering *gathering)
{
	free(gathering->keys);
	free(gathering->memory.values);
	free(gathering->cpu.values);
	free(gathering->wall.values);
	free(gathering->cpus.values);
}

static int gather(const struct context *context, const struct index_filter *filter,
		  struct gathering *gathering, struct rr_err *err)
{
	index_auto struct index *index = NULL;
	int r = index_open(context->paths.state, false, &index, err);

	if (r < 0)
		return r;
	gathering->state_dir = context->paths.state;
	(void)rr_err_set(err, ENOMEM, "not enough memory for the statistics");
	r = index_each(index, filter, take_run, gathering, err);
	if (r == 0)
		finish_key(gathering);
	if (r == 0 && filter->key && gathering->n == 0)
		r = rr_err_set(err, ENOENT,
			       "no run of the key '%s' is in the history; resrunctl stats shows "
			       "which there are",
			       filter->key);
	return r;
}

static int show(const struct gathering *gathering, bool one, bool json, struct rr_err *err)
{
	if (json)
		return show_json(stats_to_json(gathering->keys, gathering->n), err);
	if (one)
		stats_print_one(&gathering->keys[0]);
	else
		stats_print_table(gathering->keys, gathering->n);
	return 0;
}

int verb_stats(int argc, char **argv, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	struct gathering gathering = { 0 };
	struct index_filter filter = { .by_key = true };
	const char *since = NULL, *until = NULL;
	bool json = false;
	const struct argument table[] = {
		{ .name = "json", .help = "print one JSON object", .flag = &json },
		{ .name = "since",
		  .value = "TIME",
		  .help = "of runs that ended since then",
		  .text = &since },
		{ .name = "until",
		  .value = "TIME",
		  .help = "of runs that ended until then",
		  .text = &until },
		{ .name = NULL },
	};
	struct operands keys;
	int r = arguments_parse(argc, argv, "stats [OPTION]... [KEY]", table, &keys, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = arguments_at_most(&keys, 1, err);
	if (r == 0 && since)
		r = times_parse("--since", since, &filter.since_wall_ns, err);
	if (r == 0 && until)
		r = times_parse("--until", until, &filter.until_wall_ns, err);
	if (r == 0)
		r = context_load(NULL, &context, err);
	filter.key = keys.n > 0 ? keys.v[0] : NULL;
	if (r == 0)
		r = gather(&context, &filter, &gathering, err);
	if (r == 0)
		r = show(&gathering, filter.key, json, err);
	gathering_free(&gathering);
	return r;
}
