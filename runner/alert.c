/* SPDX-License-Identifier: MIT */
#include "runner/alert.h"

#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "base/clock.h"
#include "base/syslog.h"
#include "policy/alerts.h"
#include "runner/events.h"
#include "runner/hooks.h"
#include "runner/tell.h"

#define LOOK_NS (5 * RR_NS_PER_S)
#define CALM_NS (15 * RR_NS_PER_S) /* while nothing is near its threshold */
#define FIRST_NS (2 * RR_NS_PER_S) /* a job that is over by then is spared the look */

/* All launchers look at the same moment, as in supervise.c's set_tick: what the first has brought
 * into the CPU's caches serves the others. */
static uint64_t look_after_ns(uint64_t at_ns, uint64_t every_ns)
{
	return at_ns - at_ns % every_ns + every_ns;
}

/* The first look is only the beginning of a difference: a moment's load alarms nobody. */
static void begin(struct alert *alert)
{
	gate_open(alert->plan, &alert->gate);
	gate_sample(&alert->gate);
	alert->begun = true;
}

void alert_start(const struct plan *plan, const struct signals *signals, const char *leaf,
		 struct alert *ret)
{
	*ret = (struct alert){ .plan = plan, .signals = signals, .leaf = leaf };
	/* Where nobody listens, a short job is spared the look. */
	if (settings_has(&plan->settings, SET_LOG) || *hook_list(&plan->hooks, HOOK_ON_ALERT))
		begin(ret);
	ret->next_ns = look_after_ns(rr_now_boot_ns() + FIRST_NS, LOOK_NS);
}

static void run_hooks(const struct alert *alert, enum headroom_resource resource)
{
	char *const *command = hook_list(&alert->plan->hooks, HOOK_ON_ALERT);

	(void)setenv("RESRUN_ALERT_RESOURCE", headroom_name(resource), 1);
	for (; *command; command++) {
		const struct hook_order order = { .event = hook_event_name(HOOK_ON_ALERT),
						  .command = *command,
						  .leaf = alert->leaf,
						  .limit_ns = settings_integer(
							  &alert->plan->settings, SET_HOOK_TIMEOUT),
						  .signals = alert->signals };
		struct rr_err err;

		if (hook_start(&order, &err) < 0)
			tell_error("%s", err.text);
	}
}

/* To the system's log. A full one is no trouble of the job's. */
static void log_alert(const struct alert_record *record)
{
	static const int priorities[] = { [HEADROOM_OK] = LOG_NOTICE,
					  [HEADROOM_WARNING] = LOG_WARNING,
					  [HEADROOM_CRITICAL] = LOG_CRIT };
	const char *resource = headroom_name(record->resource),
		   *severity = headroom_level_name(record->level);
	char message[128], value[32], threshold[32];
	const struct rr_log_field fields[] = {
		{ "RESRUN_RESOURCE", resource },     { "RESRUN_SEVERITY", severity },
		{ "RESRUN_VALUE", value },	     { "RESRUN_THRESHOLD", threshold },
		{ "RESRUN_JOB_ID", record->job_id }, { NULL, NULL }
	};

	(void)snprintf(value, sizeof(value), "%.1f", record->value);
	(void)snprintf(threshold, sizeof(threshold), "%.1f", record->threshold);
	(void)snprintf(message, sizeof(message), "%s is %s: %s%%, threshold %s%% (seen by job %s)",
		       resource, severity, value, threshold, record->job_id);
	rr_ignore(rr_syslog(priorities[record->level], message, fields));
}

/* For resrunctl alerts, and the system's log: of all jobs that see it, one puts it down. `changed`:
 * it is new to this one. */
static void note(const struct alert *alert, enum headroom_resource resource, bool changed)
{
	const struct headroom_verdict *verdict = &alert->gate.verdict;
	struct alert_record record = {
		.at_wall_ns = rr_now_wall_ns(),
		.job_id = alert->plan->job_id,
		.resource = resource,
		.level = verdict->level[resource],
		.value = verdict->value[resource],
		.threshold = verdict->threshold[resource],
	};
	struct rr_err err;
	int r = alerts_note(alert->plan->paths.state, &record, &err);

	if (r < 0)
		tell_more("%s", err.text);
	/* Where nothing can be put down, each of them tells. */
	if ((r == 0 || (r < 0 && changed)) && settings_integer(&alert->plan->settings, SET_SYSLOG))
		log_alert(&record);
}

static void change(struct alert *alert, enum headroom_resource resource)
{
	const struct headroom_verdict *verdict = &alert->gate.verdict;
	enum headroom_level level = verdict->level[resource];
	json_t *fields = json_object();

	alert->level[resource] = level;
	(void)json_object_set_new(fields, "resource", json_string(headroom_name(resource)));
	(void)json_object_set_new(fields, "severity", json_string(headroom_level_name(level)));
	(void)json_object_set_new(fields, "value", json_real(verdict->value[resource]));
	(void)json_object_set_new(fields, "threshold", json_real(verdict->threshold[resource]));
	events_put(level == HEADROOM_CRITICAL ? "warning" : "info", "alert", fields);
	if (level == HEADROOM_CRITICAL)
		run_hooks(alert, resource);
}

bool alert_look(struct alert *alert, bool closely)
{
	uint64_t now_ns = rr_now_boot_ns();
	bool calm = true;

	if (now_ns < alert->next_ns)
		return false;
	alert->next_ns = look_after_ns(now_ns, LOOK_NS);
	if (!alert->begun) {
		begin(alert);
		return false;
	}
	gate_sample(&alert->gate);
	/* What is reserved is not used yet: it alarms nobody. */
	(void)gate_has_room(&alert->gate, NULL, 0);
	for (int i = 0; i < HEADROOM_N; i++) {
		bool changed = alert->gate.verdict.level[i] != alert->level[i];

		if (changed)
			change(alert, i);
		/* At first also what is as it should be: it may have recovered while no job ran. */
		if (changed || !alert->noted)
			note(alert, i, changed);
		calm &= alert->level[i] == HEADROOM_OK;
	}
	alert->noted = true;
	if (calm && !closely)
		alert->next_ns = look_after_ns(now_ns, CALM_NS);
	return true;
}
