/* SPDX-License-Identifier: MIT */
/* When a job counts as stalled: over lives of one sample a second. */
#include "fixtures.h"

#include "base/clock.h"
#include "policy/stall.h"

/* What a job does in each second of its life. */
struct life {
	const char *name;
	unsigned high_every_s; /* memory_high is met every so many seconds; 0: never */
	uint64_t cpu_us; /* per second */
	double pressure; /* negative: there is no PSI */
	unsigned stalled_after; /* seconds until it counts as stalled at all; 0: never */
};

static const struct life lives[] = {
	{ "held up", 1, 0, 90, 20 },
	{ "held up, and met every 4 s only", 4, 1000, 60, 20 },
	{ "without PSI", 1, 0, -1, 20 },
	{ "slowed down, and getting on", 1, 100000, 90, 0 },
	{ "only met at times", 20, 0, 90, 0 },
	{ "asleep", 0, 0, 0, 0 },
	{ "asleep beside others that press", 0, 0, 90, 0 },
	{ "met, and not waited for", 1, 0, 5, 0 },
};

/* Seconds until `enough` seconds of stall, or 0 when that does not come in two minutes. */
static unsigned live(const struct life *life, struct stall *stall, unsigned enough)
{
	struct stall_sample sample = { .now_ns = 1000 * RR_NS_PER_S };

	for (unsigned second = 1; second <= 120; second++) {
		sample.now_ns += RR_NS_PER_S;
		if (life->high_every_s && second % life->high_every_s == 0)
			sample.high_events += 3;
		sample.cpu_user_us += life->cpu_us;
		sample.pressure_known = life->pressure >= 0;
		sample.pressure_full_percent = life->pressure;
		if (stall_look(stall, &sample) >= enough * RR_NS_PER_S)
			return second;
	}
	return 0;
}

static void lives_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lives); i++) {
		struct stall stall = { 0 };
		unsigned after = live(&lives[i], &stall, 12);

		if ((after > 0) != (lives[i].stalled_after > 0) || after > lives[i].stalled_after)
			fail_msg("%s: stalled after %u s", lives[i].name, after);
	}
}

static void it_counts_from_the_beginning_of_the_stall(void **state)
{
	struct stall stall = { 0 };
	unsigned after = live(&lives[0], &stall, 60);

	(void)state;
	assert_in_range(after, 60, 70);
}

static void progress_ends_it(void **state)
{
	struct stall_sample sample = { .now_ns = RR_NS_PER_S,
				       .pressure_known = true,
				       .pressure_full_percent = 90 };
	struct stall stall = { 0 };
	uint64_t most = 0;

	(void)state;
	/* It gets on for a moment every 20 s. */
	for (int second = 0; second < 200; second++) {
		uint64_t stalled_ns;

		sample.now_ns += RR_NS_PER_S;
		sample.high_events++;
		sample.cpu_user_us += second % 20 == 0 ? 500000 : 0;
		stalled_ns = stall_look(&stall, &sample);
		if (stalled_ns > most)
			most = stalled_ns;
	}
	assert_in_range(most, 5 * RR_NS_PER_S, 20 * RR_NS_PER_S);
}

static void what_is_not_known_accuses_nobody(void **state)
{
	struct stall_sample sample = { .high_events = UINT64_MAX, .cpu_user_us = 0 };
	struct stall stall = { 0 };

	(void)state;
	for (int second = 1; second < 100; second++) {
		sample.now_ns = (uint64_t)second * RR_NS_PER_S;
		assert_true(stall_look(&stall, &sample) == 0);
	}
	sample.cpu_user_us = UINT64_MAX;
	for (int second = 100; second < 200; second++) {
		sample.now_ns = (uint64_t)second * RR_NS_PER_S;
		sample.high_events = (uint64_t)second;
		assert_true(stall_look(&stall, &sample) == 0);
	}
}

/* Held up all the time, also in the pause: it comes to stand still only when the kernel lets it. */
static void a_pause_is_no_stall_and_after_it_all_counts_anew(void **state)
{
	struct stall_sample sample = { .now_ns = RR_NS_PER_S,
				       .pressure_known = true,
				       .pressure_full_percent = 90 };
	struct stall stall = { 0 };
	uint64_t before_ns = 0;
	int resumed = 0;

	(void)state;
	for (int second = 0; second < 60 && before_ns < 12 * RR_NS_PER_S; second++) {
		sample.now_ns += RR_NS_PER_S;
		sample.high_events++;
		before_ns = stall_look(&stall, &sample);
	}
	assert_in_range(before_ns, 12 * RR_NS_PER_S, 13 * RR_NS_PER_S);
	sample.paused = true;
	for (int second = 0; second < 3; second++) {
		sample.now_ns += RR_NS_PER_S;
		sample.high_events++;
		assert_true(stall_look(&stall, &sample) == 0);
	}
	sample.paused = false;
	do {
		sample.now_ns += RR_NS_PER_S;
		sample.high_events++;
		resumed++;
	} while (resumed < 60 && stall_look(&stall, &sample) < 12 * RR_NS_PER_S);
	assert_in_range(resumed, 12, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives_are_judged),
		cmocka_unit_test(it_counts_from_the_beginning_of_the_stall),
		cmocka_unit_test(progress_ends_it),
		cmocka_unit_test(a_pause_is_no_stall_and_after_it_all_counts_anew),
		cmocka_unit_test(what_is_not_known_accuses_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
