/* SPDX-License-Identifier: MIT */
#include "policy/trend.h"

#include <string.h>

#include "policy/learn.h"

#define CERTAIN_SQUARE 6.635 /* 2.576^2: of a normal distribution, 1 % lies beyond */
#define CHANGE_MIN 0.05

const char *trend_name(enum trend_direction direction)
{
	static const char *const names[] = {
		[TREND_UNKNOWN] = "unknown",
		[TREND_STEADY] = "steady",
		[TREND_GROWING] = "growing",
		[TREND_SHRINKING] = "shrinking",
	};

	return names[direction];
}

/* Pairs that rise less pairs that fall. */
static double rises(const uint64_t *values, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			sum += (values[j] > values[i]) - (values[j] < values[i]);
	return sum;
}

static uint64_t median(const uint64_t *values, size_t n)
{
	uint64_t copy[TREND_RUNS_MAX];

	memcpy(copy, values, n * sizeof(*copy));
	return learn_quantile(copy, n, 0.5);
}

void trend_find(const uint64_t *values, size_t n, struct trend *ret)
{
	double sum, distance, variance, change;
	size_t third;

	*ret = (struct trend){ .direction = TREND_UNKNOWN };
	if (n > TREND_RUNS_MAX) {
		values += n - TREND_RUNS_MAX;
		n = TREND_RUNS_MAX;
	}
	ret->runs = n;
	if (n < TREND_RUNS_MIN)
		return;
	third = n / 3;
	ret->first = median(values, third);
	ret->last = median(values + n - third, third);
	ret->direction = TREND_STEADY;
	sum = rises(values, n);
	distance = (sum < 0 ? -sum : sum) - 1;
	variance = (double)(n * (n - 1) * (2 * n + 5)) / 18;
	change = (double)ret->last - (double)ret->first;
	if (distance <= 0 || distance * distance <= CERTAIN_SQUARE * variance)
		return;
	if (sum > 0 && change >= CHANGE_MIN * (double)ret->first)
		ret->direction = TREND_GROWING;
	if (sum < 0 && -change >= CHANGE_MIN * (double)ret->first)
		ret->direction = TREND_SHRINKING;
}
