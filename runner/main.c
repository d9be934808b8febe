/* SPDX-License-Identifier: MIT */
/*
 * The way of a job, in one direction:
 *   options -> config (plan) -> learn -> admit -> place -> launch -> supervise -> aftercare
 *     -> record
 * What comes before the first try is here; from admit on it is attempt.c's.
 */
#include <stdio.h>

#include "base/fd.h"
#include "base/version.h"
#include "policy/seccomp.h"
#include "runner/admit.h"
#include "runner/attempt.h"
#include "runner/detach.h"
#include "runner/events.h"
#include "runner/learn.h"
#include "runner/options.h"
#include "runner/plan.h"
#include "runner/record.h"
#include "runner/recover.h"
#include "runner/retry.h"
#include "runner/signals.h"
#include "runner/status.h"
#include "runner/tell.h"

/* To the next try. What has its place in the ledger between two tries can be found there: waited
 * for, come after, canceled. Where that cannot be had, the next try enters as the first did. */
static void go_on(struct plan *plan, const struct outcome *outcome, struct admission *admission)
{
	struct rr_err err;

	plan->not_before_ns = retry_at(plan);
	retry_with_more(plan, outcome);
	plan_next_attempt(plan);
	learn(plan);
	if (ticket_again(plan, admission, &err) < 0) {
		tell_error("%s", err.text);
		ticket_release(admission, true);
	}
	events_rename(plan);
}

/* Tries until it works, until there are no tries left, or until it is told to stop. A further try
 * that was not let in, or could not be started, says nothing of the job, which has failed: how the
 * one before it ended holds, lest --on-busy=skip make a success of that. */
static struct status run_with_retries(struct plan *plan, const struct signals *signals,
				      struct seccomp_program *seccomp)
{
	struct admission admission = { .wake_fd = -1 };
	struct attempt_order order = { plan, signals, seccomp, &admission };
	struct status last = { 0 };

	for (;;) {
		struct outcome outcome;
		struct status status = attempt_run(&order, &outcome);

		if (last.from_job && !status.from_job && !status.interrupted) {
			tell("try %u was not run: the status is that of try %u", plan->attempt,
			     plan->attempt - 1);
			return last;
		}
		if (!retry_wanted(plan, &status, &outcome))
			return status;
		last = status;
		go_on(plan, &outcome, &admission);
	}
}

static int prepare(struct plan *plan, struct seccomp_program **ret_seccomp, struct rr_err *err)
{
	int r = seccomp_prepare(settings_text(&plan->settings, SET_SECCOMP), ret_seccomp, err);

	if (r == 0 && seccomp_sets_no_new_privs(*ret_seccomp))
		tell_more("seccomp: sudo, su and other setuid programs will not work in the job");
	if (r == 0)
		r = record_check_target(plan, err);
	return r < 0 ? r : events_open(plan, err);
}

static struct status run_plan(struct plan *plan)
{
	seccomp_auto struct seccomp_program *seccomp = NULL;
	struct signals signals;
	struct rr_err err;

	tell_setup(&plan->settings);
	learn(plan);
	if (settings_has(&plan->settings, SET_DRY_RUN)) {
		plan_print(plan, stdout);
		learn_print(plan, stdout);
		admit_print(plan, stdout);
		return status_own(0);
	}
	if (settings_has(&plan->settings, SET_DETACH)) {
		int r = detach(plan, &err);

		if (r == DETACH_PARENT)
			return status_own(0);
		if (r < 0) {
			tell_error("%s", err.text);
			return status_own(STATUS_FAILED);
		}
	}
	if (prepare(plan, &seccomp, &err) < 0 || signals_take(&signals, &err) < 0) {
		tell_error("%s", err.text);
		return status_own(STATUS_FAILED);
	}
	recover_missed(&plan->paths, &signals);
	return run_with_retries(plan, &signals, seccomp);
}

int main(int argc, char **argv)
{
	struct request request = { 0 };
	struct plan plan = { 0 };
	struct status status = status_own(0);
	struct rr_err err = { "no descriptors to be had" };
	int r = rr_fd_fill_standard();

	if (r == 0)
		r = options_parse(argc, argv, &request, &err);
	if (r == OPTIONS_HELP)
		options_print_help();
	if (r == OPTIONS_VERSION)
		(void)printf("resrun %s\n", RESRUN_VERSION);
	if (r == OPTIONS_RECOVER)
		r = recover_alone(&request, &err);
	else if (r == 0) {
		r = plan_make(&request, &plan, &err);
		if (r == 0)
			status = run_plan(&plan);
	}
	if (r < 0) {
		tell_error("%s", err.text);
		status = status_own(STATUS_FAILED);
	}
	plan_free(&plan);
	options_free(&request);
	status_exit(&status);
}
