/* SPDX-License-Identifier: MIT */
/* Room or no room: levels at and around thresholds, hysteresis, unknowns, what is reserved. */
#include "fixtures.h"

#include "policy/headroom.h"

#define G (UINT64_C(1) << 30)
#define OK HEADROOM_OK
#define WARN HEADROOM_WARNING
#define CRIT HEADROOM_CRITICAL

static const struct headroom_limits no_limits = { 100, 100, 100, -1 };
static const struct headroom_reserved nothing;

static struct headroom_reading empty_host(void)
{
	return (struct headroom_reading){ 0 };
}

static void cpu_levels(void **state)
{
	static const struct {
		double value, threshold;
		int before; /* -1: none */
		int expected;
	} rows[] = {
		{ 0, 85, -1, OK },
		{ 67.9, 85, -1, OK },
		{ 68, 85, -1, WARN },
		{ 84.99, 85, -1, WARN },
		{ 85, 85, -1, CRIT },
		{ 100, 85, -1, CRIT },
		/* Hysteresis: a level is left two below where it begins. */
		{ 84, 85, CRIT, CRIT },
		{ 83, 85, CRIT, CRIT },
		{ 82.99, 85, CRIT, WARN },
		{ 66, 85, CRIT, WARN },
		{ 65.99, 85, CRIT, OK },
		{ 66, 85, WARN, WARN },
		{ 65.99, 85, WARN, OK },
		{ 67.9, 85, OK, OK },
		{ 84, 85, WARN, WARN },
		{ 84, 85, OK, WARN },
		{ 85, 85, OK, CRIT },
		/* A small threshold must be left again, too. */
		{ 0, 1, CRIT, OK },
		{ 0.5, 1, CRIT, OK },
		{ 0.95, 1, CRIT, CRIT },
		{ 0, 2, CRIT, OK },
		{ 1.7, 2, CRIT, WARN },
		/* 100 is no limit, not even when full. */
		{ 100, 100, -1, OK },
		{ 99.9, 100, -1, OK },
		{ 100, 100, CRIT, OK },
		/* 0 lets nothing start. */
		{ 0, 0, -1, CRIT },
		{ 50, 0, -1, CRIT },
		{ 50, 50, -1, CRIT },
		{ 39.9, 50, -1, OK },
		{ 40, 50, -1, WARN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct headroom_reading reading = { .cpu_known = true,
						    .cpu_percent = rows[i].value,
						    .room.cpus = 4 };
		struct headroom_limits limits = no_limits;
		struct headroom_verdict before = { 0 }, verdict;

		limits.cpu_percent = rows[i].threshold;
		before.level[HEADROOM_CPU] =
			(enum headroom_level)(rows[i].before > 0 ? rows[i].before : 0);
		headroom_judge(&reading, &nothing, &limits, rows[i].before < 0 ? NULL : &before,
			       &verdict);
		if ((int)verdict.level[HEADROOM_CPU] != rows[i].expected ||
		    verdict.room != (rows[i].expected != CRIT))
			fail_msg("row %zu: level %d, room %d", i, (int)verdict.level[HEADROOM_CPU],
				 verdict.room);
		assert_true(verdict.threshold[HEADROOM_CPU] >= rows[i].threshold);
	}
}

static void memory_levels(void **state)
{
	static const struct {
		uint64_t total, available, reserved;
		double threshold, value;
		int expected;
	} rows[] = {
		{ 100 * G, 100 * G, 0, 85, 0, OK },
		{ 100 * G, 50 * G, 0, 85, 50, OK },
		{ 100 * G, 16 * G, 0, 85, 84, WARN },
		{ 100 * G, 15 * G, 0, 85, 85, CRIT },
		{ 100 * G, 0, 0, 85, 100, CRIT },
		/* What was promised counts as used. */
		{ 100 * G, 50 * G, 35 * G, 85, 85, CRIT },
		{ 100 * G, 50 * G, 34 * G, 85, 84, WARN },
		{ 100 * G, 50 * G, 50 * G, 85, 100, CRIT },
		{ 100 * G, 50 * G, 900 * G, 85, 100, CRIT },
		{ 100 * G, 50 * G, UINT64_MAX, 85, 100, CRIT },
		{ 100 * G, 0, 1, 100, 100, OK },
		/* A machine of no size is an unknown one. */
		{ 0, 0, 0, 85, -1, OK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct headroom_reading reading = { .room.memory_known = true,
						    .room.memory_total_bytes = rows[i].total,
						    .room.memory_available_bytes =
							    rows[i].available };
		struct headroom_reserved reserved = { .memory_bytes = rows[i].reserved };
		struct headroom_limits limits = no_limits;
		struct headroom_verdict verdict;

		limits.memory_percent = rows[i].threshold;
		headroom_judge(&reading, &reserved, &limits, NULL, &verdict);
		if ((int)verdict.level[HEADROOM_MEMORY] != rows[i].expected ||
		    verdict.value[HEADROOM_MEMORY] > rows[i].value + 1e-6 ||
		    verdict.value[HEADROOM_MEMORY] < rows[i].value - 1e-6)
			fail_msg("row %zu: level %d, value %g", i,
				 (int)verdict.level[HEADROOM_MEMORY],
				 verdict.value[HEADROOM_MEMORY]);
	}
}

static void reserved_cpus(void **state)
{
	static const struct {
		double percent, cpus, reserved, value;
		int expected;
	} rows[] = {
		{ 50, 4, 0, 50, OK },	   { 50, 4, 1, 75, WARN },     { 50, 4, 1.4, 85, CRIT },
		{ 50, 4, 100, 100, CRIT }, { 0, 0.5, 0.5, 100, CRIT }, { 0, 64, 1, 1.5625, OK },
		{ 50, 0, 3, 50, OK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct headroom_reading reading = { .cpu_known = true,
						    .cpu_percent = rows[i].percent,
						    .room.cpus = rows[i].cpus };
		struct headroom_reserved reserved = { .cpus = rows[i].reserved };
		struct headroom_limits limits = no_limits;
		struct headroom_verdict verdict;

		limits.cpu_percent = 85;
		headroom_judge(&reading, &reserved, &limits, NULL, &verdict);
		if ((int)verdict.level[HEADROOM_CPU] != rows[i].expected ||
		    verdict.value[HEADROOM_CPU] > rows[i].value + 1e-6 ||
		    verdict.value[HEADROOM_CPU] < rows[i].value - 1e-6)
			fail_msg("row %zu: level %d, value %g", i, (int)verdict.level[HEADROOM_CPU],
				 verdict.value[HEADROOM_CPU]);
	}
}

static void the_worst_disk_counts(void **state)
{
	static const struct {
		double used[3];
		size_t n, worst;
		double value;
		int expected;
	} rows[] = {
		{ { 0 }, 0, 0, -1, OK },
		{ { 10, 20, 30 }, 3, 2, 30, OK },
		{ { 95, 20, 30 }, 3, 0, 95, CRIT },
		{ { 10, 80, 30 }, 3, 1, 80, WARN },
		{ { 10, 90, 90 }, 3, 1, 90, CRIT },
		{ { 10, 20, 99 }, 2, 1, 20, OK },
		{ { 0, 0, 0 }, 1, 0, 0, OK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct headroom_reading reading = empty_host();
		struct headroom_limits limits = no_limits;
		struct headroom_verdict verdict;

		limits.disk_percent = 90;
		reading.room.n_disks = rows[i].n;
		for (size_t d = 0; d < 3; d++)
			reading.room.disks[d].used_percent = rows[i].used[d];
		headroom_judge(&reading, &nothing, &limits, NULL, &verdict);
		assert_int_equal(verdict.level[HEADROOM_DISK], rows[i].expected);
		assert_int_equal(verdict.worst_disk, rows[i].worst);
		assert_true(verdict.value[HEADROOM_DISK] >= rows[i].value &&
			    verdict.value[HEADROOM_DISK] <= rows[i].value);
	}
}

static void pressure(void **state)
{
	static const struct {
		struct rr_pressure pressure[3];
		double threshold;
		size_t worst;
		int expected;
	} rows[] = {
		/* Not asked for. */
		{ { { true, 99, 0, 0, 0 } }, -1, 0, OK },
		/* No PSI on this host. */
		{ { { false, 99, 0, 0, 0 }, { false, 99, 0, 0, 0 } }, 10, 0, OK },
		{ { { true, 1, 0, 0, 0 }, { true, 2, 0, 0, 0 }, { true, 3, 0, 0, 0 } }, 10, 2, OK },
		{ { { true, 1, 0, 0, 0 }, { true, 10, 0, 0, 0 }, { true, 3, 0, 0, 0 } },
		  10,
		  1,
		  CRIT },
		{ { { true, 8, 0, 0, 0 }, { false, 50, 0, 0, 0 }, { true, 3, 0, 0, 0 } },
		  10,
		  0,
		  WARN },
		/* Only "some" is looked at. */
		{ { { true, 1, 99, 0, 0 } }, 10, 0, OK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct headroom_reading reading = empty_host();
		struct headroom_limits limits = no_limits;
		struct headroom_verdict verdict;

		memcpy(reading.room.pressure, rows[i].pressure, sizeof(reading.room.pressure));
		limits.pressure_percent = rows[i].threshold;
		headroom_judge(&reading, &nothing, &limits, NULL, &verdict);
		assert_int_equal(verdict.level[HEADROOM_PRESSURE], rows[i].expected);
		assert_int_equal(verdict.worst_pressure, rows[i].worst);
		assert_int_equal(verdict.room, rows[i].expected != CRIT);
	}
}

/* A host that tells nothing stops nothing, whatever the thresholds. */
static void unknowns_let_it_run(void **state)
{
	const struct headroom_limits limits = { 0, 0, 0, 0 };
	struct headroom_reading reading = empty_host();
	struct headroom_reserved reserved = { UINT64_MAX, 1000 };
	struct headroom_verdict before = { .level = { CRIT, CRIT, CRIT, CRIT } }, verdict;

	(void)state;
	headroom_judge(&reading, &reserved, &limits, &before, &verdict);
	assert_true(verdict.room);
	for (size_t i = 0; i < HEADROOM_N; i++) {
		assert_int_equal(verdict.level[i], OK);
		assert_true(verdict.value[i] < 0);
	}
}

/* Each resource by itself takes the room away, and gives it back. */
static void any_one_is_enough(void **state)
{
	(void)state;
	for (unsigned full = 0; full < 16; full++) {
		struct headroom_reading reading = {
			.cpu_known = true,
			.cpu_percent = full & 1 ? 90 : 10,
			.room.cpus = 1,
			.room.memory_known = true,
			.room.memory_total_bytes = 100,
			.room.memory_available_bytes = full & 2 ? 10 : 90,
			.room.disks = { { .used_percent = full & 4 ? 90 : 10 } },
			.room.n_disks = 1,
			.room.pressure = { { .known = true, .some_avg10 = full & 8 ? 90 : 10 } },
		};
		const struct headroom_limits limits = { 50, 50, 50, 50 };
		struct headroom_verdict verdict;

		headroom_judge(&reading, &nothing, &limits, NULL, &verdict);
		assert_int_equal(verdict.room, full == 0);
		for (size_t i = 0; i < HEADROOM_N; i++)
			assert_int_equal(verdict.level[i], full & 1U << i ? CRIT : OK);
	}
}

/* The output may be the verdict before: a loop keeps one variable. */
static void the_verdict_may_be_its_own_predecessor(void **state)
{
	struct headroom_reading reading = { .cpu_known = true, .cpu_percent = 90, .room.cpus = 1 };
	struct headroom_limits limits = no_limits;
	struct headroom_verdict verdict = { .room = true };

	(void)state;
	limits.cpu_percent = 85;
	headroom_judge(&reading, &nothing, &limits, &verdict, &verdict);
	assert_false(verdict.room);
	reading.cpu_percent = 84;
	headroom_judge(&reading, &nothing, &limits, &verdict, &verdict);
	assert_false(verdict.room);
	reading.cpu_percent = 82;
	headroom_judge(&reading, &nothing, &limits, &verdict, &verdict);
	assert_true(verdict.room);
	reading.cpu_percent = 84;
	headroom_judge(&reading, &nothing, &limits, &verdict, &verdict);
	assert_true(verdict.room);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(headroom_name(HEADROOM_CPU), "cpu");
	assert_string_equal(headroom_name(HEADROOM_MEMORY), "memory");
	assert_string_equal(headroom_name(HEADROOM_DISK), "disk");
	assert_string_equal(headroom_name(HEADROOM_PRESSURE), "pressure");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_levels),
		cmocka_unit_test(memory_levels),
		cmocka_unit_test(reserved_cpus),
		cmocka_unit_test(the_worst_disk_counts),
		cmocka_unit_test(pressure),
		cmocka_unit_test(unknowns_let_it_run),
		cmocka_unit_test(any_one_is_enough),
		cmocka_unit_test(the_verdict_may_be_its_own_predecessor),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
