/* SPDX-License-Identifier: MIT */
/* When the host counts as short, which job gives way, and when it goes on. */
#include "fixtures.h"

#include <string.h>

#include "policy/pressure.h"
#include "policy/settings.h"

/* ---- is the host short? ---- */

#define OFF (-1)

struct host {
	const char *name;
	struct pressure_reading reading;
	enum pressure_state state;
	enum pressure_cause cause;
};

/* cpu, its threshold, the jobs' part, memory, its threshold, that of stalls, stalls of memory, io
 */
static const struct host hosts[] = {
	{ "an encode alone takes all", { 100, 85, 97, 40, 85, OFF, 0, OFF }, PRESSURE_WELL, 0 },
	{ "an encode beside others",
	  { 100, 85, 60, 40, 85, OFF, 0, OFF },
	  PRESSURE_SHORT,
	  PRESSURE_CPU },
	{ "others, and CPUs to spare", { 50, 85, 10, 40, 85, OFF, 0, OFF }, PRESSURE_WELL, 0 },
	{ "others, just below", { 80, 85, 40, 40, 85, OFF, 0, OFF }, PRESSURE_SO_SO, PRESSURE_CPU },
	{ "others alone", { 95, 85, 0, 40, 85, OFF, 0, OFF }, PRESSURE_SHORT, PRESSURE_CPU },
	{ "few others, still", { 100, 85, 83, 40, 85, OFF, 0, OFF }, PRESSURE_SO_SO, PRESSURE_CPU },
	{ "no limit for the CPUs", { 100, 100, 0, 40, 85, OFF, 0, OFF }, PRESSURE_WELL, 0 },
	{ "CPUs not known", { OFF, 85, 0, 40, 85, OFF, 0, OFF }, PRESSURE_WELL, 0 },
	{ "memory full, nobody waits", { 10, 85, 0, 95, 85, OFF, 2, OFF }, PRESSURE_WELL, 0 },
	{ "memory full, others wait",
	  { 10, 85, 0, 95, 85, OFF, 20, OFF },
	  PRESSURE_SHORT,
	  PRESSURE_MEMORY },
	{ "others wait for memory at times",
	  { 10, 85, 0, 95, 85, OFF, 7, OFF },
	  PRESSURE_SO_SO,
	  PRESSURE_MEMORY },
	{ "they wait, but it is not full", { 10, 85, 0, 50, 85, OFF, 50, OFF }, PRESSURE_WELL, 0 },
	{ "no limit for memory", { 10, 85, 0, 99, 100, OFF, 90, OFF }, PRESSURE_WELL, 0 },
	{ "without PSI", { 10, 85, 0, 99, 85, 30, OFF, OFF }, PRESSURE_WELL, 0 },
	{ "disks, no limit for stalls", { 10, 85, 0, 40, 85, OFF, 0, 90 }, PRESSURE_WELL, 0 },
	{ "disks", { 10, 85, 0, 40, 85, 30, 0, 31 }, PRESSURE_SHORT, PRESSURE_IO },
	{ "disks, nearly well", { 10, 85, 0, 40, 85, 30, 0, 16 }, PRESSURE_SO_SO, PRESSURE_IO },
	{ "disks, well", { 10, 85, 0, 40, 85, 30, 0, 14 }, PRESSURE_WELL, 0 },
	{ "memory before CPUs",
	  { 100, 85, 0, 95, 85, OFF, 20, OFF },
	  PRESSURE_SHORT,
	  PRESSURE_MEMORY },
	{ "what is short before what is nearly",
	  { 100, 85, 0, 95, 85, OFF, 7, OFF },
	  PRESSURE_SHORT,
	  PRESSURE_CPU },
};

static void hosts_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		enum pressure_cause cause = 0;
		enum pressure_state is = pressure_judge(&hosts[i].reading, &cause);

		if (is != hosts[i].state || (is != PRESSURE_WELL && cause != hosts[i].cause))
			fail_msg("%s: %d, of %s", hosts[i].name, is, pressure_cause_name(cause));
	}
}

static bool is_about(double value, double expected)
{
	return value > expected - 0.01 && value < expected + 0.01;
}

static void a_throttle_leaves_the_host_below_its_threshold(void **state)
{
	struct pressure_reading reading = { .cpu = 100, .cpu_threshold = 85, .cpu_jobs = 60 };

	(void)state;
	/* Others take 40 of 80 percent of four CPUs. */
	assert_true(is_about(pressure_cpus_left(&reading, 4, 1), 1.6));
	/* Jobs that are held to it take no more than that together, each at least a little. */
	assert_true(is_about(pressure_cpus_left(&reading, 4, 2), 0.8));
	assert_true(is_about(pressure_cpus_left(&reading, 4, 4), 0.4));
	assert_true(pressure_cpus_left(&reading, 4, 100) == PRESSURE_CPUS_MIN);
	reading.cpu_jobs = 0;
	assert_true(pressure_cpus_left(&reading, 4, 1) == PRESSURE_CPUS_MIN);
	/* What is counted twice makes no more than there is. */
	reading.cpu_jobs = 120;
	assert_true(pressure_cpus_left(&reading, 4, 1) < 3.21);
}

/* ---- words ---- */

#define WORD(text) ((char[]){ text })

static char *const all_steps[] = { WORD("weight"), WORD("throttle"), WORD("reclaim"),
				   WORD("freeze"), WORD("kill"),     NULL };

static void words_are_steps(void **state)
{
	char *const none[] = { WORD("none"), NULL }, *const both[] = { WORD("weight"), WORD("none"),
								       NULL };
	char *const bad[] = { WORD("weight"), WORD("wieght"), NULL }, *const nothing[] = { NULL };
	struct rr_err err;

	(void)state;
	assert_int_equal(pressure_check(all_steps, &err), 0);
	assert_int_equal(pressure_check(none, &err), 0);
	assert_int_equal(pressure_check(nothing, &err), 0);
	assert_true(pressure_check(both, &err) < 0);
	assert_true(pressure_check(bad, &err) < 0);
	assert_non_null(strstr(err.text, "'wieght'"));
	assert_int_equal(pressure_next(none, 0, PRESSURE_CPU), PRESSURE_NONE);
}

/* Only what helps, in the order of the words, and nothing twice. */
static void steps_follow_each_other(void **state)
{
	static const enum pressure_step expected[PRESSURE_CAUSES_N][6] = {
		[PRESSURE_CPU] = { PRESSURE_WEIGHT, PRESSURE_THROTTLE },
		[PRESSURE_MEMORY] = { PRESSURE_RECLAIM, PRESSURE_FREEZE, PRESSURE_KILL },
		[PRESSURE_IO] = { PRESSURE_WEIGHT, PRESSURE_FREEZE, PRESSURE_KILL },
	};
	char *const reversed[] = { WORD("freeze"), WORD("weight"), NULL };

	(void)state;
	for (int cause = 0; cause < PRESSURE_CAUSES_N; cause++) {
		unsigned taken = 0;

		for (size_t i = 0; i < COUNT(expected[cause]); i++) {
			enum pressure_step step = pressure_next(all_steps, taken, cause);

			assert_int_equal(step, expected[cause][i]);
			if (step == PRESSURE_NONE)
				break;
			taken |= 1U << step;
		}
	}
	assert_int_equal(pressure_next(reversed, 0, PRESSURE_IO), PRESSURE_FREEZE);
	assert_int_equal(pressure_next(reversed, 0, PRESSURE_CPU), PRESSURE_WEIGHT);
}

/* ---- whose turn is it? ---- */

static struct ledger_ticket running(uint8_t priority, unsigned started_s,
				    enum pressure_step pressed)
{
	static uint64_t number;

	number++;
	return (struct ledger_ticket){ .state = TICKET_RUNNING,
				       .number = number,
				       .priority = priority,
				       .started_ns = started_s * RR_NS_PER_S,
				       .pressed = pressed };
}

static void the_lowest_and_youngest_gives_way_first_and_goes_on_last(void **state)
{
	struct ledger_ticket tickets[] = {
		running(PRIORITY_NORMAL, 10, PRESSURE_NONE),
		running(PRIORITY_LOW, 5, PRESSURE_THROTTLE),
		running(PRIORITY_NORMAL, 20, PRESSURE_WEIGHT),
		running(PRIORITY_CRITICAL, 30, PRESSURE_NONE),
		running(PRIORITY_LOW, 8, PRESSURE_FREEZE),
		{ .state = TICKET_WAITING, .priority = PRIORITY_LOW },
		{ .state = TICKET_FREE },
	};
	/* 4, 1, 2, 0 give way; 0, 2, 1, 4 go on; 3 never gives way. */
	static const size_t before[] = { 3, 1, 2, 4, 0 }, release_before[] = { 0, 1, 0, 0, 2 };
	struct pressure_order order, other;

	(void)state;
	for (size_t me = 0; me < COUNT(before); me++) {
		pressure_rank(tickets, COUNT(tickets), me, &order);
		assert_int_equal(order.before, before[me]);
		assert_int_equal(order.release_before, release_before[me]);
	}
	/* Who is throttled shares with those who are, wherever they stand; who stands still takes
	 * nothing. */
	pressure_rank(tickets, COUNT(tickets), 1, &order);
	assert_int_equal(order.throttled, 0);
	tickets[0].pressed = PRESSURE_THROTTLE;
	pressure_rank(tickets, COUNT(tickets), 1, &order);
	assert_int_equal(order.throttled, 1);
	pressure_rank(tickets, COUNT(tickets), 2, &order);
	assert_int_equal(order.throttled, 2);
	tickets[0].nested = NESTED_OTHER;
	pressure_rank(tickets, COUNT(tickets), 2, &order);
	assert_int_equal(order.throttled, 1);
	tickets[0].nested = NESTED_NOT;
	tickets[0].pressed = PRESSURE_NONE;
	pressure_rank(tickets, COUNT(tickets), 0, &order);
	/* All see the same, and any step changes it. */
	pressure_rank(tickets, COUNT(tickets), 0, &other);
	assert_true(other.signature == order.signature);
	tickets[2].pressed = PRESSURE_THROTTLE;
	pressure_rank(tickets, COUNT(tickets), 0, &other);
	assert_true(other.signature != order.signature);
}

/* ---- the clock ---- */

/* Looks every 5 s while the host is so; the seconds until a move, or 0 when none comes in an hour.
 */
static unsigned until_move(struct pressure *pressure, enum pressure_state is,
			   const struct pressure_order *order, bool held, uint64_t *now_ns)
{
	uint64_t begun_ns = *now_ns;

	while (*now_ns - begun_ns < 3600 * RR_NS_PER_S) {
		enum pressure_move move = pressure_look(pressure, is, order, held, *now_ns);

		if (move != PRESSURE_STAY) {
			assert_int_equal(move,
					 is == PRESSURE_SHORT ? PRESSURE_HARDER : PRESSURE_SOFTER);
			return (unsigned)((*now_ns - begun_ns) / RR_NS_PER_S) + 1;
		}
		*now_ns += 5 * RR_NS_PER_S;
	}
	return 0;
}

static void one_step_at_a_time_in_order(void **state)
{
	struct pressure first = { 0 }, second = { 0 };
	struct pressure_order order = { 0 }, behind = { .before = 1 };
	uint64_t now_ns = 1000 * RR_NS_PER_S, later_ns = now_ns;

	(void)state;
	assert_int_equal(until_move(&first, PRESSURE_SHORT, &order, false, &now_ns), 6);
	/* The one behind sees that, and waits anew. */
	assert_int_equal(pressure_look(&second, PRESSURE_SHORT, &behind, false, later_ns),
			 PRESSURE_STAY);
	behind.signature = 7;
	later_ns += 10 * RR_NS_PER_S;
	assert_int_equal(until_move(&second, PRESSURE_SHORT, &behind, false, &later_ns), 11);
	/* Nothing is done about what is neither. */
	assert_int_equal(until_move(&first, PRESSURE_SO_SO, &order, true, &now_ns), 0);
	assert_int_equal(until_move(&first, PRESSURE_WELL, &order, false, &now_ns), 0);
}

static void a_step_taken_back_too_soon_is_taken_back_later_next_time(void **state)
{
	struct pressure pressure = { 0 };
	struct pressure_order order = { 0 };
	uint64_t now_ns = 1000 * RR_NS_PER_S;
	static const unsigned waits[] = { 16, 31, 61, 121, 241, 301, 301 };

	(void)state;
	for (size_t i = 0; i < COUNT(waits); i++) {
		assert_true(until_move(&pressure, PRESSURE_SHORT, &order, i > 0, &now_ns) > 0);
		order.signature++;
		assert_int_equal(until_move(&pressure, PRESSURE_WELL, &order, true, &now_ns),
				 waits[i]);
		order.signature++;
	}
	/* Said once of a shortage, though it lasts and there are no steps left. */
	pressure = (struct pressure){ 0 };
	assert_true(until_move(&pressure, PRESSURE_SHORT, &order, false, &now_ns) > 0);
	assert_int_equal(until_move(&pressure, PRESSURE_WELL, &order, true, &now_ns), 16);
	for (int i = 0; i < 5; i++)
		assert_true(until_move(&pressure, PRESSURE_SHORT, &order, true, &now_ns) > 0);
	assert_int_equal(until_move(&pressure, PRESSURE_WELL, &order, true, &now_ns), 31);
	/* Much later it is another matter. */
	now_ns += 3600 * RR_NS_PER_S;
	assert_true(until_move(&pressure, PRESSURE_SHORT, &order, true, &now_ns) > 0);
	order.signature++;
	assert_int_equal(until_move(&pressure, PRESSURE_WELL, &order, true, &now_ns), 16);
	/* Those who go on before us take their time. */
	order.release_before = 2;
	order.signature++;
	assert_int_equal(until_move(&pressure, PRESSURE_WELL, &order, true, &now_ns), 46);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_are_judged),
		cmocka_unit_test(a_throttle_leaves_the_host_below_its_threshold),
		cmocka_unit_test(words_are_steps),
		cmocka_unit_test(steps_follow_each_other),
		cmocka_unit_test(the_lowest_and_youngest_gives_way_first_and_goes_on_last),
		cmocka_unit_test(one_step_at_a_time_in_order),
		cmocka_unit_test(a_step_taken_back_too_soon_is_taken_back_later_next_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
