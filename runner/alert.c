/* SPDX-License-Identifier: MIT */
#include "runner/alert.h"

#include <stdlib.h>

#include "base/clock.h"
#include "runner/events.h"
#include "runner/hooks.h"
#include "runner/tell.h"

#define LOOK_NS (5 * RR_NS_PER_S)

void alert_start(const struct plan *plan, const struct signals *signals, struct alert *ret)
{
	*ret = (struct alert){ .plan = plan, .signals = signals };
	ret->wanted =
		settings_has(&plan->settings, SET_LOG) || *hook_list(&plan->hooks, HOOK_ON_ALERT);
	if (!ret->wanted)
		return;
	/* The first look is only the beginning of a difference: a moment's load alarms nobody. */
	gate_open(plan, &ret->gate);
	gate_sample(&ret->gate);
	ret->next_ns = rr_now_boot_ns() + LOOK_NS;
}

static const char *severity(enum headroom_level level)
{
	static const char *const names[] = { "ok", "warning", "critical" };

	return names[level];
}

static void run_hooks(const struct alert *alert, enum headroom_resource resource)
{
	char *const *command = hook_list(&alert->plan->hooks, HOOK_ON_ALERT);

	(void)setenv("RESRUN_ALERT_RESOURCE", headroom_name(resource), 1);
	for (; *command; command++) {
		const struct hook_order order = { .event = hook_event_name(HOOK_ON_ALERT),
						  .command = *command,
						  .signals = alert->signals };
		struct rr_err err;

		if (hook_start(&order, &err) < 0)
			tell_error("%s", err.text);
	}
}

static void change(struct alert *alert, enum headroom_resource resource)
{
	const struct headroom_verdict *verdict = &alert->gate.verdict;
	enum headroom_level level = verdict->level[resource];
	json_t *fields = json_object();

	alert->level[resource] = level;
	(void)json_object_set_new(fields, "resource", json_string(headroom_name(resource)));
	(void)json_object_set_new(fields, "severity", json_string(severity(level)));
	(void)json_object_set_new(fields, "value", json_real(verdict->value[resource]));
	(void)json_object_set_new(fields, "threshold", json_real(verdict->threshold[resource]));
	events_put(level == HEADROOM_CRITICAL ? "warning" : "info", "alert", fields);
	if (level == HEADROOM_CRITICAL)
		run_hooks(alert, resource);
}

void alert_look(struct alert *alert)
{
	uint64_t now_ns = rr_now_boot_ns();

	if (!alert->wanted || now_ns < alert->next_ns)
		return;
	alert->next_ns = now_ns + LOOK_NS;
	gate_sample(&alert->gate);
	/* What is reserved is not used yet: it alarms nobody. */
	(void)gate_has_room(&alert->gate, NULL, 0);
	for (int i = 0; i < HEADROOM_N; i++)
		if (alert->gate.verdict.level[i] != alert->level[i])
			change(alert, i);
}
