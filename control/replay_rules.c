/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/replay.h"

#define MS_GB_PER_GBH 3.6e15 /* bytes x ms in a GB x hour */
#define RECENT 100

/* What is known of one process: all peaks, as rules other than ours may look back for ever, and the
 * ring that ours sees. */
struct past {
	uint64_t *peaks;
	size_t n, room;
	uint64_t largest;
	struct learn_run runs[LEARN_RUNS_MAX];
	size_t n_runs;
};

static double largest_of(const uint64_t *peaks, size_t n)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < n; i++)
		if (peaks[i] > largest)
			largest = peaks[i];
	return (double)largest;
}

static double by_request(const struct past *past, const struct trace_task *task)
{
	(void)past;
	return (double)task->request_bytes;
}

static double by_last(const struct past *past, const struct trace_task *task)
{
	(void)task;
	return 1.2 * (double)past->peaks[past->n - 1];
}

static double by_largest(const struct past *past, const struct trace_task *task)
{
	(void)task;
	return (double)past->largest;
}

static double by_recent(const struct past *past, const struct trace_task *task)
{
	size_t n = past->n < RECENT ? past->n : RECENT;

	(void)task;
	return 1.1 * largest_of(past->peaks + past->n - n, n);
}

static double by_part(const struct past *past, double part)
{
	uint64_t *sorted = malloc(past->n * sizeof(*sorted));
	double value;

	if (!sorted)
		return -1;
	memcpy(sorted, past->peaks, past->n * sizeof(*sorted));
	value = 1.15 * (double)learn_quantile(sorted, past->n, part);
	free(sorted);
	return value;
}

static double by_p90(const struct past *past, const struct trace_task *task)
{
	(void)task;
	return by_part(past, 0.9);
}

static double by_p98(const struct past *past, const struct trace_task *task)
{
	(void)task;
	return by_part(past, 0.98);
}

static double by_learning(const struct past *past, const struct trace_task *task)
{
	struct learn_need need;

	learn_predict(past->runs, past->n_runs, task->input_bytes, &need);
	return need.ground == LEARN_BY_NOTHING ? (double)task->request_bytes
					       : (double)need.memory_bytes;
}

static const struct rule {
	const char *name, *words;
	double (*allocate)(const struct past *past, const struct trace_task *task);
} rules[REPLAY_RULES_N] = {
	{ "request", "the author's request", by_request },
	{ "last", "the last peak x 1.2", by_last },
	{ "largest", "the largest peak", by_largest },
	{ "largest-100", "the largest of the last 100 x 1.1", by_recent },
	{ "p90", "the 90th percentile x 1.15", by_p90 },
	{ "p98", "the 98th percentile x 1.15", by_p98 },
	{ "learned", "what resrun learns", by_learning },
};

const char *replay_rule_name(size_t rule)
{
	return rules[rule].name;
}

const char *replay_rule_words(size_t rule)
{
	return rules[rule].words;
}

static void remember_run(struct past *past, const struct trace_task *task, uint64_t bytes,
			 enum learn_outcome outcome)
{
	if (past->n_runs == LEARN_RUNS_MAX) {
		memmove(past->runs, past->runs + 1, (LEARN_RUNS_MAX - 1) * sizeof(*past->runs));
		past->n_runs--;
	}
	past->runs[past->n_runs++] = (struct learn_run){ .input_bytes = task->input_bytes,
							 .memory_bytes = bytes,
							 .cpu_us = LEARN_UNKNOWN,
							 .wall_us = 1000 * task->wall_ms,
							 .outcome = outcome };
}

static int remember(struct past *past, const struct trace_task *task)
{
	if (past->n == past->room) {
		size_t room = past->room ? 2 * past->room : 64;
		uint64_t *bigger = realloc(past->peaks, room * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		past->peaks = bigger;
		past->room = room;
	}
	past->peaks[past->n++] = task->peak_bytes;
	if (task->peak_bytes > past->largest)
		past->largest = task->peak_bytes;
	remember_run(past, task, task->peak_bytes, LEARN_SUCCESS);
	return 0;
}

static int run_task(const struct rule *rule, struct past *past, const struct trace_task *task,
		    struct replay_cost *cost)
{
	double bytes = past->n > 0 ? rule->allocate(past, task) : (double)task->request_bytes;
	double hours = (double)task->wall_ms / MS_GB_PER_GBH;
	bool failed = false;

	if (bytes < 0)
		return -ENOMEM;
	if (bytes < LEARN_FLOOR_BYTES)
		bytes = (double)LEARN_FLOOR_BYTES;
	while (bytes < (double)task->peak_bytes) {
		failed = true;
		cost->retries++;
		cost->waste_gbh += bytes * hours;
		remember_run(past, task, (uint64_t)bytes, LEARN_KILLED);
		bytes = 2 * bytes > (double)past->largest ? 2 * bytes : (double)past->largest;
	}
	cost->tasks++;
	cost->failed += failed;
	cost->waste_gbh += (bytes - (double)task->peak_bytes) * hours;
	cost->over_gbh += (bytes - (double)task->peak_bytes) * hours;
	return remember(past, task);
}

int replay_run(const struct trace *trace, size_t rule, struct replay_cost *ret, struct rr_err *err)
{
	struct past *all = calloc(trace->n_keys ? trace->n_keys : 1, sizeof(*all));
	struct replay_cost cost = { 0 };
	int r = all ? 0 : -ENOMEM;

	for (size_t i = 0; i < trace->n && r == 0; i++)
		r = run_task(&rules[rule], &all[trace->tasks[i].key], &trace->tasks[i], &cost);
	for (size_t i = 0; all && i < trace->n_keys; i++)
		free(all[i].peaks);
	free(all);
	if (r < 0)
		return rr_err_sys(err, -r, "replay");
	*ret = cost;
	return 0;
}
