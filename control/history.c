/* SPDX-License-Identifier: MIT */
/* `resrunctl history`: the records as they were written, or a table of them. */
#include "policy/history.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/parse.h"
#include "control/arguments.h"
#include "control/context.h"
#include "control/show.h"
#include "control/verbs.h"

#define LAST_MAX 100000000 /* -n: more than any history has */

/* Which records are wanted, and those found: with a limit a ring, whose oldest is at `next`. */
struct search {
	uint64_t since_wall_ns;
	bool failed;
	const char *key, *name;
	uint64_t limit; /* 0: all */
	json_t *found;
	size_t next;
};

/* ---- reading a record ---- */

static const char *text_of(const json_t *record, const char *name)
{
	return json_string_value(json_object_get(record, name));
}

static const json_t *part_of(const json_t *record, const char *part, const char *name)
{
	return json_object_get(json_object_get(record, part), name);
}

/* When it was over; a job that never ran was over when it was refused, soon after it came. */
static uint64_t ended_at(const json_t *record)
{
	const char *text = text_of(record, "ended_at");
	uint64_t wall_ns;

	if (!text)
		text = text_of(record, "submitted_at");
	return text && rr_parse_wall(text, &wall_ns) == 0 ? wall_ns : 0;
}

static bool has_failed(const json_t *record)
{
	const char *reason = json_string_value(part_of(record, "exit", "reason"));

	return !reason || strcmp(reason, "exited") != 0 ||
	       json_integer_value(part_of(record, "exit", "code")) != 0;
}

static bool is_text(const json_t *record, const char *name, const char *wanted)
{
	const char *text = text_of(record, name);

	return !wanted || (text && strcmp(text, wanted) == 0);
}

/* ---- searching ---- */

static int take_record(json_t *record, void *arg)
{
	struct search *search = arg;

	if ((search->failed && !has_failed(record)) || !is_text(record, "key", search->key) ||
	    !is_text(record, "name", search->name) || ended_at(record) < search->since_wall_ns)
		return 0;
	if (search->limit == 0 || json_array_size(search->found) < search->limit)
		return json_array_append(search->found, record) < 0 ? -ENOMEM : 0;
	if (json_array_set(search->found, search->next, record) < 0)
		return -ENOMEM;
	search->next = (search->next + 1) % search->limit;
	return 0;
}

/* The i-th found, oldest first. */
static json_t *found_at(const struct search *search, size_t i)
{
	return json_array_get(search->found, (search->next + i) % json_array_size(search->found));
}

/* ---- showing ---- */

static int print_json(const struct search *search, struct rr_err *err)
{
	json_t *all = json_object(), *records = json_array();

	for (size_t i = 0; i < json_array_size(search->found); i++)
		(void)json_array_append(records, found_at(search, i));
	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put(all, "records", records);
	return show_json(all, err);
}

static const char *time_words(const json_t *record, char *buf, size_t size)
{
	time_t seconds = (time_t)(ended_at(record) / RR_NS_PER_S);
	struct tm tm;

	if (seconds == 0 || !localtime_r(&seconds, &tm) ||
	    strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		*buf = '\0';
	return buf;
}

static const char *status_words(const json_t *record, char *buf, size_t size)
{
	const char *reason = json_string_value(part_of(record, "exit", "reason"));
	const json_t *code = part_of(record, "exit", "code");
	const json_t *signal = part_of(record, "exit", "signal");

	if (reason && strcmp(reason, "signaled") == 0 && json_is_integer(signal))
		(void)snprintf(buf, size, "signaled %d", (int)json_integer_value(signal));
	else if (reason && strcmp(reason, "exited") == 0 && json_is_integer(code))
		(void)snprintf(buf, size, "exited %d", (int)json_integer_value(code));
	else
		(void)snprintf(buf, size, "%s", reason ? reason : "");
	return buf;
}

static const char *seconds_words(const json_t *seconds, char buf[static RR_FORMAT_SIZE])
{
	*buf = '\0';
	if (json_is_number(seconds) && json_number_value(seconds) >= 0)
		(void)rr_format_time((uint64_t)(json_number_value(seconds) * RR_NS_PER_S), buf);
	return buf;
}

static const char *bytes_words(const json_t *bytes, char buf[static RR_FORMAT_SIZE])
{
	*buf = '\0';
	if (json_is_integer(bytes) && json_integer_value(bytes) >= 0)
		(void)rr_format_bytes((uint64_t)json_integer_value(bytes), buf);
	return buf;
}

static void add_row(struct libscols_table *table, const json_t *record)
{
	char ended[32], status[48], wall[RR_FORMAT_SIZE], cpu[RR_FORMAT_SIZE];
	char needed[RR_FORMAT_SIZE], peak[RR_FORMAT_SIZE], waited[RR_FORMAT_SIZE];
	const char *name = text_of(record, "name");

	show_row(table,
		 (const char *const[]){
			 time_words(record, ended, sizeof(ended)), text_of(record, "job_id"),
			 name ? name : text_of(record, "key"),
			 status_words(record, status, sizeof(status)),
			 seconds_words(part_of(record, "usage", "wall_s"), wall),
			 seconds_words(part_of(record, "usage", "cpu_s"), cpu),
			 bytes_words(part_of(record, "usage", "memory_working_peak_bytes"), needed),
			 bytes_words(part_of(record, "usage", "memory_peak_bytes"), peak),
			 seconds_words(json_object_get(record, "waited_s"), waited),
			 text_of(record, "placement") });
}

static void print_table(const struct search *search)
{
	static const struct show_column columns[] = {
		{ "ENDED", SHOW_LEFT },	    { "ID", SHOW_LEFT },    { "NAME/KEY", SHOW_LEFT },
		{ "STATUS", SHOW_LEFT },    { "WALL", SHOW_RIGHT }, { "CPU", SHOW_RIGHT },
		{ "NEEDED", SHOW_RIGHT },   { "PEAK", SHOW_RIGHT }, { "WAITED", SHOW_RIGHT },
		{ "PLACEMENT", SHOW_LEFT }, { NULL, SHOW_LEFT },
	};
	show_auto_table struct libscols_table *table = show_table(columns);

	for (size_t i = 0; i < json_array_size(search->found); i++)
		add_row(table, found_at(search, i));
	show_print(table, "Runs");
}

/* ---- the verb ---- */

/* "2h" ago, "2026-01-31" or "2026-01-31T12:00:00Z". */
static int parse_since(const char *text, uint64_t *ret_wall_ns, struct rr_err *err)
{
	uint64_t ago_ns, now_ns = rr_now_wall_ns();
	char midnight[RR_RFC3339_SIZE];

	if (rr_parse_time(text, &ago_ns) == 0) {
		*ret_wall_ns = now_ns > ago_ns ? now_ns - ago_ns : 0;
		return 0;
	}
	(void)snprintf(midnight, sizeof(midnight), "%.15sT00:00:00Z", text);
	if (rr_parse_wall(text, ret_wall_ns) == 0 || rr_parse_wall(midnight, ret_wall_ns) == 0)
		return 0;
	return rr_err_set(err, EINVAL,
			  "--since: '%s' is neither a length of time such as 2h or 7d, nor a "
			  "moment such as 2026-01-31 or 2026-01-31T12:00:00Z; see resrunctl --help",
			  text);
}

static int parse_last(const char *text, uint64_t *ret, struct rr_err *err)
{
	uint64_t n;

	if (rr_parse_u64(text, &n) < 0 || n == 0 || n > LAST_MAX)
		return rr_err_set(err, EINVAL,
				  "--last: '%s' is not a number from 1 on; see resrunctl --help",
				  text);
	*ret = n;
	return 0;
}

/* What was given, as numbers; NULL was not. */
static int parse_values(const char *since, const char *last, struct search *search,
			struct rr_err *err)
{
	int r = since ? parse_since(since, &search->since_wall_ns, err) : 0;

	return r == 0 && last ? parse_last(last, &search->limit, err) : r;
}

/* The command line. 0, ARGUMENTS_HELP, or -errno with words. */
static int parse(int argc, char **argv, struct search *search, bool *ret_json, struct rr_err *err)
{
	const char *since = NULL, *last = NULL;
	const struct argument table[] = {
		{ .name = "json", .help = "print one JSON object", .flag = ret_json },
		{ .name = "since",
		  .value = "TIME",
		  .help = "ended since then: 2h (ago), 2026-01-31, 2026-01-31T12:00:00Z",
		  .text = &since },
		{ .name = "failed", .help = "only what did not exit 0", .flag = &search->failed },
		{ .name = "key", .value = "KEY", .help = "of this key", .text = &search->key },
		{ .name = "name", .value = "NAME", .help = "of this name", .text = &search->name },
		{ .name = "last",
		  .letter = 'n',
		  .value = "N",
		  .help = "only the last N of them",
		  .text = &last },
		{ .name = NULL },
	};
	struct operands none;
	int r = arguments_parse(argc, argv, "history [OPTION]...", table, &none, err);

	if (r == 0)
		r = arguments_at_most(&none, 0, err);
	if (r == 0)
		r = parse_values(since, last, search, err);
	return r;
}

static int search_and_show(struct search *search, bool json, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	size_t torn;
	int r = context_load(NULL, &context, err);

	if (r < 0)
		return r;
	(void)rr_err_set(err, ENOMEM, "not enough memory for the history");
	r = history_each(context.paths.state, take_record, search, &torn, err);
	if (r < 0)
		return r;
	if (torn > 0)
		show_note("%zu damaged line%s in the history '%s/history' passed over", torn,
			  torn == 1 ? "" : "s", context.paths.state);
	if (json)
		return print_json(search, err);
	print_table(search);
	return 0;
}

int verb_history(int argc, char **argv, struct rr_err *err)
{
	struct search search = { 0 };
	bool json = false;
	int r = parse(argc, argv, &search, &json, err);

	if (r != 0)
		return r < 0 ? r : 0;
	search.found = json_array();
	r = search_and_show(&search, json, err);
	json_decref(search.found);
	return r;
}
