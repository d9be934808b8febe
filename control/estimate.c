/* SPDX-License-Identifier: MIT */
#include "control/estimate.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/progress.h"
#include "control/status.h"
#include "policy/learn_file.h"
#include "policy/settings_getopt.h"

#define WORDS_MAX 64 /* of a launcher's command line, before its command */
#define LINE_MAX_BYTES (64 << 10)
#define COARSE_NS (10 * RR_NS_PER_S) /* from there on tenths of a second are noise */

/* ---- the key ---- */

/* What --key says among the launcher's words, and its command; NULL: not there. */
static void read_words(int argc, char **argv, const char **ret_key, const char **ret_command)
{
	struct settings_getopt tables;
	int option;

	settings_getopt(&tables);
	opterr = 0;
	optind = 0; /* glibc: start anew */
	while ((option = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1)
		if (settings_getopt_find(option) == SET_KEY)
			*ret_key = optarg;
	if (optind < argc)
		*ret_command = argv[optind];
}

/* The ledger does not hold the key: the launcher's command line does, where it is not the usual. */
void estimate_key(const struct status_job *job, char *buf, size_t size)
{
	char path[64], program[LEDGER_COMMAND_SIZE];
	rr_autofree char *text = NULL;
	const char *key = NULL, *command = program;
	char *argv[WORDS_MAX + 1];
	size_t length = 0;
	int argc = 0;

	(void)snprintf(program, sizeof(program), "%s", job->detail.command);
	program[strcspn(program, " ")] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", job->ticket.pid);
	rr_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && rr_read_whole(fd, LINE_MAX_BYTES, &text, &length) == 0)
		for (size_t at = 0; at < length && argc < WORDS_MAX; at += strlen(text + at) + 1)
			argv[argc++] = text + at;
	argv[argc] = NULL;
	if (argc > 0)
		read_words(argc, argv, &key, &command);
	if (key)
		(void)snprintf(buf, size, "%s", key);
	else
		learn_usual_key(job->profile, command, buf, size);
}

/* ---- the estimate ---- */

/* What the job itself says, in the file that RESRUN_STATUS names. */
static double said_progress(const char *runtime_dir, const struct status_job *job)
{
	struct progress said;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.4000s/status/%s", runtime_dir, job->ticket.id);
	return progress_read(path, job->ticket.uid, &said) == 0 ? said.percent : PROGRESS_UNKNOWN;
}

static void ask_history(const char *state_dir, const struct status_job *job, struct estimate *ret)
{
	struct learn_run runs[LEARN_RUNS_MAX];
	char key[LEARN_KEY_MAX + 1];
	struct learn_left left;
	struct rr_err ignored;
	size_t n;

	estimate_key(job, key, sizeof(key));
	if (learn_read(state_dir, key, runs, &n, &ignored) < 0 ||
	    !learn_left(runs, n, job->age_ns, &left))
		return;
	*ret = (struct estimate){ ESTIMATE_HISTORY, left.likely_ns, left.late_ns, left.usual_ns,
				  left.longer };
}

void estimate_end(const char *state_dir, const struct status_job *job, double progress_percent,
		  struct estimate *ret)
{
	uint64_t left_ns = progress_left(progress_percent, job->age_ns);

	*ret = (struct estimate){ .by = ESTIMATE_NONE };
	/* Nobody knows for how long one will stand still. */
	if (job->state != JOB_RUNNING)
		return;
	if (left_ns == UINT64_MAX)
		ask_history(state_dir, job, ret);
	else
		*ret = (struct estimate){ .by = ESTIMATE_PROGRESS, .left_ns = left_ns };
}

void estimate_all(const struct context *context, struct status *status)
{
	for (size_t i = 0; i < status->n_jobs; i++) {
		struct status_job *job = &status->jobs[i];

		if (job->state == JOB_RUNNING)
			estimate_end(context->paths.state, job,
				     said_progress(context->paths.runtime, job), &job->estimate);
	}
}

const char *estimate_by_name(enum estimate_by by)
{
	static const char *const names[] = { NULL, "progress", "history" };

	return names[by];
}

const char *estimate_words(const struct estimate *estimate, char *buf, size_t size)
{
	uint64_t left_ns = estimate->left_ns;
	char left[RR_FORMAT_SIZE];

	if (estimate->by == ESTIMATE_NONE)
		return NULL;
	if (left_ns >= COARSE_NS)
		left_ns -= left_ns % RR_NS_PER_S;
	if (estimate->by == ESTIMATE_HISTORY && estimate->longer == 0)
		(void)snprintf(left, sizeof(left), "overdue");
	else
		(void)rr_format_time(left_ns, left);
	(void)snprintf(buf, size, "%s by %s", left, estimate_by_name(estimate->by));
	return buf;
}
