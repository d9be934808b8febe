/* SPDX-License-Identifier: MIT */
#include "control/target.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "control/job.h"

#define PATTERN_SIZE 256

void targets_free(struct targets *targets)
{
	free(targets->v);
	*targets = (struct targets){ NULL, 0 };
}

int targets_append(struct targets *targets, const struct watch *watch, struct rr_err *err)
{
	if (!targets->v)
		targets->v = calloc(TARGETS_MAX, sizeof(*targets->v));
	if (!targets->v)
		return rr_err_sys(err, ENOMEM, "the targets");
	if (targets->n == TARGETS_MAX)
		return rr_err_set(err, E2BIG, "more than %d targets at once", TARGETS_MAX);
	targets->v[targets->n++] = *watch;
	return 0;
}

void targets_drop_ended(struct targets *targets)
{
	size_t kept = 0;

	for (size_t i = 0; i < targets->n; i++) {
		if (targets->v[i].ended)
			continue;
		if (kept != i)
			targets->v[kept] = targets->v[i];
		kept++;
	}
	targets->n = kept;
}

/* ---- by number, id or name ---- */

static int find_running(const struct status *status, const char *word,
			const struct status_job **ret, struct rr_err *err)
{
	int r = job_find(status, word, ret, err);

	if (r < 0)
		return r;
	if (!*ret)
		return rr_err_set(err, ESRCH, "no process and no job that runs is meant by '%s'",
				  word);
	if ((*ret)->state == JOB_WAITING)
		return rr_err_set(err, EAGAIN, "job %s waits: see resrunctl why %s",
				  (*ret)->ticket.id, (*ret)->ticket.id);
	return 0;
}

static int add_job(struct targets *targets, const struct context *context, const char *word,
		   struct rr_err *err)
{
	status_auto struct status status = { 0 };
	const struct status_job *job = NULL;
	struct watch watch;
	int r = status_read_ledger(context, &status, err);

	if (r == 0)
		r = find_running(&status, word, &job, err);
	if (r < 0)
		return r;
	watch_job(&job->ticket, &job->detail, &watch);
	return targets_append(targets, &watch, err);
}

int targets_add_jobs(struct targets *targets, const struct context *context, struct rr_err *err)
{
	status_auto struct status status = { 0 };
	struct watch watch;
	int r = status_read_ledger(context, &status, err);

	for (size_t i = 0; r == 0 && i < status.n_jobs && targets->n < TARGETS_MAX; i++) {
		const struct status_job *job = &status.jobs[i];

		if (status_is_waiting(job) || job->state == JOB_LOST)
			continue;
		watch_job(&job->ticket, &job->detail, &watch);
		r = targets_append(targets, &watch, err);
	}
	return r;
}

int targets_add(struct targets *targets, const struct scene *scene, const struct context *context,
		const char *word, struct rr_err *err)
{
	struct watch watch;
	uint64_t pid;
	int r;

	if (rr_parse_u64(word, &pid) < 0 || pid == 0 || pid > INT32_MAX)
		return add_job(targets, context, word, err);
	r = watch_process(scene, (pid_t)pid, &watch, err);
	return r < 0 ? r : targets_append(targets, &watch, err);
}

/* ---- by pattern ---- */

static bool fits(const char *patterns, const char *name)
{
	char pattern[PATTERN_SIZE];

	for (const char *at = patterns; *name && *at; at += strspn(at, ",")) {
		size_t length = strcspn(at, ",");

		(void)snprintf(pattern, sizeof(pattern), "%.*s", (int)length, at);
		if (fnmatch(pattern, name, 0) == 0)
			return true;
		at += length;
	}
	return false;
}

/* By the name that it has, the one it was called by, or that of the script which it runs. */
static bool matches(const struct process *process, const char *patterns)
{
	char path[64], words[4096];
	const char *script;
	ssize_t n;

	if (fits(patterns, process->name))
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)process->pid);
	n = rr_read_at(AT_FDCWD, path, words, sizeof(words));
	if (n <= 0)
		return false;
	if (fits(patterns, rr_base_name(words)))
		return true;
	script = words + strlen(words) + 1;
	return script < words + n && strchr(script, '/') && fits(patterns, rr_base_name(script));
}

/* Ourselves, and the shell line that has our pattern in it. */
static bool called_us(const struct scene *scene, pid_t pid)
{
	const struct process *at = processes_find(&scene->now, getpid());

	for (size_t i = 0; at && i < scene->now.n; i++) {
		if (at->pid == pid)
			return true;
		at = processes_find(&scene->now, at->parent);
	}
	return false;
}

static bool is_below_match(const struct scene *scene, const bool *matching,
			   const struct process *process)
{
	const struct process *at = processes_find(&scene->now, process->parent);

	for (size_t i = 0; at && i < scene->now.n; i++) {
		if (matching[at - scene->now.v])
			return true;
		at = processes_find(&scene->now, at->parent);
	}
	return false;
}

static bool is_watched(const struct targets *targets, const struct process *process)
{
	for (size_t i = 0; i < targets->n; i++)
		if (targets->v[i].root == process->pid &&
		    targets->v[i].root_ticks == process->start_ticks)
			return true;
	return false;
}

int targets_add_matches(struct targets *targets, const struct scene *scene, const char *patterns,
			struct rr_err *err)
{
	size_t n = scene->now.n;
	rr_autofree bool *matching = calloc(n + 1, sizeof(*matching));
	struct watch watch;
	int r = 0;

	if (!matching)
		return rr_err_sys(err, ENOMEM, "the targets");
	for (size_t i = 0; i < n; i++)
		matching[i] = scene->now.v[i].state != 'Z' && matches(&scene->now.v[i], patterns) &&
			      !called_us(scene, scene->now.v[i].pid);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct process *process = &scene->now.v[i];

		if (!matching[i] || is_watched(targets, process) ||
		    is_below_match(scene, matching, process))
			continue;
		r = watch_process(scene, process->pid, &watch, err);
		if (r == 0)
			r = targets_append(targets, &watch, err);
	}
	return r;
}

/* ---- of those that somebody else found ---- */

static bool is_one_of(const struct watch *watch, int n_words, char *const *words)
{
	for (int i = 0; i < n_words; i++) {
		uint64_t pid;

		if (strcmp(watch->name, words[i]) == 0 ||
		    strncmp(watch->job_id, words[i], strlen(words[i])) == 0 ||
		    (rr_parse_u64(words[i], &pid) == 0 && pid == (uint64_t)watch->main_pid))
			return true;
	}
	return false;
}

void targets_keep(struct targets *targets, int n_words, char *const *words, const char *patterns)
{
	size_t kept = 0;

	for (size_t i = 0; i < targets->n; i++) {
		const struct watch *watch = &targets->v[i];
		bool wanted = (n_words == 0 && !patterns) || is_one_of(watch, n_words, words) ||
			      (patterns && fits(patterns, watch->name));

		if (!wanted)
			continue;
		if (kept != i)
			targets->v[kept] = targets->v[i];
		kept++;
	}
	targets->n = kept;
}
