/* SPDX-License-Identifier: MIT */
#include "control/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/parse.h"
#include "control/show.h"
#include "policy/report.h"

static unsigned level_of(const struct monitor_show *show, uint64_t bytes)
{
	unsigned level = 0;

	while (bytes != WATCH_UNKNOWN && level < MONITOR_LEVELS &&
	       bytes >= show->level_bytes[level])
		level++;
	return level;
}

const char *monitor_level_name(const struct monitor_show *show, uint64_t bytes)
{
	static const char *const names[MONITOR_LEVELS + 1] = { "normal", "elevated", "high",
							       "critical" };

	return names[level_of(show, bytes)];
}

static const char *state_name(const struct watch *watch)
{
	if (watch->ended)
		return "ended";
	return watch->stopped ? "stopped" : "running";
}

static const char *from_name(enum watch_from from)
{
	static const char *const names[] = { NULL, "job", "processes" };

	return names[from];
}

static const char *source_name(const struct monitor_show *show)
{
	return show->source == SOURCE_DASHBOARD ? "dashboard" : "processes";
}

/* ---- text ---- */

static const char *painted(const struct monitor_show *show, uint64_t bytes, char *buf, size_t size)
{
	static const char *const paint[MONITOR_LEVELS + 1] = { "\033[32m", "\033[33m", "\033[35m",
							       "\033[1;31m" };
	char text[RR_FORMAT_SIZE];

	if (bytes == WATCH_UNKNOWN)
		(void)snprintf(buf, size, "unknown");
	else if (!show->color)
		(void)snprintf(buf, size, "%s", rr_format_bytes(bytes, text));
	else
		(void)snprintf(buf, size, "%s%s\033[0m", paint[level_of(show, bytes)],
			       rr_format_bytes(bytes, text));
	return buf;
}

static void percent_words(double percent, char *buf, size_t size)
{
	if (percent < 0)
		(void)snprintf(buf, size, "unknown");
	else
		(void)snprintf(buf, size, "%.1f%%", percent);
}

static void print_temp(const struct watch *watch)
{
	char size[RR_FORMAT_SIZE];

	if (watch->temp_bytes != WATCH_UNKNOWN)
		(void)printf(", temp %s%s", watch->temp_complete ? "" : "at least ",
			     rr_format_bytes(watch->temp_bytes, size));
}

static void print_target(const struct monitor_show *show, const struct watch *watch)
{
	char cpu[RR_FORMAT_SIZE], progress[RR_FORMAT_SIZE], memory[RR_FORMAT_SIZE + 32];
	char age[RR_FORMAT_SIZE];

	percent_words(watch->cpu_percent, cpu, sizeof(cpu));
	percent_words(watch->progress_percent, progress, sizeof(progress));
	(void)printf("%s[%d] %s: stage %s, progress %s, CPU %s, memory %s, %zu process%s",
		     watch->name, (int)watch->main_pid, state_name(watch),
		     watch->stage[0] ? watch->stage : "unknown", progress, cpu,
		     painted(show, watch->memory_bytes, memory, sizeof(memory)), watch->n_processes,
		     watch->n_processes == 1 ? "" : "es");
	print_temp(watch);
	(void)printf(", age %s", rr_format_time(watch->age_ns / RR_NS_PER_S * RR_NS_PER_S, age));
}

static void print_end(const struct monitor_show *show, const struct watch *watch)
{
	char memory[RR_FORMAT_SIZE + 32], age[RR_FORMAT_SIZE];

	(void)printf("%s[%d] ended: memory peak %s, age %s", watch->name, (int)watch->main_pid,
		     painted(show, watch->memory_peak_bytes, memory, sizeof(memory)),
		     rr_format_time(watch->age_ns / RR_NS_PER_S * RR_NS_PER_S, age));
}

static void print_host(const struct status *host)
{
	const struct headroom_reading *reading = &host->reading;
	char cpu[RR_FORMAT_SIZE], memory[RR_FORMAT_SIZE], available[RR_FORMAT_SIZE];

	percent_words(host->use.value[HEADROOM_CPU], cpu, sizeof(cpu));
	percent_words(host->use.value[HEADROOM_MEMORY], memory, sizeof(memory));
	(void)printf(" | host CPU %s, memory %s", cpu, memory);
	if (reading->room.memory_known)
		(void)printf(" (%s available)",
			     rr_format_bytes(reading->room.memory_available_bytes, available));
}

static void print_line(const struct monitor_show *show, const struct watch *watch,
		       const struct status *host)
{
	time_t now = time(NULL);
	struct tm local;
	char clock[16] = "";

	if (localtime_r(&now, &local))
		(void)strftime(clock, sizeof(clock), "%H:%M:%S ", &local);
	(void)fputs(clock, stdout);
	if (watch->ended)
		print_end(show, watch);
	else
		print_target(show, watch);
	print_host(host);
	(void)puts(show->source == SOURCE_DASHBOARD ? " | from the dashboard" : "");
}

/* ---- JSON and CSV: the same fields ---- */

static json_t *host_json(const struct status *host)
{
	const struct headroom_reading *reading = &host->reading;
	json_t *one = json_object();

	show_put_percent(one, "cpu_percent", host->use.value[HEADROOM_CPU]);
	show_put_percent(one, "memory_percent", host->use.value[HEADROOM_MEMORY]);
	show_put_count(one, "memory_available_bytes",
		       reading->room.memory_known ? reading->room.memory_available_bytes
						  : SHOW_UNKNOWN);
	return one;
}

static void put_stage(json_t *one, const struct watch *watch)
{
	show_put_text(one, "stage", watch->stage[0] ? watch->stage : NULL);
	show_put_text(one, "stage_from", from_name(watch->stage_from));
	show_put_percent(one, "progress_percent", watch->progress_percent);
	show_put_text(one, "progress_from", from_name(watch->progress_from));
	show_put_text(one, "input_path", watch->input[0] ? watch->input : NULL);
}

static json_t *target_json(const struct monitor_show *show, const struct watch *watch)
{
	bool memory = watch->memory_bytes != WATCH_UNKNOWN;
	bool temp = watch->temp_bytes != WATCH_UNKNOWN;
	char time[RR_RFC3339_SIZE];
	json_t *one = json_object();

	show_put_count(one, "schema", SHOW_SCHEMA);
	show_put_text(one, "time", rr_format_wall(rr_now_wall_ns(), time));
	show_put_text(one, "name", watch->name);
	show_put_text(one, "job_id", watch->job_id[0] ? watch->job_id : NULL);
	show_put_count(one, "pid", watch->main_pid ? (uint64_t)watch->main_pid : SHOW_UNKNOWN);
	show_put_text(one, "state", state_name(watch));
	show_put_seconds(one, "age_s", watch->age_ns);
	show_put_count(one, "processes", watch->n_processes);
	show_put_count(one, "threads", watch->threads);
	show_put_percent(one, "cpu_percent", watch->cpu_percent);
	show_put_count(one, "memory_bytes", watch->memory_bytes);
	show_put_text(one, "memory_level",
		      memory ? monitor_level_name(show, watch->memory_bytes) : NULL);
	show_put_count(one, "memory_peak_bytes", watch->memory_peak_bytes);
	put_stage(one, watch);
	show_put_text(one, "temp_path", watch->temp[0] ? watch->temp : NULL);
	show_put_count(one, "temp_bytes", watch->temp_bytes);
	show_put(one, "temp_complete", temp ? json_boolean(watch->temp_complete) : json_null());
	show_put_seconds(one, "interval_s", show->interval_ns);
	show_put_text(one, "source", source_name(show));
	return one;
}

/* RFC 4180: what holds a comma, a quote or a line break stands in quotes. */
static void print_cell(const char *text)
{
	bool quoted = strpbrk(text, ",\"\r\n") != NULL;

	if (quoted)
		(void)putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			(void)putchar('"');
		(void)putchar(*text);
	}
	if (quoted)
		(void)putchar('"');
}

static void print_value(const json_t *value)
{
	if (json_is_string(value))
		print_cell(json_string_value(value));
	else if (json_is_integer(value))
		(void)printf("%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		(void)printf("%.12g", json_real_value(value));
	else if (json_is_boolean(value))
		(void)fputs(json_is_true(value) ? "true" : "false", stdout);
	/* What is not known is empty. */
}

static void print_row(json_t *flat, bool names)
{
	const char *name, *between = "";
	const json_t *value;

	/* Jansson keeps the order in which they were put in. */
	json_object_foreach(flat, name, value)
	{
		(void)fputs(between, stdout);
		if (names)
			print_cell(name);
		else
			print_value(value);
		between = ",";
	}
	(void)fputs("\r\n", stdout);
}

static void print_csv(struct monitor_show *show, json_t *target, json_t *host)
{
	const char *name;
	json_t *value;

	json_object_foreach(host, name, value)
	{
		char flat[64];

		(void)snprintf(flat, sizeof(flat), "host_%s", name);
		(void)json_object_set(target, flat, value);
	}
	if (!show->header_shown)
		print_row(target, true);
	show->header_shown = true;
	print_row(target, false);
}

int monitor_show_target(struct monitor_show *show, const struct watch *watch,
			const struct status *host, struct rr_err *err)
{
	json_t *target, *host_part;

	if (show->form == MONITOR_TEXT) {
		print_line(show, watch, host);
	} else {
		target = target_json(show, watch);
		host_part = host_json(host);
		if (show->form == MONITOR_CSV) {
			print_csv(show, target, host_part);
			json_decref(host_part);
		} else {
			show_put(target, "host", host_part);
			(void)json_dumpf(target, stdout, JSON_COMPACT | REPORT_JSON_STYLE);
			(void)putchar('\n');
		}
		json_decref(target);
	}
	/* Each line at once: somebody may be reading. */
	if (fflush(stdout) != 0)
		return rr_err_sys(err, errno, "write to stdout");
	return 0;
}
