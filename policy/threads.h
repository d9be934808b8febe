/* SPDX-License-Identifier: MIT */
/*
 * How many workers fit: for a job by the CPUs that it has (RESRUN_THREADS), and, for `resrunctl
 * threads`, by what of them and of the memory nobody uses now. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policy/headroom.h"

#define THREADS_UNBOUND UINT64_MAX

/* What the workers would need, and how many they may be. */
struct threads_wish {
	uint64_t memory_per_bytes; /* of each; 0: not asked for */
	uint64_t max; /* THREADS_UNBOUND: any number */
};

/* What holds the number where it is. */
enum threads_bound { THREADS_BY_CPU, THREADS_BY_MEMORY, THREADS_BY_MAX, THREADS_BY_LEAST };

struct threads_fit {
	uint64_t threads; /* at least 1 */
	enum threads_bound bound;
	uint64_t by_cpu; /* CPUs that nobody uses; may be 0 */
	uint64_t by_memory; /* THREADS_UNBOUND: not asked for, or not known */
	uint64_t available_bytes; /* what is left when all that is promised has been taken */
};

/* A thread for a begun CPU: 1.5 CPUs are best used by two. */
unsigned threads_of_cpus(double cpus);

/* reserved: what jobs have been promised and not taken yet. */
void threads_fit(const struct headroom_reading *reading, const struct headroom_reserved *reserved,
		 const struct threads_wish *wish, struct threads_fit *ret);

/* "cpu", "memory", "max", "least". */
const char *threads_bound_name(enum threads_bound bound);
