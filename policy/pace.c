/* SPDX-License-Identifier: MIT */
#include "policy/pace.h"

/* How much longer, by how busy the host is: CPUs that are all used, or that are waited for. */
static uint64_t stretch(const struct pace *pace, double percent)
{
	if (percent >= PACE_BUSY_PERCENT)
		return pace->heavy ? 4 : 2;
	return pace->heavy && percent >= PACE_LOADED_PERCENT ? 2 : 1;
}

uint64_t pace_next_ns(const struct pace *pace, uint64_t cost_ns, double cpu_percent,
		      double pressure_percent)
{
	double busy = cpu_percent > pressure_percent ? cpu_percent : pressure_percent;
	uint64_t most_ns = pace->most_ns > pace->base_ns ? pace->most_ns : pace->base_ns;
	uint64_t next_ns;

	if (pace->fixed)
		return pace->base_ns;
	if (cost_ns > most_ns / PACE_COST_SHARE)
		return most_ns;
	next_ns = pace->base_ns * stretch(pace, busy);
	if (next_ns < cost_ns * PACE_COST_SHARE)
		next_ns = cost_ns * PACE_COST_SHARE;
	return next_ns < most_ns ? next_ns : most_ns;
}
