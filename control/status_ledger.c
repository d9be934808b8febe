/* SPDX-License-Identifier: MIT */
/* A copy of the ledger for people: taken under one short lock, judged after it. */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/procfs.h"
#include "control/show.h"
#include "control/status.h"
#include "policy/pressure.h"

#define LOCK_WAIT_NS (5 * RR_NS_PER_S) /* nobody holds the ledger for longer than a moment */

/* One moment, by both clocks. */
struct moment {
	uint64_t boot_ns, wall_ns;
};

/* ---- jobs ---- */

static enum job_state state_of(const struct ledger_ticket *ticket, bool alive)
{
	if (!alive)
		return JOB_LOST;
	if (ticket->state == TICKET_WAITING)
		return JOB_WAITING;
	if (ticket->paused || ticket->pressed == PRESSURE_FREEZE)
		return JOB_PAUSED;
	return ticket->launching ? JOB_RUNNING : JOB_STARTING;
}

/* `like`: a job whose user is known already, or NULL: a look at the password file for each of a
 * thousand waiters would take longer than all the rest. */
static void name_user(struct status_job *job, const struct status_job *like)
{
	const struct passwd *user;

	if (like && like->ticket.uid == job->ticket.uid) {
		memcpy(job->user, like->user, sizeof(job->user));
		return;
	}
	user = getpwuid(job->ticket.uid);
	if (user)
		(void)snprintf(job->user, sizeof(job->user), "%s", user->pw_name);
	else
		(void)snprintf(job->user, sizeof(job->user), "%u", job->ticket.uid);
}

static void describe(struct status_job *job, uint64_t now_ns)
{
	const struct ledger_ticket *ticket = &job->ticket;
	uint64_t since_ns =
		ticket->state == TICKET_WAITING ? ticket->entered_ns : ticket->started_ns;

	job->state = state_of(ticket, job->alive);
	job->age_ns = now_ns > since_ns ? now_ns - since_ns : 0;
}

static int compare_turns(const void *a, const void *b, void *now_boot_ns)
{
	const struct ledger_ticket *x = &(*(struct status_job *const *)a)->ticket;
	const struct ledger_ticket *y = &(*(struct status_job *const *)b)->ticket;

	if (x->lane != y->lane)
		return x->lane < y->lane ? -1 : 1;
	return queue_before(x, y, *(const uint64_t *)now_boot_ns) ? -1 : 1;
}

/* Only who has nobody before it needs asking what else it waits for. */
static void ask_for(struct status_job *job, const struct status *status,
		    const struct ledger_ticket *tickets, uint64_t now_ns)
{
	size_t ahead;

	job->answer = QUEUE_BEHIND;
	if (job->position == 1 || job->ticket.nested == NESTED_SAME)
		job->answer = queue_ask(tickets, status->n_jobs, (size_t)(job - status->jobs),
					now_ns, &ahead);
}

/* Numbers the waiters of each profile, which are sorted: comparing each with each would take longer
 * than anything else here. One that waits for others to end stands in no one's way. */
static void number_waiters(struct status *status, struct status_job *const *waiters, size_t n,
			   const struct ledger_ticket *tickets, uint64_t now_ns)
{
	size_t before = 0;

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && waiters[i]->ticket.lane != waiters[i - 1]->ticket.lane)
			before = 0;
		waiters[i]->position = before + 1;
		before += waiters[i]->ticket.blocked != BLOCKED_DEPENDENCY;
		ask_for(waiters[i], status, tickets, now_ns);
	}
}

/* Where each waiter stands, among those that are alive. */
static void place_in_queue(struct status *status, struct moment *now)
{
	size_t n = status->n_jobs, waiting = 0;
	rr_autofree struct ledger_ticket *tickets = calloc(n + 1, sizeof(*tickets));
	rr_autofree struct status_job **waiters = calloc(n + 1, sizeof(struct status_job *));

	for (size_t i = 0; tickets && waiters && i < n; i++) {
		tickets[i] = status->jobs[i].ticket;
		if (status->jobs[i].state == JOB_LOST)
			tickets[i].state = TICKET_FREE;
		if (status->jobs[i].state == JOB_WAITING)
			waiters[waiting++] = &status->jobs[i];
	}
	if (waiting == 0)
		return;
	qsort_r((void *)waiters, waiting, sizeof(struct status_job *), compare_turns,
		&now->boot_ns);
	number_waiters(status, waiters, waiting, tickets, now->boot_ns);
}

/* The ledger is locked. */
static int copy_jobs(struct ledger *ledger, struct status *status, struct rr_err *err)
{
	size_t n;
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

	status->jobs = calloc(n + 1, sizeof(*status->jobs));
	if (!status->jobs)
		return rr_err_sys(err, ENOMEM, "the jobs");
	for (size_t i = 0; i < n; i++) {
		struct status_job *job = &status->jobs[status->n_jobs];

		if (tickets[i].state == TICKET_FREE)
			continue;
		job->ticket = tickets[i];
		job->alive = ledger_is_alive(ledger, i);
		ledger_read_detail(ledger, i, &job->detail);
		(void)snprintf(job->profile, sizeof(job->profile), "%s",
			       ledger_lane_name(ledger, tickets[i].lane));
		status->n_jobs++;
	}
	return 0;
}

/* ---- rate windows ---- */

/* The configured limit and window of a profile; false when it has none, or is gone. */
static bool configured_rate(const struct config *config, const char *profile, uint64_t *ret_limit,
			    uint64_t *ret_window_ns)
{
	struct settings settings = { 0 };
	struct rr_err ignored;
	const char *name;
	bool found = false;

	if (context_resolve(config, profile, &settings, &name, &ignored) == 0 &&
	    settings_has(&settings, SET_RATE_LIMIT)) {
		*ret_limit = settings_integer(&settings, SET_RATE_LIMIT);
		*ret_window_ns = settings_integer(&settings, SET_RATE_WINDOW);
		found = true;
	}
	settings_free(&settings);
	return found;
}

/* Its limit and window are known: how full it is by these. */
static void count_starts(struct ledger *ledger, uint16_t index, const struct moment *now,
			 struct status_lane *lane)
{
	uint64_t free_at_ns;

	ledger_rate(ledger, index, lane->limit, lane->window_ns, now->boot_ns, now->wall_ns,
		    &lane->starts, &free_at_ns);
	lane->free_in_ns = free_at_ns > now->boot_ns ? free_at_ns - now->boot_ns : 0;
}

static void copy_lane(struct ledger *ledger, uint16_t index, const struct config *config,
		      const struct moment *now, struct status *status)
{
	struct status_lane *lane = &status->lanes[status->n_lanes];
	const char *profile = ledger_lane_name(ledger, index);

	*lane = (struct status_lane){ .limit = SHOW_UNKNOWN,
				      .window_ns = ledger_lane_window(ledger, index) };
	if (!*profile)
		return;
	(void)configured_rate(config, profile, &lane->limit, &lane->window_ns);
	(void)snprintf(lane->profile, sizeof(lane->profile), "%s", profile);
	count_starts(ledger, index, now, lane);
	/* Without a limit, and with nothing counted, there is nothing to tell. */
	if (lane->limit != SHOW_UNKNOWN || lane->starts > 0)
		status->n_lanes++;
}

/* ---- the whole ---- */

static int copy_locked(struct ledger *ledger, const struct config *config, struct status *status,
		       struct rr_err *err)
{
	struct moment now = { rr_now_boot_ns(), rr_now_wall_ns() };
	int r = copy_jobs(ledger, status, err);

	for (uint16_t i = 0; i < LEDGER_LANES_MAX; i++)
		copy_lane(ledger, i, config, &now, status);
	status->others_wall_ns = ledger_others_wall_ns(ledger);
	ledger_unlock(ledger);
	for (size_t i = 0; i < status->n_jobs; i++) {
		describe(&status->jobs[i], now.boot_ns);
		name_user(&status->jobs[i], i > 0 ? &status->jobs[i - 1] : NULL);
	}
	place_in_queue(status, &now);
	return r;
}

/* Opened and locked; -ENOENT: nothing was ever run here. */
static int open_locked(const struct context *context, struct ledger **ret, struct rr_err *err)
{
	int r = ledger_open_to_read(context->paths.ledger, context->paths.shared, ret, err);

	if (r == 0)
		r = ledger_lock(*ret, LOCK_WAIT_NS, err);
	return r > 0 ? -EBUSY : r;
}

int status_read_ledger(const struct context *context, struct status *status, struct rr_err *err)
{
	auto_ledger struct ledger *ledger = NULL;
	int r = open_locked(context, &ledger, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	status->has_ledger = true;
	(void)snprintf(status->ledger, sizeof(status->ledger), "%s", ledger_path(ledger));
	return copy_locked(ledger, &context->config, status, err);
}

static void reread_lane(struct ledger *ledger, uint16_t index, const struct settings *settings,
			struct status_lane *lane)
{
	const struct moment now = { rr_now_boot_ns(), rr_now_wall_ns() };

	lane->limit = SHOW_UNKNOWN;
	lane->window_ns = ledger_lane_window(ledger, index);
	if (settings_has(settings, SET_RATE_LIMIT)) {
		lane->limit = settings_integer(settings, SET_RATE_LIMIT);
		lane->window_ns = settings_integer(settings, SET_RATE_WINDOW);
	}
	count_starts(ledger, index, &now, lane);
}

int status_read_lane(const struct context *context, const char *profile, struct status *status,
		     struct rr_err *err)
{
	auto_ledger struct ledger *ledger = NULL;
	int r = open_locked(context, &ledger, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < status->n_lanes; i++)
		for (uint16_t at = 0; at < LEDGER_LANES_MAX; at++)
			if (strcmp(status->lanes[i].profile, profile) == 0 &&
			    strcmp(ledger_lane_name(ledger, at), profile) == 0)
				reread_lane(ledger, at, &context->settings, &status->lanes[i]);
	ledger_unlock(ledger);
	return 0;
}

void status_free(struct status *status)
{
	free(status->jobs);
}
