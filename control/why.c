/* SPDX-License-Identifier: MIT */
/*
 * `resrunctl why JOB`: each gate that a waiting job has to pass, with its number against its
 * threshold; what holds a running one; and why a finished one ended, from the history.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "control/arguments.h"
#include "control/context.h"
#include "control/job.h"
#include "control/show.h"
#include "control/status.h"
#include "control/verbs.h"
#include "policy/history.h"

#define GATES_MAX 8
#define WORDS_SIZE 400

/* One gate: open, or what stands in the way. */
struct gate_answer {
	const char *name;
	bool open;
	double value, threshold; /* percent or counts; negative: none */
	char words[WORDS_SIZE];
};

struct answer {
	struct gate_answer gates[GATES_MAX];
	size_t n;
};

static struct gate_answer *add_gate(struct answer *answer, const char *name, bool open)
{
	struct gate_answer *gate = &answer->gates[answer->n++];

	*gate = (struct gate_answer){ .name = name, .open = open, .value = -1, .threshold = -1 };
	return gate;
}

/* ---- the gates of a waiting job ---- */

static const char *since_words(uint64_t ns, char buf[static RR_FORMAT_SIZE])
{
	return rr_format_time(ns / RR_NS_PER_S * RR_NS_PER_S, buf);
}

/* "a1b2 (pid 77, 'ffmpeg', for 3m)" of those that run in the profile, as far as there is room. */
static void holders_words(const struct status *status, const char *profile, char *buf, size_t size)
{
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; i < status->n_jobs && used < size; i++) {
		const struct status_job *job = &status->jobs[i];
		char age[RR_FORMAT_SIZE];

		if (status_is_waiting(job) || job->state == JOB_LOST ||
		    (profile && strcmp(job->profile, profile) != 0))
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s (pid %d, '%.40s', for %s)",
					 used ? ", " : "", job->ticket.id, job->ticket.pid,
					 job->detail.command, since_words(job->age_ns, age));
	}
}

static void ask_queue(const struct status_job *job, struct answer *answer)
{
	bool behind = job->answer == QUEUE_BEHIND;
	struct gate_answer *gate = add_gate(answer, "order", !behind);

	gate->value = (double)job->position;
	if (behind)
		(void)snprintf(gate->words, sizeof(gate->words),
			       "number %zu of those that wait in profile '%s' (priority %s)",
			       job->position, job->profile, job_priority_name(job));
	else
		(void)snprintf(gate->words, sizeof(gate->words), "first in profile '%s'",
			       job->profile);
}

static void ask_slot(const struct status *status, const struct status_job *job,
		     struct answer *answer)
{
	char holders[WORDS_SIZE / 2];
	size_t running = 0;
	struct gate_answer *gate;

	for (size_t i = 0; i < status->n_jobs; i++)
		running += !status_is_waiting(&status->jobs[i]) &&
			   status->jobs[i].state != JOB_LOST &&
			   strcmp(status->jobs[i].profile, job->profile) == 0;
	gate = add_gate(answer, "slot",
			job->answer != QUEUE_TOTAL && running < job->ticket.lane_max);
	gate->value = (double)running;
	gate->threshold = job->ticket.lane_max;
	holders_words(status, job->answer == QUEUE_TOTAL ? NULL : job->profile, holders,
		      sizeof(holders));
	if (job->answer == QUEUE_TOTAL)
		(void)snprintf(gate->words, sizeof(gate->words),
			       "all profiles together run %u at once: %s", job->ticket.total_max,
			       holders);
	else
		(void)snprintf(gate->words, sizeof(gate->words), "%zu of %u taken%s%s", running,
			       job->ticket.lane_max, *holders ? ": " : "", holders);
}

static void ask_rate(const struct status *status, const struct status_job *job,
		     struct answer *answer)
{
	char window[RR_FORMAT_SIZE], left[RR_FORMAT_SIZE];
	struct gate_answer *gate = add_gate(answer, "rate", job->ticket.blocked != BLOCKED_RATE);

	(void)snprintf(gate->words, sizeof(gate->words), "%s",
		       gate->open ? "no limit is configured"
				  : "full, by a limit of its own command line");
	for (size_t i = 0; i < status->n_lanes; i++) {
		const struct status_lane *lane = &status->lanes[i];

		if (strcmp(lane->profile, job->profile) != 0 || lane->limit == SHOW_UNKNOWN)
			continue;
		gate->open = lane->starts < lane->limit;
		gate->value = (double)lane->starts;
		gate->threshold = (double)lane->limit;
		(void)snprintf(gate->words, sizeof(gate->words), "%llu of %llu starts in %s%s%s",
			       (unsigned long long)lane->starts, (unsigned long long)lane->limit,
			       rr_format_time(lane->window_ns, window),
			       gate->open ? "" : ": the next is free in ",
			       gate->open ? "" : since_words(lane->free_in_ns, left));
	}
}

static void ask_host(const struct status *status, struct answer *answer)
{
	const struct headroom_verdict *verdict = &status->verdict;

	for (int i = 0; i < HEADROOM_N; i++) {
		bool asked = verdict->threshold[i] >= 0 && verdict->threshold[i] < 100;
		struct gate_answer *gate =
			add_gate(answer, headroom_name(i), verdict->level[i] != HEADROOM_CRITICAL);

		gate->value = verdict->value[i];
		gate->threshold = asked ? verdict->threshold[i] : -1;
		if (!asked)
			(void)snprintf(gate->words, sizeof(gate->words), "not asked for");
		else if (verdict->value[i] < 0)
			(void)snprintf(gate->words, sizeof(gate->words), "not known here");
		else
			(void)snprintf(gate->words, sizeof(gate->words), "%.1f%% of %.1f%%%s%s%s",
				       verdict->value[i], verdict->threshold[i],
				       i == HEADROOM_DISK ? " on '" : "",
				       i == HEADROOM_DISK
					       ? status->reading.disks[verdict->worst_disk].path
					       : "",
				       i == HEADROOM_DISK ? "'" : "");
	}
}

static void ask_dependency(const struct status_job *job, struct answer *answer)
{
	bool waits = job->ticket.blocked == BLOCKED_DEPENDENCY;

	(void)snprintf(add_gate(answer, "dependency", !waits)->words, WORDS_SIZE, "%s",
		       waits ? "a job that it is to come after has not ended" : "none");
}

/* ---- in words ---- */

static void summary_words(const struct status_job *job, const struct answer *answer, char *buf,
			  size_t size)
{
	char age[RR_FORMAT_SIZE];
	size_t used;

	if (job->state != JOB_WAITING) {
		(void)snprintf(buf, size, "job %s of profile '%s' is %s, since %s ago (pid %d)",
			       job->ticket.id, job->profile, job_state_name(job->state),
			       since_words(job->age_ns, age), job->ticket.pid);
		return;
	}
	used = (size_t)snprintf(buf, size, "job %s of profile '%s' has waited for %s",
				job->ticket.id, job->profile, since_words(job->age_ns, age));
	for (size_t i = 0; i < answer->n && used < size; i++)
		if (!answer->gates[i].open)
			used += (size_t)snprintf(buf + used, size - used, "; %s: %s",
						 answer->gates[i].name, answer->gates[i].words);
}

static void print_gates(const struct answer *answer)
{
	static const struct show_column columns[] = {
		{ "GATE", SHOW_LEFT },
		{ "", SHOW_LEFT },
		{ "HOW IT STANDS", SHOW_WRAP },
		{ NULL, SHOW_LEFT },
	};
	show_auto_table struct libscols_table *table = show_table(columns);

	for (size_t i = 0; i < answer->n; i++)
		show_row(table, (const char *const[]){ answer->gates[i].name,
						       answer->gates[i].open ? "open" : "WAITS",
						       answer->gates[i].words });
	(void)putchar('\n');
	show_print(table, "Gates");
}

static json_t *gates_to_json(const struct answer *answer)
{
	json_t *gates = json_array();

	for (size_t i = 0; i < answer->n; i++) {
		const struct gate_answer *gate = &answer->gates[i];
		json_t *one = json_object();

		show_put_text(one, "gate", gate->name);
		show_put_bool(one, "open", gate->open);
		show_put_percent(one, "value", gate->value);
		show_put_percent(one, "threshold", gate->threshold);
		show_put_text(one, "words", gate->words);
		(void)json_array_append_new(gates, one);
	}
	return gates;
}

static int show_job(const struct status_job *job, const struct answer *answer, bool json,
		    struct rr_err *err)
{
	char words[2 * WORDS_SIZE];
	json_t *all;

	summary_words(job, answer, words, sizeof(words));
	if (!json) {
		(void)printf("%s\n", words);
		if (answer->n > 0)
			print_gates(answer);
		return 0;
	}
	all = json_object();
	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put_text(all, "job_id", job->ticket.id);
	show_put_text(all, "state", job_state_name(job->state));
	show_put_text(all, "words", words);
	show_put(all, "gates", gates_to_json(answer));
	return show_json(all, err);
}

/* Its own profile's settings decide, as far as its command line did not. */
static int explain_job(const struct status_job *job, struct status *status, bool json,
		       struct rr_err *err)
{
	context_auto struct context context = { 0 };
	struct answer answer = { .n = 0 };
	int r;

	if (job->state != JOB_WAITING)
		return show_job(job, &answer, json, err);
	r = context_load(strcmp(job->profile, "default") == 0 ? NULL : job->profile, &context, err);
	if (r < 0)
		return r;
	status_read_host(&context, status);
	status_judge(&context.settings, status);
	ask_queue(job, &answer);
	ask_slot(status, job, &answer);
	ask_rate(status, job, &answer);
	ask_host(status, &answer);
	ask_dependency(job, &answer);
	return show_job(job, &answer, json, err);
}

/* ---- a finished job ---- */

struct search {
	const char *wanted;
	json_t *found; /* the newest */
};

static int take(json_t *record, void *arg)
{
	struct search *search = arg;
	const char *id = json_string_value(json_object_get(record, "job_id"));
	const char *name = json_string_value(json_object_get(record, "name"));

	if ((!id || strcmp(id, search->wanted) != 0) &&
	    (!name || strcmp(name, search->wanted) != 0))
		return 0;
	json_decref(search->found);
	search->found = json_incref(record);
	return 0;
}

static double number_of(const json_t *record, const char *part, const char *name)
{
	const json_t *value = json_object_get(json_object_get(record, part), name);

	return json_is_number(value) ? json_number_value(value) : -1;
}

/* What it waited for, as "slot, memory". */
static void waited_words(const json_t *record, char *buf, size_t size)
{
	const json_t *reasons = json_object_get(record, "waited_for"), *reason;
	size_t used = 0, i;

	*buf = '\0';
	json_array_foreach(reasons, i, reason) if (used < size) used += (size_t)snprintf(
		buf + used, size - used, "%s%s", used ? ", " : "", json_string_value(reason));
}

/* Why it ended, in one sentence with the evidence. */
static void ending_words(const json_t *record, char *buf, size_t size)
{
	const char *reason =
		json_string_value(json_object_get(json_object_get(record, "exit"), "reason"));
	double code = number_of(record, "exit", "code"),
	       signal = number_of(record, "exit", "signal");
	double wall = number_of(record, "usage", "wall_s");
	double kills = number_of(record, "usage", "oom_kills");
	char peak[RR_FORMAT_SIZE] = "an unknown amount", waited[160];
	double bytes = number_of(record, "usage", "memory_peak_bytes");

	if (bytes >= 0)
		(void)rr_format_bytes((uint64_t)bytes, peak);
	waited_words(record, waited, sizeof(waited));
	if (!reason)
		(void)snprintf(buf, size, "its record does not say how it ended");
	else if (strcmp(reason, "oom") == 0)
		(void)snprintf(buf, size,
			       "it was killed for memory after %.1f s: it had taken %s at its peak"
			       "%s",
			       wall, peak, kills > 0 ? ", and the kernel counts a kill" : "");
	else if (strcmp(reason, "lost") == 0)
		(void)snprintf(buf, size, "its launcher was killed, and nobody saw how it ended");
	else if (strcmp(reason, "timeout") == 0)
		(void)snprintf(buf, size, "it ran for %.1f s, longer than its --timeout", wall);
	else if (strcmp(reason, "not-admitted") == 0)
		(void)snprintf(buf, size, "it never started: it waited for %s", waited);
	else if (strcmp(reason, "not-started") == 0)
		(void)snprintf(buf, size, "it never started: exit %.0f of resrun itself", code);
	else if (signal > 0)
		(void)snprintf(buf, size, "it ended by signal %.0f after %.1f s (%s)", signal, wall,
			       reason);
	else
		(void)snprintf(buf, size, "it exited with status %.0f after %.1f s", code, wall);
}

static int show_ending(const json_t *record, bool json, struct rr_err *err)
{
	const char *id = json_string_value(json_object_get(record, "job_id"));
	char words[WORDS_SIZE];
	json_t *all;

	ending_words(record, words, sizeof(words));
	if (!json) {
		(void)printf("job %s has ended: %s\n", id ? id : "?", words);
		return 0;
	}
	all = json_object();
	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put_text(all, "job_id", id);
	show_put_text(all, "state", "ended");
	show_put_text(all, "words", words);
	show_put(all, "gates", json_array());
	return show_json(all, err);
}

static int explain_ending(const struct context *context, const char *wanted, bool json,
			  struct rr_err *err)
{
	struct search search = { .wanted = wanted };
	size_t torn;
	int r = history_each_with(context->paths.state, wanted, take, &search, &torn, err);

	if (r == 0 && !search.found)
		r = rr_err_set(err, ENOENT,
			       "there is no job '%s', neither active nor in the history", wanted);
	if (r == 0)
		r = show_ending(search.found, json, err);
	json_decref(search.found);
	return r;
}

/* ---- the verb ---- */

int verb_why(int argc, char **argv, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	status_auto struct status status = { 0 };
	const struct status_job *job = NULL;
	bool json = false;
	const struct argument table[] = {
		{ .name = "json", .help = "print one JSON object", .flag = &json },
		{ .name = NULL },
	};
	struct operands jobs;
	int r = arguments_parse(argc, argv, "why [OPTION]... JOB", table, &jobs, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = arguments_at_most(&jobs, 1, err);
	if (r == 0 && (jobs.n == 0 || !*jobs.v[0]))
		r = rr_err_set(err, EINVAL,
			       "why: which job? Give its id, or its name; see resrunctl "
			       "status");
	if (r == 0)
		r = context_load(NULL, &context, err);
	if (r == 0)
		r = status_read_ledger(&context, &status, err);
	if (r == 0)
		r = job_find(&status, jobs.v[0], &job, err);
	if (r < 0)
		return r;
	return job ? explain_job(job, &status, json, err)
		   : explain_ending(&context, jobs.v[0], json, err);
}
