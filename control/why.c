/* SPDX-License-Identifier: MIT */
/*
 * `resrunctl why JOB`: each gate that a waiting job has to pass, with its number against its
 * threshold; what holds a running one; and why a finished one ended, from the history. `resrunctl
 * why -- COMMAND`: the gates of a job that is not submitted yet.
 */
#include "control/why.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "control/arguments.h"
#include "control/job.h"
#include "control/verbs.h"
#include "policy/learn_file.h"

/* Its key, and when its launcher came. */
static void ask_own_deadline(const struct context *context, const struct status_job *job,
			     const struct status *status, struct why_answer *answer)
{
	uint64_t now_ns = rr_now_boot_ns(), entered_ns = job->ticket.entered_ns;
	char key[LEARN_KEY_MAX + 1];

	estimate_key(job, key, sizeof(key));
	why_ask_deadline(context, status, key,
			 rr_now_wall_ns() - (now_ns > entered_ns ? now_ns - entered_ns : 0),
			 answer);
}

static int explain_job(const struct status_job *job, struct status *status, bool json,
		       struct rr_err *err)
{
	context_auto struct context context = { 0 };
	struct why_answer answer = { .n = 0 };
	bool own;
	int r;

	if (job->state != JOB_WAITING)
		return why_show_job(job, &answer, json, err);
	r = why_own_context(job, &context, &own, err);
	if (r == 0 && own)
		r = status_read_lane(&context, job->profile, status, err);
	if (r < 0)
		return r;
	status_read_host(&context, status);
	status->wanted_bytes = job->ticket.reserve_first ? job->ticket.memory_bytes : 0;
	why_ask(&context, job, status, own, &answer);
	if (own)
		ask_own_deadline(&context, job, status, &answer);
	return why_show_job(job, &answer, json, err);
}

/* A whole id or name of one that has ended goes before the beginning of the id of one that has
 * not. */
static int explain(const char *wanted, bool json, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	status_auto struct status status = { 0 };
	const struct status_job *job = NULL;
	bool found = false;
	int r = context_load(NULL, &context, err);

	if (r == 0)
		r = status_read_ledger(&context, &status, err);
	if (r < 0)
		return r;
	estimate_all(&context, &status);
	r = job_find(&status, wanted, &job, err);
	if (r < 0)
		return r;
	if (!job || !job_is_named(job, wanted))
		r = why_show_ended(&context, wanted, !job, json, &found, err);
	if (r < 0 || found)
		return r;
	if (job)
		return explain_job(job, &status, json, err);
	return rr_err_set(err, ENOENT, "there is no job '%s', neither active nor in the history",
			  wanted);
}

/* ---- the verb ---- */

/* The command after "--", where the options end; NULL: there is none. */
static const char *command_of(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return i + 1 < argc ? argv[i + 1] : NULL;
	return NULL;
}

int verb_why(int argc, char **argv, struct rr_err *err)
{
	struct why_future future = { 0 };
	const char *command = command_of(argc, argv);
	bool json = false;
	const struct argument table[] = {
		{ .name = "json", .help = "print one JSON object", .flag = &json },
		{ .name = "profile",
		  .letter = 'p',
		  .value = "NAME",
		  .help = "of COMMAND: the profile that it would have",
		  .text = &future.profile },
		{ .name = "key",
		  .value = "KEY",
		  .help = "of COMMAND: the key that it would have",
		  .text = &future.key },
		{ .name = "deadline",
		  .value = "TIME",
		  .help = "of COMMAND: the deadline that it would have",
		  .text = &future.deadline },
		{ .name = NULL },
	};
	struct operands words;
	int r = arguments_parse(argc, argv, "why [OPTION]... JOB, or why [OPTION]... -- COMMAND...",
				table, &words, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (command && words.v[0] != command)
		return rr_err_set(
			err, EINVAL,
			"why: a job, '%s', or a command after --, not both; see resrunctl "
			"--help",
			words.v[0]);
	if (command) {
		future.command = words.v;
		return why_explain_future(&future, json, err);
	}
	r = arguments_at_most(&words, 1, err);
	if (r == 0 && (future.profile || future.key || future.deadline))
		r = rr_err_set(err, EINVAL,
			       "why: --profile, --key and --deadline are of a command, after --; "
			       "see resrunctl --help");
	if (r == 0 && (words.n == 0 || !*words.v[0]))
		r = rr_err_set(err, EINVAL,
			       "why: which job? Give its id, or its name, or -- and a command; see "
			       "resrunctl status");
	return r < 0 ? r : explain(words.v[0], json, err);
}
