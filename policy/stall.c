/* SPDX-License-Identifier: MIT */
#include "policy/stall.h"

#define UNKNOWN UINT64_MAX
#define NS_PER_US UINT64_C(1000)
#define PROGRESS_OVER_NS UINT64_C(5000000000) /* a share over less is noise */

/* Whether memory_high was met of late. */
static bool is_held(struct stall *stall, const struct stall_sample *sample)
{
	if (sample->high_events == UNKNOWN)
		return false;
	if (sample->high_events > stall->high_events)
		stall->climbed_ns = sample->now_ns;
	stall->high_events = sample->high_events;
	return stall->climbed_ns && sample->now_ns - stall->climbed_ns <= STALL_QUIET_NS;
}

/* Whether the job's own code has run; what the kernel does for it is reclaim. */
static bool gets_on(struct stall *stall, const struct stall_sample *sample)
{
	uint64_t over_ns = sample->now_ns - stall->cpu_ns;

	if (sample->cpu_user_us == UNKNOWN)
		return true;
	if (stall->cpu_ns && over_ns < PROGRESS_OVER_NS)
		return stall->got_on;
	stall->got_on = !stall->cpu_ns || (sample->cpu_user_us - stall->cpu_user_us) * NS_PER_US >
						  over_ns / 100 * STALL_PROGRESS_PERCENT;
	stall->cpu_ns = sample->now_ns;
	stall->cpu_user_us = sample->cpu_user_us;
	return stall->got_on;
}

static uint64_t forget(struct stall *stall, const struct stall_sample *sample)
{
	uint64_t known = sample->high_events == UNKNOWN ? stall->high_events : sample->high_events;

	*stall = (struct stall){ .high_events = known };
	return 0;
}

uint64_t stall_look(struct stall *stall, const struct stall_sample *sample)
{
	bool held, on;

	if (sample->paused)
		return forget(stall, sample);
	held = is_held(stall, sample);
	on = gets_on(stall, sample);
	/* Without PSI the other two must do. */
	if (!held || on ||
	    (sample->pressure_known && sample->pressure_full_percent < STALL_PRESSURE_PERCENT)) {
		stall->since_ns = 0;
		return 0;
	}
	if (!stall->since_ns)
		stall->since_ns = sample->now_ns;
	return sample->now_ns - stall->since_ns;
}
