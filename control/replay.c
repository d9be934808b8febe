/* SPDX-License-Identifier: MIT */
/* `resrunctl replay FILE.csv...`: what the learner would have made of a trace, beside other rules.
 */
#include "control/replay.h"

#include <errno.h>
#include <stdio.h>

#include "control/arguments.h"
#include "control/show.h"
#include "control/verbs.h"

static void print_table(const struct replay_cost costs[static REPLAY_RULES_N])
{
	struct show_column columns[] = {
		{ "RULE", SHOW_LEFT },	    { "TASKS", SHOW_RIGHT },
		{ "FAILED", SHOW_RIGHT },   { "", SHOW_RIGHT },
		{ "RETRIES", SHOW_RIGHT },  { "TOO MUCH GBh", SHOW_RIGHT },
		{ "LOST GBh", SHOW_RIGHT }, { "WASTE GBh", SHOW_RIGHT },
		{ "", SHOW_LEFT },	    { NULL, SHOW_LEFT },
	};
	show_auto_table struct libscols_table *table = NULL;

	/* The rule in words. */
	if (show_is_narrow())
		columns[sizeof(columns) / sizeof(columns[0]) - 2].name = NULL;
	table = show_table(columns);

	for (size_t i = 0; i < REPLAY_RULES_N; i++) {
		const struct replay_cost *cost = &costs[i];
		char tasks[24], failed[24], share[16], retries[24], over[24], lost[24], waste[24];

		(void)snprintf(tasks, sizeof(tasks), "%zu", cost->tasks);
		(void)snprintf(failed, sizeof(failed), "%zu", cost->failed);
		(void)snprintf(share, sizeof(share), "%.2f%%",
			       cost->tasks ? 100.0 * (double)cost->failed / (double)cost->tasks
					   : 0.0);
		(void)snprintf(retries, sizeof(retries), "%zu", cost->retries);
		(void)snprintf(over, sizeof(over), "%.1f", cost->over_gbh);
		(void)snprintf(lost, sizeof(lost), "%.1f", cost->waste_gbh - cost->over_gbh);
		(void)snprintf(waste, sizeof(waste), "%.1f", cost->waste_gbh);
		show_row(table,
			 (const char *const[]){ replay_rule_name(i), tasks, failed, share, retries,
						over, lost, waste, replay_rule_words(i) });
	}
	show_print(table, "Memory for the tasks of the trace");
}

static int print_json(const struct replay_cost costs[static REPLAY_RULES_N], struct rr_err *err)
{
	json_t *list = json_array();

	for (size_t i = 0; i < REPLAY_RULES_N; i++) {
		json_t *one = json_object();

		show_put_text(one, "rule", replay_rule_name(i));
		show_put_count(one, "tasks", costs[i].tasks);
		show_put_count(one, "failed", costs[i].failed);
		show_put_count(one, "retries", costs[i].retries);
		show_put(one, "waste_gbh", json_real(costs[i].waste_gbh));
		show_put(one, "over_gbh", json_real(costs[i].over_gbh));
		(void)json_array_append_new(list, one);
	}
	return show_json(list, err);
}

/* Each file is a world of its own: what one taught is unknown in the next. */
static int replay_file(const char *path, struct replay_cost costs[static REPLAY_RULES_N],
		       struct rr_err *err)
{
	struct trace trace = { 0 };
	int r = trace_read(path, &trace, err);

	for (size_t i = 0; i < REPLAY_RULES_N && r == 0; i++) {
		struct replay_cost cost = { 0 };

		r = replay_run(&trace, i, &cost, err);
		costs[i].tasks += cost.tasks;
		costs[i].failed += cost.failed;
		costs[i].retries += cost.retries;
		costs[i].waste_gbh += cost.waste_gbh;
		costs[i].over_gbh += cost.over_gbh;
	}
	trace_free(&trace);
	return r;
}

int verb_replay(int argc, char **argv, struct rr_err *err)
{
	struct replay_cost costs[REPLAY_RULES_N] = { 0 };
	bool json = false;
	const struct argument table[] = {
		{ .name = "json", .help = "print a JSON list", .flag = &json },
		{ .name = NULL },
	};
	struct operands files;
	int r = arguments_parse(argc, argv, "replay [OPTION]... FILE.csv...", table, &files, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (files.n == 0)
		return rr_err_set(err, EINVAL,
				  "replay: which trace? Give a CSV file with the "
				  "columns process, status, submit, memory, peak_rss, "
				  "realtime and rchar");
	for (int i = 0; i < files.n && r == 0; i++)
		r = replay_file(files.v[i], costs, err);
	if (r < 0)
		return r;
	if (json)
		return print_json(costs, err);
	print_table(costs);
	return 0;
}
