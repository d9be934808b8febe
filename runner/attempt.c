/* SPDX-License-Identifier: MIT */
#include "runner/attempt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "runner/admit.h"
#include "runner/aftercare.h"
#include "runner/events.h"
#include "runner/hooks.h"
#include "runner/keeper.h"
#include "runner/launch.h"
#include "runner/missed.h"
#include "runner/record.h"
#include "runner/retry.h"
#include "runner/status_file.h"
#include "runner/tell.h"
#include "runner/terminal.h"

/* What each stage leaves to the next. */
struct attempt {
	const struct plan *plan;
	const struct signals *signals;
	struct seccomp_program *seccomp;
	struct admission *admission;
	struct placement placement;
	struct limit_set limits;
	struct care care;
	struct keeper keeper;
	struct child child;
	struct outcome outcome;
	struct held_output held;
	struct terminal terminal;
};

static void leave_record(const struct attempt *attempt, bool placed, enum exit_reason reason,
			 int status, const char *message)
{
	struct run_facts facts = {
		.plan = attempt->plan,
		.admission = attempt->admission,
		.placement = placed ? &attempt->placement : NULL,
		.limits = placed ? &attempt->limits : NULL,
		.care = placed ? &attempt->care : NULL,
		.reason = reason,
		.own_status = status,
		.message = message,
	};

	record(&facts);
}

/* Nothing was run: says why, and leaves it in the history. */
static struct status not_run(const struct attempt *attempt, enum exit_reason reason, int status,
			     const struct rr_err *err)
{
	tell_error("%s", err->text);
	leave_record(attempt, false, reason, status, err->text);
	return status_own(status);
}

static struct status not_admitted(const struct attempt *attempt, int outcome, int signo,
				  const struct rr_err *err)
{
	const struct settings *settings = &attempt->plan->settings;

	if (outcome < 0)
		return not_run(attempt, EXIT_NOT_STARTED, STATUS_FAILED, err);
	/* As of one that was canceled: nobody else tells of it. */
	if (outcome == ADMIT_INTERRUPTED) {
		leave_record(attempt, false, EXIT_CANCELED, -1, NULL);
		return status_signal(signo);
	}
	if (outcome == ADMIT_CANCELED) {
		tell("canceled while it waited");
		leave_record(attempt, false, EXIT_CANCELED, -1, NULL);
		return status_signal(SIGTERM);
	}
	if (outcome == ADMIT_OVERLAP ||
	    (outcome == ADMIT_BUSY && settings_integer(settings, SET_ON_BUSY) == ON_BUSY_SKIP)) {
		tell_more("%s; skipped", err->text);
		leave_record(attempt, false, EXIT_NOT_ADMITTED, 0, err->text);
		return status_own(0);
	}
	return not_run(attempt, EXIT_NOT_ADMITTED, STATUS_BUSY, err);
}

/* Place: a fresh leaf with its limits set, and the ledger told of it. */
static int place(struct attempt *attempt, struct rr_err *err)
{
	const struct plan *plan = attempt->plan;
	char description[256];
	struct place_request request = {
		.job_id = plan->job_id,
		.description = description,
		.want = plan->want,
		.cpu_weight = plan->limits.v[LIMIT_CPU_WEIGHT].amount,
		.io_weight = plan->limits.v[LIMIT_IO_WEIGHT].amount,
	};
	int r;

	(void)snprintf(description, sizeof(description), "resrun job %s: %.200s", plan->job_id,
		       plan->command[0]);
	attempt->limits = plan->limits;
	r = placement_take(&request, &attempt->limits, &attempt->placement, err);
	if (r < 0)
		return r;
	tell_more("placed by %s%s%s", backend_name(attempt->placement.backend),
		  attempt->placement.leaf.fd >= 0 ? " in " : "",
		  attempt->placement.leaf.fd >= 0 ? attempt->placement.leaf.path : "");
	if (!record_limits(plan, &attempt->limits, err))
		return -ENOTSUP;
	/* Without a cgroup, orphans of the job stay ours to see and to end. */
	if (attempt->placement.leaf.fd < 0)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return attempt->placement.leaf.fd < 0
		       ? 0
		       : ticket_placed(attempt->admission, attempt->placement.leaf.path, err);
}

static int start(struct attempt *attempt, struct rr_err *err)
{
	struct launch_order order = {
		.plan = attempt->plan,
		.signals = attempt->signals,
		.placement = &attempt->placement,
		.limits = &attempt->limits,
		.seccomp = attempt->seccomp,
		.command = attempt->plan->command,
		.output_fd = attempt->held.fd,
	};

	struct child *child = &attempt->child;
	int r = launch_prepare(&order, child, err);

	if (r < 0)
		return r;
	r = ticket_launching(attempt->admission, child->pid, err);
	if (r < 0) {
		launch_drop(child);
		return r;
	}
	keeper_await(&attempt->keeper);
	terminal_save(&attempt->terminal);
	return launch_go(&order, child, err);
}

/* From here on the hooks after the job run, whatever becomes of us. */
static int promise(struct attempt *attempt, struct rr_err *err)
{
	struct run_facts facts = {
		.plan = attempt->plan,
		.admission = attempt->admission,
		.placement = &attempt->placement,
		.limits = &attempt->limits,
		.reason = EXIT_LOST,
		.own_status = -1,
	};

	if (!missed_possible(attempt->plan))
		return 0;
	return missed_promise(attempt->plan, record_draft(&facts), &attempt->care.promise, err);
}

static void watch(struct attempt *attempt)
{
	struct watch_order order = {
		.plan = attempt->plan,
		.signals = attempt->signals,
		.placement = &attempt->placement,
		.limits = &attempt->limits,
		.child = &attempt->child,
		.admission = attempt->admission,
		.care = &attempt->care,
	};

	events_put("info", "job_started", NULL);
	ticket_started(attempt->admission, attempt->plan);
	supervise(&order, &attempt->outcome);
}

/* The leaf goes; that it could not is worth a word, and no more. */
static void unplace(struct attempt *attempt)
{
	struct rr_err err;

	/* One by one: else they would tell of hooks that were killed. */
	if (attempt->placement.leaf.fd >= 0)
		hook_end_apart();
	if (placement_end(&attempt->placement, &err) < 0)
		tell_error("%s", err.text);
	keeper_dismiss(&attempt->keeper);
}

static struct status finished(struct attempt *attempt)
{
	struct run_facts facts = {
		.plan = attempt->plan,
		.admission = attempt->admission,
		.placement = &attempt->placement,
		.limits = &attempt->limits,
		.child = &attempt->child,
		.outcome = &attempt->outcome,
		.care = &attempt->care,
	};

	rr_fd_close(&attempt->child.pidfd);
	if (attempt->outcome.signal)
		terminal_restore(&attempt->terminal);
	held_output_show(&attempt->held, !outcome_is_success(&attempt->outcome));
	if (attempt->care.promise.fd >= 0)
		care_hooks(attempt->plan, attempt->signals, &attempt->outcome, record_draft(&facts),
			   &attempt->care);
	/* A further try is elsewhere. */
	(void)unsetenv("RESRUN_CGROUP");
	unplace(attempt);
	care_sweep(attempt->plan, &attempt->care);
	events_resources("resources_final");
	record(&facts);
	unfinished_end(&attempt->care.promise);
	return status_of(&attempt->outcome);
}

/* Hooks after a job that came to nothing: those before it have run, and what they made is to be
 * undone. */
static void hooks_of_not_started(struct attempt *attempt, int own_status, const struct rr_err *err)
{
	struct run_facts facts = {
		.plan = attempt->plan,
		.admission = attempt->admission,
		.placement = &attempt->placement,
		.limits = &attempt->limits,
		.care = &attempt->care,
		.reason = EXIT_NOT_STARTED,
		.own_status = own_status,
		.message = err->text,
	};
	struct outcome none = { .reason = EXIT_NOT_STARTED, .code = own_status };

	if (attempt->care.promise.fd >= 0)
		care_hooks(attempt->plan, attempt->signals, &none, record_draft(&facts),
			   &attempt->care);
}

/* model: NOT_STARTED. Placed, but it did not come to run. */
static struct status not_started(struct attempt *attempt, int outcome, const struct rr_err *err)
{
	int status = outcome == LAUNCH_NOT_FOUND	? STATUS_NOT_FOUND
		     : outcome == LAUNCH_NOT_EXECUTABLE ? STATUS_NOT_EXECUTABLE
							: STATUS_FAILED;

	held_output_show(&attempt->held, true);
	tell_error("%s", err->text);
	hooks_of_not_started(attempt, status, err);
	unplace(attempt);
	care_sweep(attempt->plan, &attempt->care);
	leave_record(attempt, true, EXIT_NOT_STARTED, status, err->text);
	unfinished_end(&attempt->care.promise);
	return status_own(status);
}

/* The ticket is held until the history has the job: who comes after it (--after) looks there when
 * it has left the ledger. */
static struct status run(struct attempt *attempt)
{
	struct rr_err err;
	int signo, r = admit(attempt->plan, attempt->signals, attempt->admission, &signo, &err);

	if (r != 0) {
		struct status status = not_admitted(attempt, r, signo, &err);

		ticket_release(attempt->admission, false);
		return status;
	}
	events_resources("resources_initial");
	attempt->care = (struct care){ .temp_root = -1, .temp_fd = -1, .promise = { .fd = -1 } };
	r = place(attempt, &err);
	if (attempt->placement.leaf.fd >= 0)
		attempt->care.leaf = attempt->placement.leaf.path;
	if (r == 0)
		keeper_start(attempt->plan, &attempt->placement, &attempt->keeper);
	care_environment(attempt->plan, &attempt->placement);
	status_file_offer(attempt->plan);
	if (r == 0)
		r = care_before(attempt->plan, attempt->signals, &attempt->care, &err);
	if (r == 0)
		r = promise(attempt, &err);
	if (r == 0)
		r = start(attempt, &err);
	if (r == 0)
		watch(attempt);
	struct status status = r == 0 ? finished(attempt) : not_started(attempt, r, &err);

	status_file_remove(attempt->plan);
	if (!retry_wanted(attempt->plan, &status, &attempt->outcome))
		ticket_release(attempt->admission, r == 0);
	keeper_end(&attempt->keeper);
	return status;
}

struct status attempt_run(const struct attempt_order *order, struct outcome *ret)
{
	struct attempt attempt = { .plan = order->plan,
				   .signals = order->signals,
				   .seccomp = order->seccomp,
				   .admission = order->admission };
	struct status status;
	struct rr_err err;

	*ret = (struct outcome){ 0 };
	if (held_output_open(order->plan, &attempt.held, &err) < 0) {
		tell_error("%s", err.text);
		return status_own(STATUS_FAILED);
	}
	status = run(&attempt);
	*ret = attempt.outcome;
	return status;
}
