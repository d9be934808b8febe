/* SPDX-License-Identifier: MIT */
#include "control/history_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "control/show.h"

#define RECENT_NS (180 * 86400 * RR_NS_PER_S)

struct history_output {
	enum history_format format;
	struct index *index;
	struct libscols_table *table;
	size_t shown, damaged;
};

/* ---- in words ---- */

/* In local time; as ls does it where there is no room for all. */
static const char *time_words(uint64_t wall_ns, char *buf, size_t size)
{
	time_t seconds = (time_t)(wall_ns / RR_NS_PER_S);
	struct tm tm;
	size_t n;

	*buf = '\0';
	if (seconds == 0 || !localtime_r(&seconds, &tm))
		return buf;
	if (!show_is_narrow())
		n = strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm);
	else if (wall_ns + RECENT_NS > rr_now_wall_ns())
		n = strftime(buf, size, "%m-%d %H:%M", &tm);
	else
		n = strftime(buf, size, "%Y-%m-%d", &tm);
	return n > 0 ? buf : "";
}

static const char *status_words(const struct index_run *run, char *buf, size_t size)
{
	if (run->reason && strcmp(run->reason, "signaled") == 0 && run->signal >= 0)
		(void)snprintf(buf, size, "signaled %d", (int)run->signal);
	else if (run->reason && strcmp(run->reason, "exited") == 0 && run->code >= 0)
		(void)snprintf(buf, size, "exited %d", (int)run->code);
	else
		(void)snprintf(buf, size, "%s", run->reason ? run->reason : "");
	return buf;
}

static const char *seconds_words(double seconds, char buf[static RR_FORMAT_SIZE])
{
	*buf = '\0';
	if (seconds >= 0)
		(void)rr_format_time((uint64_t)(seconds * RR_NS_PER_S), buf);
	return buf;
}

static const char *bytes_words(int64_t bytes, char buf[static RR_FORMAT_SIZE])
{
	*buf = '\0';
	if (bytes >= 0)
		(void)rr_format_bytes((uint64_t)bytes, buf);
	return buf;
}

/* ---- the formats ---- */

/* On a narrow terminal without the peak and the placement. */
static void add_row(struct libscols_table *table, const struct index_run *run)
{
	char ended[32], status[48], wall[RR_FORMAT_SIZE], cpu[RR_FORMAT_SIZE];
	char needed[RR_FORMAT_SIZE], peak[RR_FORMAT_SIZE], waited[RR_FORMAT_SIZE];

	const char *const cells[] = {
		time_words(run->ended_wall_ns, ended, sizeof(ended)),
		run->job_id,
		run->name ? run->name : run->key,
		status_words(run, status, sizeof(status)),
		seconds_words(run->wall_s, wall),
		seconds_words(run->cpu_s, cpu),
		bytes_words(run->needed_bytes, needed),
		seconds_words(run->waited_s, waited),
		bytes_words(run->peak_bytes, peak),
		run->placement,
	};

	show_row(table, cells);
}

/* Quoted where it has to be (RFC 4180); NULL is empty. */
static void put_field(const char *text)
{
	text = text ? text : "";
	if (!text[strcspn(text, ",\"\r\n")]) {
		(void)fputs(text, stdout);
		return;
	}
	(void)putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			(void)putchar('"');
		(void)putchar(*text);
	}
	(void)putchar('"');
}

static void put_whole(int64_t value)
{
	(void)putchar(',');
	if (value >= 0)
		(void)printf("%" PRId64, value);
}

static void put_seconds(double value)
{
	(void)putchar(',');
	if (value >= 0)
		(void)printf("%.12g", value);
}

static void put_line(const struct index_run *run)
{
	const char *const texts[] = { run->job_id,  run->name,	    run->key,
				      run->profile, run->placement, run->reason };
	char ended[RR_RFC3339_SIZE];

	(void)fputs(run->ended_wall_ns ? rr_format_wall(run->ended_wall_ns, ended) : "", stdout);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		(void)putchar(',');
		put_field(texts[i]);
	}
	put_whole(run->code);
	put_whole(run->signal);
	put_seconds(run->wall_s);
	put_seconds(run->cpu_s);
	put_seconds(run->waited_s);
	put_whole(run->needed_bytes);
	put_whole(run->peak_bytes);
	(void)putchar('\n');
}

/* As it was written, on a line of its own. */
static void put_record(struct history_output *output, const struct index_run *run)
{
	rr_autofree char *text = index_text(output->index, run);

	if (!text) {
		output->damaged++;
		return;
	}
	(void)printf("%s\n    %s", output->shown ? "," : "", text);
	output->shown++;
}

/* ---- from the first to the last ---- */

static struct libscols_table *make_table(void)
{
	static const struct show_column wide[] = {
		{ "ENDED", SHOW_LEFT },	   { "ID", SHOW_LEFT },	     { "NAME/KEY", SHOW_CUT },
		{ "STATUS", SHOW_LEFT },   { "WALL", SHOW_RIGHT },   { "CPU", SHOW_RIGHT },
		{ "NEEDED", SHOW_RIGHT },  { "WAITED", SHOW_RIGHT }, { "PEAK", SHOW_RIGHT },
		{ "PLACEMENT", SHOW_CUT }, { NULL, SHOW_LEFT },
	};
	static const struct show_column narrow[] = {
		{ "ENDED", SHOW_LEFT },	  { "ID", SHOW_LEFT },	    { "NAME/KEY", SHOW_CUT },
		{ "STATUS", SHOW_LEFT },  { "WALL", SHOW_RIGHT },   { "CPU", SHOW_RIGHT },
		{ "NEEDED", SHOW_RIGHT }, { "WAITED", SHOW_RIGHT }, { NULL, SHOW_LEFT },
	};

	return show_table(show_is_narrow() ? narrow : wide);
}

struct history_output *history_output_begin(enum history_format format, struct index *index)
{
	struct history_output *output = calloc(1, sizeof(*output));

	if (!output)
		return NULL;
	output->format = format;
	output->index = index;
	if (format == HISTORY_TABLE)
		output->table = make_table();
	if (format == HISTORY_CSV)
		(void)puts("ended_at,job_id,name,key,profile,placement,reason,code,signal,wall_s,"
			   "cpu_s,waited_s,memory_working_peak_bytes,memory_peak_bytes");
	if (format == HISTORY_JSON)
		(void)printf("{\n  \"schema\": %d,\n  \"records\": [", SHOW_SCHEMA);
	return output;
}

int history_output_run(const struct index_run *run, void *arg)
{
	struct history_output *output = arg;

	if (output->format == HISTORY_TABLE)
		add_row(output->table, run);
	else if (output->format == HISTORY_CSV)
		put_line(run);
	else
		put_record(output, run);
	return 0;
}

size_t history_output_end(struct history_output *output)
{
	size_t damaged = output->damaged;

	if (output->format == HISTORY_TABLE)
		show_print(output->table, "Runs");
	if (output->format == HISTORY_JSON)
		(void)printf("%s]\n}\n", output->shown ? "\n  " : "");
	show_table_done(&output->table);
	free(output);
	return damaged;
}
