/* SPDX-License-Identifier: MIT */
#include "runner/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "policy/half.h"
#include "policy/history.h"
#include "policy/history_log.h"
#include "runner/events.h"
#include "runner/learn.h"
#include "runner/output.h"
#include "runner/summary.h"
#include "runner/tell.h"

/* ---- the report ---- */

static void add_limits(const struct limit_set *limits, struct report *report)
{
	for (int i = 0; i < LIMIT_N; i++) {
		const struct limit *limit = &limits->v[i];

		if (!limit->asked)
			continue;
		report->limits[report->n_limits++] = (struct report_limit){
			.name = limit_name(i),
			.requested = i == LIMIT_CPUS ? limit->cpus : (double)limit->amount,
			.spec = i == LIMIT_IO_MAX ? limit->spec : NULL,
			.enforced = limit_by_name(limit->by),
		};
	}
}

/* What holds it is a look now and then. */
static void add_temp_limit(const struct run_facts *facts, struct report *report)
{
	const struct settings *settings = &facts->plan->settings;

	if (!settings_has(settings, SET_TEMP_MAX) || !settings_integer(settings, SET_PRIVATE_TEMP))
		return;
	report->limits[report->n_limits++] = (struct report_limit){
		.name = "temp",
		.requested = (double)settings_integer(settings, SET_TEMP_MAX),
		.enforced = limit_by_name(BY_SAMPLED),
	};
}

static const char *const oom_limits[] = { [OOM_NONE] = NULL,
					  [OOM_OWN] = "own",
					  [OOM_BELOW] = "below",
					  [OOM_ABOVE] = "above",
					  [OOM_HOST] = "host" };

static void add_outcome(const struct outcome *outcome, struct report *report)
{
	const struct usage *usage = &outcome->usage;

	report->ended_wall_ns = outcome->ended_wall_ns;
	report->reason = outcome->reason;
	report->code = outcome->code;
	report->signal = outcome->signal;
	report->oom_limit = oom_limits[outcome->oom_limit];
	report->timeout_ns = outcome->reason == EXIT_TIMEOUT ? outcome->timeout_ns : 0;
	report->leftover_processes = outcome->leftovers;
	if (outcome->pressed)
		report->pressed = pressure_step_name(outcome->pressed);
	report->usage = (struct report_usage){
		.wall_ns = outcome->wall_ns,
		.cpu_us = usage->cpu_us,
		.cpu_user_us = usage->cpu_user_us,
		.cpu_system_us = usage->cpu_system_us,
		.memory_peak_bytes = usage->memory_peak_bytes,
		.memory_working_peak_bytes = usage->memory_working_peak_bytes,
		.io_read_bytes = usage->io_read_bytes,
		.io_write_bytes = usage->io_write_bytes,
		.pids_peak = usage->pids_peak,
		.oom_kills = usage->oom_kills,
		.throttled_us = usage->throttled_us,
		.frozen_us = outcome->frozen_ns / RR_NS_PER_US,
		.pressed_us = outcome->pressed_ns / RR_NS_PER_US,
		.temp_peak_bytes = outcome->temp_peak_bytes,
	};
}

static void add_plan(const struct plan *plan, struct report *report)
{
	report->job_id = plan->job_id;
	report->name = settings_text(&plan->settings, SET_NAME);
	report->profile = plan->profile;
	report->key = plan->key;
	report->command = plan->command;
	report->cwd = plan->cwd;
	report->user = plan->user;
	report->host = plan->host;
	report->submitted_wall_ns = plan->submitted_wall_ns;
	report->attempt = plan->attempt;
	report->first_job_id = plan->first_id;
}

static void fill_report(const struct run_facts *facts, struct report *report)
{
	report_clear(report);
	add_plan(facts->plan, report);
	report->reason = facts->reason;
	report->code = facts->outcome ? -1 : facts->own_status;
	report->message = facts->message;
	if (facts->admission) {
		report->waited_ns = facts->admission->waited_ns;
		report->waited_for = facts->admission->waited_for;
	}
	if (facts->placement) {
		report->placement = backend_name(facts->placement->backend);
		add_limits(facts->limits, report);
		add_temp_limit(facts, report);
	}
	if (facts->child)
		report->started_wall_ns = facts->child->started_wall_ns;
	if (facts->outcome)
		add_outcome(facts->outcome, report);
	/* Without a cgroup nobody can tell, but of what we stopped ourselves. */
	if (facts->placement && facts->placement->backend == BACKEND_PROCESS &&
	    report->usage.frozen_us == 0)
		report->usage.frozen_us = REPORT_UNKNOWN;
	if (facts->care) {
		memcpy(report->hooks, facts->care->hooks, sizeof(report->hooks));
		report->n_hooks = facts->care->n_hooks;
		report->sweep_files = facts->care->sweep_files;
		report->sweep_bytes = facts->care->sweep_bytes;
	}
}

json_t *record_draft(const struct run_facts *facts)
{
	struct report report;

	fill_report(facts, &report);
	return report_to_json(&report);
}

int record_check_target(const struct plan *plan, struct rr_err *err)
{
	const char *target = settings_text(&plan->settings, SET_REPORT);
	const char *slash = target ? strrchr(target, '/') : NULL;
	char folder[PATH_MAX];
	rr_autofd int fd = -1;

	if (!target)
		return 0;
	if (output_is_stream(target))
		return output_open(target, 0, &fd, err);
	(void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - target + 1) : 1,
		       slash ? target : ".");
	if (access(folder, W_OK) < 0)
		return rr_err_sys(err, errno, "--report: the directory of '%s'", target);
	return 0;
}

static int write_report(const struct plan *plan, const char *target, const json_t *report,
			struct rr_err *err)
{
	rr_autofree char *text = json_dumps(report, JSON_INDENT(2) | REPORT_JSON_STYLE),
			 *lines = NULL;
	rr_autofd int fd = -1;
	int r;

	if (!text || asprintf(&lines, "%s\n", text) < 0)
		return rr_err_sys(err, ENOMEM, "the report");
	/* A file appears whole or not at all; a stream is written to as it is. */
	if (!output_is_stream(target)) {
		half_begin(plan->paths.state, plan->job_id, target);
		r = rr_replace_at(AT_FDCWD, target, lines, strlen(lines), 0644);
		half_end(plan->paths.state, plan->job_id);
		return r < 0 ? rr_err_sys(err, -r, "the report '%s'", target) : 0;
	}
	r = output_open(target, O_TRUNC, &fd, err);
	if (r == 0)
		r = rr_write_all(fd, lines, strlen(lines));
	return r < 0 ? rr_err_sys(err, -r, "the report '%s'", target) : 0;
}

/* ---- the line for people ---- */

static const char *bytes_or_unknown(uint64_t bytes, char buf[static RR_FORMAT_SIZE])
{
	if (bytes == USAGE_UNKNOWN)
		(void)snprintf(buf, RR_FORMAT_SIZE, "unknown");
	else
		(void)rr_format_bytes(bytes, buf);
	return buf;
}

static void tell_oom(const struct run_facts *facts)
{
	const struct outcome *outcome = facts->outcome;
	const char *command = facts->plan->command[0];
	char cap[RR_FORMAT_SIZE], peak[RR_FORMAT_SIZE];

	(void)bytes_or_unknown(outcome->usage.memory_peak_bytes, peak);
	switch (outcome->oom_limit) {
	case OOM_BELOW:
		tell_error("%s was killed for memory, by a limit that it has set below its own "
			   "(peak %s)",
			   command, peak);
		break;
	case OOM_ABOVE:
		tell_error(
			"%s was killed for memory, by the limit of cgroup '%s' above it (peak %s)",
			command, outcome->oom_path, peak);
		break;
	case OOM_HOST:
		tell_error(
			"%s was killed for memory: the host had no more, or a limit out of sight "
			"was hit (peak %s)",
			command, peak);
		break;
	default:
		tell_error("%s was killed for memory: it went over its limit of %s (-m)", command,
			   rr_format_bytes(facts->limits->v[LIMIT_MEMORY].amount, cap));
		break;
	}
}

static void tell_cause(const struct run_facts *facts)
{
	const struct outcome *outcome = facts->outcome;
	const char *command = facts->plan->command[0];
	char limit[RR_FORMAT_SIZE], time[RR_FORMAT_SIZE];

	switch (outcome->reason) {
	case EXIT_OOM:
		tell_oom(facts);
		break;
	case EXIT_TIMEOUT:
		tell_error("%s was ended: it ran longer than %s (--timeout)", command,
			   rr_format_time(outcome->timeout_ns, limit));
		break;
	case EXIT_STALLED:
		tell_error("%s was ended: memory_high=%s had held it up for %s (stall_after)",
			   command,
			   rr_format_bytes(facts->limits->v[LIMIT_MEMORY_HIGH].amount, limit),
			   rr_format_time(outcome->stalled_ns / RR_NS_PER_S * RR_NS_PER_S, time));
		break;
	case EXIT_CANCELED:
		if (outcome->over_pressure)
			tell_error("%s was ended: the host was short of room, and on_pressure "
				   "says kill",
				   command);
		if (outcome->over_temp)
			tell_error("%s was ended: its private directory held %s, more than "
				   "temp_max=%s",
				   command, rr_format_bytes(outcome->temp_peak_bytes, time),
				   rr_format_bytes(
					   settings_integer(&facts->plan->settings, SET_TEMP_MAX),
					   limit));
		break;
	default:
		break;
	}
}

static void tell_summary(const struct run_facts *facts)
{
	const struct outcome *outcome = facts->outcome;
	const struct usage *usage = &outcome->usage;
	char wall[RR_FORMAT_SIZE], peak[RR_FORMAT_SIZE], working[RR_FORMAT_SIZE];
	char waited[RR_FORMAT_SIZE], how[64];

	if (outcome->signal)
		(void)snprintf(how, sizeof(how), "%s, signal %d", exit_reason_name(outcome->reason),
			       outcome->signal);
	else
		(void)snprintf(how, sizeof(how), "%s %d", exit_reason_name(outcome->reason),
			       outcome->code);
	tell("%s %s after %s: cpu %.2f s, memory peak %s (needed %s), waited %s, placed %s, job %s",
	     facts->plan->command[0], how, rr_format_time(outcome->wall_ns, wall),
	     usage->cpu_us == USAGE_UNKNOWN ? -1.0 : (double)usage->cpu_us / 1e6,
	     bytes_or_unknown(usage->memory_peak_bytes, peak),
	     bytes_or_unknown(usage->memory_working_peak_bytes, working),
	     rr_format_time(facts->admission->waited_ns, waited),
	     backend_name(facts->placement->backend), facts->plan->job_id);
}

/* Where nothing was waited for and nothing went wrong, nothing is said. */
static bool wants_summary(const struct run_facts *facts)
{
	return tell_is_verbose() || (facts->admission->waited_for && tell_can_draw());
}

/* The one that fills the file is still in it: what comes next begins a new one. */
static void keep_history(const struct plan *plan, const json_t *report)
{
	struct rr_err err;

	if (history_append(plan->paths.state, report, &err) < 0 ||
	    history_rotate(plan->paths.state, settings_integer(&plan->settings, SET_HISTORY_SIZE),
			   settings_integer(&plan->settings, SET_HISTORY_AGE), rr_now_wall_ns(),
			   &err) < 0)
		tell_error("%s", err.text);
}

void record(const struct run_facts *facts)
{
	const char *target = settings_text(&facts->plan->settings, SET_REPORT);
	struct report report;
	struct rr_err err;
	json_t *json;

	fill_report(facts, &report);
	json = report_to_json(&report);
	if (!json) {
		tell_error("no memory for the report");
		return;
	}
	if (target && write_report(facts->plan, target, json, &err) < 0)
		tell_error("%s", err.text);
	keep_history(facts->plan, json);
	summary_write(&report);
	if (facts->outcome) {
		learn_from_run(facts->plan, facts->limits, facts->outcome);
		tell_cause(facts);
		if (wants_summary(facts))
			tell_summary(facts);
	}
	events_put("info", "job_finished", json_incref(json));
	json_decref(json);
}

bool record_limits(const struct plan *plan, const struct limit_set *limits, struct rr_err *err)
{
	bool strict = settings_integer(&plan->settings, SET_STRICT);
	bool all_hold = true;

	for (int i = 0; i < LIMIT_N; i++) {
		const struct limit *limit = &limits->v[i];
		json_t *fields;

		if (!limit->asked || limit->by == BY_CGROUP)
			continue;
		if (limit->implied && limit->by == BY_NONE) {
			tell_more("limit %s is not enforced: %s", limit_name(i), limit->why_not);
			continue;
		}
		fields = json_object();
		(void)json_object_set_new(fields, "limit", json_string(limit_name(i)));
		(void)json_object_set_new(fields, "enforced",
					  json_string(limit_by_name(limit->by)));
		(void)json_object_set_new(fields, "reason", report_string(limit->why_not));
		events_put("warning", "limit_not_enforced", fields);
		if (limit->by != BY_NONE && !strict) {
			tell_more("limit %s is held without a cgroup: %s", limit_name(i),
				  limit_by_name(limit->by));
			continue;
		}
		all_hold = false;
		(void)rr_err_set(
			err, ENOTSUP, "limit %s is not enforced: %s (--strict)", limit_name(i),
			limit->by == BY_NONE ? limit->why_not : "no cgroup can be had here");
		if (!strict)
			tell("limit %s is not enforced: %s", limit_name(i), limit->why_not);
	}
	return all_hold || !strict;
}
