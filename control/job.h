/* SPDX-License-Identifier: MIT */
/* Which job somebody means: by its id, by a beginning of that, or by its name. */
#pragma once

#include "control/status.h"

/* Among those that wait or run. 0 with *ret NULL when there is none; -EINVAL with words when
 * several are meant. */
rr_checked int job_find(const struct status *status, const char *wanted,
			const struct status_job **ret, struct rr_err *err);
