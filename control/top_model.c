/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/top.h"

#define TEMP_NS (10 * RR_NS_PER_S) /* how often temporary directories are looked through */

int top_open(struct top *ret, struct rr_err *err)
{
	*ret = (struct top){ .interval_ns = 2 * RR_NS_PER_S };
	return context_load(NULL, &ret->context, err);
}

void top_free(struct top *top)
{
	free(top->jobs);
	status_free(&top->status);
	scene_free(&top->scene);
	context_free(&top->context);
}

static void trail_add(struct trail *trail, double percent)
{
	if (trail->n == TOP_HISTORY)
		memmove(trail->percent, trail->percent + 1, --trail->n * sizeof(trail->percent[0]));
	trail->percent[trail->n++] = percent;
}

/* Running jobs first, by age; then waiters, by profile and turn. */
static int compare_jobs(const void *a, const void *b)
{
	const struct status_job *x = a, *y = b;
	bool waits_x = status_is_waiting(x), waits_y = status_is_waiting(y);

	if (waits_x != waits_y)
		return waits_x ? 1 : -1;
	if (waits_x && strcmp(x->profile, y->profile) != 0)
		return strcmp(x->profile, y->profile);
	if (waits_x && x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return x->ticket.number < y->ticket.number ? -1 : x->ticket.number > y->ticket.number;
}

/* The ledger is read anew; the host goes on from its sample before. */
static int look_at_ledger(struct top *top, struct rr_err *err)
{
	struct status *status = &top->status;
	int r;

	status_free(status);
	status->jobs = NULL;
	status->n_jobs = status->n_lanes = 0;
	r = status_read_ledger(&top->context, status, err);
	if (r == 0 && status->n_jobs > 1)
		qsort(status->jobs, status->n_jobs, sizeof(*status->jobs), compare_jobs);
	return r;
}

static void look_at_host(struct top *top)
{
	struct status *status = &top->status;

	if (status->host.at_ns)
		status_follow_host(&top->context, status);
	else
		status_read_host(&top->context, status);
	status_judge(&top->context.settings, status);
	trail_add(&top->cpu, status->use.value[HEADROOM_CPU]);
	trail_add(&top->memory, status->use.value[HEADROOM_MEMORY]);
}

const struct top_job *top_find(const struct top *top, const char *job_id)
{
	for (size_t i = 0; i < top->n_jobs; i++)
		if (strcmp(top->jobs[i].watch.job_id, job_id) == 0)
			return &top->jobs[i];
	return NULL;
}

static struct top_job *find_or_add(struct top *top, const struct status_job *job)
{
	struct watch fresh;

	for (size_t i = 0; i < top->n_jobs; i++)
		if (strcmp(top->jobs[i].watch.job_id, job->ticket.id) == 0)
			return &top->jobs[i];
	watch_job(&job->ticket, &job->detail, &fresh);
	fresh.with_io = true;
	top->jobs[top->n_jobs] = (struct top_job){ .watch = fresh };
	return &top->jobs[top->n_jobs++];
}

static void drop_unseen(struct top *top)
{
	size_t kept = 0;

	for (size_t i = 0; i < top->n_jobs; i++) {
		if (!top->jobs[i].seen)
			continue;
		if (kept != i)
			top->jobs[kept] = top->jobs[i];
		top->jobs[kept++].seen = false;
	}
	top->n_jobs = kept;
}

/* Seldom, as it may take long; what several share is no single job's. */
static void look_at_temp(struct top_job *one, uint64_t now_ns)
{
	if (!one->watch.temp_private || (one->temp_ns && now_ns < one->temp_ns + TEMP_NS))
		return;
	one->temp_ns = now_ns;
	watch_look_at_temp(&one->watch);
}

static int look_at_jobs(struct top *top, struct rr_err *err)
{
	struct top_job *jobs =
		reallocarray(top->jobs, top->n_jobs + top->status.n_jobs + 1, sizeof(*jobs));

	if (!jobs)
		return rr_err_sys(err, ENOMEM, "the jobs");
	top->jobs = jobs;
	for (size_t i = 0; i < top->status.n_jobs; i++) {
		struct status_job *job = &top->status.jobs[i];
		struct top_job *one;
		double cpus = top->status.reading.room.cpus;

		if (status_is_waiting(job) || job->state == JOB_LOST)
			continue;
		one = find_or_add(top, job);
		/* It may have got its leaf since. */
		memcpy(one->watch.leaf, job->detail.leaf, sizeof(one->watch.leaf));
		watch_look(&one->watch, &top->scene);
		look_at_temp(one, top->scene.now_ns);
		estimate_end(&top->context.paths, job, one->watch.progress_percent, &job->estimate);
		trail_add(&one->cpu, cpus > 0 && one->watch.cpu_percent >= 0
					     ? one->watch.cpu_percent / cpus
					     : -1);
		one->seen = true;
	}
	drop_unseen(top);
	return 0;
}

static size_t chosen_row(const struct top *top)
{
	for (size_t i = 0; i < top->status.n_jobs; i++)
		if (strcmp(top->status.jobs[i].ticket.id, top->chosen) == 0)
			return i;
	return 0;
}

void top_choose(struct top *top, long rows)
{
	long row = (long)chosen_row(top) + rows, last = (long)top->status.n_jobs - 1;

	row = row > last ? last : row;
	row = row < 0 ? 0 : row;
	top->chosen[0] = '\0';
	if (last >= 0)
		memcpy(top->chosen, top->status.jobs[row].ticket.id, sizeof(top->chosen));
}

int top_look(struct top *top, struct rr_err *err)
{
	int r = scene_next(&top->scene, err);

	if (r == 0)
		r = look_at_ledger(top, err);
	if (r < 0)
		return r;
	look_at_host(top);
	r = look_at_jobs(top, err);
	/* The chosen one has ended: the first is. */
	top_choose(top, 0);
	return r;
}
