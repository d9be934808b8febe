/* SPDX-License-Identifier: MIT */
#include "policy/threads.h"

unsigned threads_of_cpus(double cpus)
{
	return (unsigned)cpus + (cpus > (double)(unsigned)cpus);
}

/* To the nearest CPU: the rustle of an idle machine takes no worker away. */
static uint64_t fit_cpus(const struct headroom_reading *reading,
			 const struct headroom_reserved *reserved)
{
	double taken = reserved->cpus;
	uint64_t all = threads_of_cpus(reading->room.cpus), busy;

	if (reading->cpu_known && reading->cpu_percent > 0)
		taken += reading->cpu_percent / 100 * reading->room.cpus;
	busy = (uint64_t)(taken + 0.5);
	return all > busy ? all - busy : 0;
}

/* The machine and each cap above us have to hold them. */
static uint64_t left_bytes(const struct host_room *room, uint64_t reserved)
{
	uint64_t left = room->memory_available_bytes;

	if (room->cap_total_bytes > 0 && room->cap_available_bytes < left)
		left = room->cap_available_bytes;
	return left > reserved ? left - reserved : 0;
}

void threads_fit(const struct headroom_reading *reading, const struct headroom_reserved *reserved,
		 const struct threads_wish *wish, struct threads_fit *ret)
{
	struct threads_fit fit = { .by_cpu = fit_cpus(reading, reserved),
				   .by_memory = THREADS_UNBOUND,
				   .bound = THREADS_BY_CPU };

	if (reading->room.memory_known)
		fit.available_bytes = left_bytes(&reading->room, reserved->memory_bytes);
	if (reading->room.memory_known && wish->memory_per_bytes > 0)
		fit.by_memory = fit.available_bytes / wish->memory_per_bytes;
	fit.threads = fit.by_cpu;
	if (fit.by_memory < fit.threads) {
		fit.threads = fit.by_memory;
		fit.bound = THREADS_BY_MEMORY;
	}
	if (wish->max < fit.threads) {
		fit.threads = wish->max;
		fit.bound = THREADS_BY_MAX;
	}
	if (fit.threads == 0) {
		fit.threads = 1;
		fit.bound = THREADS_BY_LEAST;
	}
	*ret = fit;
}

const char *threads_bound_name(enum threads_bound bound)
{
	static const char *const names[] = { "cpu", "memory", "max", "least" };

	return names[bound];
}
