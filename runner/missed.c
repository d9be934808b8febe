/* SPDX-License-Identifier: MIT */
#include "runner/missed.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cgroup/backend.h"
#include "policy/report.h"
#include "runner/hooks.h"
#include "runner/recover.h"
#include "runner/tell.h"

#define VARIABLES_MAX 96

/* The order in which they run. */
static const enum hook_event after_events[] = { HOOK_ON_FAILURE, HOOK_ON_CANCEL, HOOK_AFTER };
#define AFTER_EVENTS (sizeof(after_events) / sizeof(after_events[0]))

enum hook_event missed_event(enum exit_reason reason, bool success)
{
	if (success)
		return HOOK_EVENTS_N;
	return reason == EXIT_CANCELED ? HOOK_ON_CANCEL : HOOK_ON_FAILURE;
}

/* ---- the promise ---- */

bool missed_possible(const struct plan *plan)
{
	bool any = false;

	for (size_t i = 0; i < AFTER_EVENTS; i++)
		any |= *hook_list(&plan->hooks, after_events[i]) != NULL;
	return any;
}

static json_t *promised_hooks(const struct plan *plan)
{
	json_t *hooks = json_array();

	for (size_t i = 0; i < AFTER_EVENTS; i++)
		for (char *const *at = hook_list(&plan->hooks, after_events[i]); *at; at++)
			(void)json_array_append_new(hooks,
						    json_pack("{s:s, s:o}", "event",
							      hook_event_name(after_events[i]),
							      "command", json_string(*at)));
	return hooks;
}

int missed_promise(const struct plan *plan, json_t *report, struct unfinished *ret,
		   struct rr_err *err)
{
	json_t *promise;
	int r;

	promise = json_pack(
		"{s:i, s:o, s:I, s:o, s:o}", "schema", REPORT_SCHEMA, "hooks", promised_hooks(plan),
		"hook_timeout_ms",
		(json_int_t)(settings_integer(&plan->settings, SET_HOOK_TIMEOUT) / RR_NS_PER_MS),
		"dir", report_string(plan->cwd), "report", report);
	if (!promise)
		return rr_err_sys(err, ENOMEM, "the hooks");
	r = unfinished_begin(plan->paths.state, plan->job_id, promise, ret, err);
	json_decref(promise);
	return r;
}

/* ---- what hooks are told ---- */

/* RESRUN_GROUP_NAME=value, in capitals; nothing for what is null or no single value. */
static void add_variable(char **list, size_t *n, const char *group, const char *name,
			 const json_t *value)
{
	rr_autofree char *text = json_is_string(value) ? strdup(json_string_value(value))
				 : json_is_number(value)
					 ? json_dumps(value, JSON_ENCODE_ANY | REPORT_JSON_STYLE)
					 : NULL;
	char *end;

	if (!text || *n + 1 >= VARIABLES_MAX ||
	    asprintf(&list[*n], "RESRUN_%s%s%s=%s", group, *group ? "_" : "", name, text) < 0)
		return;
	end = strchr(list[*n], '=');
	for (char *at = list[*n]; at < end; at++)
		*at = (char)toupper((unsigned char)*at);
	++*n;
}

char **missed_environment(const json_t *report, const char *report_path)
{
	static const char *const singles[] = { "attempt", "placement", "waited_s",
					       "leftover_processes" };
	static const char *const groups[] = { "exit", "usage" };
	char **list = calloc(VARIABLES_MAX + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return NULL;
	if (asprintf(&list[n], "RESRUN_REPORT=%s", report_path) >= 0)
		n++;
	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++)
		add_variable(list, &n, "", singles[i], json_object_get(report, singles[i]));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		json_t *group = json_object_get(report, groups[i]);

		for (void *at = json_object_iter(group); at; at = json_object_iter_next(group, at))
			add_variable(list, &n, groups[i], json_object_iter_key(at),
				     json_object_iter_value(at));
	}
	list[n] = NULL;
	return list;
}

void missed_environment_free(char **environment)
{
	for (char **at = environment; at && *at; at++)
		free(*at);
	free(environment);
}

/* ---- keeping the promise ---- */

/* What the job's own launcher would have had in its environment; and that it is not that one. */
static void add_identity(char **list, const json_t *report)
{
	static const struct {
		const char *variable, *name;
	} ids[] = { { "JOB_ID", "job_id" },
		    { "PROFILE", "profile" },
		    { "NAME", "name" },
		    { "MISSED", "job_id" } };
	size_t n = 0;

	while (list[n])
		n++;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		const json_t *value = json_object_get(report, ids[i].name);
		json_t *empty = json_string("");

		add_variable(list, &n, "", ids[i].variable, json_is_string(value) ? value : empty);
		json_decref(empty);
	}
	list[n] = NULL;
}

static enum hook_event event_of(const json_t *report)
{
	const json_t *exit = json_object_get(report, "exit");
	const char *reason = json_string_value(json_object_get(exit, "reason"));
	bool exited = reason && strcmp(reason, exit_reason_name(EXIT_EXITED)) == 0;
	bool canceled = reason && strcmp(reason, exit_reason_name(EXIT_CANCELED)) == 0;

	return missed_event(canceled ? EXIT_CANCELED : EXIT_LOST,
			    exited && json_integer_value(json_object_get(exit, "code")) == 0);
}

static void run_one(const struct hook_order *order)
{
	struct report_hook hook;
	struct rr_err err;

	if (hook_run(order, &hook, &err) < 0)
		tell_error("%s", err.text);
	else if (hook.status != 0)
		tell("hook_%s '%s' %s %d", order->event, order->command,
		     hook.status == 124 ? "took too long, status" : "failed with status",
		     hook.status);
}

struct missed {
	const struct paths *paths;
	const struct signals *signals;
};

/* All of that job's which are for such an end, in order. `leaf`: beside which they are to be. */
static void run_all(const struct missed *missed, const struct unfinished_job *job,
		    const json_t *report, const char *leaf)
{
	const json_t *hooks = json_object_get(job->promise, "hooks");
	char **environment = missed_environment(report, job->files->report);
	enum hook_event wanted = event_of(report);

	if (!environment)
		return;
	add_identity(environment, report);
	for (size_t i = 0; i < json_array_size(hooks); i++) {
		const json_t *hook = json_array_get(hooks, i);
		const char *event = json_string_value(json_object_get(hook, "event"));
		struct hook_order order = {
			.event = event,
			.command = json_string_value(json_object_get(hook, "command")),
			.leaf = leaf,
			.dir = json_string_value(json_object_get(job->promise, "dir")),
			.environment = environment,
			.limit_ns = (uint64_t)json_integer_value(
					    json_object_get(job->promise, "hook_timeout_ms")) *
				    RR_NS_PER_MS,
			.signals = missed->signals,
		};

		if (event && order.command &&
		    (strcmp(event, hook_event_name(HOOK_AFTER)) == 0 ||
		     (wanted != HOOK_EVENTS_N && strcmp(event, hook_event_name(wanted)) == 0)))
			run_one(&order);
	}
	missed_environment_free(environment);
}

/* A leaf as the job had one, empty, for what its hooks leave is found and ended beside it. Where
 * the job had none, or here none is to be had, the hooks run without. */
static void place(const struct unfinished_job *job, const json_t *report, struct placement *ret)
{
	const char *backend = json_string_value(json_object_get(report, "placement"));
	struct place_request request = { .job_id = job->job_id,
					 .description = "resrun: hooks that were missed",
					 .want = PLACE_ANY };
	struct limit_set none = { 0 };
	struct rr_err err;

	*ret = (struct placement){ .leaf = { .fd = -1 } };
	if (!backend || strcmp(backend, backend_name(BACKEND_PROCESS)) == 0)
		return;
	if (placement_take(&request, &none, ret, &err) < 0) {
		tell_more("the hooks have no cgroup of their own: %s", err.text);
		*ret = (struct placement){ .leaf = { .fd = -1 } };
	}
}

static bool keep_promise(const struct unfinished_job *job, void *arg)
{
	const struct missed *missed = arg;
	const json_t *report = job->report ? job->report : json_object_get(job->promise, "report");
	struct placement placement;
	struct rr_err err;

	/* Its launcher may have died after the slots were looked at. */
	if (!recover_is_over(missed->paths, job->job_id))
		return false;
	if (!job->promise) {
		tell_error("job %s: what hooks its killed launcher missed cannot be read in '%s', "
			   "which is damaged or of another version: it is set aside as "
			   "'%s" UNFINISHED_ASIDE "', and they are not run",
			   job->job_id, job->files->path, job->job_id);
		return true;
	}
	/* Hooks read the report also of a job whose end nobody saw. */
	if (!job->report && unfinished_report(job->files, report, &err) < 0)
		tell_error("%s", err.text);
	tell("job %s: running the hooks that its killed launcher missed", job->job_id);
	place(job, report, &placement);
	run_all(missed, job, report, placement.leaf.fd >= 0 ? placement.leaf.path : NULL);
	if (placement_end(&placement, &err) < 0)
		tell_error("%s", err.text);
	return true;
}

void missed_run(const struct paths *paths, const struct signals *signals)
{
	struct missed missed = { paths, signals };
	struct rr_err err;

	if (unfinished_each(paths->state, keep_promise, &missed, &err) < 0)
		tell_error("%s", err.text);
}

static bool ignore_job(const struct unfinished_job *job, void *arg)
{
	(void)job;
	(void)arg;
	return false;
}

bool missed_any(const char *state_dir)
{
	struct rr_err ignored;

	return unfinished_each(state_dir, ignore_job, NULL, &ignored) > 0;
}
