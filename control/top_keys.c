/* SPDX-License-Identifier: MIT */
/*
 * What the keys of top do. What changes a job asks first: the next key is the answer. Numbers of
 * keys are those of curses.
 */
#include <curses.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "control/steer.h"
#include "control/top.h"

#define PAGE 10
#define KEYS "q quit  up/down  c cancel  p pause  r resume  s set  < > priority  +/- interval"
#define ESCAPE 27
#define DELETE 127

rr_printf(2, 3) static void say(struct top *top, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(top->message, sizeof(top->message), fmt, args);
	va_end(args);
}

void top_say_keys(struct top *top)
{
	say(top, "%s", KEYS);
}

static const struct status_job *chosen_job(const struct top *top)
{
	for (size_t i = 0; i < top->status.n_jobs; i++)
		if (strcmp(top->status.jobs[i].ticket.id, top->chosen) == 0)
			return &top->status.jobs[i];
	return NULL;
}

/* ---- changes ---- */

static void act(struct top *top)
{
	const struct status_job *job = chosen_job(top);
	struct steer_request request = { .verb = top->verb };
	struct steer_answer answer = { .done = false };
	struct rr_err err;
	int r = 0;

	/* Between the question and the answer it may have ended, and another row be chosen. */
	if (!job || strcmp(job->ticket.id, top->asked_for) != 0) {
		say(top, "%s: it has ended meanwhile", top->asked_for);
		return;
	}
	if (top->verb == STEER_SET)
		r = steer_add(&request, top->input, &err);
	if (r == 0)
		r = steer_ask(job, &request, &answer, &err);
	if (r < 0)
		say(top, "%s: %.*s", job->ticket.id, (int)sizeof(top->message) - 24, err.text);
	else
		say(top, "%s: %s%.*s", job->ticket.id,
		    answer.done ? "" : "refused: ", (int)sizeof(top->message) - 40, answer.words);
}

static void ask(struct top *top)
{
	top->prompt = PROMPT_CONFIRM;
	say(top, "%s %s%s%s? y: yes, any other key: no", steer_verb_name(top->verb), top->asked_for,
	    *top->input ? " " : "", top->input);
}

static void show_input(struct top *top)
{
	say(top, "set %s: KEY=VALUE, such as memory=2G: %s_", top->asked_for, top->input);
}

static void begin(struct top *top, enum steer_verb verb)
{
	const struct status_job *job = chosen_job(top);

	if (!job) {
		say(top, "no job is chosen");
		return;
	}
	top->verb = verb;
	top->input[0] = '\0';
	memcpy(top->asked_for, job->ticket.id, sizeof(top->asked_for));
	if (verb != STEER_SET) {
		ask(top);
		return;
	}
	top->prompt = PROMPT_INPUT;
	show_input(top);
}

/* The next priority above or below the one it has. */
static void begin_priority(struct top *top, bool higher)
{
	const struct status_job *job = chosen_job(top);
	unsigned priority, last = higher ? PRIORITIES_N - 1 : 0;

	if (!job) {
		say(top, "no job is chosen");
		return;
	}
	priority = job->ticket.priority;
	if (priority == last) {
		say(top, "%s: its priority is %s: there is no %s one", job->ticket.id,
		    priority_name(priority), higher ? "higher" : "lower");
		return;
	}
	begin(top, STEER_SET);
	(void)snprintf(top->input, sizeof(top->input), "%s=%s", setting_specs[SET_PRIORITY].key,
		       priority_name(higher ? priority + 1 : priority - 1));
	ask(top);
}

static void take_input(struct top *top, int key)
{
	size_t length = strlen(top->input);

	if (key == ESCAPE || ((key == '\n' || key == '\r' || key == KEY_ENTER) && length == 0)) {
		top->prompt = PROMPT_NONE;
		say(top, "nothing was changed");
		return;
	}
	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		ask(top);
		return;
	}
	if ((key == KEY_BACKSPACE || key == DELETE || key == '\b') && length > 0)
		top->input[length - 1] = '\0';
	else if (key >= ' ' && key < DELETE && length + 1 < sizeof(top->input))
		(void)snprintf(top->input + length, sizeof(top->input) - length, "%c", key);
	show_input(top);
}

static void take_answer(struct top *top, int key)
{
	top->prompt = PROMPT_NONE;
	if (key == 'y' || key == 'Y')
		act(top);
	else
		say(top, "nothing was changed");
}

/* ---- what only changes the view ---- */

static void change_interval(struct top *top, bool longer)
{
	uint64_t ns = longer ? top->interval_ns * 2 : top->interval_ns / 2;
	char text[RR_FORMAT_SIZE];

	if (ns >= RR_NS_PER_S / 4 && ns <= 64 * RR_NS_PER_S)
		top->interval_ns = ns;
	say(top, "every %s", rr_format_time(top->interval_ns, text));
}

static bool take_command(struct top *top, int key)
{
	static const struct {
		int key;
		enum steer_verb verb;
	} verbs[] = { { 'c', STEER_CANCEL },
		      { 'p', STEER_PAUSE },
		      { 'r', STEER_RESUME },
		      { 's', STEER_SET } };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (key == verbs[i].key)
			begin(top, verbs[i].verb);
	if (key == '<' || key == '>')
		begin_priority(top, key == '>');
	if (key == '+' || key == '-')
		change_interval(top, key == '-');
	return key != 'q' && key != 'Q';
}

bool top_take_key(struct top *top, int key)
{
	static const struct {
		int key;
		long rows;
	} moves[] = { { KEY_UP, -1 }, { 'k', -1 },	    { KEY_DOWN, 1 },
		      { 'j', 1 },     { KEY_PPAGE, -PAGE }, { KEY_NPAGE, PAGE } };

	/* The screen has another size: no answer to anything. */
	if (key == KEY_RESIZE)
		return true;
	if (top->prompt == PROMPT_CONFIRM) {
		take_answer(top, key);
		return true;
	}
	if (top->prompt == PROMPT_INPUT) {
		take_input(top, key);
		return true;
	}
	top_say_keys(top);
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		if (key == moves[i].key)
			top_choose(top, moves[i].rows);
	return take_command(top, key);
}
