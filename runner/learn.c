/* SPDX-License-Identifier: MIT */
#include "runner/learn.h"

#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/parse.h"
#include "policy/learn_file.h"
#include "policy/learn_forget.h"
#include "runner/tell.h"

#define WORDS_MAX 4096 /* of a command line are looked at */
#define TEXT_SIZE 200

/* ---- the input ---- */

static uint64_t file_size(const char *path)
{
	struct stat st;

	return *path && stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* The sizes of the files that the command line names, also as "if=FILE" or "--input=FILE". */
static uint64_t input_bytes(char *const *command)
{
	uint64_t sum = 0;

	for (size_t i = 1; command[0] && command[i] && i < WORDS_MAX; i++) {
		const char *value = strchr(command[i], '=');
		uint64_t size = file_size(command[i]);

		sum += size || !value ? size : file_size(value + 1);
	}
	return sum;
}

/* ---- before ---- */

static bool is_auto(const struct plan *plan, enum setting_id id)
{
	return settings_has(&plan->settings, id) && plan->settings.v[id].size == SIZE_AUTO;
}

static void set_limit(struct limit *limit, uint64_t amount, bool implied)
{
	limit->asked = true;
	limit->implied = implied;
	limit->amount = amount;
}

/* memory=auto: slowed down from what is needed on, killed at half as much again. What stands in the
 * settings as a number stays. */
static void set_limits(struct plan *plan)
{
	struct limit *max = &plan->limits.v[LIMIT_MEMORY],
		     *high = &plan->limits.v[LIMIT_MEMORY_HIGH];
	uint64_t need = plan->need.memory_bytes;
	bool set_max = is_auto(plan, SET_MEMORY), set_high = is_auto(plan, SET_MEMORY_HIGH);

	if (!set_max && !set_high)
		return;
	if (set_max || !settings_has(&plan->settings, SET_MEMORY))
		set_limit(max, (uint64_t)(LEARN_HIGH_TO_MAX * (double)need), false);
	if (set_high || !settings_has(&plan->settings, SET_MEMORY_HIGH))
		set_limit(high, need, !set_high);
	if (set_max && high->amount > max->amount)
		max->amount = high->amount;
	if (set_high && high->amount > max->amount)
		high->amount = max->amount;
}

/* What is declared stands; of a cap that was learned only the need is taken. */
static void set_reserve(struct plan *plan)
{
	bool asked = is_auto(plan, SET_RESERVE);

	if (settings_has(&plan->settings, SET_RESERVE) && !asked)
		return;
	plan->reserve_first = asked;
	if (asked || !settings_has(&plan->settings, SET_MEMORY) || is_auto(plan, SET_MEMORY))
		plan->reserve_bytes = plan->need.memory_bytes;
}

static void say_unknown(const struct plan *plan)
{
	if (is_auto(plan, SET_MEMORY) || is_auto(plan, SET_MEMORY_HIGH))
		tell("memory=auto: nothing is learned for '%s' yet, so there is no memory limit",
		     plan->key);
	if (is_auto(plan, SET_RESERVE))
		tell("reserve=auto: nothing is learned for '%s' yet, so nothing is reserved",
		     plan->key);
}

/* A guess is said; what is known, to those who ask for more. */
static void say_known(const struct plan *plan)
{
	const struct limit *v = plan->limits.v;
	char need[RR_FORMAT_SIZE], high[RR_FORMAT_SIZE], max[RR_FORMAT_SIZE], words[TEXT_SIZE];
	bool young = plan->need.runs < LEARN_YOUNG;

	if (!is_auto(plan, SET_MEMORY) && !is_auto(plan, SET_MEMORY_HIGH))
		return;
	(void)rr_format_bytes(plan->need.memory_bytes, need);
	(void)rr_format_bytes(v[LIMIT_MEMORY_HIGH].amount, high);
	(void)rr_format_bytes(v[LIMIT_MEMORY].amount, max);
	(void)learn_words(&plan->need, words, sizeof(words));
	if (young)
		tell("memory=auto: '%s' is young: %s; memory.high %s, memory.max %s", plan->key,
		     words, high, max);
	else
		tell_more("memory=auto: '%s' needs %s: %s; memory.high %s, memory.max %s",
			  plan->key, need, words, high, max);
}

void learn(struct plan *plan)
{
	struct learn_run runs[LEARN_RUNS_MAX];
	struct rr_err err;
	size_t n;

	plan->input_bytes = input_bytes(plan->command);
	if (learn_read(plan->paths.state, plan->key, runs, &n, &err) < 0)
		tell("%s", err.text);
	learn_predict(runs, n, plan->input_bytes, &plan->need);
	if (!learn_usual_wall(runs, n, &plan->usual_wall_ns))
		plan->usual_wall_ns = 0;
	if (!learn_usual_cpus(runs, n, &plan->usual_cpus))
		plan->usual_cpus = 0;
	deadline_learn(&plan->deadline, runs, n);
	if (plan->need.ground == LEARN_BY_NOTHING) {
		say_unknown(plan);
		return;
	}
	set_limits(plan);
	set_reserve(plan);
	say_known(plan);
}

void learn_print(const struct plan *plan, FILE *out)
{
	char need[RR_FORMAT_SIZE], input[RR_FORMAT_SIZE], wall[RR_FORMAT_SIZE], words[TEXT_SIZE];

	(void)fprintf(out, "learned: ");
	if (plan->need.ground == LEARN_BY_NOTHING)
		(void)fprintf(out, "nothing: %s", learn_words(&plan->need, words, sizeof(words)));
	else
		(void)fprintf(out, "needs %s of memory: %s",
			      rr_format_bytes(plan->need.memory_bytes, need),
			      learn_words(&plan->need, words, sizeof(words)));
	if (plan->usual_wall_ns > 0)
		(void)fprintf(out, "; usually takes %s", rr_format_time(plan->usual_wall_ns, wall));
	if (plan->usual_cpus > 0)
		(void)fprintf(out, "; keeps %.1f CPUs busy", plan->usual_cpus);
	(void)fprintf(out, "; input %s\n", rr_format_bytes(plan->input_bytes, input));
}

/* ---- after ---- */

static enum learn_outcome outcome_of(const struct outcome *outcome)
{
	/* One that stalled was held at its memory.high: it would have grown. */
	if (outcome->reason == EXIT_OOM || outcome->reason == EXIT_STALLED)
		return LEARN_KILLED;
	return outcome_is_success(outcome) ? LEARN_SUCCESS : LEARN_FAILURE;
}

/* Its working peak; killed at its own limit, it had reached that, whatever the samples saw. */
static uint64_t memory_of(const struct limit_set *limits, const struct outcome *outcome)
{
	const struct limit *max = &limits->v[LIMIT_MEMORY], *high = &limits->v[LIMIT_MEMORY_HIGH];
	uint64_t seen = outcome->usage.memory_working_peak_bytes, reached = 0;

	if (outcome->reason == EXIT_OOM && max->asked &&
	    (max->by == BY_SAMPLED ||
	     (outcome->usage.own_ooms != USAGE_UNKNOWN && outcome->usage.own_ooms > 0)))
		reached = max->amount;
	if (outcome->reason == EXIT_STALLED && high->asked)
		reached = high->amount;
	if (seen == USAGE_UNKNOWN)
		return reached > 0 ? reached : LEARN_UNKNOWN;
	return seen > reached ? seen : reached;
}

void learn_from_run(const struct plan *plan, const struct limit_set *limits,
		    const struct outcome *outcome)
{
	struct learn_run run = {
		.ended_wall_ns = outcome->ended_wall_ns,
		.input_bytes = plan->input_bytes,
		.memory_bytes = memory_of(limits, outcome),
		.cpu_us = outcome->usage.cpu_us,
		.wall_us = outcome->wall_ns / RR_NS_PER_US,
		.outcome = outcome_of(outcome),
	};
	struct rr_err err;
	int r = learn_add(plan->paths.state, plan->key, &run, &err);

	if (r == LEARN_NEW_KEY)
		r = learn_forget_when_due(plan->paths.state, rr_now_wall_ns(), &err);
	if (r < 0)
		tell("%s", err.text);
}
