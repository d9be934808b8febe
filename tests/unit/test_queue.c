/* SPDX-License-Identifier: MIT */
/* Order and slots: tables, then random queues against the rules written down a second time. */
#include "fixtures.h"

#include <stdbool.h>

#include "policy/queue.h"
#include "policy/settings.h"

#define QUEUE_AGING_NS (15 * 60 * RR_NS_PER_S)
#define NOW (UINT64_C(100) * QUEUE_AGING_NS)
#define NONE QUEUE_NONE
#define W TICKET_WAITING
#define R TICKET_RUNNING
#define F TICKET_FREE
#define AGED(classes) (NOW - (classes)*QUEUE_AGING_NS)

static void order(void **state)
{
	static const struct {
		uint8_t priority_a;
		uint64_t entered_a, number_a;
		uint8_t priority_b;
		uint64_t entered_b, number_b;
		bool a_first;
	} rows[] = {
		/* Arrival. */
		{ PRIORITY_NORMAL, NOW, 1, PRIORITY_NORMAL, NOW, 2, true },
		{ PRIORITY_NORMAL, NOW, 2, PRIORITY_NORMAL, NOW, 1, false },
		/* Priority over arrival. */
		{ PRIORITY_HIGH, NOW, 9, PRIORITY_NORMAL, NOW, 1, true },
		{ PRIORITY_LOW, NOW, 1, PRIORITY_CRITICAL, NOW, 9, false },
		/* One class for every full QUEUE_AGING_NS. */
		{ PRIORITY_LOW, AGED(1), 1, PRIORITY_NORMAL, NOW, 9, true },
		{ PRIORITY_LOW, AGED(1) + 1, 1, PRIORITY_NORMAL, NOW, 9, false },
		{ PRIORITY_LOW, AGED(3), 1, PRIORITY_CRITICAL, NOW, 9, true },
		{ PRIORITY_LOW, AGED(3) + 1, 1, PRIORITY_CRITICAL, NOW, 9, false },
		/* Never above the highest: there, arrival decides. */
		{ PRIORITY_LOW, AGED(90), 2, PRIORITY_CRITICAL, AGED(80), 1, false },
		{ PRIORITY_CRITICAL, AGED(90), 1, PRIORITY_LOW, AGED(3), 2, true },
		/* Entered later than now: other CPU's clock, no age. */
		{ PRIORITY_NORMAL, NOW + 1, 1, PRIORITY_NORMAL, NOW, 2, true },
		{ PRIORITY_LOW, UINT64_MAX, 1, PRIORITY_NORMAL, NOW, 2, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ledger_ticket a = { .priority = rows[i].priority_a,
					   .entered_ns = rows[i].entered_a,
					   .aging_ns = QUEUE_AGING_NS,
					   .risen = UINT8_MAX,
					   .number = rows[i].number_a };
		struct ledger_ticket b = { .priority = rows[i].priority_b,
					   .entered_ns = rows[i].entered_b,
					   .aging_ns = QUEUE_AGING_NS,
					   .risen = UINT8_MAX,
					   .number = rows[i].number_b };

		if (queue_before(&a, &b, NOW) != rows[i].a_first ||
		    queue_before(&b, &a, NOW) == rows[i].a_first)
			fail_msg("row %zu", i);
		assert_false(queue_before(&a, &a, NOW));
	}
}

/* The order is what the ledger says: who has waited long enough, but has not written it down, has
 * not risen; and nobody has risen further than the clock allows. */
static void who_rises_writes_it_down(void **state)
{
	struct ledger_ticket first = { .priority = PRIORITY_NORMAL,
				       .entered_ns = NOW,
				       .number = 2 };
	struct ledger_ticket low = { .priority = PRIORITY_LOW,
				     .entered_ns = AGED(1),
				     .aging_ns = QUEUE_AGING_NS,
				     .number = 1 };

	(void)state;
	assert_int_equal(queue_classes(&low, NOW), 1);
	assert_true(queue_before(&first, &low, NOW));
	low.risen = 1;
	assert_true(queue_before(&low, &first, NOW));
	low.risen = 3;
	first.priority = PRIORITY_HIGH;
	assert_true(queue_before(&first, &low, NOW));
	/* When it rises next, and that it does not for ever. */
	assert_int_equal(queue_next_rise_ns(&low, NOW), AGED(1) + 2 * QUEUE_AGING_NS);
	assert_int_equal(queue_next_rise_ns(&low, NOW + 9 * QUEUE_AGING_NS), RR_TIME_INF);
	assert_int_equal(queue_next_rise_ns(&first, NOW), RR_TIME_INF);
}

/* A queue as one would draw it: state, lane, priority, blocked; numbers are the places. */
struct place {
	int state;
	uint16_t lane;
	uint8_t priority, blocked;
	uint32_t lane_max, total_max;
};

static size_t draw(const struct place *places, size_t n, struct ledger_ticket *ret)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		if (places[i].lane_max == 0)
			break;
		ret[used++] = (struct ledger_ticket){ .state = (uint8_t)places[i].state,
						      .lane = places[i].lane,
						      .priority = places[i].priority,
						      .blocked = places[i].blocked,
						      .lane_max = places[i].lane_max,
						      .total_max = places[i].total_max,
						      .number = i + 1,
						      .entered_ns = NOW,
						      .aging_ns = QUEUE_AGING_NS };
	}
	return used;
}

static void turns(void **state)
{
	static const struct {
		struct place places[5];
		size_t me;
		enum queue_answer expected;
		size_t ahead;
	} rows[] = {
		/* Alone. */
		{ { { W, 0, 1, 0, 1, 0 } }, 0, QUEUE_TURN, NONE },
		/* The slot is taken; there are two; it is taken in another lane. */
		{ { { R, 0, 1, 0, 1, 0 }, { W, 0, 1, 0, 1, 0 } }, 1, QUEUE_SLOT, NONE },
		{ { { R, 0, 1, 0, 1, 0 }, { W, 0, 1, 0, 2, 0 } }, 1, QUEUE_TURN, NONE },
		{ { { R, 7, 1, 0, 1, 0 }, { W, 0, 1, 0, 1, 0 } }, 1, QUEUE_TURN, NONE },
		/* More run than we would allow. */
		{ { { R, 0, 1, 0, 9, 0 }, { R, 0, 1, 0, 9, 0 }, { W, 0, 1, 0, 1, 0 } },
		  2,
		  QUEUE_SLOT,
		  NONE },
		/* Behind the one before, not behind the first, nor behind free and running ones. */
		{ { { W, 0, 1, 0, 1, 0 }, { W, 0, 1, 0, 1, 0 }, { W, 0, 1, 0, 1, 0 } },
		  2,
		  QUEUE_BEHIND,
		  1 },
		{ { { F, 0, 1, 0, 1, 0 }, { W, 0, 1, 0, 1, 0 }, { F, 0, 1, 0, 1, 0 } },
		  1,
		  QUEUE_TURN,
		  NONE },
		{ { { W, 0, 3, 0, 1, 0 }, { W, 0, 0, 0, 1, 0 }, { W, 0, 2, 0, 1, 0 } },
		  1,
		  QUEUE_BEHIND,
		  2 },
		{ { { W, 0, 1, 0, 1, 0 }, { W, 0, 2, 0, 1, 0 } }, 1, QUEUE_TURN, NONE },
		/* Order comes before slots; one who is blocked still stands before us in our lane.
		 */
		{ { { R, 0, 1, 0, 1, 0 }, { W, 0, 1, 0, 1, 0 }, { W, 0, 1, 0, 1, 0 } },
		  2,
		  QUEUE_BEHIND,
		  1 },
		{ { { W, 0, 1, BLOCKED_RATE, 1, 0 }, { W, 0, 1, 0, 1, 0 } }, 1, QUEUE_BEHIND, 0 },
		/* The cap over all lanes. */
		{ { { R, 7, 1, 0, 1, 1 }, { W, 0, 1, 0, 1, 1 } }, 1, QUEUE_TOTAL, NONE },
		{ { { R, 7, 1, 0, 1, 2 }, { W, 0, 1, 0, 1, 2 } }, 1, QUEUE_TURN, NONE },
		{ { { R, 7, 1, 0, 1, 1 }, { W, 0, 1, 0, 1, 0 } }, 1, QUEUE_TURN, NONE },
		/* Rivals: the head of another lane goes first... */
		{ { { W, 7, 1, 0, 1, 1 }, { W, 0, 1, 0, 1, 1 } }, 1, QUEUE_TOTAL, NONE },
		{ { { W, 7, 1, 0, 1, 1 }, { W, 0, 1, 0, 1, 1 } }, 0, QUEUE_TURN, NONE },
		{ { { W, 7, 1, 0, 1, 1 }, { W, 0, 2, 0, 1, 1 } }, 1, QUEUE_TURN, NONE },
		{ { { W, 7, 1, 0, 1, 2 }, { W, 0, 1, 0, 1, 2 } }, 1, QUEUE_TURN, NONE },
		{ { { W, 7, 1, 0, 1, 2 }, { W, 8, 1, 0, 1, 2 }, { W, 0, 1, 0, 1, 2 } },
		  2,
		  QUEUE_TOTAL,
		  NONE },
		/* ...unless it waits for something else, has no slot in its lane, */
		{ { { W, 7, 1, BLOCKED_RATE, 1, 1 }, { W, 0, 1, 0, 1, 1 } }, 1, QUEUE_TURN, NONE },
		{ { { W, 7, 1, BLOCKED_RESOURCES, 1, 1 }, { W, 0, 1, 0, 1, 1 } },
		  1,
		  QUEUE_TURN,
		  NONE },
		{ { { R, 7, 1, 0, 1, 2 }, { W, 7, 1, 0, 1, 2 }, { W, 0, 1, 0, 1, 2 } },
		  2,
		  QUEUE_TURN,
		  NONE },
		/* could not start under its own cap either, */
		{ { { R, 9, 1, 0, 1, 2 }, { W, 7, 1, 0, 1, 1 }, { W, 0, 1, 0, 1, 2 } },
		  2,
		  QUEUE_TURN,
		  NONE },
		/* or is no head. */
		{ { { W, 7, 1, 0, 2, 2 }, { W, 7, 1, 0, 2, 2 }, { W, 0, 1, 0, 1, 2 } },
		  2,
		  QUEUE_TURN,
		  NONE },
	};
	struct ledger_ticket tickets[5];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = draw(rows[i].places, COUNT(rows[i].places), tickets), ahead = 77;
		enum queue_answer answer = queue_ask(tickets, n, rows[i].me, NOW, &ahead);

		if (answer != rows[i].expected || ahead != rows[i].ahead)
			fail_msg("row %zu: %d, ahead %zd", i, (int)answer, (ssize_t)ahead);
	}
}

static void an_empty_queue(void **state)
{
	struct ledger_ticket none[2] = { 0 };

	(void)state;
	for (size_t n = 0; n <= 2; n++) {
		assert_int_equal(queue_head(none, n, 0, NOW), NONE);
		assert_int_equal(queue_running(none, n, 0), 0);
		assert_int_equal(queue_running_total(none, n), 0);
	}
}

/* ---- random queues ---- */

#define TICKETS 12

static size_t random_queue(uint64_t *seed, struct ledger_ticket *tickets)
{
	size_t n = 1 + fixture_below(seed, TICKETS);
	uint32_t total_max = (uint32_t)fixture_below(seed, 5);
	uint32_t lane_max[3];

	for (size_t i = 0; i < 3; i++)
		lane_max[i] = 1 + (uint32_t)fixture_below(seed, 3);
	for (size_t i = 0; i < n; i++) {
		uint16_t lane = (uint16_t)fixture_below(seed, 3);

		tickets[i] = (struct ledger_ticket){
			.state = (uint8_t)fixture_below(seed, 3),
			.priority = (uint8_t)fixture_below(seed, PRIORITIES_N),
			.blocked =
				(uint8_t)(fixture_below(seed, 4) ? 0 : 1 + fixture_below(seed, 2)),
			.number = i + 1,
			.entered_ns = NOW - fixture_below(seed, 5 * QUEUE_AGING_NS),
			.aging_ns = QUEUE_AGING_NS,
			.risen = UINT8_MAX,
			.lane = lane,
			.lane_max = lane_max[lane],
			.total_max = fixture_below(seed, 4) ? total_max
							    : (uint32_t)fixture_below(seed, 5),
		};
	}
	for (size_t i = n; i > 1; i--) { /* numbers in any order: places are used again */
		size_t j = fixture_below(seed, i);
		uint64_t number = tickets[i - 1].number;

		tickets[i - 1].number = tickets[j].number;
		tickets[j].number = number;
	}
	return n;
}

/* The order as one number, the smaller the earlier. */
static uint64_t key(const struct ledger_ticket *ticket)
{
	uint64_t class = ticket->priority;

	for (uint64_t waited = NOW - ticket->entered_ns; waited >= QUEUE_AGING_NS;
	     waited -= QUEUE_AGING_NS)
		class ++;
	return ((class > 3 ? 0 : 3 - class) << 32) + ticket->number;
}

struct model {
	size_t ahead, position, lane_running, running, rivals;
};

static bool is_model_head(const struct ledger_ticket *tickets, size_t n, size_t i)
{
	for (size_t j = 0; j < n; j++)
		if (tickets[j].state == W && tickets[j].lane == tickets[i].lane &&
		    key(&tickets[j]) < key(&tickets[i]))
			return false;
	return true;
}

static size_t model_running(const struct ledger_ticket *tickets, size_t n, int lane)
{
	size_t running = 0;

	for (size_t i = 0; i < n; i++)
		running += tickets[i].state == R && (lane < 0 || tickets[i].lane == lane);
	return running;
}

static struct model model_of(const struct ledger_ticket *tickets, size_t n, size_t me)
{
	struct model model = { .ahead = NONE, .position = 1 };

	for (size_t i = 0; i < n; i++) {
		if (tickets[i].state != W || key(&tickets[i]) >= key(&tickets[me]))
			continue;
		if (tickets[i].lane == tickets[me].lane) {
			model.position++;
			if (model.ahead == NONE || key(&tickets[i]) > key(&tickets[model.ahead]))
				model.ahead = i;
		} else if (!tickets[i].blocked && is_model_head(tickets, n, i) &&
			   model_running(tickets, n, tickets[i].lane) < tickets[i].lane_max &&
			   (!tickets[i].total_max ||
			    model_running(tickets, n, -1) < tickets[i].total_max)) {
			model.rivals++;
		}
	}
	model.lane_running = model_running(tickets, n, tickets[me].lane);
	model.running = model_running(tickets, n, -1);
	return model;
}

static enum queue_answer model_answer(const struct model *model, const struct ledger_ticket *me)
{
	if (model->ahead != NONE)
		return QUEUE_BEHIND;
	if (model->lane_running >= me->lane_max)
		return QUEUE_SLOT;
	if (me->total_max > 0 && model->running + model->rivals >= me->total_max)
		return QUEUE_TOTAL;
	return QUEUE_TURN;
}

static void random_queues_follow_the_rules(void **state)
{
	struct ledger_ticket tickets[TICKETS];
	uint64_t seed = 6;

	(void)state;
	for (int round = 0; round < 50000; round++) {
		size_t n = random_queue(&seed, tickets);

		for (size_t me = 0; me < n; me++) {
			struct model model = model_of(tickets, n, me);
			size_t ahead = 77;

			if (tickets[me].state != W)
				continue;
			assert_int_equal(queue_ask(tickets, n, me, NOW, &ahead),
					 model_answer(&model, &tickets[me]));
			assert_int_equal(ahead, model.ahead);
			assert_int_equal(queue_position(tickets, n, me, NOW), model.position);
			/* Each stands behind the one before it. */
			if (ahead != NONE)
				assert_int_equal(queue_behind(tickets, n, &tickets[ahead], NOW),
						 me);
			assert_int_equal(queue_head(tickets, n, tickets[me].lane, NOW) == me,
					 model.position == 1);
			assert_int_equal(queue_running(tickets, n, tickets[me].lane),
					 model.lane_running);
			assert_int_equal(queue_running_total(tickets, n), model.running);
		}
	}
}

/* Lets everyone whose turn it is start, one after the other, until no one may. */
static void start_all(struct ledger_ticket *tickets, size_t n)
{
	bool again = true;
	size_t ahead;

	while (again) {
		again = false;
		for (size_t i = 0; i < n; i++) {
			struct ledger_ticket *one = &tickets[i];

			if (one->state != W || one->blocked ||
			    queue_ask(tickets, n, i, NOW, &ahead) != QUEUE_TURN)
				continue;
			/* Never over its caps. */
			assert_true(model_running(tickets, n, one->lane) < one->lane_max);
			assert_true(one->total_max == 0 ||
				    model_running(tickets, n, -1) < one->total_max);
			one->state = R;
			again = true;
		}
	}
}

/* No cap is passed by starting, and none who could start is forgotten. */
static void caps_hold_and_slots_are_used(void **state)
{
	struct ledger_ticket tickets[TICKETS];
	uint64_t seed = 7;

	(void)state;
	for (int round = 0; round < 50000; round++) {
		size_t n = random_queue(&seed, tickets);

		start_all(tickets, n);
		for (size_t i = 0; i < n; i++) {
			const struct ledger_ticket *one = &tickets[i];

			if (one->state != W || one->blocked || !is_model_head(tickets, n, i))
				continue;
			assert_true(model_running(tickets, n, one->lane) >= one->lane_max ||
				    (one->total_max > 0 &&
				     model_running(tickets, n, -1) >= one->total_max));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(who_rises_writes_it_down),
		cmocka_unit_test(turns),
		cmocka_unit_test(an_empty_queue),
		cmocka_unit_test(random_queues_follow_the_rules),
		cmocka_unit_test(caps_hold_and_slots_are_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
