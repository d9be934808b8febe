/* SPDX-License-Identifier: MIT */
/* When a running job is likely to end: by how far it says that it is, else by how long runs of its
 * key took. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct context;
struct status;
struct status_job;

enum estimate_by { ESTIMATE_NONE, ESTIMATE_PROGRESS, ESTIMATE_HISTORY };

struct estimate {
	enum estimate_by by;
	uint64_t left_ns; /* 0 by history: it is overdue */
	uint64_t late_ns; /* by history: 9 of 10 have no more to go */
	uint64_t usual_ns; /* by history: what such runs take */
	size_t longer; /* by history: how many runs it is from */
};

/* The key that the job learns under. */
void estimate_key(const struct status_job *job, char *buf, size_t size);

/* progress_percent: PROGRESS_UNKNOWN, or what is seen of it besides. */
void estimate_end(const char *state_dir, const struct status_job *job, double progress_percent,
		  struct estimate *ret);

/* Of all that run: their progress is what they say themselves. */
void estimate_all(const struct context *context, struct status *status);

/* "progress", "history"; NULL: there is no estimate. */
const char *estimate_by_name(enum estimate_by by);

/* "3m by progress", "3m by history", "overdue by history"; NULL: there is none. */
const char *estimate_words(const struct estimate *estimate, char *buf, size_t size);
