/* SPDX-License-Identifier: MIT */
/* The words of completions that change: the jobs of the ledger, the keys of the history, the
 * profiles of the configuration. */
#include <stdio.h>
#include <string.h>

#include "control/complete.h"
#include "control/context.h"
#include "control/index.h"
#include "control/status.h"
#include "policy/steer.h"

struct taker {
	complete_offer *offer;
	void *data;
};

static void offer_jobs(const struct taker *taker, const struct context *context)
{
	status_auto struct status status = { 0 };
	struct rr_err err;

	if (status_read_ledger(context, &status, &err) < 0)
		return;
	for (size_t i = 0; i < status.n_jobs; i++) {
		const struct status_job *job = &status.jobs[i];
		char state[64], meaning[512];

		if (job->state == JOB_LOST)
			continue;
		(void)snprintf(meaning, sizeof(meaning), "%s: %s",
			       job_state_words(job, state, sizeof(state)), job->detail.command);
		if (*job->detail.name)
			taker->offer(job->detail.name, meaning, taker->data);
		taker->offer(job->ticket.id, meaning, taker->data);
	}
}

static void take_key(const char *key, void *arg)
{
	const struct taker *taker = arg;

	if (key)
		taker->offer(key, "key", taker->data);
}

static void offer_keys(struct taker *taker, const struct context *context)
{
	index_auto struct index *index = NULL;
	struct rr_err err;

	if (index_open(context->paths.state, false, &index, &err) == 0)
		rr_ignore(index_each_key(index, take_key, taker, &err)); /* what there is */
}

static void offer_profiles(const struct taker *taker, const struct context *context)
{
	taker->offer("default", "profile", taker->data);
	for (size_t i = 0; i < context->config.n_profiles; i++)
		taker->offer(context->config.profiles[i].name, "profile", taker->data);
}

static void offer_changes(const struct taker *taker)
{
	enum setting_id id;

	for (size_t i = 0; (id = steer_changeable(i)) != SETTINGS_N; i++) {
		char word[64];

		(void)snprintf(word, sizeof(word), "%s=", setting_specs[id].key);
		taker->offer(word, setting_specs[id].help, taker->data);
	}
}

void complete_words(const char *kind, complete_offer *offer, void *data)
{
	context_auto struct context context = { 0 };
	struct taker taker = { .offer = offer, .data = data };
	bool jobs = strcmp(kind, "JOB") == 0, keys = strcmp(kind, "KEY") == 0;
	struct rr_err err;

	if (strcmp(kind, "KEY=VALUE") == 0) {
		offer_changes(&taker);
		return;
	}
	if (!jobs && !keys && strcmp(kind, "PROFILE") != 0)
		return;
	if (context_load(NULL, &context, &err) < 0)
		return;
	if (jobs)
		offer_jobs(&taker, &context);
	else if (keys)
		offer_keys(&taker, &context);
	else
		offer_profiles(&taker, &context);
}
