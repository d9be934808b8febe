/* SPDX-License-Identifier: MIT */
/* Whether a series grows, by series of which one can say so. */
#include "fixtures.h"

#include "policy/trend.h"

static void check(const uint64_t *values, size_t n, enum trend_direction expected)
{
	struct trend trend;

	trend_find(values, n, &trend);
	assert_string_equal(trend_name(trend.direction), trend_name(expected));
}

static void few_are_unknown(void **state)
{
	static const uint64_t values[] = { 1, 2, 3, 4, 5, 6, 7 };

	(void)state;
	check(values, 0, TREND_UNKNOWN);
	check(values, COUNT(values), TREND_UNKNOWN);
}

static void rising_and_falling(void **state)
{
	uint64_t up[40], down[40];
	struct trend trend;

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		up[i] = 1000 + 20 * i + i * 7 % 11 * 5;
		down[i] = 3000 - up[i];
	}
	check(up, 40, TREND_GROWING);
	check(up, 8, TREND_GROWING);
	check(down, 40, TREND_SHRINKING);
	trend_find(up, 40, &trend);
	assert_int_equal(trend.runs, 40);
	assert_in_range(trend.first, 1100, 1200);
	assert_in_range(trend.last, 1600, 1800);
}

static void steady(void **state)
{
	uint64_t same[50], noise[50], little[50], outlier[50];

	(void)state;
	for (size_t i = 0; i < 50; i++) {
		same[i] = 7;
		noise[i] = 1000 + i * 7919 % 101;
		little[i] = 1000000 + 100 * i;
		outlier[i] = i == 49 ? 1000000 : 1000 + i * 7919 % 101;
	}
	check(same, 50, TREND_STEADY);
	check(noise, 50, TREND_STEADY);
	/* It rises with certainty, but by less than anybody minds. */
	check(little, 50, TREND_STEADY);
	check(outlier, 50, TREND_STEADY);
}

/* Growth that has ended long ago is none. */
static void only_the_last_count(void **state)
{
	uint64_t values[400];

	(void)state;
	for (size_t i = 0; i < 400; i++)
		values[i] = i < 250 ? 10 * i : 2500 + i * 7919 % 101;
	check(values, 250, TREND_GROWING);
	check(values, 400, TREND_STEADY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_are_unknown),
		cmocka_unit_test(rising_and_falling),
		cmocka_unit_test(steady),
		cmocka_unit_test(only_the_last_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
