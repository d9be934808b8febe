/* SPDX-License-Identifier: MIT */
/* A job that is not submitted yet: put at the end of the queue in a copy of the ledger, and asked
 * about like any other. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "control/show.h"
#include "control/why.h"
#include "policy/learn_file.h"

/* The settings that resrun would have, by profile or by the name of the command. */
static int load_context(const struct why_future *future, struct context *ret, struct rr_err *err)
{
	struct settings command_line = { 0 };
	int r = config_load(NULL, &ret->config, err);

	if (r == 0 && future->profile)
		r = settings_set(&command_line, SET_PROFILE, future->profile, "--profile", err);
	if (r == 0 && future->deadline)
		r = settings_set(&command_line, SET_DEADLINE, future->deadline, "--deadline", err);
	if (r == 0)
		r = config_resolve(&ret->config, &command_line, future->command[0], &ret->settings,
				   &ret->profile, err);
	settings_free(&command_line);
	return r < 0 ? r : paths_find(&ret->settings, &ret->paths, err);
}

/* The lane of the profile, or one that nobody is in. */
static uint16_t lane_of(const struct status *status, const char *profile)
{
	bool taken[LEDGER_LANES_MAX] = { false };
	uint16_t lane = 0;

	for (size_t i = 0; i < status->n_jobs; i++) {
		if (strcmp(status->jobs[i].profile, profile) == 0)
			return status->jobs[i].ticket.lane;
		if (status->jobs[i].ticket.lane < LEDGER_LANES_MAX)
			taken[status->jobs[i].ticket.lane] = true;
	}
	while (lane + 1 < LEDGER_LANES_MAX && taken[lane])
		lane++;
	return lane;
}

static void fill_ticket(const struct context *context, const struct status *status,
			struct ledger_ticket *ticket)
{
	const struct settings *settings = &context->settings;

	ticket->state = TICKET_WAITING;
	ticket->priority = (uint8_t)settings_integer(settings, SET_PRIORITY);
	ticket->aging_ns = settings_integer(settings, SET_PRIORITY_AGING);
	ticket->entered_ns = rr_now_boot_ns();
	ticket->number = UINT64_MAX;
	ticket->lane = lane_of(status, context->profile);
	ticket->lane_max = (uint32_t)settings_integer(settings, SET_MAX_CONCURRENT);
	if (settings_has(settings, SET_TOTAL_CONCURRENT))
		ticket->total_max = (uint32_t)settings_integer(settings, SET_TOTAL_CONCURRENT);
}

/* Where it would stand, among those that are alive. */
static int place_last(const struct status *status, struct status_job *job, struct rr_err *err)
{
	rr_autofree struct ledger_ticket *tickets = calloc(status->n_jobs + 1, sizeof(*tickets));
	uint64_t now_ns = rr_now_boot_ns();
	size_t n = status->n_jobs, ahead;

	if (!tickets)
		return rr_err_sys(err, ENOMEM, "the jobs");
	for (size_t i = 0; i < n; i++) {
		tickets[i] = status->jobs[i].ticket;
		if (status->jobs[i].state == JOB_LOST)
			tickets[i].state = TICKET_FREE;
	}
	tickets[n] = job->ticket;
	job->position = queue_position(tickets, n + 1, n, now_ns);
	job->answer = queue_ask(tickets, n + 1, n, now_ns, &ahead);
	return 0;
}

/* What it would wait for and keep. */
static uint64_t reserve_bytes(const struct settings *settings, const struct status *status,
			      const struct learn_need *need)
{
	const struct setting *reserve = &settings->v[SET_RESERVE];

	if (!settings_has(settings, SET_RESERVE))
		return 0;
	if (reserve->size == SIZE_AUTO)
		return need->memory_bytes;
	if (reserve->size == SIZE_BYTES)
		return reserve->integer;
	return (uint64_t)(reserve->number / 100 * (double)status->reading.room.memory_total_bytes);
}

/* What is known of the key, for people; the need goes to *ret. */
static void ask_learner(const char *state_dir, const char *key, struct learn_need *ret, char *buf,
			size_t size)
{
	char need[RR_FORMAT_SIZE], wall[RR_FORMAT_SIZE], words[WHY_WORDS_SIZE / 2];
	struct learn_run runs[LEARN_RUNS_MAX];
	uint64_t wall_ns;
	struct rr_err err;
	size_t n, used;

	if (learn_read(state_dir, key, runs, &n, &err) < 0) {
		*ret = (struct learn_need){ .ground = LEARN_BY_NOTHING };
		(void)snprintf(buf, size, "%s", err.text);
		return;
	}
	learn_predict(runs, n, n > 0 ? runs[n - 1].input_bytes : 0, ret);
	(void)learn_words(ret, words, sizeof(words));
	if (ret->ground == LEARN_BY_NOTHING) {
		(void)snprintf(buf, size, "%s", words);
		return;
	}
	used = (size_t)snprintf(buf, size, "it needs %s of memory: %s",
				rr_format_bytes(ret->memory_bytes, need), words);
	if (used < size && learn_usual_wall(runs, n, &wall_ns))
		(void)snprintf(buf + used, size - used, "; it usually takes %s",
			       rr_format_time(wall_ns, wall));
}

int why_explain_future(const struct why_future *future, bool json, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	status_auto struct status status = { 0 };
	struct status_job job = { .state = JOB_WAITING };
	char key[LEARN_KEY_MAX + 1], learned[WHY_WORDS_SIZE];
	struct why_answer answer;
	struct learn_need need;
	int r = load_context(future, &context, err);

	if (r == 0)
		r = status_read_ledger(&context, &status, err);
	if (r < 0)
		return r;
	(void)snprintf(job.profile, sizeof(job.profile), "%s", context.profile);
	fill_ticket(&context, &status, &job.ticket);
	r = place_last(&status, &job, err);
	if (r < 0)
		return r;
	if (future->key)
		(void)snprintf(key, sizeof(key), "%s", future->key);
	else
		learn_usual_key(context.profile, future->command[0], key, sizeof(key));
	ask_learner(context.paths.state, key, &need, learned, sizeof(learned));
	status_read_host(&context, &status);
	status.wanted_bytes = reserve_bytes(&context.settings, &status, &need);
	why_ask(&context, &job, &status, true, &answer);
	why_ask_deadline(&context, &status, key, 0, &answer);
	return why_show_future(&job, &answer, key, learned, json, err);
}
