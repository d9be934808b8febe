/* SPDX-License-Identifier: MIT */
/* Tells how it went: the report, the history, the event, and a line for people. */
#pragma once

#include "policy/report.h"
#include "runner/admit.h"
#include "runner/aftercare.h"
#include "runner/launch.h"
#include "runner/plan.h"
#include "runner/supervise.h"

/* What is known of a run, as far as it came; a stage that was not reached is NULL. */
struct run_facts {
	const struct plan *plan;
	const struct admission *admission;
	const struct placement *placement;
	const struct limit_set *limits;
	const struct child *child;
	const struct outcome *outcome;
	const struct care *care;
	enum exit_reason reason; /* where there is no outcome: why it was not run */
	int own_status; /* and the exit status of resrun itself */
	const char *message; /* and its words; NULL: none */
};

/* The report as it is known so far, for hooks; NULL out of memory. */
json_t *record_draft(const struct run_facts *facts);

/* Fails nothing: what cannot be written is told on stderr. */
void record(const struct run_facts *facts);

/* Whether --report can be written, asked before anything runs. 0 or -errno with words. */
rr_checked int record_check_target(const struct plan *plan, struct rr_err *err);

/* Says at the start which limits do not hold. False under --strict when there is one: err says
 * which. */
bool record_limits(const struct plan *plan, const struct limit_set *limits, struct rr_err *err);
