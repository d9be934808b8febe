/* SPDX-License-Identifier: MIT */
/*
 * A job above memory_high is slowed down and made to reclaim, never killed: one that needs more
 * than that can be held up for ever. Decides when it is: numbers and a clock in, a verdict out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define STALL_PRESSURE_PERCENT 30 /* of the time in which nothing of the job got on, for memory */
#define STALL_PROGRESS_PERCENT 2 /* of one CPU in the job's own code: it gets on */
#define STALL_QUIET_NS UINT64_C(10000000000) /* a held-up process meets memory_high every 2 s */

struct stall_sample {
	uint64_t now_ns; /* BOOTTIME */
	uint64_t high_events; /* of the leaf; UINT64_MAX: not known */
	uint64_t cpu_user_us; /* UINT64_MAX: not known */
	bool pressure_known;
	double pressure_full_percent; /* PSI full avg10 of the leaf */
	bool paused; /* it stands still, or will as soon as it is let: it is not to get on */
};

struct stall {
	uint64_t since_ns; /* it makes no progress; 0: it does */
	uint64_t climbed_ns; /* when memory_high was met last; 0: never */
	uint64_t high_events;
	uint64_t cpu_ns, cpu_user_us; /* when its progress was looked at, and what it was */
	bool got_on; /* at that time */
};

/*
 * Takes a sample, and says for how long the job has been stalled: 0 when it is not. After a pause
 * that counts anew.
 */
uint64_t stall_look(struct stall *stall, const struct stall_sample *sample);
