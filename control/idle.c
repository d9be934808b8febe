/* SPDX-License-Identifier: MIT */
/* `resrunctl idle`: whether nothing has run or waited for so long. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/procfs.h"
#include "cgroup/hierarchy.h"
#include "control/arguments.h"
#include "control/idle_memory.h"
#include "control/index.h"
#include "control/show.h"
#include "control/status.h"
#include "control/verbs.h"

#define STATUS_NOT_IDLE 1
#define OTHERS_MARK "@" /* no id begins with it */

/* What is known of the present and of the last that was. */
struct answer {
	uint64_t wanted_ns;
	const struct status_job *active; /* one of those that are */
	size_t n_active;
	uint64_t last_wall_ns;
	char last_id[IDLE_ID_SIZE];
	struct idle_look look;
	bool idle;
};

/* ---- who is there ---- */

/* A job may go on without its launcher; where neither is left, the slot waits to be freed. */
static bool runs_on(const struct status_job *job)
{
	const struct ledger_detail *detail = &job->detail;

	if (job->ticket.state == TICKET_WAITING)
		return false;
	if (*detail->leaf)
		return cg_populated(detail->leaf) == 1;
	return detail->job_pid > 0 && rr_proc_is(detail->job_pid, detail->job_start_ticks);
}

static void find_active(const struct status *status, struct answer *answer)
{
	for (size_t i = 0; i < status->n_jobs; i++) {
		const struct status_job *job = &status->jobs[i];

		if (job->state == JOB_LOST && !runs_on(job))
			continue;
		if (answer->n_active++ == 0)
			answer->active = job;
	}
}

/* Records are in the order in which jobs were over. One that never ran was over when it had waited
 * enough. */
static int take_last(const struct index_run *run, void *arg)
{
	struct answer *answer = arg;

	answer->last_wall_ns = run->ended_wall_ns;
	if (run->wall_s < 0 && run->waited_s > 0)
		answer->last_wall_ns += (uint64_t)(run->waited_s * (double)RR_NS_PER_S);
	(void)snprintf(answer->last_id, sizeof(answer->last_id), "%s",
		       run->job_id ? run->job_id : "?");
	return 0;
}

static int find_last(const struct context *context, struct answer *answer, struct rr_err *err)
{
	const struct index_filter newest = { .limit = 1 };
	index_auto struct index *index = NULL;
	int r = index_open(context->paths.state, false, &index, err);

	return r < 0 ? r : index_each(index, &newest, take_last, answer, err);
}

/* With one ledger for all users: when another's job was over, no history that we may read tells,
 * but when its ticket went does. Of that job there is no more to know than that moment. */
static void take_others(const struct status *status, struct answer *answer)
{
	if (status->others_wall_ns <= answer->last_wall_ns)
		return;
	answer->last_wall_ns = status->others_wall_ns;
	(void)snprintf(answer->last_id, sizeof(answer->last_id), OTHERS_MARK "%llx",
		       (unsigned long long)(status->others_wall_ns / RR_NS_PER_MS));
}

static bool is_of_others(const struct answer *answer)
{
	return *answer->last_id == *OTHERS_MARK;
}

static void judge(const struct context *context, struct answer *answer)
{
	struct idle_seen seen = {
		.now_boot_ns = rr_now_boot_ns(),
		.now_wall_ns = rr_now_wall_ns(),
		.last_wall_ns = answer->last_wall_ns,
		.last_id = answer->last_id,
		.active = answer->n_active > 0,
	};
	struct idle_look before;
	bool known = idle_recall(&context->paths, &before);

	idle_judge(known ? &before : NULL, &seen, &answer->look);
	idle_remember(&context->paths, &answer->look);
	answer->idle = !answer->look.active && idle_for_ns(&answer->look) >= answer->wanted_ns;
}

/* ---- showing it ---- */

static const char *whole_seconds(uint64_t ns, char buf[static RR_FORMAT_SIZE])
{
	return rr_format_time(ns / RR_NS_PER_S * RR_NS_PER_S, buf);
}

static void print_active(const struct answer *answer)
{
	const struct status_job *job = answer->active;
	char age[RR_FORMAT_SIZE], line[512];

	(void)snprintf(line, sizeof(line), "not idle: job %s%s%s%s (%s) %s for %s", job->ticket.id,
		       *job->detail.name ? " '" : "", job->detail.name,
		       *job->detail.name ? "'" : "", job->profile,
		       job->state == JOB_WAITING ? "has waited"
		       : job->state == JOB_LOST ? "goes on without its launcher, and has been there"
						: "has been there",
		       whole_seconds(job->age_ns, age));
	show_safely(line);
	if (answer->n_active > 1)
		(void)printf(", and %zu more", answer->n_active - 1);
	(void)putchar('\n');
}

static void print_answer(const struct answer *answer)
{
	char idle[RR_FORMAT_SIZE], wanted[RR_FORMAT_SIZE];

	if (answer->n_active > 0) {
		print_active(answer);
		return;
	}
	if (!*answer->last_id) {
		(void)puts("idle: no job has ever run here");
		return;
	}
	(void)printf("%sidle: the last job, %s, was over %s ago; %s was asked for\n",
		     answer->idle ? "" : "not ",
		     is_of_others(answer) ? "another user's" : answer->last_id,
		     whole_seconds(idle_for_ns(&answer->look), idle),
		     rr_format_time(answer->wanted_ns, wanted));
}

static json_t *active_json(const struct status_job *job)
{
	json_t *json;

	if (!job)
		return json_null();
	json = json_object();
	show_put_text(json, "job_id", job->ticket.id);
	show_put_text(json, "name", *job->detail.name ? job->detail.name : NULL);
	show_put_text(json, "profile", job->profile);
	show_put_text(json, "state", job_state_name(job->state));
	show_put_seconds(json, "age_s", job->age_ns);
	return json;
}

static json_t *to_json(const struct answer *answer)
{
	json_t *json = json_object();

	show_put_count(json, "schema", SHOW_SCHEMA);
	show_put_bool(json, "idle", answer->idle);
	show_put_seconds(json, "for_s", answer->wanted_ns);
	show_put_seconds(json, "idle_s", idle_for_ns(&answer->look));
	show_put_count(json, "jobs", answer->n_active);
	show_put(json, "job", active_json(answer->active));
	show_put_text(json, "last_job_id",
		      *answer->last_id && !is_of_others(answer) ? answer->last_id : NULL);
	return json;
}

/* ---- the verb ---- */

static int parse_for(const char *text, uint64_t *ret_ns, struct rr_err *err)
{
	if (!text)
		return rr_err_set(err, EINVAL, "idle needs --for TIME; see resrunctl --help");
	if (rr_parse_time(text, ret_ns) < 0 || *ret_ns == RR_TIME_INF)
		return rr_err_set(err, EINVAL, "--for: '%s' is not a time such as 30m or 2h", text);
	return 0;
}

static int look(const struct context *context, struct status *status, struct answer *answer,
		struct rr_err *err)
{
	int r = status_read_ledger(context, status, err);

	if (r < 0)
		return r;
	find_active(status, answer);
	r = find_last(context, answer, err);
	if (r < 0)
		return r;
	take_others(status, answer);
	judge(context, answer);
	return r;
}

int verb_idle(int argc, char **argv, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	status_auto struct status status = { 0 };
	struct answer answer = { .n_active = 0 };
	const char *length = NULL;
	bool json = false, quiet = false;
	const struct argument table[] = {
		{ .name = "for",
		  .value = "TIME",
		  .help = "exit 0 when nothing has run or waited for TIME, else 1",
		  .text = &length },
		{ .name = "quiet", .letter = 'q', .help = "say nothing", .flag = &quiet },
		{ .name = "json", .help = "print one JSON object", .flag = &json },
		{ .name = NULL },
	};
	struct operands none;
	int r = arguments_parse(argc, argv, "idle --for TIME [OPTION]...", table, &none, err);

	if (r == 0)
		r = arguments_at_most(&none, 0, err);
	if (r == 0)
		r = parse_for(length, &answer.wanted_ns, err);
	if (r == 0)
		r = context_load(NULL, &context, err);
	if (r == 0)
		r = look(&context, &status, &answer, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (json)
		r = show_json(to_json(&answer), err);
	else if (!quiet)
		print_answer(&answer);
	return r < 0 ? r : answer.idle ? 0 : STATUS_NOT_IDLE;
}
