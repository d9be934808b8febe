/* SPDX-License-Identifier: MIT */
/* The ledger's rate: the sliding window against a model, at its edges, and refunds. */
#include "ledger_world.h"

/* ---- the sliding window against a model ---- */

#define MODEL_MAX 512

struct start {
	uint64_t at_ns, number;
	size_t index; /* of its ticket */
	bool ticket;
};

struct model {
	struct start starts[MODEL_MAX];
	size_t n;
};

static uint64_t model_count(const struct model *model, uint64_t window_ns, uint64_t now_ns)
{
	uint64_t count = 0;

	for (size_t i = 0; i < model->n; i++)
		count += now_ns - model->starts[i].at_ns < window_ns;
	return count;
}

/* The first moment from now on with fewer than `limit`: a start can only leave when its window
 * ends. */
static uint64_t model_free_at(const struct model *model, uint64_t limit, uint64_t window_ns,
			      uint64_t now_ns)
{
	uint64_t best = UINT64_MAX;

	if (model_count(model, window_ns, now_ns) < limit)
		return now_ns;
	for (size_t i = 0; i < model->n; i++) {
		uint64_t at = model->starts[i].at_ns + window_ns;

		if (at > now_ns && at < best && model_count(model, window_ns, at) < limit)
			best = at;
	}
	return best;
}

static void model_start(struct ledger *ledger, struct model *model, uint16_t lane,
			uint64_t window_ns, uint64_t now_ns)
{
	struct start *start = &model->starts[model->n++];
	size_t n;

	start->index = add(ledger, lane, "x");
	start->number = ledger_tickets(ledger, &n)[start->index].number;
	start->at_ns = now_ns;
	start->ticket = true;
	must(ledger_take_token(ledger, lane, start->number, window_ns, now_ns, WALL, &err));
	relock(ledger);
}

/* Ends one job that has a ticket; with `refund` its start never happened. */
static void model_end(struct ledger *ledger, struct model *model, size_t i, bool refund)
{
	struct start *start = &model->starts[i];

	if (!start->ticket)
		return;
	must(ledger_remove(ledger, start->index, refund, &err));
	start->ticket = false;
	if (refund)
		*start = model->starts[--model->n];
	relock(ledger);
}

static void model_compare(struct ledger *ledger, const struct model *model, uint16_t lane,
			  uint64_t window_ns, uint64_t now_ns)
{
	for (uint64_t limit = 1; limit <= model->n + 2; limit++) {
		uint64_t count, free_at;

		/* Within a boot the wall clock is of no consequence. */
		ledger_rate(ledger, lane, limit, window_ns, now_ns, limit % 3 * WALL, &count,
			    &free_at);
		assert_int_equal(count, model_count(model, window_ns, now_ns));
		assert_int_equal(free_at, model_free_at(model, limit, window_ns, now_ns));
	}
}

static void the_window_slides_exactly(void **state)
{
	uint64_t seed = 9;

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct model model = { .n = 0 };
		struct ledger *ledger = open_locked();
		char name[32];
		uint64_t window_ns = 1 + fixture_below(&seed, 50), now_ns = 1000;
		uint16_t lane;

		(void)snprintf(name, sizeof(name), "round%d", round);
		lane = lane_of(ledger, name);
		for (int step = 0; step < 100; step++) {
			uint64_t what = fixture_below(&seed, 10);

			now_ns += fixture_below(&seed, 8);
			if (what < 5)
				model_start(ledger, &model, lane, window_ns, now_ns);
			else if (what < 7 && model.n > 0)
				model_end(ledger, &model, fixture_below(&seed, model.n), what == 5);
			model_compare(ledger, &model, lane, window_ns, now_ns);
			model_compare(ledger, &model, lane, 1 + fixture_below(&seed, window_ns),
				      now_ns);
		}
		ledger_close(ledger);
	}
}

/* Whoever starts only when told to never has more than `limit` starts in any window. */
static void no_window_ever_holds_more_than_the_limit(void **state)
{
	uint64_t seed = 10;

	(void)state;
	for (uint64_t limit = 1; limit <= 6; limit++) {
		struct ledger *ledger = open_locked();
		uint64_t starts[200], now_ns = 5, window_ns = 20 * limit;
		size_t n = 0;
		char name[32];
		uint16_t lane;

		(void)snprintf(name, sizeof(name), "limit%u", (unsigned)limit);
		lane = lane_of(ledger, name);
		while (n < COUNT(starts)) {
			uint64_t count, free_at;

			ledger_rate(ledger, lane, limit, window_ns, now_ns, WALL, &count, &free_at);
			assert_int_equal(free_at <= now_ns, count < limit);
			if (count < limit) {
				must(ledger_take_token(ledger, lane, n + 1, window_ns, now_ns, WALL,
						       &err));
				starts[n++] = now_ns;
			}
			/* Sometimes exactly then, sometimes whenever. */
			now_ns = fixture_below(&seed, 2) ? free_at
							 : now_ns + fixture_below(&seed, 9);
		}
		for (size_t i = limit; i < n; i++)
			assert_true(starts[i] - starts[i - limit] >= window_ns);
		ledger_close(ledger);
	}
}

static void limits_at_their_edges(void **state)
{
	struct ledger *ledger = open_locked();
	uint16_t lane = lane_of(ledger, "p");
	uint64_t count, free_at;

	(void)state;
	ledger_rate(ledger, lane, 1, 60 * S, 0, 0, &count, &free_at);
	assert_true(count == 0 && free_at == 0);
	ledger_rate(ledger, lane, 0, 60 * S, 7, 0, &count, &free_at);
	assert_true(count == 0 && free_at == 7);
	must(ledger_take_token(ledger, lane, 1, 60 * S, 100 * S, WALL, &err));
	assert_int_equal(count_at(ledger, lane, 1, 60 * S, 160 * S - 1, WALL), 1);
	assert_int_equal(count_at(ledger, lane, 1, 60 * S, 160 * S, WALL), 0);
	assert_int_equal(count_at(ledger, lane, 1, 0, 100 * S, WALL), 0);
	/* From the future: just started. */
	ledger_rate(ledger, lane, 1, 60 * S, 10 * S, WALL, &count, &free_at);
	assert_true(count == 1 && free_at == 70 * S);
	ledger_close(ledger);
}

static void a_refund_takes_only_its_own(void **state)
{
	struct ledger *ledger = open_locked();
	uint16_t a = lane_of(ledger, "a"), b = lane_of(ledger, "b");
	size_t first = add(ledger, a, "x"), second, n;
	uint64_t number;

	(void)state;
	relock(ledger);
	second = add(ledger, a, "y");
	number = ledger_tickets(ledger, &n)[second].number;
	must(ledger_take_token(ledger, a, 1, 60 * S, 10 * S, WALL, &err));
	must(ledger_take_token(ledger, a, number, 60 * S, 10 * S, WALL, &err));
	must(ledger_take_token(ledger, b, number, 60 * S, 10 * S, WALL, &err));
	must(ledger_remove(ledger, second, true, &err));
	assert_int_equal(count_at(ledger, a, 9, 60 * S, 11 * S, WALL), 1);
	assert_int_equal(count_at(ledger, b, 9, 60 * S, 11 * S, WALL), 1);
	must(ledger_remove(ledger, first, false, &err));
	assert_int_equal(count_at(ledger, a, 9, 60 * S, 11 * S, WALL), 1);
	ledger_close(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(the_window_slides_exactly),
		LEDGER_TEST(no_window_ever_holds_more_than_the_limit),
		LEDGER_TEST(limits_at_their_edges),
		LEDGER_TEST(a_refund_takes_only_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
