/* SPDX-License-Identifier: MIT */
/*
 * The formulas. A model says what a run with input x needs: the mean of the successful runs, or,
 * with five of them and a correlation above 0.3, a line through them. On top of the model comes the
 * largest distance by which any run went above it, and three standard errors of the mean, so that a
 * key whose runs differ gets more room than one whose runs are alike, and a young one more than an
 * old one. The sum is taken x (1.02 + 0.5/n^2): one run alone says nothing of how much they differ.
 *
 * A line may lower the figure for any input, but raise it above that of the mean only for an input
 * larger than any seen; it never goes below the smallest peak.
 *
 * What is seen of a run that failed is a lower bound: it lifts the distance, but bends no model. A
 * run that was killed for memory needed more than it had: at least x 1.2 and 100 MB more, until a
 * run of no less input has shown what it needs.
 *
 * Against "largest x 1.1" or a fixed share for young keys, this wastes less where runs are alike
 * and fails less where they are not: `resrunctl replay` counts both over a trace.
 */
#include "policy/learn.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/parse.h"

#define LINE_RUNS_MIN 5
#define LINE_CORRELATION_MIN 0.3
#define ERRORS 3 /* standard errors above the largest distance */
#define MARGIN 1.02
#define YOUNG_SHARE 0.5
#define KILLED_FACTOR 1.2
#define KILLED_MORE_BYTES (UINT64_C(100) << 20)

struct model {
	double offset, slope; /* bytes, bytes per input byte */
};

/* Sums over the successful runs. */
struct sums {
	size_t n;
	double input_mean, memory_mean;
	double input_square, memory_square, product; /* of the distances from the means */
	double input_max, memory_min;
};

/* By Newton's method: the only use of libm would cost every start its loading. */
static double square_root(double value)
{
	double root = value > 1 ? value : 1;

	if (value <= 0)
		return 0;
	for (int i = 0; i < 200; i++) {
		double next = (root + value / root) / 2;

		if (next >= root)
			break;
		root = next;
	}
	return root;
}

static bool is_point(const struct learn_run *run)
{
	return run->outcome == LEARN_SUCCESS && run->memory_bytes != LEARN_UNKNOWN;
}

static void find_means(const struct learn_run *runs, size_t n, struct sums *sums)
{
	for (size_t i = 0; i < n; i++) {
		double input = (double)runs[i].input_bytes, memory = (double)runs[i].memory_bytes;

		if (!is_point(&runs[i]))
			continue;
		sums->n++;
		sums->input_mean += input;
		sums->memory_mean += memory;
		if (input > sums->input_max)
			sums->input_max = input;
		if (sums->n == 1 || memory < sums->memory_min)
			sums->memory_min = memory;
	}
	if (sums->n == 0)
		return;
	sums->input_mean /= (double)sums->n;
	sums->memory_mean /= (double)sums->n;
}

static void find_sums(const struct learn_run *runs, size_t n, struct sums *ret)
{
	*ret = (struct sums){ 0 };
	find_means(runs, n, ret);
	for (size_t i = 0; i < n; i++) {
		double input = (double)runs[i].input_bytes - ret->input_mean;
		double memory = (double)runs[i].memory_bytes - ret->memory_mean;

		if (!is_point(&runs[i]))
			continue;
		ret->input_square += input * input;
		ret->memory_square += memory * memory;
		ret->product += input * memory;
	}
}

static double correlation(const struct sums *sums)
{
	double square = sums->input_square * sums->memory_square;

	if (sums->n < LINE_RUNS_MIN || square <= 0)
		return 0;
	return sums->product / square_root(square);
}

static double after_kill(uint64_t bytes)
{
	double more = (double)bytes * KILLED_FACTOR, plus = (double)(bytes + KILLED_MORE_BYTES);

	return more > plus ? more : plus;
}

/* What run i shows to be needed at least. A kill is settled by a later success that had no less to
 * do. */
static double shown(const struct learn_run *runs, size_t n, size_t i)
{
	if (runs[i].outcome != LEARN_KILLED)
		return (double)runs[i].memory_bytes;
	for (size_t later = i + 1; later < n; later++)
		if (is_point(&runs[later]) && runs[later].input_bytes >= runs[i].input_bytes)
			return (double)runs[i].memory_bytes;
	return after_kill(runs[i].memory_bytes);
}

/* How far above the model one has to go: its largest miss, and what the misses vary. */
static double distance(const struct model *model, const struct sums *sums,
		       const struct learn_run *runs, size_t n)
{
	double largest = -1e300, square = 0;

	for (size_t i = 0; i < n; i++) {
		double at = model->offset + model->slope * (double)runs[i].input_bytes;

		if (runs[i].memory_bytes == LEARN_UNKNOWN)
			continue;
		if (shown(runs, n, i) - at > largest)
			largest = shown(runs, n, i) - at;
		if (is_point(&runs[i]))
			square += ((double)runs[i].memory_bytes - at) *
				  ((double)runs[i].memory_bytes - at);
	}
	if (sums->n > 1)
		largest += ERRORS * square_root(square / (double)(sums->n - 1) / (double)sums->n);
	return largest;
}

static void count(const struct learn_run *runs, size_t n, struct learn_need *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (runs[i].memory_bytes == LEARN_UNKNOWN)
			continue;
		ret->runs++;
		ret->killed += runs[i].outcome == LEARN_KILLED;
		if (runs[i].memory_bytes > ret->largest_bytes)
			ret->largest_bytes = runs[i].memory_bytes;
	}
}

static double by_line(const struct sums *sums, const struct learn_run *runs, size_t n, double input,
		      double by_mean, struct learn_need *need)
{
	struct model line = { .slope = sums->product / sums->input_square };
	double figure;

	line.offset = sums->memory_mean - line.slope * sums->input_mean;
	figure = line.offset + line.slope * input + distance(&line, sums, runs, n);
	if (figure >= by_mean && input <= sums->input_max)
		return by_mean;
	need->ground = LEARN_BY_INPUT;
	need->bytes_per_input_byte = line.slope;
	return figure > sums->memory_min ? figure : sums->memory_min;
}

void learn_predict(const struct learn_run *runs, size_t n, uint64_t input_bytes,
		   struct learn_need *ret)
{
	struct sums sums;
	struct model mean;
	double figure, old;

	*ret = (struct learn_need){ .ground = LEARN_BY_NOTHING };
	count(runs, n, ret);
	if (ret->runs == 0)
		return;
	find_sums(runs, n, &sums);
	mean = (struct model){ .offset = sums.memory_mean };
	figure = sums.memory_mean + distance(&mean, &sums, runs, n);
	ret->ground = LEARN_BY_LARGEST;
	ret->correlation = correlation(&sums);
	if (ret->correlation > LINE_CORRELATION_MIN)
		figure = by_line(&sums, runs, n, (double)input_bytes, figure, ret);
	old = sums.n > 0 ? (double)sums.n : 1;
	figure *= MARGIN + YOUNG_SHARE / (old * old);
	if (runs[n - 1].outcome == LEARN_KILLED && runs[n - 1].memory_bytes != LEARN_UNKNOWN) {
		double least = after_kill(runs[n - 1].memory_bytes);

		ret->ground = LEARN_BY_KILL;
		figure = figure > least ? figure : least;
	}
	ret->memory_bytes = figure > LEARN_FLOOR_BYTES ? (uint64_t)figure : LEARN_FLOOR_BYTES;
}

/* ---- in words ---- */

const char *learn_ground_name(enum learn_ground ground)
{
	static const char *const names[] = {
		[LEARN_BY_NOTHING] = "nothing",
		[LEARN_BY_LARGEST] = "largest",
		[LEARN_BY_INPUT] = "input",
		[LEARN_BY_KILL] = "kill",
	};

	return names[ground];
}

const char *learn_words(const struct learn_need *need, char *buf, size_t size)
{
	char largest[RR_FORMAT_SIZE];

	(void)rr_format_bytes(need->largest_bytes, largest);
	switch (need->ground) {
	case LEARN_BY_NOTHING:
		(void)snprintf(buf, size, "no run of it is known yet");
		break;
	case LEARN_BY_LARGEST:
		if (need->runs == 1)
			(void)snprintf(buf, size, "the only run of it took %s", largest);
		else
			(void)snprintf(buf, size, "the largest of its last %zu runs took %s",
				       need->runs, largest);
		break;
	case LEARN_BY_INPUT:
		(void)snprintf(buf, size,
			       "it grows with the input (correlation %.2f over %zu runs, largest "
			       "%s)",
			       need->correlation, need->runs, largest);
		break;
	case LEARN_BY_KILL:
		(void)snprintf(buf, size, "the last run was killed for memory; the largest took %s",
			       largest);
		break;
	}
	return buf;
}

/* ---- quantiles ---- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t learn_quantile(uint64_t *values, size_t n, double part)
{
	size_t at = (size_t)(part * (double)(n - 1) + 0.5); /* the nearest rank */

	qsort(values, n, sizeof(*values), compare);
	return values[at < n ? at : n - 1];
}

/* The durations of the successful runs. */
static size_t walls_of(const struct learn_run *runs, size_t n, uint64_t *ret_us)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++)
		if (runs[i].outcome == LEARN_SUCCESS && runs[i].wall_us != LEARN_UNKNOWN)
			ret_us[known++] = runs[i].wall_us;
	return known;
}

bool learn_usual_wall(const struct learn_run *runs, size_t n, uint64_t *ret_wall_ns)
{
	uint64_t walls[LEARN_RUNS_MAX];
	size_t known = walls_of(runs, n, walls);

	if (known == 0)
		return false;
	*ret_wall_ns = learn_quantile(walls, known, 0.5) * RR_NS_PER_US;
	return true;
}

bool learn_usual_cpus(const struct learn_run *runs, size_t n, double *ret_cpus)
{
	uint64_t milli[LEARN_RUNS_MAX];
	size_t known = 0;

	for (size_t i = 0; i < n && known < LEARN_RUNS_MAX; i++)
		if (runs[i].outcome == LEARN_SUCCESS && runs[i].cpu_us != LEARN_UNKNOWN &&
		    runs[i].wall_us != LEARN_UNKNOWN && runs[i].wall_us > 0)
			milli[known++] =
				(uint64_t)(1000 * (double)runs[i].cpu_us / (double)runs[i].wall_us);
	if (known == 0)
		return false;
	*ret_cpus = (double)learn_quantile(milli, known, 0.5) / 1000;
	return true;
}

bool learn_left(const struct learn_run *runs, size_t n, uint64_t ran_ns, struct learn_left *ret)
{
	uint64_t walls[LEARN_RUNS_MAX], left[LEARN_RUNS_MAX], ran_us = ran_ns / RR_NS_PER_US;
	size_t known = walls_of(runs, n, walls);

	if (known == 0)
		return false;
	*ret = (struct learn_left){ .usual_ns = learn_quantile(walls, known, 0.5) * RR_NS_PER_US };
	for (size_t i = 0; i < known; i++)
		if (walls[i] > ran_us)
			left[ret->longer++] = walls[i] - ran_us;
	if (ret->longer > 0) {
		ret->likely_ns = learn_quantile(left, ret->longer, 0.5) * RR_NS_PER_US;
		ret->late_ns = learn_quantile(left, ret->longer, 0.9) * RR_NS_PER_US;
	}
	return true;
}
