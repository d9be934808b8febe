/* SPDX-License-Identifier: MIT */
/*
 * The history of alerts: a line each time a resource of the host turned warning, critical or well
 * again, whichever job saw it first. A line is as in the history. STATE/alerts is bounded: when it
 * has grown it becomes alerts.1, in place of the one before.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/headroom.h"

#define ALERTS_FILE_MAX (128 * 1024)

struct alert_record {
	uint64_t at_wall_ns;
	const char *job_id; /* that saw it */
	enum headroom_resource resource;
	enum headroom_level level;
	double value, threshold; /* percent */
};

/* "ok", "warning", "critical". */
const char *headroom_level_name(enum headroom_level level);

/* Outcome of alerts_note beside 0: the last of its resource says the same. */
#define ALERTS_SAME 1

/* Adds it, unless the last of its resource says the same; a resource that nothing is known of is
 * well. 0, ALERTS_SAME, or -errno with words. */
rr_checked int alerts_note(const char *state_dir, const struct alert_record *alert,
			   struct rr_err *err);

/* Calls visit for each, oldest first; a non-zero answer ends it and is returned. -errno with
 * words. */
rr_checked int alerts_each(const char *state_dir, int (*visit)(json_t *alert, void *arg), void *arg,
			   struct rr_err *err);

/* What was put down last of a resource. */
struct alert_last {
	bool known;
	enum headroom_level level;
	uint64_t since_wall_ns;
};

/* Of each resource, looked for from the end on. -errno with words: nothing is known then. */
rr_checked int alerts_last(const char *state_dir, struct alert_last ret[static HEADROOM_N],
			   struct rr_err *err);
