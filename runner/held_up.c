/* SPDX-License-Identifier: MIT */
/* What is done about a job that memory_high holds up for ever (policy/stall.h). */
#include "runner/watcher.h"

#include "base/clock.h"
#include "base/parse.h"
#include "runner/events.h"
#include "runner/tell.h"

static const char *const action_names[] = { "raise", "kill", "report" };

static void put_event(enum stall_action action, uint64_t for_ns)
{
	json_t *fields = json_object();

	(void)json_object_set_new(fields, "action", json_string(action_names[action]));
	(void)json_object_set_new(fields, "stalled_s", json_real((double)for_ns / RR_NS_PER_S));
	events_put("warning", "job_stalled", fields);
}

/* memory_high becomes memory: then the job gets on, or is killed for its cap. */
static void raise_high(struct watcher *watcher)
{
	struct limit_set *limits = watcher->order->limits;
	struct limit high = limits->v[LIMIT_MEMORY_HIGH];
	struct rr_err err;

	high.amount = limits->v[LIMIT_MEMORY].amount;
	if (placement_change(watcher->order->placement, LIMIT_MEMORY_HIGH, &high, &err) < 0)
		tell_error("%s", err.text);
	else
		limits->v[LIMIT_MEMORY_HIGH] = high;
}

static void act(struct watcher *watcher, enum stall_action action, uint64_t for_ns)
{
	const struct limit_set *limits = watcher->order->limits;
	char high[RR_FORMAT_SIZE], max[RR_FORMAT_SIZE], time[RR_FORMAT_SIZE];

	(void)rr_format_bytes(limits->v[LIMIT_MEMORY_HIGH].amount, high);
	(void)rr_format_bytes(limits->v[LIMIT_MEMORY].amount, max);
	(void)rr_format_time(for_ns / RR_NS_PER_S * RR_NS_PER_S, time);
	put_event(action, for_ns);
	switch (action) {
	case STALL_RAISE:
		tell("%s was held up by memory_high=%s for %s: raised to %s",
		     watcher->order->plan->command[0], high, time, max);
		raise_high(watcher);
		break;
	case STALL_KILL:
		watcher->stalled = true;
		ending_ask(watcher);
		break;
	default:
		tell("%s has been held up by memory_high=%s for %s",
		     watcher->order->plan->command[0], high, time);
		break;
	}
}

void held_up_look(struct watcher *watcher)
{
	const struct settings *settings = &watcher->order->plan->settings;
	const struct limit *high = &watcher->order->limits->v[LIMIT_MEMORY_HIGH];
	const struct usage *usage = &watcher->outcome->usage;
	struct stall_sample sample = {
		.now_ns = watcher->last_ns,
		.high_events = usage->high_events,
		.cpu_user_us = usage->cpu_user_us,
		.pressure_known = usage->memory_pressure.known,
		.pressure_full_percent = usage->memory_pressure.full_avg10,
		/* One that memory_high holds up comes to stand still only when it is let. */
		.paused = watcher->frozen_since_ns || watcher->paused || watcher->press.still,
	};
	uint64_t for_ns;

	if (high->by != BY_CGROUP || watcher->asked_to_end)
		return;
	for_ns = stall_look(&watcher->stall, &sample);
	if (for_ns == 0)
		watcher->stall_told = false;
	if (for_ns < settings_integer(settings, SET_STALL_AFTER) || watcher->stall_told ||
	    for_ns == 0)
		return;
	watcher->stall_told = true;
	watcher->outcome->stalled_ns = for_ns;
	act(watcher, (enum stall_action)settings_integer(settings, SET_STALL_ACTION), for_ns);
}
