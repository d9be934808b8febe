/* SPDX-License-Identifier: MIT */
/* By when a job is to be done, and whether that can be. */
#include "fixtures.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "policy/deadline.h"

#define S RR_NS_PER_S
#define NOON (UINT64_C(1710504000) * S) /* 2024-03-15 12:00:00 UTC */

static void moments(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t at_s; /* after noon */
	} rows[] = {
		{ "2h", true, 7200 },	  { "90", true, 90 },
		{ "0", true, 0 },	  { "12:00", true, 86400 }, /* not now, but the next time */
		{ "12:01", true, 60 },	  { "6:30", true, 66600 },
		{ "06:30", true, 66600 }, { "11:59", true, 86340 },
		{ "23:59", true, 43140 }, { "2024-03-15T13:00:00Z", true, 3600 },
		{ "24:00", false, 0 },	  { "12:60", false, 0 },
		{ "12:1", false, 0 },	  { "123:00", false, 0 },
		{ ":30", false, 0 },	  { "1x:30", false, 0 },
		{ "inf", false, 0 },	  { "", false, 0 },
		{ "noon", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t at_ns = 0;
		struct rr_err err;
		int r = deadline_parse(rows[i].text, NOON, &at_ns, &err);

		if ((r == 0) != rows[i].good || (r == 0 && at_ns != NOON + rows[i].at_s * S))
			fail_msg("'%s': %d, %lld", rows[i].text, r,
				 (long long)((int64_t)(at_ns - NOON) / (int64_t)S));
	}
}

/* In Berlin the clock went from 2 to 3 on 2024-03-31. */
static void the_day_on_which_the_clock_is_put_forward(void **state)
{
	uint64_t evening = UINT64_C(1711828800) * S; /* 21:00 there, on the day before */
	uint64_t at_ns;
	struct rr_err err;

	(void)state;
	assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	tzset();
	assert_int_equal(deadline_parse("06:00", evening, &at_ns, &err), 0);
	assert_int_equal((at_ns - evening) / S, 8 * 3600);
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
}

static void what_history_says(void **state)
{
	static const struct {
		size_t successes, failures;
		uint64_t need_s;
	} rows[] = { { 0, 0, 0 }, { 4, 9, 0 }, { 5, 0, 50 }, { 20, 3, 180 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct learn_run runs[LEARN_RUNS_MAX] = { 0 };
		struct deadline deadline = { .set = true };
		size_t n = 0;

		/* 10 s, 20 s, and so on. */
		for (; n < rows[i].successes; n++)
			runs[n] = (struct learn_run){ .wall_us = 10000000 * (n + 1),
						      .outcome = LEARN_SUCCESS };
		for (size_t j = 0; j < rows[i].failures; j++)
			runs[n++] = (struct learn_run){ .wall_us = UINT64_C(9000000000),
							.outcome = LEARN_FAILURE };
		deadline_learn(&deadline, runs, n);
		assert_int_equal(deadline.need_ns / S, rows[i].need_s);
		assert_int_equal(deadline.runs, rows[i].need_s ? rows[i].successes : 0);
	}
}

static void verdicts(void **state)
{
	static const struct {
		const char *what;
		bool set;
		uint64_t at_s, need_s, now_s, earliest_s;
		enum deadline_state state;
	} rows[] = {
		{ "none", false, 0, 0, 100, 0, DEADLINE_OPEN },
		{ "far away", true, 1000, 100, 100, 0, DEADLINE_OPEN },
		{ "to the moment", true, 1000, 900, 100, 0, DEADLINE_OPEN },
		{ "too late", true, 1000, 901, 100, 0, DEADLINE_HOPELESS },
		{ "after the wait", true, 1000, 500, 100, 501, DEADLINE_HOPELESS },
		{ "the wait is short enough", true, 1000, 500, 100, 500, DEADLINE_OPEN },
		{ "without history", true, 1000, 0, 999, 5000, DEADLINE_OPEN },
		{ "past", true, 1000, 0, 1000, 0, DEADLINE_PAST },
		{ "long past", true, 1000, 100, 5000, 0, DEADLINE_PAST },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct deadline deadline = { .set = rows[i].set,
					     .at_ns = rows[i].at_s * S,
					     .need_ns = rows[i].need_s * S,
					     .runs = 7 };
		enum deadline_state got =
			deadline_judge(&deadline, rows[i].now_s * S, rows[i].earliest_s * S);
		uint64_t last_ns = deadline_last_start(&deadline);

		if (got != rows[i].state)
			fail_msg("%s: %d", rows[i].what, (int)got);
		/* Whoever sleeps until then finds it out, and not before. */
		assert_true(!rows[i].set || deadline_judge(&deadline, last_ns, 0) != DEADLINE_OPEN);
		assert_true(!rows[i].set || last_ns == 0 ||
			    deadline_judge(&deadline, last_ns - 1, 0) == DEADLINE_OPEN);
	}
}

static void words(void **state)
{
	struct deadline deadline = { true, 1000 * S, 0, 0 };
	char buf[200];

	(void)state;
	assert_string_equal(deadline_words(&deadline, 400 * S, 0, buf, sizeof(buf)),
			    "the deadline is in 10m, and how long it takes is not known (fewer "
			    "than 5 such runs)");
	deadline.need_ns = 700 * S;
	deadline.runs = 8;
	assert_string_equal(deadline_words(&deadline, 400 * S, 460 * S, buf, sizeof(buf)),
			    "the deadline is in 10m, 9 of 10 of 8 such runs took up to 11m40s, and "
			    "it has to wait 1m first");
	assert_string_equal(deadline_words(&deadline, 1000 * S, 0, buf, sizeof(buf)),
			    "the deadline has passed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments),
		cmocka_unit_test(the_day_on_which_the_clock_is_put_forward),
		cmocka_unit_test(what_history_says),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(words),
	};

	if (setenv("TZ", "UTC", 1) < 0)
		return 1;
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
