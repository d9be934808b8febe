/* SPDX-License-Identifier: MIT */
/* Who may pass whom: a table, and random crowds against a simulation of what happens then. */
#include "fixtures.h"

#include <stdbool.h>

#include "policy/reserve.h"

#define NOW (1000 * RR_NS_PER_S)
#define GIB (UINT64_C(1) << 30)

struct crowd {
	uint64_t running[4],
		ahead[4]; /* caps in GiB; of those ahead also what they wait for; 0: end */
	uint64_t mine;
};

static size_t draw(const struct crowd *crowd, struct ledger_ticket *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < 4 && crowd->running[i]; i++)
		ret[n++] = (struct ledger_ticket){ .state = TICKET_RUNNING,
						   .memory_cap_bytes = crowd->running[i] * GIB };
	for (size_t i = 0; i < 4 && crowd->ahead[i]; i++, n++)
		ret[n] =
			(struct ledger_ticket){ .state = TICKET_WAITING,
						.blocked = i == 0 ? BLOCKED_RESOURCES : BLOCKED_NOT,
						.number = n + 1,
						.reserve_first = 1,
						.memory_bytes = crowd->ahead[i] * GIB,
						.memory_cap_bytes = crowd->ahead[i] * GIB };
	ret[n] = (struct ledger_ticket){ .state = TICKET_WAITING,
					 .number = n + 1,
					 .cpu_milli = 500,
					 .memory_cap_bytes = crowd->mine * GIB };
	return n + 1;
}

static void who_may_pass(void **state)
{
	static const struct {
		struct crowd crowd;
		uint64_t room;
		bool may;
	} rows[] = {
		{ { { 6 }, { 12 }, 1 }, 16, true },
		{ { { 6 }, { 12 }, 4 }, 16, true },
		{ { { 6 }, { 12 }, 5 }, 16, false },
		/* The larger of the two ends first: then the head fits beside the other, but not
		   with us. */
		{ { { 3, 6 }, { 12 }, 1 }, 16, true },
		{ { { 3, 6 }, { 12 }, 2 }, 16, false },
		/* The second in the queue must not wait longer either. */
		{ { { 6 }, { 12, 3 }, 1 }, 16, true },
		{ { { 6 }, { 12, 3 }, 2 }, 16, false },
		/* Nobody to pass; no room at all. */
		{ { { 6 }, { 0 }, 1 }, 16, false },
		{ { { 6 }, { 12 }, 1 }, 0, true },
		/* A head that fits as it is waits for something else. */
		{ { { 6 }, { 4 }, 1 }, 16, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ledger_ticket tickets[16];
		size_t n = draw(&rows[i].crowd, tickets);

		if (reserve_may_pass(tickets, n, n - 1, rows[i].room * GIB, NOW) != rows[i].may)
			fail_msg("row %zu", i);
	}
}

static void only_what_is_declared_is_believed(void **state)
{
	const struct crowd crowd = { { 6 }, { 12 }, 1 };
	struct ledger_ticket tickets[16];
	size_t n = draw(&crowd, tickets);

	(void)state;
	assert_true(reserve_may_pass(tickets, n, n - 1, 16 * GIB, NOW));
	tickets[0].memory_cap_bytes = 0;
	assert_false(reserve_may_pass(tickets, n, n - 1, 16 * GIB, NOW));
	n = draw(&crowd, tickets);
	tickets[n - 1].cpu_milli = 0;
	assert_false(reserve_may_pass(tickets, n, n - 1, 16 * GIB, NOW));
	n = draw(&crowd, tickets);
	tickets[n - 1].memory_cap_bytes = 0;
	assert_false(reserve_may_pass(tickets, n, n - 1, 16 * GIB, NOW));
	n = draw(&crowd, tickets);
	tickets[1].blocked = BLOCKED_RATE;
	assert_false(reserve_may_pass(tickets, n, n - 1, 16 * GIB, NOW));
	n = draw(&crowd, tickets);
	tickets[1].memory_cap_bytes = 0;
	assert_false(reserve_may_pass(tickets, n, n - 1, 16 * GIB, NOW));
}

/* ---- against what happens ---- */

#define JOBS 8

/* In the order of `ends` jobs end, and after each end those ahead start in their order while they
 * fit. starts[k]: after how many ends the k-th of them did. */
static void simulate(const struct crowd *crowd, uint64_t room, uint64_t ours, const size_t *ends,
		     size_t starts[4])
{
	uint64_t size[JOBS];
	bool is_in[JOBS] = { false };
	size_t next = 0;

	for (size_t i = 0; i < JOBS; i++) {
		size[i] = i < 4 ? crowd->running[i] : crowd->ahead[i - 4];
		is_in[i] = i < 4 && size[i];
	}
	for (size_t i = 0; i < 4; i++)
		starts[i] = SIZE_MAX;
	for (size_t step = 0; step <= JOBS; step++) {
		uint64_t used = ours;

		for (size_t i = 0; i < JOBS; i++)
			used += is_in[i] ? size[i] : 0;
		for (; next < 4 && crowd->ahead[next] && used + crowd->ahead[next] <= room;
		     next++) {
			is_in[4 + next] = true;
			used += crowd->ahead[next];
			starts[next] = step;
		}
		if (step < JOBS)
			is_in[ends[step]] = false;
	}
}

static void shuffle(uint64_t *seed, size_t *order, size_t n)
{
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t i = n; i > 1; i--) {
		size_t other = fixture_below(seed, i), kept = order[i - 1];

		order[i - 1] = order[other];
		order[other] = kept;
	}
}

static void nobody_is_ever_delayed(void **state)
{
	uint64_t seed = 5;
	size_t passed = 0, delayed = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint64_t room = 8 + fixture_below(&seed, 24);
		struct crowd crowd = { .mine = 1 + fixture_below(&seed, 4) };
		struct ledger_ticket tickets[16];
		size_t n, ends[JOBS], with[4], without[4];
		bool may;

		for (size_t i = 0; i < 1 + fixture_below(&seed, 4); i++)
			crowd.running[i] = 1 + fixture_below(&seed, 10);
		for (size_t i = 0; i < 1 + fixture_below(&seed, 3); i++)
			crowd.ahead[i] = 1 + fixture_below(&seed, 14);
		n = draw(&crowd, tickets);
		may = reserve_may_pass(tickets, n, n - 1, room * GIB, NOW);
		passed += may;
		for (int order = 0; order < 10; order++) {
			shuffle(&seed, ends, JOBS);
			simulate(&crowd, room, 0, ends, without);
			simulate(&crowd, room, crowd.mine, ends, with);
			if (memcmp(with, without, sizeof(with)) == 0)
				continue;
			delayed++;
			if (may)
				fail_msg("round %d", round);
		}
	}
	/* Both were tried. */
	assert_true(passed > 1000 && delayed > 1000);
}

static void the_room_is_what_others_leave(void **state)
{
	struct headroom_reading reading = { .room.memory_known = true,
					    .room.memory_total_bytes = 100 * GIB,
					    .room.memory_available_bytes = 60 * GIB };
	/* A job that has taken 6 of its 10. */
	struct ledger_ticket tickets[] = {
		{ .state = TICKET_RUNNING, .memory_cap_bytes = 10 * GIB, .memory_bytes = 4 * GIB },
		{ .state = TICKET_WAITING }
	};

	(void)state;
	/* 40 are used, 34 of them by others; 80 % less the hysteresis of 2 may be. */
	assert_int_equal(reserve_room(&reading, 80, tickets, 2) / GIB, 78 - 34);
	tickets[0].memory_cap_bytes = 0;
	assert_int_equal(reserve_room(&reading, 80, tickets, 2), 0);
	reading.room.memory_available_bytes = 0;
	assert_int_equal(reserve_room(&reading, 80, tickets, 0), 0);
	assert_int_equal(reserve_room(&reading, 1, tickets, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_pass),
		cmocka_unit_test(only_what_is_declared_is_believed),
		cmocka_unit_test(nobody_is_ever_delayed),
		cmocka_unit_test(the_room_is_what_others_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
