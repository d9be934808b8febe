/* SPDX-License-Identifier: MIT */
/*
 * When a running job is likely to end: by how far it is, else by how long runs of its key took.
 * Pure; and the words for it, so that all who tell of it round alike.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/parse.h"
#include "policy/learn.h"

enum estimate_by { ESTIMATE_NONE, ESTIMATE_PROGRESS, ESTIMATE_HISTORY };

struct estimate {
	enum estimate_by by;
	uint64_t left_ns; /* 0 by history: it is overdue */
	uint64_t late_ns; /* by history: 9 of 10 have no more to go */
	uint64_t usual_ns; /* by history: what such runs take */
	size_t longer; /* by history: how many runs it is from */
};

/* progress_percent: PROGRESS_UNKNOWN, or how far it is; runs: of its key, oldest first. */
void estimate_make(double progress_percent, uint64_t ran_ns, const struct learn_run *runs, size_t n,
		   struct estimate *ret);

/* "progress", "history"; NULL: there is no estimate. */
const char *estimate_by_name(enum estimate_by by);

/* A time to come, in whole seconds: what is less is noise. At least one. */
const char *estimate_time(uint64_t ns, char buf[static RR_FORMAT_SIZE]);

/* "3m", "overdue"; NULL: there is no estimate. */
const char *estimate_left(const struct estimate *estimate, char buf[static RR_FORMAT_SIZE]);
