/* SPDX-License-Identifier: MIT */
#include "control/plot.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "control/show.h"
#include "policy/learn_file.h"

struct gathering {
	struct index *index;
	struct plot *plot;
};

/* What was asked for as a limit; PLOT_UNKNOWN: none was. */
static double limit_of(const json_t *record, const char *name)
{
	const json_t *limit = json_object_get(json_object_get(record, "limits"), name);
	const json_t *requested = json_object_get(limit, "requested");

	return json_is_number(requested) ? json_number_value(requested) : PLOT_UNKNOWN;
}

/* The index does not know the limits: they are in the record itself. */
static void read_caps(struct index *index, const struct index_run *run, struct plot_run *ret)
{
	rr_autofree char *text = index_text(index, run);
	json_t *record = text ? json_loads(text, 0, NULL) : NULL;

	ret->cap[PLOT_MEMORY] = limit_of(record, "memory");
	ret->cap[PLOT_CPUS] = limit_of(record, "cpu");
	ret->cap[PLOT_TIME] = PLOT_UNKNOWN;
	json_decref(record);
}

static enum plot_end end_of(const struct index_run *run)
{
	if (run->reason && strcmp(run->reason, "oom") == 0)
		return PLOT_KILLED;
	return run->failed ? PLOT_FAILED : PLOT_EXITED;
}

static int take_run(const struct index_run *run, void *arg)
{
	struct gathering *gathering = arg;
	struct plot *plot = gathering->plot;
	struct plot_run *one;

	/* It never ran: there is nothing to be seen of it. */
	if (run->wall_s < 0)
		return 0;
	if (plot->n == plot->room) {
		size_t room = plot->room ? 2 * plot->room : 128;
		struct plot_run *bigger = reallocarray(plot->runs, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		plot->runs = bigger;
		plot->room = room;
	}
	one = &plot->runs[plot->n++];
	*one = (struct plot_run){ .ended_wall_ns = run->ended_wall_ns, .end = end_of(run) };
	one->value[PLOT_MEMORY] = run->needed_bytes >= 0 ? (double)run->needed_bytes : PLOT_UNKNOWN;
	one->value[PLOT_CPUS] =
		run->cpu_s >= 0 && run->wall_s > 0 ? run->cpu_s / run->wall_s : PLOT_UNKNOWN;
	one->value[PLOT_TIME] = run->wall_s;
	read_caps(gathering->index, run, one);
	return 0;
}

static void ask_learner(const char *state_dir, struct plot *plot)
{
	struct learn_run runs[LEARN_RUNS_MAX];
	struct learn_need need;
	uint64_t inputs[LEARN_RUNS_MAX], wall_ns;
	struct rr_err err;
	size_t n;

	for (int i = 0; i < PLOT_N; i++)
		plot->learned[i] = PLOT_UNKNOWN;
	if (learn_read(state_dir, plot->key, runs, &n, &err) < 0)
		show_note("%s", err.text);
	for (size_t i = 0; i < n; i++)
		inputs[i] = runs[i].input_bytes;
	learn_predict(runs, n, n > 0 ? learn_quantile(inputs, n, 0.5) : 0, &need);
	if (need.ground != LEARN_BY_NOTHING)
		plot->learned[PLOT_MEMORY] = (double)need.memory_bytes;
	if (learn_usual_wall(runs, n, &wall_ns))
		plot->learned[PLOT_TIME] = (double)wall_ns / RR_NS_PER_S;
}

static int take_key(const struct index_run *run, void *arg)
{
	char *key = arg;

	if (run->key)
		(void)snprintf(key, sizeof(((struct plot *)NULL)->key), "%s", run->key);
	return 0;
}

/* The key that the picture is of. */
static int choose_key(struct index *index, struct index_filter filter, struct plot *plot,
		      struct rr_err *err)
{
	int r;

	if (filter.key) {
		(void)snprintf(plot->key, sizeof(plot->key), "%s", filter.key);
		return 0;
	}
	filter.limit = 1;
	r = index_each(index, &filter, take_key, plot->key, err);
	if (r == 0 && !*plot->key)
		r = rr_err_set(err, ENOENT, "no such run is in the history: nothing to draw");
	return r;
}

int plot_history(struct index *index, const char *state_dir, struct index_filter filter,
		 struct rr_err *err)
{
	struct plot plot = { .n = 0 };
	struct gathering gathering = { index, &plot };
	int r = choose_key(index, filter, &plot, err);

	if (r < 0)
		return r;
	filter.key = plot.key;
	if (filter.limit == 0)
		filter.limit = PLOT_RUNS;
	if (filter.limit > PLOT_RUNS_MAX)
		filter.limit = PLOT_RUNS_MAX;
	(void)rr_err_set(err, ENOMEM, "not enough memory for the picture");
	r = index_each(index, &filter, take_run, &gathering, err);
	if (r == 0 && plot.n == 0)
		r = rr_err_set(err, ENOENT,
			       "no such run of the key '%s' is in the history; resrunctl stats "
			       "shows which keys there are",
			       plot.key);
	if (r == 0) {
		ask_learner(state_dir, &plot);
		plot_draw(&plot);
	}
	free(plot.runs);
	return r;
}
