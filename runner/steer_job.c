/* SPDX-License-Identifier: MIT */
/*
 * What can be asked of a running job (resrunctl cancel, pause, resume, set), and how it is done.
 * A change of several limits is made whole or not at all, and never one that would kill the job.
 */
#include "runner/watcher.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cgroup/tree.h"
#include "runner/events.h"
#include "runner/steer.h"
#include "runner/tell.h"

/* ---- what the ledger is to know ---- */

static uint64_t still_reserved(const struct watcher *watcher)
{
	uint64_t used = watcher->outcome->usage.memory_bytes;

	if (used == USAGE_UNKNOWN)
		used = 0;
	return used < watcher->reserve_bytes ? watcher->reserve_bytes - used : 0;
}

static bool is_still(const struct watcher *watcher)
{
	return watcher->paused || watcher->press.still;
}

/* Who stands still takes nothing more: what it has is measured, so it needs no reserving. */
static void write_ticket(struct watcher *watcher, const struct settings *changes)
{
	struct admission *admission = watcher->order->admission;
	const struct limit *memory = &watcher->order->limits->v[LIMIT_MEMORY];
	struct ticket_facts facts;
	struct rr_err err;
	int r = ticket_read(admission, &facts, &err);

	if (changes && settings_has(changes, SET_PRIORITY))
		facts.priority = (uint8_t)settings_integer(changes, SET_PRIORITY);
	if (changes)
		facts.memory_cap_bytes = memory->asked ? memory->amount : 0;
	facts.paused = watcher->paused;
	facts.pressed = press_step(&watcher->press);
	facts.memory_bytes = is_still(watcher) ? 0 : still_reserved(watcher);
	facts.cpu_milli = is_still(watcher) ? 0 : watcher->reserve_cpu_milli;
	if (r == 0)
		r = ticket_change(admission, &facts, &err);
	/* Others then reckon with what they knew. */
	if (r < 0)
		tell_more("%s", err.text);
}

void steer_write_ticket(struct watcher *watcher)
{
	write_ticket(watcher, NULL);
}

/* ---- pause and resume ---- */

/* Whoever of the two wants it: it goes on when neither does. *want is one of them. */
static int stand_still(struct watcher *watcher, bool *want, bool still)
{
	bool before = is_still(watcher);
	int r = 0;

	*want = still;
	if (is_still(watcher) == before)
		return 0;
	if (in_cgroup(watcher))
		r = rr_write_at(watcher->order->placement->leaf.fd, "cgroup.freeze",
				still ? "1" : "0");
	else
		tree_signal(getpid(), still ? SIGSTOP : SIGCONT);
	if (r < 0)
		*want = !still;
	/* In a cgroup the kernel says when it stands still; it also goes by what others freeze. */
	else if (!in_cgroup(watcher))
		watcher_note_frozen(watcher, still);
	return r;
}

static int set_paused(struct watcher *watcher, bool paused)
{
	int r = stand_still(watcher, &watcher->paused, paused);

	if (r < 0)
		return r;
	write_ticket(watcher, NULL);
	events_put("info", paused ? "job_paused" : "job_resumed", NULL);
	return 0;
}

int steer_press(struct watcher *watcher, bool still)
{
	return stand_still(watcher, &watcher->press.still, still);
}

void steer_resume(struct watcher *watcher)
{
	press_spare(watcher);
	if (watcher->paused)
		rr_ignore(set_paused(watcher, false));
}

static void refuse_freeze(const struct watcher *watcher, int fd, const struct steer_call *call,
			  int error)
{
	steer_refuse(fd, call, "cgroup.freeze of '%s': %s", leaf_path(watcher), strerror(-error));
}

static void pause_job(struct watcher *watcher, int fd, const struct steer_call *call)
{
	int r;

	if (watcher->paused) {
		steer_done(fd, call, "it is paused already");
		return;
	}
	if (watcher->asked_to_end || watcher->phase != PHASE_RUNNING) {
		steer_refuse(fd, call, "it is just coming to its end");
		return;
	}
	r = set_paused(watcher, true);
	if (r < 0)
		refuse_freeze(watcher, fd, call, r);
	else
		steer_done(fd, call, "paused; it keeps its slot");
}

static void resume_job(struct watcher *watcher, int fd, const struct steer_call *call)
{
	int r;

	if (!watcher->paused) {
		steer_refuse(fd, call, "it is not paused by resrunctl%s",
			     watcher->press.still
				     ? ": it goes on when the host is well (on_pressure)"
				     : "");
		return;
	}
	r = set_paused(watcher, false);
	if (r < 0)
		refuse_freeze(watcher, fd, call, r);
	else if (watcher->press.still)
		steer_done(fd, call, "it goes on when the host is well (on_pressure)");
	else
		steer_done(fd, call, "it goes on");
}

/* ---- cancel ---- */

static void cancel_job(struct watcher *watcher, int fd, const struct steer_call *call)
{
	const struct settings *settings = &watcher->order->plan->settings;
	char time[RR_FORMAT_SIZE];

	if (watcher->asked_to_end) {
		watcher->kill_ns = 0;
		watcher->canceled |= watcher->phase == PHASE_RUNNING;
		steer_done(fd, call, "it was asked before: killed");
		return;
	}
	watcher->canceled = watcher->phase == PHASE_RUNNING;
	ending_ask(watcher);
	steer_done(fd, call, "asked to end; killed if it has not in %s",
		   rr_format_time(settings_integer(settings, SET_KILL_AFTER), time));
}

/* ---- set ---- */

static const struct {
	enum setting_id setting;
	enum limit_id limit;
} limit_settings[] = {
	{ SET_MEMORY, LIMIT_MEMORY },
	{ SET_MEMORY_HIGH, LIMIT_MEMORY_HIGH },
	{ SET_SWAP, LIMIT_SWAP },
	{ SET_CPUS, LIMIT_CPUS },
	{ SET_CPU_WEIGHT, LIMIT_CPU_WEIGHT },
	{ SET_PIDS, LIMIT_PIDS },
	{ SET_IO_WEIGHT, LIMIT_IO_WEIGHT },
	{ SET_IO_MAX, LIMIT_IO_MAX },
};
#define LIMIT_SETTINGS (sizeof(limit_settings) / sizeof(limit_settings[0]))

/* The limits as they shall be, and which of them are touched. */
static void merge(const struct settings *changes, const struct limit_set *now,
		  struct limit_set *ret, bool touched[LIMIT_N])
{
	struct limit_set asked;

	plan_limits_of(changes, &asked);
	*ret = *now;
	for (size_t i = 0; i < LIMIT_SETTINGS; i++) {
		enum limit_id id = limit_settings[i].limit;

		touched[id] = changes->v[limit_settings[i].setting].set;
		if (touched[id])
			ret->v[id] = asked.v[id];
		/* Even where another one would bring it. */
		if (touched[id] && !settings_has(changes, limit_settings[i].setting))
			ret->v[id].asked = false;
	}
	/* memory_high brings its own cap where there is none. */
	if (touched[LIMIT_MEMORY_HIGH] && !touched[LIMIT_MEMORY] && !ret->v[LIMIT_MEMORY].asked &&
	    asked.v[LIMIT_MEMORY].asked) {
		ret->v[LIMIT_MEMORY] = asked.v[LIMIT_MEMORY];
		touched[LIMIT_MEMORY] = true;
	}
}

/* What the kernel would accept, and nobody can want. */
static int check_limits(const struct watcher *watcher, const struct limit_set *limits,
			struct rr_err *err)
{
	const struct limit *memory = &limits->v[LIMIT_MEMORY],
			   *high = &limits->v[LIMIT_MEMORY_HIGH];
	const struct usage *usage = &watcher->outcome->usage;
	uint64_t used = in_cgroup(watcher) ? usage->memory_working_bytes : usage->memory_bytes;
	char cap[RR_FORMAT_SIZE], other[RR_FORMAT_SIZE];

	if (high->asked && !memory->asked)
		return rr_err_set(
			err, EINVAL,
			"memory_high without memory can hold a job up for ever: set both");
	if (high->asked && high->amount > memory->amount)
		return rr_err_set(err, EINVAL, "memory_high (%s) would be above memory (%s)",
				  rr_format_bytes(high->amount, cap),
				  rr_format_bytes(memory->amount, other));
	if (memory->asked && used != USAGE_UNKNOWN && memory->amount < used)
		return rr_err_set(err, EBUSY, "memory=%s would kill it, as it has %s in use%s",
				  rr_format_bytes(memory->amount, cap),
				  rr_format_bytes(used, other),
				  in_cgroup(watcher) ? ": lower memory_high first" : "");
	return 0;
}

/* Makes the limits hold; one that does not takes the others back with it. */
static int apply_limits(struct watcher *watcher, struct limit_set *limits, const bool touched[],
			struct rr_err *err)
{
	const struct placement *placement = watcher->order->placement;
	struct limit_set before = *watcher->order->limits;
	struct rr_err ignored;
	int done = 0, r = 0;

	for (; done < LIMIT_N && r == 0; done++)
		if (touched[done])
			r = placement_change(placement, done, &limits->v[done], err);
	while (r < 0 && done-- > 0)
		if (touched[done])
			rr_ignore(placement_change(placement, done, &before.v[done], &ignored));
	if (r == 0)
		*watcher->order->limits = *limits;
	return r;
}

static int set_limits(struct watcher *watcher, const struct settings *changes, struct rr_err *err)
{
	struct limit_set *now = watcher->order->limits, after;
	bool touched[LIMIT_N] = { false }, any = false;
	int r;

	watcher_sample(watcher);
	merge(changes, now, &after, touched);
	for (int i = 0; i < LIMIT_N; i++)
		any |= touched[i];
	if (!any)
		return 0;
	r = check_limits(watcher, &after, err);
	if (r == 0)
		r = apply_limits(watcher, &after, touched, err);
	if (r == 0 && touched[LIMIT_CPUS]) {
		watcher->reserve_cpu_milli = (uint32_t)(1000 * now->v[LIMIT_CPUS].cpus);
		watcher->press.cpus = 0; /* a throttle is set anew at the next look */
	}
	if (r == 0 && touched[LIMIT_MEMORY] && !watcher->order->plan->reserve_first)
		watcher->reserve_bytes = now->v[LIMIT_MEMORY].amount;
	return r;
}

static void set_timeout(struct watcher *watcher, const struct settings *changes)
{
	uint64_t limit_ns = RR_TIME_INF;

	if (!changes->v[SET_TIMEOUT].set)
		return;
	if (settings_has(changes, SET_TIMEOUT))
		limit_ns = settings_integer(changes, SET_TIMEOUT);
	watcher->outcome->timeout_ns = limit_ns;
	watcher->timeout_ns = rr_time_add(
		rr_time_add(watcher->started_ns, watcher->outcome->frozen_ns), limit_ns);
}

/* "memory=2G (cgroup), priority=high" */
static void changes_words(const struct watcher *watcher, const struct settings *changes, char *buf,
			  size_t size)
{
	*buf = '\0';
	for (int i = 0; i < SETTINGS_N; i++) {
		const char *by = "";
		size_t used = strlen(buf);

		if (!changes->v[i].set)
			continue;
		for (size_t l = 0; l < LIMIT_SETTINGS; l++)
			if (limit_settings[l].setting == (enum setting_id)i &&
			    settings_has(changes, i))
				by = limit_by_name(
					watcher->order->limits->v[limit_settings[l].limit].by);
		(void)snprintf(buf + used, size - used, "%s%s=%s%s%s%s", used ? ", " : "",
			       setting_specs[i].key, settings_text(changes, i), *by ? " (" : "", by,
			       *by ? ")" : "");
	}
}

static void set_job(struct watcher *watcher, int fd, const struct steer_call *call)
{
	struct settings changes;
	char words[STEER_WORDS];
	struct rr_err err;
	int r = steer_settings(&call->request, &changes, &err);

	if (r == 0 && watcher->phase != PHASE_RUNNING)
		r = rr_err_set(&err, EBUSY, "it is just coming to its end");
	if (r == 0)
		r = set_limits(watcher, &changes, &err);
	if (r == 0) {
		set_timeout(watcher, &changes);
		write_ticket(watcher, &changes);
		changes_words(watcher, &changes, words, sizeof(words));
		steer_done(fd, call, "%s", words);
		events_put("info", "job_changed", NULL);
	} else {
		steer_refuse(fd, call, "%s", err.text);
	}
	settings_free(&changes);
}

void steer_job(struct watcher *watcher)
{
	int fd = watcher->order->admission->wake_fd;
	struct steer_call call;

	while (steer_next(fd, watcher->order->plan->first_id, &call)) {
		switch (call.request.verb) {
		case STEER_CANCEL:
			cancel_job(watcher, fd, &call);
			break;
		case STEER_PAUSE:
			pause_job(watcher, fd, &call);
			break;
		case STEER_RESUME:
			resume_job(watcher, fd, &call);
			break;
		default:
			set_job(watcher, fd, &call);
			break;
		}
	}
}
