/* SPDX-License-Identifier: MIT */
/*
 * `resrunctl cancel|pause|resume JOB...` and `resrunctl set JOB... KEY=VALUE...`: asks the jobs'
 * launchers, which alone change them (policy/steer.h), and tells what they answer.
 */
#include "control/steer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/message.h"
#include "base/procfs.h"
#include "control/arguments.h"
#include "control/context.h"
#include "control/job.h"
#include "control/show.h"
#include "control/verbs.h"

#define ANSWER_NS                                                                                  \
	(10 * RR_NS_PER_S) /* a launcher that lives, and does not run a hook, needs ms             \
			    */
#define UNSEEN_NS (200 * RR_NS_PER_MS) /* how often one looks after what cannot be watched */
#define JOBS_MAX 256 /* named in one command */

/* ---- one job ---- */

/* What no message can change. 0 or -errno with words. */
static int may_ask(const struct status_job *job, struct rr_err *err)
{
	const struct ledger_ticket *ticket = &job->ticket;

	if (ticket->uid != geteuid() && geteuid() != 0)
		return rr_err_set(err, EPERM, "it is a job of user %s's; you are not", job->user);
	if (ticket->net_namespace != (uint32_t)rr_namespace("net"))
		return rr_err_set(err, ENOTCONN,
				  "it was started in another network namespace: ask from there, as "
				  "with nsenter --net --target %d",
				  ticket->pid);
	return 0;
}

/* Whether the launcher is gone; without a pidfd, as far as its pid can tell from here. */
static bool is_gone(const struct ledger_ticket *ticket, int pidfd, bool ended)
{
	return pidfd >= 0 ? ended
			  : ticket->pid_namespace == rr_namespace("pid") &&
				    rr_proc_is_gone(ticket->pid, ticket->start_ticks);
}

/* True when something has come; false when the launcher is gone or the time is over. */
static bool wait_for_answer(int fd, int pidfd, const struct ledger_ticket *ticket,
			    uint64_t until_ns)
{
	for (;;) {
		struct pollfd events[] = { { .fd = fd, .events = POLLIN },
					   { .fd = pidfd, .events = POLLIN } };
		uint64_t now_ns = rr_now_boot_ns();
		struct timespec rest;

		if (now_ns >= until_ns)
			return false;
		rest = rr_timespec(pidfd < 0 && until_ns - now_ns > UNSEEN_NS ? UNSEEN_NS
									      : until_ns - now_ns);
		(void)ppoll(events, 2, &rest, NULL);
		/* An answer first: its sender may have ended upon it. */
		if (events[0].revents)
			return true;
		if (is_gone(ticket, pidfd, events[1].revents))
			return false;
	}
}

/* The answer, from whose ticket it is. 0, or -errno with words. */
static int hear(int fd, int pidfd, const struct ledger_ticket *ticket, uint64_t until_ns,
		struct steer_answer *ret, struct rr_err *err)
{
	char text[STEER_WORDS + 8];

	while (wait_for_answer(fd, pidfd, ticket, until_ns)) {
		struct message_sender from;
		ssize_t n = message_receive(fd, text, sizeof(text), &from);

		if (n >= 0 && from.known && from.uid == ticket->uid &&
		    steer_parse_answer(text, (size_t)n, ret))
			return 0;
	}
	if (rr_now_boot_ns() < until_ns)
		return rr_err_set(err, ESRCH, "it has ended meanwhile");
	return rr_err_set(err, ETIMEDOUT,
			  "its launcher (pid %d) does not answer: it is stopped, or runs a hook",
			  ticket->pid);
}

int steer_ask(const struct status_job *job, struct steer_request *request, struct steer_answer *ret,
	      struct rr_err *err)
{
	rr_autofd int fd = -1, pidfd = -1;
	char name[MESSAGE_NAME_SIZE], text[STEER_MESSAGE_MAX];
	int r = may_ask(job, err);

	if (r < 0)
		return r;
	r = message_open(&fd, name);
	if (r < 0)
		return rr_err_sys(err, -r, "make a socket for the answer");
	(void)snprintf(request->id, sizeof(request->id), "%s",
		       ledger_first_id(&job->ticket, &job->detail));
	request->until_ns = rr_now_boot_ns() + ANSWER_NS;
	if (job->ticket.pid_namespace == rr_namespace("pid"))
		pidfd = rr_pidfd_open(job->ticket.pid);
	r = message_send(fd, job->ticket.wake, text, steer_format(request, text));
	/* Its socket goes with it. */
	if (r == -ECONNREFUSED)
		return rr_err_set(err, ESRCH, "it has ended meanwhile");
	if (r < 0)
		return rr_err_sys(err, -r, "ask its launcher (pid %d)", job->ticket.pid);
	return hear(fd, pidfd, &job->ticket, request->until_ns, ret, err);
}

/* Tells what has become of it. True when it was done. */
static bool steer_one(const struct status_job *job, struct steer_request *request)
{
	struct steer_answer answer = { 0 };
	struct rr_err err;

	if (steer_ask(job, request, &answer, &err) < 0)
		show_note("%s: %s", job->ticket.id, err.text);
	else if (!answer.done)
		show_note("%s: refused: %s", job->ticket.id, answer.words);
	else
		(void)printf("%s: %s\n", job->ticket.id, answer.words);
	return answer.done;
}

/* ---- the verbs ---- */

struct targets {
	const struct context *context;
	const struct status *status;
	const struct status_job *jobs[JOBS_MAX];
	int n;
};

static int add_target(const char *wanted, struct targets *targets, struct rr_err *err)
{
	const struct status_job *job = NULL;
	int r = *wanted ? job_find_by_try(targets->context, targets->status, wanted, &job, err) : 0;

	if (r < 0)
		return r;
	if (!job)
		return rr_err_set(err, ENOENT, "no job '%s' waits or runs; see resrunctl status",
				  wanted);
	if (targets->n == JOBS_MAX)
		return rr_err_set(err, E2BIG, "more than %d jobs in one command", JOBS_MAX);
	targets->jobs[targets->n++] = job;
	return 0;
}

/* All jobs are found, and all changes understood, before the first request goes out. */
static int sort_words(const struct operands *words, struct targets *targets,
		      struct steer_request *request, struct rr_err *err)
{
	struct settings settings = { 0 };
	const char *verb = steer_verb_name(request->verb);
	int r = 0;

	for (int i = 0; r == 0 && i < words->n; i++)
		r = request->verb == STEER_SET && strchr(words->v[i], '=')
			    ? steer_add(request, words->v[i], err)
			    : add_target(words->v[i], targets, err);
	if (r == 0 && targets->n == 0)
		r = rr_err_set(err, EINVAL,
			       "%s: which job? Give its id, or its name; see resrunctl status",
			       verb);
	if (r == 0 && request->verb == STEER_SET && !*request->changes)
		r = rr_err_set(err, EINVAL, "set: to what? Give KEY=VALUE, such as memory=2G");
	if (r == 0)
		r = steer_settings(request, &settings, err);
	settings_free(&settings);
	return r;
}

static int steer(const char *usage, enum steer_verb verb, int argc, char **argv, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	status_auto struct status status = { 0 };
	struct steer_request request = { .verb = verb };
	struct targets targets = { .context = &context, .status = &status };
	const struct argument table[] = { { .name = NULL } };
	struct operands words;
	bool all = true;
	int r = arguments_parse(argc, argv, usage, table, &words, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = context_load(NULL, &context, err);
	if (r == 0)
		r = status_read_ledger(&context, &status, err);
	if (r == 0)
		r = sort_words(&words, &targets, &request, err);
	for (int i = 0; r == 0 && i < targets.n; i++)
		all &= steer_one(targets.jobs[i], &request);
	return r < 0 ? r : !all;
}

int verb_cancel(int argc, char **argv, struct rr_err *err)
{
	return steer("cancel JOB...", STEER_CANCEL, argc, argv, err);
}

int verb_pause(int argc, char **argv, struct rr_err *err)
{
	return steer("pause JOB...", STEER_PAUSE, argc, argv, err);
}

int verb_resume(int argc, char **argv, struct rr_err *err)
{
	return steer("resume JOB...", STEER_RESUME, argc, argv, err);
}

int verb_set(int argc, char **argv, struct rr_err *err)
{
	return steer("set JOB... KEY=VALUE...", STEER_SET, argc, argv, err);
}
