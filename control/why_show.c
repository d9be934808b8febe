/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "control/show.h"
#include "control/why.h"

#define GATE_FORMAT "%-10s %-5s "
#define GATE_WIDTH 17

static void closed_words(const struct why_answer *answer, char *buf, size_t size)
{
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; i < answer->n && used < size; i++)
		if (!answer->gates[i].open)
			used += (size_t)snprintf(buf + used, size - used, "; %s: %s",
						 answer->gates[i].name, answer->gates[i].words);
}

/* When it is likely to end, and from what that follows. */
static void end_words(const struct estimate *estimate, char *buf, size_t size)
{
	char left[RR_FORMAT_SIZE], late[RR_FORMAT_SIZE], usual[RR_FORMAT_SIZE];

	*buf = '\0';
	if (estimate->by == ESTIMATE_PROGRESS)
		(void)snprintf(buf, size, "; by its progress it ends in %s",
			       estimate_time(estimate->left_ns, left));
	else if (estimate->by == ESTIMATE_HISTORY && estimate->longer > 0)
		(void)snprintf(buf, size,
			       "; by its history it likely ends in %s, and in 9 of 10 cases within "
			       "%s (%zu run%s of its key took longer than this one so far)",
			       estimate_time(estimate->left_ns, left),
			       estimate_time(estimate->late_ns, late), estimate->longer,
			       estimate->longer == 1 ? "" : "s");
	else if (estimate->by == ESTIMATE_HISTORY)
		(void)snprintf(buf, size,
			       "; by its history it is overdue: runs of its key take %s, and none "
			       "took as long as this one",
			       rr_format_time(estimate->usual_ns, usual));
}

static void summary_words(const struct status_job *job, const struct why_answer *answer, char *buf,
			  size_t size)
{
	char age[RR_FORMAT_SIZE], state[2 * RR_FORMAT_SIZE];
	size_t used;

	if (job->state != JOB_WAITING) {
		used = (size_t)snprintf(
			buf, size, "job %s of profile '%s' is %s, since %s ago (pid %d)",
			job->ticket.id, job->profile, job_state_words(job, state, sizeof(state)),
			why_since_words(job->age_ns, age), job->ticket.pid);
		if (used < size)
			end_words(&job->estimate, buf + used, size - used);
		return;
	}
	used = (size_t)snprintf(buf, size, "job %s of profile '%s' has waited for %s",
				job->ticket.id, job->profile, why_since_words(job->age_ns, age));
	if (used < size)
		closed_words(answer, buf + used, size - used);
}

static void print_sooner(const struct why_answer *answer)
{
	for (size_t i = 0; i < answer->n; i++) {
		char line[WHY_WORDS_SIZE + sizeof("sooner with: ")];

		if (answer->gates[i].open)
			continue;
		(void)snprintf(line, sizeof(line), "sooner with: %s", answer->gates[i].sooner);
		show_wrapped(0, line);
	}
}

static void print_gates(const struct why_answer *answer)
{
	(void)printf("\nGates:\n" GATE_FORMAT "HOW IT STANDS\n", "GATE", "");
	for (size_t i = 0; i < answer->n; i++) {
		const struct why_gate *gate = &answer->gates[i];

		(void)printf(GATE_FORMAT, gate->name, gate->open ? "open" : "WAITS");
		show_wrapped(GATE_WIDTH, gate->words);
	}
	print_sooner(answer);
}

static json_t *gates_to_json(const struct why_answer *answer)
{
	json_t *gates = json_array();

	for (size_t i = 0; i < answer->n; i++) {
		const struct why_gate *gate = &answer->gates[i];
		json_t *one = json_object();

		show_put_text(one, "gate", gate->name);
		show_put_bool(one, "open", gate->open);
		show_put_percent(one, "value", gate->value);
		show_put_percent(one, "threshold", gate->threshold);
		show_put_text(one, "words", gate->words);
		show_put_text(one, "sooner", gate->open ? NULL : gate->sooner);
		(void)json_array_append_new(gates, one);
	}
	return gates;
}

int why_show_job(const struct status_job *job, const struct why_answer *answer, bool json,
		 struct rr_err *err)
{
	char words[2 * WHY_WORDS_SIZE];
	json_t *all;

	summary_words(job, answer, words, sizeof(words));
	if (!json) {
		show_wrapped(0, words);
		if (answer->n > 0)
			print_gates(answer);
		return 0;
	}
	all = json_object();
	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put_text(all, "job_id", job->ticket.id);
	show_put_text(all, "state", job_state_name(job->state));
	show_put_text(all, "words", words);
	show_put_seconds(all, "left_s",
			 job->estimate.by == ESTIMATE_NONE ? SHOW_UNKNOWN : job->estimate.left_ns);
	show_put_text(all, "left_by", estimate_by_name(job->estimate.by));
	show_put(all, "gates", gates_to_json(answer));
	return show_json(all, err);
}

static const char *future_words(const struct why_answer *answer)
{
	const char *words = "start now";

	for (size_t i = 0; i < answer->n; i++)
		if (!answer->gates[i].open)
			words = strcmp(answer->gates[i].name, WHY_DEADLINE) == 0 ? "not start"
										 : "wait";
	return words;
}

int why_show_future(const struct status_job *job, const struct why_answer *answer, const char *key,
		    const char *learned, bool json, struct rr_err *err)
{
	char closed[2 * WHY_WORDS_SIZE], words[3 * WHY_WORDS_SIZE];
	char learned_line[2 * WHY_WORDS_SIZE];
	json_t *all;

	closed_words(answer, closed, sizeof(closed));
	(void)snprintf(words, sizeof(words), "a job of profile '%s' would %s%s", job->profile,
		       future_words(answer), closed);
	(void)snprintf(learned_line, sizeof(learned_line), "%s: %s", key, learned);
	if (!json) {
		show_wrapped(0, words);
		show_wrapped(0, learned_line);
		print_gates(answer);
		return 0;
	}
	all = json_object();
	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put_text(all, "job_id", NULL);
	show_put_text(all, "state", "unsubmitted");
	show_put_text(all, "profile", job->profile);
	show_put_text(all, "key", key);
	show_put_text(all, "words", words);
	show_put_text(all, "learned", learned);
	show_put(all, "gates", gates_to_json(answer));
	return show_json(all, err);
}
