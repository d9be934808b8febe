/* SPDX-License-Identifier: MIT */
/*
 * `resrunctl metrics`: what Prometheus is told. metrics.c collects it, metrics_text.c has the table
 * of all metrics and writes them in the text format, version 0.0.4.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "control/status.h"

#define METRICS_NAME_SIZE 64

/* The runs of one profile that ended in one way. */
struct metrics_total {
	char profile[METRICS_NAME_SIZE];
	const char *reason;
	uint64_t runs, failed;
	double wall_s, cpu_s, waited_s;
	uint64_t last_wall_ns, last_success_wall_ns; /* 0: none */
};

struct metrics {
	struct status status;
	char (*profiles)[METRICS_NAME_SIZE]; /* that are configured, or have a job */
	size_t n_profiles;
	struct metrics_total *totals; /* ordered by profile and reason */
	size_t n_totals;
	size_t torn;
};

void metrics_write(const struct metrics *metrics, FILE *out);
