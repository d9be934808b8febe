/* SPDX-License-Identifier: MIT */
/* Whether and when a failed job is tried again, and what becomes of output held back (--chronic).
 */
#pragma once

#include <stdbool.h>

#include "runner/plan.h"
#include "runner/signals.h"
#include "runner/status.h"
#include "runner/supervise.h"

/* By retry_on, after any failure of the job; but not after a usage error, a cancel, 126 or 127. */
bool retry_wanted(const struct plan *plan, const struct status *status,
		  const struct outcome *outcome);

/* After it was killed for going over its own memory limit, the next try gets a higher one. */
void retry_with_more(struct plan *plan, const struct outcome *outcome);

/* Says when the next try comes: after backoff x 2^k, with jitter of a quarter. BOOTTIME. */
uint64_t retry_at(const struct plan *plan);

struct held_output {
	int fd; /* -1: the output goes where it goes */
};

/* With --chronic: a place for the output. 0 or -errno with words. */
rr_checked int held_output_open(const struct plan *plan, struct held_output *ret,
				struct rr_err *err);

/* Lets go of it: to stdout when it is wanted, else to nowhere. */
void held_output_show(struct held_output *held, bool wanted);
