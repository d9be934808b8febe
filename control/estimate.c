/* SPDX-License-Identifier: MIT */
#include "control/estimate.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/progress.h"
#include "control/status.h"
#include "policy/learn_file.h"
#include "policy/settings_getopt.h"

#define WORDS_MAX 64 /* of a launcher's command line, before its command */
#define LINE_MAX_BYTES (64 << 10)

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

/* The key of a job that shares nothing but the ledger with us may be one of ours by chance. */
static bool is_learned_here(const struct paths *paths, const struct status_job *job)
{
	return !paths->shared || job->ticket.uid == geteuid();
}

static size_t read_runs(const struct paths *paths, const struct status_job *job,
			struct learn_run runs[static LEARN_RUNS_MAX])
{
	char key[LEARN_KEY_MAX + 1];
	struct rr_err ignored;
	size_t n;

	if (!is_learned_here(paths, job))
		return 0;
	estimate_key(job, key, sizeof(key));
	return learn_read(paths->state, key, runs, &n, &ignored) < 0 ? 0 : n;
}

void estimate_end(const struct paths *paths, const struct status_job *job, double progress_percent,
		  struct estimate *ret)
{
	struct learn_run runs[LEARN_RUNS_MAX];

	*ret = (struct estimate){ .by = ESTIMATE_NONE };
	/* Nobody knows for how long one will stand still. */
	if (job->state == JOB_RUNNING)
		estimate_make(progress_percent, job->age_ns, runs, read_runs(paths, job, runs),
			      ret);
}

void estimate_all(const struct context *context, struct status *status)
{
	for (size_t i = 0; i < status->n_jobs; i++) {
		struct status_job *job = &status->jobs[i];

		if (job->state == JOB_RUNNING)
			estimate_end(&context->paths, job,
				     said_progress(context->paths.runtime, job), &job->estimate);
	}
}

const char *estimate_words(const struct estimate *estimate, char *buf, size_t size)
{
	char left[RR_FORMAT_SIZE];

	if (!estimate_left(estimate, left))
		return NULL;
	(void)snprintf(buf, size, "%s by %s", left, estimate_by_name(estimate->by));
	return buf;
}
