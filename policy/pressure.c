/* SPDX-License-Identifier: MIT */
#include "policy/pressure.h"

#include <errno.h>
#include <string.h>

#include "policy/headroom.h"
#include "policy/settings.h"

#define MEMORY_HYSTERESIS 2
#define OTHERS_HYSTERESIS 5
#define WELL_SHARE 0.5 /* of a share of time that is too much */

static const char *const step_names[PRESSURE_STEPS_N] = { "none",    "weight", "throttle",
							  "reclaim", "freeze", "kill" };
static const char *const cause_names[PRESSURE_CAUSES_N] = { "cpu", "memory", "io" };

/* Against which cause a step is of any use. A job that is throttled takes hardly any CPU time, and
 * on a machine that others keep busy for good it still comes to its end one day: frozen, it would
 * not. */
static const unsigned helps[PRESSURE_STEPS_N] = {
	[PRESSURE_WEIGHT] = 1U << PRESSURE_CPU | 1U << PRESSURE_IO,
	[PRESSURE_THROTTLE] = 1U << PRESSURE_CPU,
	[PRESSURE_RECLAIM] = 1U << PRESSURE_MEMORY,
	[PRESSURE_FREEZE] = 1U << PRESSURE_MEMORY | 1U << PRESSURE_IO,
	[PRESSURE_KILL] = 1U << PRESSURE_MEMORY | 1U << PRESSURE_IO,
};

const char *pressure_step_name(enum pressure_step step)
{
	return step_names[step];
}

const char *pressure_cause_name(enum pressure_cause cause)
{
	return cause_names[cause];
}

static enum pressure_step find_step(const char *word)
{
	int step = PRESSURE_STEPS_N - 1;

	while (step > PRESSURE_NONE && strcmp(word, step_names[step]) != 0)
		step--;
	return (enum pressure_step)step;
}

int pressure_check(char *const *words, struct rr_err *err)
{
	for (size_t i = 0; words[i]; i++) {
		bool none = strcmp(words[i], step_names[PRESSURE_NONE]) == 0;

		if (none && (i > 0 || words[i + 1]))
			return rr_err_set(err, EINVAL, "'none' goes with nothing else");
		if (!none && find_step(words[i]) == PRESSURE_NONE)
			return rr_err_set(err, EINVAL,
					  "'%s' is none of weight, throttle, reclaim, freeze, kill",
					  words[i]);
	}
	return 0;
}

/* ---- is the host short? ---- */

static enum pressure_state judge_cpu(const struct pressure_reading *reading)
{
	double others = reading->cpu - reading->cpu_jobs;

	if (reading->cpu_threshold >= 100 || reading->cpu < 0)
		return PRESSURE_WELL;
	if (reading->cpu >= reading->cpu_threshold && others >= PRESSURE_OTHERS_PERCENT)
		return PRESSURE_SHORT;
	/* Hardly anybody is there, or the job leaves room without being made to. */
	if (others < PRESSURE_OTHERS_PERCENT - OTHERS_HYSTERESIS ||
	    reading->cpu < HEADROOM_WARN_SHARE * reading->cpu_threshold)
		return PRESSURE_WELL;
	return PRESSURE_SO_SO;
}

/* A full memory alone harms nobody, and no step empties it: only that somebody waits for it. */
static enum pressure_state judge_memory(const struct pressure_reading *reading)
{
	if (reading->memory_threshold >= 100 || reading->memory_stall < 0)
		return PRESSURE_WELL;
	if (reading->memory >= reading->memory_threshold &&
	    reading->memory_stall >= PRESSURE_MEMORY_PERCENT)
		return PRESSURE_SHORT;
	if (reading->memory < reading->memory_threshold - MEMORY_HYSTERESIS ||
	    reading->memory_stall < WELL_SHARE * PRESSURE_MEMORY_PERCENT)
		return PRESSURE_WELL;
	return PRESSURE_SO_SO;
}

static enum pressure_state judge_stall(double stall, double threshold)
{
	if (threshold < 0 || stall < 0)
		return PRESSURE_WELL;
	if (stall >= threshold)
		return PRESSURE_SHORT;
	return stall < WELL_SHARE * threshold ? PRESSURE_WELL : PRESSURE_SO_SO;
}

enum pressure_state pressure_judge(const struct pressure_reading *reading, enum pressure_cause *ret)
{
	const struct {
		enum pressure_cause cause;
		enum pressure_state state;
	} judged[] = {
		/* The worst first: it is what a step is looked for against. */
		{ PRESSURE_MEMORY, judge_memory(reading) },
		{ PRESSURE_MEMORY, judge_stall(reading->memory_stall, reading->stall_threshold) },
		{ PRESSURE_IO, judge_stall(reading->io_stall, reading->stall_threshold) },
		{ PRESSURE_CPU, judge_cpu(reading) },
	};
	enum pressure_state worst = PRESSURE_WELL;

	for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
		if (judged[i].state <= worst)
			continue;
		worst = judged[i].state;
		*ret = judged[i].cause;
	}
	return worst;
}

double pressure_cpus_left(const struct pressure_reading *reading, double cpus, size_t jobs)
{
	double others = reading->cpu - reading->cpu_jobs;
	double left = reading->cpu_threshold - PRESSURE_MARGIN_PERCENT - (others > 0 ? others : 0);

	left = left / 100 * cpus / (double)(jobs ? jobs : 1);
	return left > PRESSURE_CPUS_MIN ? left : PRESSURE_CPUS_MIN;
}

/* ---- whose turn is it? ---- */

static bool can_give_way(const struct ledger_ticket *ticket)
{
	return ticket->state == TICKET_RUNNING && ticket->priority < PRIORITY_CRITICAL;
}

static bool gives_way_before(const struct ledger_ticket *a, const struct ledger_ticket *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	if (a->started_ns != b->started_ns)
		return a->started_ns > b->started_ns;
	return a->number > b->number;
}

void pressure_rank(const struct ledger_ticket *tickets, size_t n, size_t me,
		   struct pressure_order *ret)
{
	*ret = (struct pressure_order){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (!can_give_way(&tickets[i]))
			continue;
		/* A sum, as the order in which they stand may differ from look to look. */
		if (tickets[i].pressed)
			ret->signature +=
				(tickets[i].number + 1) * PRESSURE_STEPS_N * 2 + tickets[i].pressed;
		if (i == me)
			continue;
		/* What is nested is held with the job that it is in. */
		if (tickets[i].pressed == PRESSURE_THROTTLE && tickets[i].nested == NESTED_NOT)
			ret->throttled++;
		if (gives_way_before(&tickets[i], &tickets[me]))
			ret->before++;
		else if (tickets[i].pressed)
			ret->release_before++;
	}
}

enum pressure_step pressure_next(char *const *words, unsigned taken, enum pressure_cause cause)
{
	for (; *words; words++) {
		enum pressure_step step = find_step(*words);

		if (step != PRESSURE_NONE && !(taken & 1U << step) && (helps[step] & 1U << cause))
			return step;
	}
	return PRESSURE_NONE;
}

/* A step that is needed again soon after it was taken back was taken back too soon. That is said
 * once: the same shortage may need more steps, or last when there are none left. */
static void note_harder(struct pressure *pressure, uint64_t now_ns)
{
	uint64_t released_ns = pressure->released_ns;

	pressure->released_ns = 0;
	if (released_ns == 0)
		return;
	if (now_ns - released_ns >= 2 * pressure->release_ns)
		pressure->release_ns = PRESSURE_RELEASE_NS;
	else if (pressure->release_ns < PRESSURE_RELEASE_MAX_NS / 2)
		pressure->release_ns *= 2;
	else
		pressure->release_ns = PRESSURE_RELEASE_MAX_NS;
}

enum pressure_move pressure_look(struct pressure *pressure, enum pressure_state state,
				 const struct pressure_order *order, bool held, uint64_t now_ns)
{
	if (pressure->release_ns == 0)
		pressure->release_ns = PRESSURE_RELEASE_NS;
	if (state != pressure->state || order->signature != pressure->signature ||
	    pressure->since_ns == 0) {
		pressure->state = state;
		pressure->signature = order->signature;
		pressure->since_ns = now_ns;
	}
	if (state == PRESSURE_SHORT &&
	    now_ns - pressure->since_ns >= PRESSURE_STEP_NS * (1 + order->before)) {
		note_harder(pressure, now_ns);
		return PRESSURE_HARDER;
	}
	if (state == PRESSURE_WELL && held &&
	    now_ns - pressure->since_ns >= pressure->release_ns * (1 + order->release_before)) {
		pressure->released_ns = now_ns;
		return PRESSURE_SOFTER;
	}
	return PRESSURE_STAY;
}
