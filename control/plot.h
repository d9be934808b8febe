/* SPDX-License-Identifier: MIT */
/*
 * `resrunctl history --plot [KEY]`: the runs of one key as a picture. plot.c gathers them,
 * plot_svg.c draws.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/index.h"

#define PLOT_RUNS 500 /* as many, unless told otherwise */
#define PLOT_RUNS_MAX 10000
#define PLOT_UNKNOWN (-1.0)

enum plot_quantity { PLOT_MEMORY, PLOT_CPUS, PLOT_TIME, PLOT_N };

enum plot_end { PLOT_EXITED, PLOT_FAILED, PLOT_KILLED }; /* killed: for memory */

/* One run; PLOT_UNKNOWN: not measured, or not limited. */
struct plot_run {
	uint64_t ended_wall_ns;
	enum plot_end end;
	double value[PLOT_N]; /* bytes, CPUs on the average, seconds */
	double cap[PLOT_N];
};

struct plot {
	char key[256];
	struct plot_run *runs; /* owned; oldest first */
	size_t n, room;
	double learned[PLOT_N]; /* what the next will need; PLOT_UNKNOWN: not known */
};

/* Writes a picture of what the filter finds of its key, or, without one, of the key of the last run
 * that it finds. 0 or -errno with words. */
rr_checked int plot_history(struct index *index, const char *state_dir, struct index_filter filter,
			    struct rr_err *err);

/* Writes it to stdout. */
void plot_draw(const struct plot *plot);
