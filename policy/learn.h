/* SPDX-License-Identifier: MIT */
/*
 * What a command will need, from what it needed before. Pure: the runs of one key in, a figure and
 * its ground out. learn.c begins with the formulas.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEARN_RUNS_MAX 128 /* remembered of one key */
#define LEARN_UNKNOWN UINT64_MAX
#define LEARN_YOUNG 3 /* with fewer runs a figure is a guess */
#define LEARN_FLOOR_BYTES (UINT64_C(64) << 20) /* short peaks fall between two samples */
#define LEARN_HIGH_TO_MAX 1.5 /* memory.max over the need, which becomes memory.high */

enum learn_outcome {
	LEARN_SUCCESS, /* its peak is what it needed */
	LEARN_FAILURE, /* needed at least its peak: it may have ended early */
	LEARN_KILLED, /* for memory: needed more than `memory_bytes` */
};

struct learn_run {
	uint64_t ended_wall_ns;
	uint64_t input_bytes; /* sizes of the files named on its command line */
	uint64_t memory_bytes; /* working peak; of a killed run what it had reached */
	uint64_t cpu_us, wall_us; /* LEARN_UNKNOWN, as above: not measured */
	enum learn_outcome outcome;
};

enum learn_ground {
	LEARN_BY_NOTHING, /* no run is known: there is no figure */
	LEARN_BY_LARGEST, /* the largest of the past */
	LEARN_BY_INPUT, /* it grows with the input */
	LEARN_BY_KILL, /* the last one was killed for memory */
};

struct learn_need {
	enum learn_ground ground;
	uint64_t memory_bytes;
	size_t runs; /* that told something of memory */
	size_t killed;
	uint64_t largest_bytes; /* the largest peak among them */
	double correlation; /* of peak and input; 0: none, or too few runs */
	double bytes_per_input_byte; /* LEARN_BY_INPUT: the slope */
};

/* The memory that a run with this input will need. runs: oldest first. */
void learn_predict(const struct learn_run *runs, size_t n, uint64_t input_bytes,
		   struct learn_need *ret);

/* "nothing", "largest", "input", "kill". */
const char *learn_ground_name(enum learn_ground ground);

/* How the figure was reached, for people. */
const char *learn_words(const struct learn_need *need, char *buf, size_t size);

/* The value below which this part (0 to 1) of the values lies; sorts them. n > 0. */
uint64_t learn_quantile(uint64_t *values, size_t n, double part);

/* The median duration of the successful runs. False when none is known. */
bool learn_usual_wall(const struct learn_run *runs, size_t n, uint64_t *ret_wall_ns);

/* The median of the CPUs that the successful runs kept busy. False when none is known. */
bool learn_usual_cpus(const struct learn_run *runs, size_t n, double *ret_cpus);

/* How much longer one takes that has run for a while. */
struct learn_left {
	size_t longer; /* successful runs that took longer than that; 0: it is overdue */
	uint64_t likely_ns, late_ns; /* half of these, and 9 of 10, had no more than that to go */
	uint64_t usual_ns; /* the median of all successful ones */
};

/* By the durations of the successful runs. False when none is known. */
bool learn_left(const struct learn_run *runs, size_t n, uint64_t ran_ns, struct learn_left *ret);
