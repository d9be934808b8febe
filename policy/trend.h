/* SPDX-License-Identifier: MIT */
/*
 * Whether a series grows: the test of Mann and Kendall, which asks of every pair whether the later
 * is the larger, so that neither one outlier nor the shape of the growth decides. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TREND_RUNS_MAX 128 /* the last of the series are looked at */
#define TREND_RUNS_MIN 8 /* fewer can grow by chance */

enum trend_direction { TREND_UNKNOWN, TREND_STEADY, TREND_GROWING, TREND_SHRINKING };

struct trend {
	enum trend_direction direction;
	size_t runs; /* looked at */
	uint64_t first, last; /* medians of the first and the last third of them */
};

/* values: oldest first. A trend is one that chance makes in less than one series of a hundred, and
 * by which the last third differs from the first by 5 % or more. */
void trend_find(const uint64_t *values, size_t n, struct trend *ret);

/* "unknown", "steady", "growing", "shrinking". */
const char *trend_name(enum trend_direction direction);
