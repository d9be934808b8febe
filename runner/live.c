/* SPDX-License-Identifier: MIT */
#include "runner/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/input.h"
#include "base/parse.h"
#include "base/processes.h"
#include "base/progress.h"
#include "cgroup/tree.h"
#include "cgroup/walk.h"
#include "policy/estimate.h"
#include "policy/learn_file.h"
#include "runner/tell.h"

#define LINE_NS RR_NS_PER_S

static struct {
	struct processes before; /* of the line before: who works is seen by the difference */
	uint64_t next_ns;
	bool drawn;
	bool runs_read;
	struct learn_run runs[LEARN_RUNS_MAX]; /* of the key, before this one */
	size_t n_runs;
} state;

struct pids {
	pid_t v[TREE_MAX];
	size_t n;
};

static void find_pids(const struct watch_order *order, struct pids *ret)
{
	ret->n = 0;
	if (order->placement->leaf.fd >= 0)
		ret->n = cg_list_processes(order->placement->leaf.path, ret->v, TREE_MAX);
	else
		ret->n = tree_find(getpid(), ret->v, TREE_MAX);
}

/* What the job says itself, and the rest from what its processes do. */
static void find_progress(const struct pids *pids, const struct processes *now,
			  struct progress *ret)
{
	const char *file = getenv("RESRUN_STATUS");
	const struct process *busiest;
	struct input input;

	if (!file || progress_read(file, geteuid(), ret) < 0)
		*ret = (struct progress){ .percent = PROGRESS_UNKNOWN };
	busiest = processes_busiest(now, state.before.n ? &state.before : NULL, pids->v, pids->n);
	if (!ret->stage[0] && busiest)
		(void)snprintf(ret->stage, sizeof(ret->stage), "%s", busiest->name);
	if (ret->percent < 0 && input_find("/proc", pids->v, pids->n, &input))
		ret->percent = input_percent(&input);
}

/* Once: what runs meanwhile of the same key hardly matters. */
static void read_runs(const struct plan *plan)
{
	struct rr_err ignored;

	if (state.runs_read)
		return;
	state.runs_read = true;
	if (learn_read(plan->paths.state, plan->key, state.runs, &state.n_runs, &ignored) < 0)
		state.n_runs = 0;
}

/* ", 3m left by progress", ", 3m left by history", ", overdue by history", or nothing. */
static void left_words(const struct watch_order *order, double percent, uint64_t age_ns, char *buf,
		       size_t size)
{
	struct estimate estimate;
	char left[RR_FORMAT_SIZE];
	bool overdue;

	read_runs(order->plan);
	estimate_make(percent, age_ns, state.runs, state.n_runs, &estimate);
	*buf = '\0';
	if (!estimate_left(&estimate, left))
		return;
	overdue = estimate.by == ESTIMATE_HISTORY && estimate.longer == 0;
	(void)snprintf(buf, size, ", %s%s by %s", left, overdue ? "" : " left",
		       estimate_by_name(estimate.by));
}

static void draw(const struct watch_order *order, const struct pids *pids,
		 const struct processes *now)
{
	uint64_t age_ns = rr_now_boot_ns() - order->child->started_ns;
	char age[RR_FORMAT_SIZE], line[256], done[RR_FORMAT_SIZE] = "", left[64];
	struct progress progress;

	find_progress(pids, now, &progress);
	if (progress.percent >= 0)
		(void)snprintf(done, sizeof(done), ", %.1f%%", progress.percent);
	left_words(order, progress.percent, age_ns, left, sizeof(left));
	(void)snprintf(line, sizeof(line), "running %s: %s%s%s",
		       rr_format_time(age_ns / RR_NS_PER_S * RR_NS_PER_S, age),
		       progress.stage[0] ? progress.stage : "unknown", done, left);
	tell_live(line);
	tell_progress(progress.percent);
}

void live_show(const struct watch_order *order)
{
	rr_autofree struct pids *pids = NULL;
	struct processes now = { NULL, 0 };
	uint64_t now_ns = rr_now_boot_ns();

	if (!settings_has(&order->plan->settings, SET_CHRONIC) || now_ns < state.next_ns ||
	    !tell_can_draw())
		return;
	state.next_ns = now_ns + LINE_NS;
	pids = calloc(1, sizeof(*pids));
	if (!pids || processes_read("/proc", &now) < 0)
		return;
	find_pids(order, pids);
	draw(order, pids, &now);
	state.drawn = true;
	processes_free(&state.before);
	state.before = now;
}

void live_end(void)
{
	if (!state.drawn)
		return;
	processes_free(&state.before);
	state.drawn = false;
	tell_progress(PROGRESS_UNKNOWN);
	tell_live(NULL);
}
