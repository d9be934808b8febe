/* SPDX-License-Identifier: MIT */
/* How many workers fit. */
#include "fixtures.h"

#include <stdbool.h>

#include "policy/threads.h"

#define MIB (UINT64_C(1) << 20)
#define NONE THREADS_UNBOUND

static void a_thread_for_a_begun_cpu(void **state)
{
	static const struct {
		double cpus;
		unsigned threads;
	} rows[] = { { 1, 1 }, { 1.5, 2 }, { 0.1, 1 }, { 8, 8 }, { 8.01, 9 }, { 0, 0 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(threads_of_cpus(rows[i].cpus), rows[i].threads);
}

static void workers(void **state)
{
	static const struct {
		const char *what;
		double cpus, busy_percent; /* negative: unknown */
		uint64_t available, cap; /* MiB; cap 0: none */
		double reserved_cpus;
		uint64_t reserved, per, max;
		uint64_t threads, by_memory;
		enum threads_bound bound;
	} rows[] = {
		{ "idle", 8, 0, 1000, 0, 0, 0, 0, NONE, 8, NONE, THREADS_BY_CPU },
		{ "a rustle", 8, 5, 1000, 0, 0, 0, 0, NONE, 8, NONE, THREADS_BY_CPU },
		{ "a CPU taken", 8, 12.5, 1000, 0, 0, 0, 0, NONE, 7, NONE, THREADS_BY_CPU },
		{ "use unknown", 8, -1, 1000, 0, 0, 0, 0, NONE, 8, NONE, THREADS_BY_CPU },
		{ "a fraction", 1.5, 0, 1000, 0, 0, 0, 0, NONE, 2, NONE, THREADS_BY_CPU },
		{ "all busy", 8, 100, 1000, 0, 0, 0, 0, NONE, 1, NONE, THREADS_BY_LEAST },
		{ "promised", 8, 25, 1000, 0, 2.5, 0, 0, NONE, 3, NONE, THREADS_BY_CPU },
		{ "over-promised", 2, 0, 1000, 0, 5, 0, 0, NONE, 1, NONE, THREADS_BY_LEAST },
		{ "memory", 8, 0, 1000, 0, 0, 0, 300, NONE, 3, 3, THREADS_BY_MEMORY },
		{ "memory enough", 8, 0, 9000, 0, 0, 0, 300, NONE, 8, 30, THREADS_BY_CPU },
		{ "a cap above", 8, 0, 9000, 650, 0, 0, 300, NONE, 2, 2, THREADS_BY_MEMORY },
		{ "memory promised", 8, 0, 1000, 0, 0, 500, 300, NONE, 1, 1, THREADS_BY_MEMORY },
		{ "none left", 8, 0, 1000, 0, 0, 1500, 300, NONE, 1, 0, THREADS_BY_LEAST },
		{ "at most", 8, 0, 1000, 0, 0, 0, 300, 2, 2, 3, THREADS_BY_MAX },
		{ "at most, not reached", 2, 0, 1000, 0, 0, 0, 0, 9, 2, NONE, THREADS_BY_CPU },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct headroom_reading reading = {
			.cpu_known = rows[i].busy_percent >= 0,
			.cpu_percent = rows[i].busy_percent,
			.room = { .cpus = rows[i].cpus,
				  .memory_known = true,
				  .memory_total_bytes = 20000 * MIB,
				  .memory_available_bytes = rows[i].available * MIB,
				  .cap_total_bytes = rows[i].cap ? 10000 * MIB : 0,
				  .cap_available_bytes = rows[i].cap * MIB },
		};
		struct headroom_reserved reserved = { .memory_bytes = rows[i].reserved * MIB,
						      .cpus = rows[i].reserved_cpus };
		struct threads_wish wish = { rows[i].per * MIB, rows[i].max };
		struct threads_fit fit;

		threads_fit(&reading, &reserved, &wish, &fit);
		if (fit.threads != rows[i].threads || fit.by_memory != rows[i].by_memory ||
		    fit.bound != rows[i].bound)
			fail_msg("%s: %llu, by %s", rows[i].what, (unsigned long long)fit.threads,
				 threads_bound_name(fit.bound));
	}
}

static void memory_that_is_not_known_binds_nobody(void **state)
{
	struct headroom_reading reading = { .room = { .cpus = 4 } };
	struct headroom_reserved reserved = { 0 };
	struct threads_wish wish = { MIB, NONE };
	struct threads_fit fit;

	(void)state;
	threads_fit(&reading, &reserved, &wish, &fit);
	assert_int_equal(fit.threads, 4);
	assert_true(fit.by_memory == NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_for_a_begun_cpu),
		cmocka_unit_test(workers),
		cmocka_unit_test(memory_that_is_not_known_binds_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
