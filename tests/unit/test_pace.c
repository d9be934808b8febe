/* SPDX-License-Identifier: MIT */
/* How often a watcher looks. */
#include "fixtures.h"

#include <stdbool.h>

#include "base/clock.h"
#include "policy/pace.h"

#define S RR_NS_PER_S
#define MS RR_NS_PER_MS

static void intervals(void **state)
{
	static const struct pace usual = { 5 * S, 60 * S, false, false },
				 heavy = { 30 * S, 300 * S, false, true },
				 fixed = { S, S, true, false }, rigid = { 5 * S, 0, false, false };
	static const struct {
		const struct pace *pace;
		uint64_t cost_ns;
		double cpu, pressure;
		uint64_t expected_ns;
	} rows[] = {
		{ &usual, 0, 0, 0, 5 * S },	    { &usual, 0, -1, -1, 5 * S },
		{ &usual, 50 * MS, 0, 0, 5 * S },   { &usual, 80 * MS, 0, 0, 8 * S },
		{ &usual, 80 * MS, 95, 0, 10 * S }, { &usual, 0, 89.9, 0, 5 * S },
		{ &usual, 0, 90, 0, 10 * S },	    { &usual, 0, -1, 95, 10 * S },
		{ &usual, 2 * S, 0, 0, 60 * S },    { &usual, UINT64_MAX, 100, 100, 60 * S },
		{ &heavy, 0, 74, 0, 30 * S },	    { &heavy, 0, 75, 0, 60 * S },
		{ &heavy, 0, 80, 92, 120 * S },	    { &heavy, 2 * S, 100, 0, 200 * S },
		{ &fixed, 2 * S, 100, 100, S },	    { &rigid, 2 * S, 100, 100, 5 * S },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(
			pace_next_ns(rows[i].pace, rows[i].cost_ns, rows[i].cpu, rows[i].pressure),
			rows[i].expected_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(intervals) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
