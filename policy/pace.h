/* SPDX-License-Identifier: MIT */
/*
 * How often one looks who only watches: rarely enough to cost nearly nothing, and more rarely while
 * the machine has better things to do. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PACE_COST_SHARE 100 /* of the time at most this part goes into looking */
#define PACE_BUSY_PERCENT 90 /* host CPU: from here on intervals stretch */
#define PACE_LOADED_PERCENT 75 /* with `heavy`, from here on */

struct pace {
	uint64_t base_ns; /* the interval of an idle machine */
	uint64_t most_ns; /* never stretched beyond; not below base_ns */
	bool fixed; /* never stretched */
	bool heavy; /* for machines that are meant to be loaded: stretched sooner and further */
};

/* The time to the next look. cost_ns: what the last one took; cpu_percent, pressure_percent (PSI
 * some avg10): of the host, negative when not known. */
uint64_t pace_next_ns(const struct pace *pace, uint64_t cost_ns, double cpu_percent,
		      double pressure_percent);
