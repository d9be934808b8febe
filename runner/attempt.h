/* SPDX-License-Identifier: MIT */
/*
 * One try of a job, from the queue to the history, each stage in its turn:
 *   admit -> place -> launch -> supervise -> aftercare -> record
 * A stage knows what it is given and what it gives; only attempt.c knows their order.
 */
#pragma once

#include "policy/seccomp.h"
#include "runner/plan.h"
#include "runner/signals.h"
#include "runner/status.h"
#include "runner/supervise.h"

struct attempt_order {
	const struct plan *plan;
	const struct signals *signals;
	struct seccomp_program *seccomp;
	struct admission *admission; /* of all tries: entered by the first, or the one before */
};

/* The status to end with. *ret is what became of the job; all zero when it did not run. Everything
 * that could go wrong has been said, and recorded. */
struct status attempt_run(const struct attempt_order *order, struct outcome *ret);
