/* SPDX-License-Identifier: MIT */
/* `resrunctl logs` and `resrunctl wait`: what a detached job has written, and how a job ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/procfs.h"
#include "control/arguments.h"
#include "control/ended.h"
#include "control/job.h"
#include "control/show.h"
#include "control/verbs.h"
#include "policy/job_log.h"

#define LOOK_NS (200 * RR_NS_PER_MS) /* how often is looked for what is no event */
#define STATUS_TIMEOUT 124 /* as with resrun */
#define STATUS_LOST 125 /* nobody saw the end */

/* The job that is meant. */
struct wanted {
	struct context context;
	const char *word; /* as it was given */
	char id[LEDGER_ID_SIZE]; /* of its first try: its log's name, and what all have in common */
	pid_t pid; /* of its launcher; 0: it does not wait or run */
	uint64_t start_ticks;
};

static void wanted_free(struct wanted *wanted)
{
	context_free(&wanted->context);
}
#define wanted_auto __attribute__((cleanup(wanted_free)))

/* ---- which job ---- */

static int find_active(struct wanted *wanted, const char *word, struct rr_err *err)
{
	status_auto struct status status = { 0 };
	const struct status_job *job = NULL;
	int r = status_read_ledger(&wanted->context, &status, err);

	if (r == 0)
		r = job_find(&status, word, &job, err);
	wanted->pid = 0;
	if (r < 0 || !job)
		return r;
	(void)snprintf(wanted->id, sizeof(wanted->id), "%s",
		       ledger_first_id(&job->ticket, &job->detail));
	/* A launcher that is dead leaves nothing to wait for. */
	wanted->pid = job->state == JOB_LOST ? 0 : job->ticket.pid;
	wanted->start_ticks = job->ticket.start_ticks;
	return 0;
}

static void log_path(const struct wanted *wanted, const char *id, char path[static PATH_MAX])
{
	job_log_path(wanted->context.paths.state, id, path);
}

/* A word that is a log's own name: a detached job may not be in the ledger yet. */
static bool has_log(const struct wanted *wanted, const char *id)
{
	char path[PATH_MAX];

	log_path(wanted, id, path);
	return !strchr(id, '/') && access(path, F_OK) == 0;
}

/* Of one that has ended, or of a try that has and is not the last. */
static int find_ended(struct wanted *wanted, struct rr_err *err)
{
	json_t *record = NULL;
	const char *id;
	int r = ended_find(wanted->context.paths.state, wanted->word, true, &record, err);

	if (r == 0 && !record)
		return rr_err_set(err, ENOENT,
				  "there is no job '%s', neither active nor in the history",
				  wanted->word);
	id = ended_first_id(record);
	if (r == 0)
		(void)snprintf(wanted->id, sizeof(wanted->id), "%s", id ? id : "");
	json_decref(record);
	return r < 0 || !*wanted->id ? r : find_active(wanted, wanted->id, err);
}

/* Fills in what is known of the job. 0 or -errno with words. */
static int find_job(struct wanted *wanted, struct rr_err *err)
{
	int r = find_active(wanted, wanted->word, err);

	if (r == 0 && !*wanted->id && strlen(wanted->word) < sizeof(wanted->id) &&
	    has_log(wanted, wanted->word))
		(void)snprintf(wanted->id, sizeof(wanted->id), "%s", wanted->word);
	return r < 0 || *wanted->id ? r : find_ended(wanted, err);
}

/* The command line with one JOB, and that found. 0, ARGUMENTS_HELP, or -errno with words. */
static int parse(int argc, char **argv, const char *usage, const struct argument *table,
		 struct wanted *wanted, struct rr_err *err)
{
	struct operands jobs;
	int r = arguments_parse(argc, argv, usage, table, &jobs, err);

	if (r == 0)
		r = arguments_at_most(&jobs, 1, err);
	if (r == 0 && (jobs.n == 0 || !*jobs.v[0]))
		r = rr_err_set(err, EINVAL, "%s: which job? See resrunctl --help", argv[0]);
	if (r != 0)
		return r;
	wanted->word = jobs.v[0];
	r = context_load(NULL, &wanted->context, err);
	return r < 0 ? r : find_job(wanted, err);
}

/* ---- wait ---- */

/* A detached launcher holds its log from before its id is told until its end, also while it waits
 * between two tries. */
static bool is_detached_and_alive(const struct wanted *wanted)
{
	char path[PATH_MAX];

	log_path(wanted, wanted->id, path);
	return job_log_is_held(AT_FDCWD, path);
}

/* Sleeps until the launcher ends, or it is time for another look. */
static void sleep_on(const struct wanted *wanted)
{
	rr_autofd int pidfd = wanted->pid > 0 ? rr_pidfd_open(wanted->pid) : -1;
	struct pollfd event = { .fd = pidfd, .events = POLLIN };
	struct timespec rest = rr_timespec(LOOK_NS);

	(void)ppoll(&event, 1, &rest, NULL);
}

static int status_of_record(const json_t *record)
{
	const json_t *exit = json_object_get(record, "exit");
	const char *reason = json_string_value(json_object_get(exit, "reason"));
	const json_t *code = json_object_get(exit, "code");
	const json_t *signal = json_object_get(exit, "signal");

	if (reason && strcmp(reason, "timeout") == 0)
		return STATUS_TIMEOUT;
	if (json_is_integer(signal))
		return 128 + (int)json_integer_value(signal);
	if (json_is_integer(code))
		return (int)json_integer_value(code);
	/* While it waited: then its launcher has died of the signal that a cancel stands for. */
	return reason && strcmp(reason, "canceled") == 0 ? 128 + SIGTERM : STATUS_LOST;
}

/* Of the last try. */
static int status_at_end(const struct wanted *wanted, struct rr_err *err)
{
	json_t *record = NULL;
	int r = ended_find_last(wanted->context.paths.state, wanted->id, &record, err);

	if (r == 0)
		r = record ? status_of_record(record) : STATUS_LOST;
	json_decref(record);
	return r;
}

static int wait_for_end(struct wanted *wanted, uint64_t deadline_ns, struct rr_err *err)
{
	int r = 0;

	while (r == 0 && (wanted->pid > 0 || is_detached_and_alive(wanted))) {
		if (rr_now_boot_ns() >= deadline_ns)
			return STATUS_TIMEOUT;
		sleep_on(wanted);
		r = find_active(wanted, wanted->id, err);
	}
	return r < 0 ? r : status_at_end(wanted, err);
}

int verb_wait(int argc, char **argv, struct rr_err *err)
{
	wanted_auto struct wanted wanted = { 0 };
	const char *timeout = NULL;
	const struct argument table[] = {
		{ .name = "timeout",
		  .letter = 't',
		  .value = "TIME",
		  .help = "no longer than that; then exit 124",
		  .text = &timeout },
		{ .name = NULL },
	};
	uint64_t limit_ns = RR_TIME_INF;
	int r = parse(argc, argv, "wait [OPTION]... JOB", table, &wanted, err);

	if (r != 0)
		return r < 0 ? r : 0;
	if (timeout && rr_parse_time(timeout, &limit_ns) < 0)
		return rr_err_set(err, EINVAL,
				  "--timeout: '%s' is not a time such as 90s or 5m; see resrunctl "
				  "--help",
				  timeout);
	return wait_for_end(&wanted, rr_time_add(rr_now_boot_ns(), limit_ns), err);
}

/* ---- logs ---- */

static int copy_rest(struct job_log *log, struct rr_err *err)
{
	char block[65536];
	uint64_t lost = log->lost;
	ssize_t n;

	while ((n = job_log_read(log, block, sizeof(block))) > 0) {
		if (log->lost > lost)
			show_note("%llu bytes of the log are gone: logs_max_size",
				  (unsigned long long)(log->lost - lost));
		lost = log->lost;
		if (rr_write_all(STDOUT_FILENO, block, (size_t)n) < 0)
			return rr_err_sys(err, EIO, "write the log");
	}
	return n < 0 ? rr_err_sys(err, (int)-n, "read the log") : 0;
}

int verb_logs(int argc, char **argv, struct rr_err *err)
{
	wanted_auto struct wanted wanted = { 0 };
	bool follow = false, alive;
	const struct argument table[] = {
		{ .name = "follow",
		  .letter = 'f',
		  .help = "go on until the job has ended",
		  .flag = &follow },
		{ .name = NULL },
	};
	job_log_auto struct job_log log = { .fd = -1 };
	char path[PATH_MAX];
	int r = parse(argc, argv, "logs [OPTION]... JOB", table, &wanted, err);

	if (r != 0)
		return r < 0 ? r : 0;
	log_path(&wanted, wanted.id, path);
	r = job_log_open(path, &log);
	if (r < 0)
		return rr_err_sys(err, -r,
				  "job %s has no log '%s': only detached jobs (resrun -d) have one",
				  wanted.id, path);
	do {
		/* Asked before reading: what came until then is read. */
		alive = follow && is_detached_and_alive(&wanted);
		r = copy_rest(&log, err);
		if (alive && r == 0)
			sleep_on(&(struct wanted){ 0 });
	} while (alive && r == 0);
	return r;
}
