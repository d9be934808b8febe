/* SPDX-License-Identifier: MIT */
/*
 * "Oldest first until it fits" without remembering a million files: a histogram of bytes by time
 * of last touch, filled by a walk and narrowed, by another walk, around the point where enough
 * is reached. Pure: times and bytes in, a window of times out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SWEEP_PLAN_BUCKETS 16384

/* What was last touched in (after, until] goes; of what is later than `edge`, only as long as the
 * budget lasts. */
struct sweep_window {
	uint64_t after_ns, until_ns, edge_ns;
	uint64_t budget_bytes;
};

struct sweep_plan {
	uint64_t from_ns, width_ns; /* bucket i holds (from + i * width, from + (i + 1) * width] */
	uint64_t older_bytes; /* before the first bucket, known from the walk before */
	uint64_t bytes[SWEEP_PLAN_BUCKETS];
	uint32_t files[SWEEP_PLAN_BUCKETS];
};

/* Starts a plan for what was touched in (after, until]. */
void sweep_plan_start(struct sweep_plan *plan, uint64_t after_ns, uint64_t until_ns);

void sweep_plan_add(struct sweep_plan *plan, uint64_t touched_ns, uint64_t bytes);

/*
 * Sets ret's until, edge and budget so that the oldest files of at least `excess` bytes go, or all
 * when there are not as many. True when that is exact enough; false when the plan was narrowed
 * instead and is to be filled by another walk.
 */
bool sweep_plan_cut(struct sweep_plan *plan, uint64_t excess, struct sweep_window *ret);
