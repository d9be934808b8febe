/* SPDX-License-Identifier: MIT */
/* What the history says of one key. stats.c gathers it, stats_show.c shows it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/learn.h"
#include "policy/trend.h"

/* Of the runs that succeeded. */
struct stats_spread {
	size_t n; /* 0: not known */
	uint64_t median, p90, p95, largest;
};

struct stats_key {
	char key[256];
	size_t runs; /* that started */
	size_t succeeded, killed; /* killed: for memory */
	size_t not_started; /* not admitted, or not to be started */
	uint64_t last_wall_ns; /* when the last was over */
	struct stats_spread memory, cpu_us, wall_us, cpu_milli; /* bytes; thousandths of a CPU */
	struct trend trend; /* of memory */
	struct learn_need need; /* by what resrun has learned, for the usual input */
	uint64_t input_bytes; /* the usual one */
};

void stats_print_table(const struct stats_key *keys, size_t n);
void stats_print_one(const struct stats_key *key);
/* NULL out of memory. */
json_t *stats_to_json(const struct stats_key *keys, size_t n);
