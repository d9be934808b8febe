/* SPDX-License-Identifier: MIT */
#include "policy/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"

#define US_PER_S 1e6

const char *exit_reason_name(enum exit_reason reason)
{
	static const char *const names[] = {
		[EXIT_EXITED] = "exited",
		[EXIT_SIGNALED] = "signaled",
		[EXIT_TIMEOUT] = "timeout",
		[EXIT_OOM] = "oom",
		[EXIT_CANCELED] = "canceled",
		[EXIT_STALLED] = "stalled",
		[EXIT_NOT_ADMITTED] = "not-admitted",
		[EXIT_NOT_STARTED] = "not-started",
		[EXIT_LOST] = "lost",
	};

	return names[reason];
}

const char *waited_for_name(unsigned bit_index)
{
	static const char *const names[WAITED_N] = { "slot", "rate",	 "cpu",	      "memory",
						     "disk", "pressure", "dependency" };

	return names[bit_index];
}

void report_clear(struct report *report)
{
	*report = (struct report){ .code = -1, .attempt = 1, .leftover_processes = REPORT_UNKNOWN };
	memset(&report->usage, 0xff, sizeof(report->usage));
}

/* Length that the first byte of a UTF-8 sequence promises, or 0. */
static size_t utf8_promise(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

static size_t utf8_length(const unsigned char *text)
{
	size_t length = utf8_promise(text[0]);

	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates and what is past U+10FFFF. */
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] >= 0x90))
		return 0;
	return length;
}

static json_t *mended_string(const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd";
	rr_autofree char *mended = malloc(3 * strlen(text) + 1);
	char *to = mended;
	json_t *string;

	if (!mended)
		return json_null();
	while (*text) {
		size_t length = utf8_length((const unsigned char *)text);
		size_t n = length ? length : strlen(replacement);

		memcpy(to, length ? text : replacement, n);
		to += n;
		text += length ? length : 1;
	}
	*to = '\0';
	string = json_string(mended);
	return string ? string : json_null();
}

json_t *report_string(const char *text)
{
	json_t *string;

	if (!text)
		return json_null();
	string = json_string(text);
	return string ? string : mended_string(text);
}

static json_t *wall(uint64_t wall_ns)
{
	char text[RR_RFC3339_SIZE];

	return wall_ns ? json_string(rr_format_wall(wall_ns, text)) : json_null();
}

static json_t *count(uint64_t value)
{
	return value == REPORT_UNKNOWN ? json_null() : json_integer((json_int_t)value);
}

static json_t *seconds(uint64_t us)
{
	return us == REPORT_UNKNOWN ? json_null() : json_real((double)us / US_PER_S);
}

static json_t *seconds_ns(uint64_t ns)
{
	return ns == REPORT_UNKNOWN ? json_null() : seconds(ns / RR_NS_PER_US);
}

/* Out of memory the name is missing, and the record with it: json_dumps then fails or lacks it. */
static void put(json_t *object, const char *name, json_t *value)
{
	(void)json_object_set_new(object, name, value);
}

static json_t *command_json(char *const *command)
{
	json_t *list = json_array();

	for (; list && command && *command; command++)
		(void)json_array_append_new(list, report_string(*command));
	return list;
}

static json_t *waited_json(unsigned waited_for)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < WAITED_N; i++)
		if (waited_for & 1U << i)
			(void)json_array_append_new(list, json_string(waited_for_name(i)));
	return list;
}

/* Bytes, weights and counts are whole; CPUs are not. */
static json_t *requested_json(const struct report_limit *limit)
{
	if (limit->spec)
		return report_string(limit->spec);
	if (strcmp(limit->name, "cpu") == 0)
		return json_real(limit->requested);
	return json_integer((json_int_t)limit->requested);
}

static json_t *limits_json(const struct report *report)
{
	json_t *all = json_object();

	for (size_t i = 0; all && i < report->n_limits; i++) {
		const struct report_limit *limit = &report->limits[i];
		json_t *one = json_object();

		put(one, "requested", requested_json(limit));
		put(one, "enforced", json_string(limit->enforced));
		put(all, limit->name, one);
	}
	return all;
}

static json_t *exit_json(const struct report *report)
{
	json_t *exit = json_object();

	put(exit, "reason", json_string(exit_reason_name(report->reason)));
	put(exit, "code", report->code < 0 ? json_null() : json_integer(report->code));
	put(exit, "oom_limit", report_string(report->oom_limit));
	put(exit, "timeout_s", report->timeout_ns ? seconds_ns(report->timeout_ns) : json_null());
	put(exit, "message", report_string(report->message));
	put(exit, "signal", report->signal ? json_integer(report->signal) : json_null());
	return exit;
}

static json_t *usage_json(const struct report_usage *usage)
{
	json_t *all = json_object();

	put(all, "wall_s", seconds_ns(usage->wall_ns));
	put(all, "cpu_s", seconds(usage->cpu_us));
	put(all, "cpu_user_s", seconds(usage->cpu_user_us));
	put(all, "cpu_system_s", seconds(usage->cpu_system_us));
	put(all, "memory_peak_bytes", count(usage->memory_peak_bytes));
	put(all, "memory_working_peak_bytes", count(usage->memory_working_peak_bytes));
	put(all, "io_read_bytes", count(usage->io_read_bytes));
	put(all, "io_write_bytes", count(usage->io_write_bytes));
	put(all, "pids_peak", count(usage->pids_peak));
	put(all, "oom_kills", count(usage->oom_kills));
	put(all, "throttled_s", seconds(usage->throttled_us));
	put(all, "frozen_s", seconds(usage->frozen_us));
	put(all, "pressed_s", seconds(usage->pressed_us));
	if (usage->temp_peak_bytes != REPORT_UNKNOWN)
		put(all, "temp_peak_bytes", count(usage->temp_peak_bytes));
	return all;
}

static json_t *hooks_json(const struct report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < report->n_hooks; i++) {
		json_t *hook = json_object();

		put(hook, "event", json_string(report->hooks[i].event));
		put(hook, "status", json_integer(report->hooks[i].status));
		put(hook, "wall_s", seconds_ns(report->hooks[i].wall_ns));
		(void)json_array_append_new(list, hook);
	}
	return list;
}

static json_t *sweep_json(const struct report *report)
{
	json_t *sweep = json_object();

	put(sweep, "files", count(report->sweep_files));
	put(sweep, "bytes", count(report->sweep_bytes));
	return sweep;
}

json_t *report_to_json(const struct report *report)
{
	json_t *all = json_object();

	if (!all)
		return NULL;
	put(all, "schema", json_integer(REPORT_SCHEMA));
	put(all, "job_id", report_string(report->job_id));
	put(all, "name", report_string(report->name));
	put(all, "profile", report_string(report->profile));
	put(all, "key", report_string(report->key));
	put(all, "command", command_json(report->command));
	put(all, "cwd", report_string(report->cwd));
	put(all, "user", report_string(report->user));
	put(all, "host", report_string(report->host));
	put(all, "submitted_at", wall(report->submitted_wall_ns));
	put(all, "started_at", wall(report->started_wall_ns));
	put(all, "ended_at", wall(report->ended_wall_ns));
	put(all, "waited_s", seconds_ns(report->waited_ns));
	put(all, "waited_for", waited_json(report->waited_for));
	put(all, "attempt", json_integer(report->attempt));
	put(all, "first_job_id",
	    report_string(report->first_job_id ? report->first_job_id : report->job_id));
	put(all, "placement", report_string(report->placement));
	put(all, "limits", limits_json(report));
	put(all, "exit", exit_json(report));
	put(all, "usage", usage_json(&report->usage));
	put(all, "pressed", report_string(report->pressed));
	put(all, "leftover_processes", count(report->leftover_processes));
	put(all, "hooks", hooks_json(report));
	put(all, "sweep", sweep_json(report));
	return all;
}
