/* SPDX-License-Identifier: MIT */
/* policy/estimate: what is gone by first, and the words. */
#include "policy/estimate.h"

#include "base/clock.h"
#include "base/progress.h"
#include "tests/unit/fixtures.h"

static struct learn_run took(uint64_t seconds)
{
	return (struct learn_run){ .wall_us = seconds * 1000000, .outcome = LEARN_SUCCESS };
}

static void test_progress_goes_before_history(void **state)
{
	const struct learn_run runs[] = { took(100), took(200), took(300) };
	struct estimate estimate;

	(void)state;
	estimate_make(25, 10 * RR_NS_PER_S, runs, COUNT(runs), &estimate);
	assert_int_equal(estimate.by, ESTIMATE_PROGRESS);
	assert_int_equal(estimate.left_ns, 30 * RR_NS_PER_S);
	/* From so little nothing follows. */
	estimate_make(0.5, 10 * RR_NS_PER_S, runs, COUNT(runs), &estimate);
	assert_int_equal(estimate.by, ESTIMATE_HISTORY);
	estimate_make(PROGRESS_UNKNOWN, 150 * RR_NS_PER_S, runs, COUNT(runs), &estimate);
	assert_int_equal(estimate.by, ESTIMATE_HISTORY);
	assert_int_equal(estimate.longer, 2);
	assert_int_equal(estimate.usual_ns, 200 * RR_NS_PER_S);
	estimate_make(PROGRESS_UNKNOWN, 150 * RR_NS_PER_S, runs, 0, &estimate);
	assert_int_equal(estimate.by, ESTIMATE_NONE);
	assert_null(estimate_by_name(estimate.by));
}

static void test_words(void **state)
{
	static const struct {
		struct estimate estimate;
		const char *words;
	} table[] = {
		{ { .by = ESTIMATE_PROGRESS, .left_ns = 0 }, "1s" },
		{ { .by = ESTIMATE_PROGRESS, .left_ns = 999 * RR_NS_PER_MS }, "1s" },
		{ { .by = ESTIMATE_PROGRESS, .left_ns = 2999 * RR_NS_PER_MS }, "2s" },
		{ { .by = ESTIMATE_HISTORY, .left_ns = 90 * RR_NS_PER_S, .longer = 1 }, "1m30s" },
		{ { .by = ESTIMATE_HISTORY, .longer = 0 }, "overdue" },
	};
	char buf[RR_FORMAT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		assert_string_equal(estimate_left(&table[i].estimate, buf), table[i].words);
	assert_null(estimate_left(&(struct estimate){ .by = ESTIMATE_NONE }, buf));
	assert_string_equal(estimate_by_name(ESTIMATE_PROGRESS), "progress");
	assert_string_equal(estimate_by_name(ESTIMATE_HISTORY), "history");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_progress_goes_before_history),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
