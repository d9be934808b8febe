/* SPDX-License-Identifier: MIT */
/* Which job somebody means: by its id, else by its name, else by that of its
 * first try, else by a beginning of either. */
#pragma once

#include "control/status.h"

/* Among those that wait or run. 0 with *ret NULL when there is none; -EINVAL with words when
 * several are meant. */
rr_checked int job_find(const struct status *status, const char *wanted,
			const struct status_job **ret, struct rr_err *err);

/* The same; the id may also be that of an earlier try of the job, as the history has it. */
rr_checked int job_find_by_try(const struct context *context, const struct status *status,
			       const char *wanted, const struct status_job **ret,
			       struct rr_err *err);

/* Whether that is its whole id, or its name. */
bool job_is_named(const struct status_job *job, const char *wanted);
