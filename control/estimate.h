/* SPDX-License-Identifier: MIT */
/* When jobs of the ledger are likely to end (policy/estimate.h): how far they say that they are,
 * and what is learned of their keys. */
#pragma once

#include <stddef.h>

#include "policy/estimate.h"

struct context;
struct paths;
struct status;
struct status_job;

/* The key that the job learns under. */
void estimate_key(const struct status_job *job, char *buf, size_t size);

/* progress_percent: PROGRESS_UNKNOWN, or what is seen of it besides. What another user's jobs need
 * is learned by that user alone. */
void estimate_end(const struct paths *paths, const struct status_job *job, double progress_percent,
		  struct estimate *ret);

/* Of all that run: their progress is what they say themselves. */
void estimate_all(const struct context *context, struct status *status);

/* "3m by progress", "3m by history", "overdue by history"; NULL: there is none. */
const char *estimate_words(const struct estimate *estimate, char *buf, size_t size);
