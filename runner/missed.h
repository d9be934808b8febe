/* SPDX-License-Identifier: MIT */
/* Hooks after a job that must not be lost when its launcher is: promised before the job runs, and
 * run by the next start, or by an audit, when the launcher did not come to it. At least once. */
#pragma once

#include <jansson.h>

#include "policy/paths.h"
#include "policy/report.h"
#include "policy/unfinished.h"
#include "runner/plan.h"
#include "runner/signals.h"

/* Whether a job has hooks that come after it. */
bool missed_possible(const struct plan *plan);

/* Promises the hooks that come after the job; `report` as it would be if we were killed: it is
 * released here. 0 or -errno with words. */
rr_checked int missed_promise(const struct plan *plan, json_t *report, struct unfinished *ret,
			      struct rr_err *err);

/* What hooks are told of the end: RESRUN_EXIT_REASON and the other figures of the report. A list
 * for hook_order, to be freed by missed_environment_free; NULL out of memory. */
char **missed_environment(const json_t *report, const char *report_path);
void missed_environment_free(char **environment);

/* Which event there is beside "after" for a job that ended so; HOOK_EVENTS_N: none. */
enum hook_event missed_event(enum exit_reason reason, bool success);

/* Runs what dead launchers have promised, once nothing of their jobs goes on. Trouble is told, and
 * fails nothing. */
void missed_run(const struct paths *paths, const struct signals *signals);

/* True when there may be any: one look at a directory. */
bool missed_any(const char *state_dir);
