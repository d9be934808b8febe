/* SPDX-License-Identifier: MIT */
/*
 * The wait: looks (look.h), and sleeps in between until one of the events that a look waits for, a
 * wake-up, a signal, or the end of the wait.
 */
#include "runner/admit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/parse.h"
#include "policy/report.h"
#include "runner/events.h"
#include "runner/look.h"
#include "runner/steer.h"
#include "runner/tell.h"
#include "runner/ticket.h"

#define LINE_NS RR_NS_PER_S /* how often the live line is drawn */

/* One wait. */
struct wait {
	const struct plan *plan;
	const struct signals *signals;
	struct admission *admission;
	struct look look;
	uint64_t entered_ns, deadline_ns;
	bool told; /* that it waits */
	bool apart; /* between two tries: it does not queue, and says nothing */
	bool canceled;
	bool in_vain; /* its deadline cannot be met any more */
};

/* ---- waiting ---- */

static json_t *waiting_json(const struct wait *wait)
{
	json_t *fields = json_object(), *reasons = json_array();

	for (unsigned i = 0; i < WAITED_N; i++)
		if (wait->look.reason & 1U << i)
			(void)json_array_append_new(reasons, json_string(waited_for_name(i)));
	(void)json_object_set_new(fields, "waiting_for", reasons);
	(void)json_object_set_new(fields, "words", report_string(wait->look.words));
	return fields;
}

/* Says what it waits for: a line that changes on a terminal, a line at the beginning elsewhere. */
static void show(struct wait *wait)
{
	char waited[RR_FORMAT_SIZE], most[RR_FORMAT_SIZE], line[800];
	uint64_t waited_ns = rr_now_boot_ns() - wait->entered_ns;

	(void)snprintf(line, sizeof(line), "waiting %s of %s for %s",
		       rr_format_time(waited_ns / RR_NS_PER_S * RR_NS_PER_S, waited),
		       rr_format_time(settings_integer(&wait->plan->settings, SET_MAX_WAIT), most),
		       wait->look.words);
	if (tell_can_draw())
		tell_live(line);
	else if (!wait->told)
		tell("waiting for %s", wait->look.words);
	if (!wait->told)
		events_put("info", "job_waiting", waiting_json(wait));
	wait->told = true;
}

static uint64_t sleep_until(const struct wait *wait)
{
	uint64_t until_ns = wait->look.next_ns;

	uint64_t last_start_ns = deadline_last_start(&wait->plan->deadline);

	if (until_ns > wait->deadline_ns)
		until_ns = wait->deadline_ns;
	if (until_ns > last_start_ns && !wait->apart)
		until_ns = last_start_ns;
	return until_ns;
}

/* The one thing that can be set for a job that waits: the rest is settled when it starts. */
static void set_waiting(struct wait *wait, const struct steer_call *call)
{
	struct admission *admission = wait->admission;
	struct settings settings;
	struct rr_err err;
	int r = steer_settings(&call->request, &settings, &err);

	for (int i = 0; r == 0 && i < SETTINGS_N; i++)
		if (settings.v[i].set && i != SET_PRIORITY)
			r = rr_err_set(&err, EBUSY,
				       "it waits, and %s is set when it has started; now there is "
				       "priority",
				       setting_specs[i].key);
	if (r == 0)
		r = ticket_set_priority(admission,
					(uint8_t)settings_integer(&settings, SET_PRIORITY), &err);
	if (r == 0)
		steer_done(admission->wake_fd, call, "it waits with priority %s",
			   settings_text(&settings, SET_PRIORITY));
	else
		steer_refuse(admission->wake_fd, call, "%s", err.text);
	settings_free(&settings);
}

/* Takes what has come to our socket: wake-ups, so that the next sleep sleeps, and requests. */
static void hear(struct wait *wait)
{
	int fd = wait->admission->wake_fd;
	struct steer_call call;

	while (!wait->canceled && steer_next(fd, wait->plan->first_id, &call)) {
		switch (call.request.verb) {
		case STEER_CANCEL:
			wait->canceled = true;
			steer_done(fd, &call, "it will not start");
			break;
		case STEER_SET:
			set_waiting(wait, &call);
			break;
		default:
			steer_refuse(fd, &call, "it waits: only what runs can be paused");
			break;
		}
	}
}

/* model: SLEEP. Sleeps until something may have changed. The signal that came, or 0. */
static int sleep_on_events(struct wait *wait)
{
	struct pollfd events[WATCHED_MAX + 2] = {
		{ .fd = wait->signals->fd, .events = POLLIN },
		{ .fd = wait->admission->wake_fd, .events = POLLIN },
	};
	struct signalfd_siginfo info;
	int signo, ready = 0;

	for (size_t i = 0; i < wait->look.n_watched; i++)
		events[i + 2] = (struct pollfd){ .fd = wait->look.watched[i], .events = POLLIN };
	/* The line is redrawn meanwhile, without looking at the ledger. */
	while (ready == 0) {
		uint64_t now_ns = rr_now_boot_ns(), until_ns = sleep_until(wait);
		struct timespec rest;

		if (now_ns >= until_ns)
			break;
		if (!wait->apart && tell_can_draw() && until_ns > now_ns + LINE_NS)
			until_ns = now_ns + LINE_NS;
		rest = rr_timespec(until_ns - now_ns);
		ready = ppoll(events, wait->look.n_watched + 2, &rest, NULL);
		if (ready == 0 && !wait->apart)
			show(wait);
	}
	hear(wait);
	while ((signo = signals_next(wait->signals, &info)) != 0)
		if (signals_means_end(signo))
			return signo;
	return 0;
}

/* Asked before a turn is taken, and again when it is known how long the wait is at least. */
static bool is_in_vain(struct wait *wait)
{
	wait->in_vain = deadline_judge(&wait->plan->deadline, rr_now_boot_ns(),
				       wait->look.earliest_ns) != DEADLINE_OPEN;
	return wait->in_vain;
}

/* Waits for the turn. 0, an ADMIT_ outcome, or -errno. */
static int wait_for_turn(struct wait *wait, int *ret_signal, struct rr_err *err)
{
	for (;;) {
		int r;

		wait->look.earliest_ns = 0;
		if (is_in_vain(wait))
			return ADMIT_BUSY;
		r = look_for_turn(&wait->look, false, err);
		if (r < 0)
			return r;
		if (r == LOOK_GO)
			return 0;
		if (r == AFTER_FAILED) {
			wait->admission->waited_for |= WAITED_DEPENDENCY;
			return ADMIT_DEPENDENCY;
		}
		if (r == OVERLAP_SKIP)
			return ADMIT_OVERLAP;
		wait->admission->waited_for |= wait->look.reason;
		if (rr_now_boot_ns() >= wait->deadline_ns || is_in_vain(wait))
			return ADMIT_BUSY;
		show(wait);
		*ret_signal = sleep_on_events(wait);
		if (*ret_signal)
			return ADMIT_INTERRUPTED;
		if (wait->canceled)
			return ADMIT_CANCELED;
	}
}

/* What stood in the way, for people. */
static const char *obstacle_words(const struct wait *wait, char *buf, size_t size)
{
	char most[RR_FORMAT_SIZE], late[200];

	if (wait->in_vain) {
		(void)deadline_words(&wait->plan->deadline, rr_now_boot_ns(),
				     wait->look.earliest_ns, late, sizeof(late));
		(void)snprintf(buf, size, "%s%s%s", late, wait->told ? "; waited for " : "",
			       wait->told ? wait->look.words : "");
		return buf;
	}
	(void)snprintf(buf, size, "not admitted within %s: waited for %s",
		       rr_format_time(settings_integer(&wait->plan->settings, SET_MAX_WAIT), most),
		       wait->look.words);
	return buf;
}

/* model: GIVE_UP. The time is over: on_busy decides. */
static int give_up(struct wait *wait, struct rr_err *err)
{
	char words[800];
	int r;

	(void)obstacle_words(wait, words, sizeof(words));
	if (settings_integer(&wait->plan->settings, SET_ON_BUSY) != ON_BUSY_RUN) {
		(void)rr_err_set(err, EAGAIN, "%s%s", wait->in_vain ? "not admitted: " : "", words);
		return ADMIT_BUSY;
	}
	r = look_for_turn(&wait->look, true, err);
	if (r < 0)
		return r;
	if (wait->in_vain)
		tell("running although it is too late (on_busy=run): %s", words);
	else
		tell("running without room (on_busy=run): waited for %s", wait->look.words);
	return 0;
}

static int admit_entered(struct wait *wait, int *ret_signal, struct rr_err *err)
{
	const struct settings *settings = &wait->plan->settings;
	struct admission *admission = wait->admission;
	int r = wait_for_turn(wait, ret_signal, err);

	if (r == ADMIT_BUSY)
		r = give_up(wait, err);
	tell_live(NULL);
	look_away(&wait->look);
	admission->waited_ns = rr_now_boot_ns() - wait->entered_ns;
	if (r == 0 && wait->look.passing)
		tell_more("passing others that wait for memory: this job cannot delay them");
	if (r == 0 && wait->told) {
		char waited[RR_FORMAT_SIZE];

		tell("starting after %s", rr_format_time(admission->waited_ns, waited));
	}
	/* Before the job: a start that counts must count after a power cut too. */
	if (r == 0 && settings_has(settings, SET_RATE_LIMIT) &&
	    settings_integer(settings, SET_DURABILITY) == DURABILITY_SYNC)
		r = ledger_sync(admission->ledger, err);
	return r;
}

/* Looks at the host before it joins the queue: a crowd of launchers that start together keeps the
 * CPUs busy for a moment, which must not send them all away. A signal that came meanwhile, or 0. */
static int look_at_host(struct wait *wait)
{
	struct pollfd event = { .fd = wait->signals->fd, .events = POLLIN };
	struct signalfd_siginfo info;
	struct timespec rest;
	int signo;

	gate_open(wait->plan, &wait->look.gate);
	gate_sample(&wait->look.gate);
	if (gate_is_sure(&wait->look.gate))
		return 0;
	rest = rr_timespec(gate_interval_ns(&wait->look.gate));
	(void)ppoll(&event, 1, &rest, NULL);
	signo = signals_next(wait->signals, &info);
	return signals_means_end(signo) ? signo : 0;
}

/* A further try: until its backoff is over it waits for nothing else, and is in no one's way. It is
 * in the ledger all the while, so that it can be canceled. 0 or an ADMIT_ outcome. */
static int wait_for_backoff(struct wait *wait, int *ret_signal)
{
	uint64_t until_ns = wait->plan->not_before_ns;

	wait->deadline_ns = RR_TIME_INF;
	wait->look.next_ns = until_ns;
	wait->apart = true;
	while (rr_now_boot_ns() < until_ns) {
		*ret_signal = sleep_on_events(wait);
		if (*ret_signal)
			return ADMIT_INTERRUPTED;
		if (wait->canceled)
			return ADMIT_CANCELED;
	}
	wait->apart = false;
	return 0;
}

/* Opens the ledger and makes a ticket, unless the try before has left us both. */
static int arrive(struct wait *wait, struct rr_err *err)
{
	struct admission *admission = wait->admission;
	const struct plan *plan = wait->plan;
	int r;

	if (admission->ledger) {
		wait->look.ticket.pid_namespace = rr_namespace("pid");
		return 0;
	}
	*admission = (struct admission){ .wake_fd = -1 };
	/* model: ARRIVE */
	r = ledger_open(plan->paths.ledger, plan->paths.shared, &admission->ledger, err);
	if (r == 0)
		r = ticket_make(plan, admission, &wait->look.ticket, err);
	if (r < 0) {
		rr_fd_close(&admission->wake_fd);
		ledger_close(admission->ledger);
		admission->ledger = NULL;
	}
	return r;
}

int admit(const struct plan *plan, const struct signals *signals, struct admission *ret,
	  int *ret_signal, struct rr_err *err)
{
	struct wait wait = { .plan = plan,
			     .signals = signals,
			     .admission = ret,
			     .look = { .plan = plan, .admission = ret } };
	int r;

	*ret_signal = 0;
	r = arrive(&wait, err);
	if (r == 0)
		r = wait_for_backoff(&wait, ret_signal);
	if (r != 0)
		return r;
	wait.entered_ns = rr_now_boot_ns();
	*ret_signal = look_at_host(&wait);
	r = *ret_signal ? 0 : gate_check_reserve(&wait.look.gate, err);
	if (r < 0)
		return r;
	wait.deadline_ns =
		rr_time_add(wait.entered_ns, settings_integer(&plan->settings, SET_MAX_WAIT));
	return *ret_signal ? ADMIT_INTERRUPTED : admit_entered(&wait, ret_signal, err);
}
