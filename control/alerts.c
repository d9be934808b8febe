/* SPDX-License-Identifier: MIT */
/* `resrunctl alerts`: when the host ran short of something while jobs ran. */
#include "policy/alerts.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "control/arguments.h"
#include "control/context.h"
#include "control/show.h"
#include "control/times.h"
#include "control/verbs.h"

struct search {
	uint64_t since_wall_ns;
	json_t *found;
};

static uint64_t time_of(const json_t *alert)
{
	const char *text = json_string_value(json_object_get(alert, "time"));
	uint64_t wall_ns;

	return text && rr_parse_wall(text, &wall_ns) == 0 ? wall_ns : 0;
}

static int take(json_t *alert, void *arg)
{
	struct search *search = arg;

	if (time_of(alert) < search->since_wall_ns)
		return 0;
	return json_array_append(search->found, alert) < 0 ? -ENOMEM : 0;
}

static void add_row(struct libscols_table *table, const json_t *alert)
{
	char when[32] = "", value[24], threshold[24];
	time_t seconds = (time_t)(time_of(alert) / RR_NS_PER_S);
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	(void)snprintf(value, sizeof(value), "%.1f%%",
		       json_number_value(json_object_get(alert, "value")));
	(void)snprintf(threshold, sizeof(threshold), "%.1f%%",
		       json_number_value(json_object_get(alert, "threshold")));
	show_row(table, (const char *const[]){
				when, json_string_value(json_object_get(alert, "resource")),
				json_string_value(json_object_get(alert, "severity")), value,
				threshold, json_string_value(json_object_get(alert, "job_id")) });
}

static void print_table(const json_t *found)
{
	static const struct show_column columns[] = {
		{ "TIME", SHOW_LEFT },	 { "RESOURCE", SHOW_LEFT },   { "SEVERITY", SHOW_LEFT },
		{ "VALUE", SHOW_RIGHT }, { "THRESHOLD", SHOW_RIGHT }, { "SEEN BY", SHOW_LEFT },
		{ NULL, SHOW_LEFT },
	};
	show_auto_table struct libscols_table *table = show_table(columns);

	for (size_t i = 0; i < json_array_size(found); i++)
		add_row(table, json_array_get(found, i));
	show_print(table, "Alerts");
}

static int show(json_t *found, bool json, struct rr_err *err)
{
	json_t *all;

	if (!json) {
		print_table(found);
		return 0;
	}
	all = json_object();
	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put(all, "alerts", json_incref(found));
	return show_json(all, err);
}

int verb_alerts(int argc, char **argv, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	struct search search = { 0 };
	const char *since = NULL;
	bool json = false;
	const struct argument table[] = {
		{ .name = "json", .help = "print one JSON object", .flag = &json },
		{ .name = "since",
		  .value = "TIME",
		  .help = "since then: 2h (ago), 2026-01-31, 2026-01-31T12:00:00Z",
		  .text = &since },
		{ .name = NULL },
	};
	struct operands none;
	int r = arguments_parse(argc, argv, "alerts [OPTION]...", table, &none, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = arguments_at_most(&none, 0, err);
	if (r == 0 && since)
		r = times_parse("--since", since, &search.since_wall_ns, err);
	if (r == 0)
		r = context_load(NULL, &context, err);
	if (r < 0)
		return r;
	search.found = json_array();
	(void)rr_err_set(err, ENOMEM, "not enough memory for the alerts");
	r = alerts_each(context.paths.state, take, &search, err);
	if (r == 0)
		r = show(search.found, json, err);
	json_decref(search.found);
	return r;
}
