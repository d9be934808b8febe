/* SPDX-License-Identifier: MIT */
/*
 * By when a job is to be done, and whether that can still be: by what runs of its key took, and by
 * how long it has to wait at least. Pure, but for the time zone of a time of day.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/learn.h"

#define DEADLINE_RUNS_MIN 5 /* with fewer successful runs nothing is said of the duration */
#define DEADLINE_PART 0.9 /* so many of the runs are to fit */

/* Times in BOOTTIME. A clock that is set later does not move it. */
struct deadline {
	bool set;
	uint64_t at_ns;
	uint64_t need_ns; /* what runs of the key took, but for the longest; 0: not known */
	size_t runs; /* from so many */
};

enum deadline_state {
	DEADLINE_OPEN,
	DEADLINE_HOPELESS, /* history says that it cannot be met any more */
	DEADLINE_PAST,
};

/* "2h" from now on, "06:30" (the next, local time) or "2026-01-31T06:30:00Z", as wall time. 0 or
 * -EINVAL with words. */
rr_checked int deadline_parse(const char *text, uint64_t now_wall_ns, uint64_t *ret_wall_ns,
			      struct rr_err *err);

/* What the runs say of the duration. */
void deadline_learn(struct deadline *deadline, const struct learn_run *runs, size_t n);

/* When it starts now, or, not known to be possible earlier, at earliest_ns. */
enum deadline_state deadline_judge(const struct deadline *deadline, uint64_t now_ns,
				   uint64_t earliest_ns);

/* From when on it is not open any more. RR_TIME_INF when there is none. */
uint64_t deadline_last_start(const struct deadline *deadline);

/* The numbers of the verdict, for people. */
const char *deadline_words(const struct deadline *deadline, uint64_t now_ns, uint64_t earliest_ns,
			   char *buf, size_t size);
