/* SPDX-License-Identifier: MIT */
/* resrunctl: everything one looks at or steers with. This file only knows the names of verbs. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/version.h"
#include "control/arguments.h"
#include "control/show.h"
#include "control/verbs.h"

#define STATUS_FAILED 125 /* our own failure or wrong usage, as with resrun */

const struct verb all_verbs[] = {
	{ "status", verb_status, "the host, what runs, what waits, and the rate windows" },
	{ "top", verb_top, "the same, live on a terminal" },
	{ "monitor", verb_monitor, "follow processes: use, stage and progress" },
	{ "history", verb_history, "the runs of the past" },
	{ "why", verb_why, "what a job waits for, or why it ended" },
	{ "logs", verb_logs, "what a detached job has written" },
	{ "wait", verb_wait, "wait for a job's end, and exit with its status" },
	{ "sweep", verb_sweep, "remove what is old from the directories of sweep_dirs" },
	{ "audit", verb_audit, "what killed runs left behind; --fix mends it" },
	{ "cancel", verb_cancel,
	  "ask a job to end, and kill it when it does not; again: kill it now" },
	{ "pause", verb_pause, "let a running job stand still; it keeps its slot and what it has" },
	{ "resume", verb_resume, "let a paused job go on" },
	{ "set", verb_set,
	  "change the limits of a running job, or the priority of one that waits" },
	{ "stats", verb_stats, "what the runs of each key needed, and what the next will need" },
	{ "alerts", verb_alerts, "when the host ran short of something, and when it recovered" },
	{ "threads", verb_threads, "how many workers fit now, by CPUs and memory that are free" },
	{ "metrics", verb_metrics, "all of it as numbers for Prometheus" },
	{ "idle", verb_idle, "whether nothing has run or waited for so long, as its exit status" },
	{ "replay", verb_replay, "what the learner would have made of a trace of tasks" },
	{ "doctor", verb_doctor, "what this host allows, why not more, and what would allow it" },
	{ "config", verb_config, "show, check or write the configuration" },
	{ "complete", verb_complete, NULL },
	{ .name = NULL },
};

static void print_help(void)
{
	(void)puts("Usage: resrunctl VERB [OPTION]...\nLook at resrun's jobs, and steer them.\n");
	for (const struct verb *verb = all_verbs; verb->name; verb++)
		if (verb->help)
			(void)printf("  %-9s %s\n", verb->name, verb->help);
	(void)puts(
		"\n`resrunctl VERB --help` tells the verb's options; --version the version.\n\n"
		"Exit status: 0; 1 when doctor or audit found something, sweep could not do all, "
		"a job was not\n"
		"changed as asked, or it is not idle; 75 when another sweep or audit is at work; "
		"125 when "
		"resrunctl failed\n"
		"or was misused.");
}

/* The options before the verb. 0 and *ret_verb, ARGUMENTS_HELP when all is said, or -errno. */
static int parse_front(int argc, char **argv, int *ret_verb, struct rr_err *err)
{
	bool version = false;
	const struct argument table[] = {
		{ .name = "version", .help = "print the version and exit", .flag = &version },
		{ .name = NULL },
	};
	struct operands none;
	int front = 1, r;

	while (front < argc && argv[front][0] == '-')
		front++;
	r = arguments_parse(front, argv, NULL, table, &none, err);
	if (r == ARGUMENTS_HELP)
		print_help();
	if (r == 0 && version) {
		(void)printf("resrunctl %s\n", RESRUN_VERSION);
		return ARGUMENTS_HELP;
	}
	*ret_verb = front;
	return r;
}

static int run(int argc, char **argv, struct rr_err *err)
{
	int at, r = parse_front(argc, argv, &at, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (at == argc)
		return rr_err_set(err, EINVAL, "no verb is given; see resrunctl --help");
	for (const struct verb *verb = all_verbs; verb->name; verb++)
		if (strcmp(verb->name, argv[at]) == 0)
			return verb->run(argc - at, argv + at, err);
	return rr_err_set(err, EINVAL, "'%s' is not a verb; see resrunctl --help", argv[at]);
}

int main(int argc, char **argv)
{
	struct rr_err err = { "no descriptors to be had" };
	int r = rr_fd_fill_standard();

	/* For the width of names on the screen; numbers keep their point. */
	(void)setlocale(LC_CTYPE, "");
	if (r == 0)
		r = run(argc, argv, &err);
	if (fflush(stdout) != 0 && r >= 0)
		r = rr_err_sys(&err, errno, "write to stdout");
	if (r < 0)
		show_note("%s", err.text);
	return r < 0 ? STATUS_FAILED : r;
}
