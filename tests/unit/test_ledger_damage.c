/* SPDX-License-Identifier: MIT */
/* The ledger damaged: what shows it, what is mended, and what is refused. */
#include "ledger_world.h"

static const struct {
	const char *words;
	off_t at;
	size_t size;
} torn[] = {
	{ "header", 0, sizeof(struct ledger_header) },
	{ "a lane", LEDGER_LANES_AT, sizeof(struct ledger_lane_record) },
	{ "a ticket", LEDGER_TICKETS_AT, sizeof(struct ledger_ticket) },
	{ "a ticket", LEDGER_TICKETS_AT + sizeof(struct ledger_ticket),
	  sizeof(struct ledger_ticket) },
};

static void every_torn_byte_of_a_record_shows(void **state)
{
	struct ledger *alive;

	(void)state;
	alive = fill_and_live();
	for (size_t i = 0; i < COUNT(torn); i++)
		for (size_t byte = 0; byte < torn[i].size; byte++) {
			flip(torn[i].at + (off_t)byte);
			assert_int_equal(try_lock(), -EBADMSG);
			assert_non_null(strstr(err.text, torn[i].words));
			assert_non_null(strstr(err.text, "damaged"));
			assert_non_null(strstr(err.text, "when no resrun uses it"));
			assert_non_null(strstr(err.text, dir));
			flip(torn[i].at + (off_t)byte);
		}
	assert_int_equal(try_lock(), 0);
	ledger_close(alive);
}

static void what_nobody_uses_is_mended(void **state)
{
	char path[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(torn); i++)
		for (size_t byte = 0; byte < torn[i].size; byte += 7) {
			bool one_ticket = strcmp(torn[i].words, "a ticket") == 0;

			fill();
			flip(torn[i].at + (off_t)byte);
			if (one_ticket) {
				struct ledger *ledger = open_locked();

				assert_string_equal(ledger_mended(ledger), "a ticket");
				assert_int_equal(used_tickets(ledger), 1);
				ledger_close(ledger);
			} else {
				assert_mends(strcmp(torn[i].words, "a lane") != 0);
			}
			assert_int_equal(unlink(fixture_path(path, dir, "ledger")), 0);
		}
}

static void only_to_look_mends_nothing(void **state)
{
	struct ledger *ledger = NULL;

	(void)state;
	fill();
	flip(3);
	must(ledger_open_to_read(dir, false, &ledger, &err));
	assert_int_equal(ledger_lock(ledger, WAIT, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "the next resrun that starts mends it"));
	ledger_close(ledger);
	assert_mends(1);
}

static void torn_tokens_and_details_decide_nothing(void **state)
{
	static const struct ledger_detail nothing;
	struct ledger_detail detail;
	struct ledger *ledger;

	(void)state;
	fill();
	for (size_t byte = 0; byte < sizeof(struct ledger_token); byte++) {
		flip(ledger_token_at(0, 0) + (off_t)byte);
		ledger = open_locked();
		assert_int_equal(count_at(ledger, 0, 9, 60 * S, 11 * S, WALL), 0);
		ledger_close(ledger);
		flip(ledger_token_at(0, 0) + (off_t)byte);
	}
	flip(ledger_detail_at(0) + 20);
	ledger = open_locked();
	assert_int_equal(count_at(ledger, 0, 9, 60 * S, 11 * S, WALL), 1);
	ledger_read_detail(ledger, 0, &detail);
	assert_memory_equal(&detail, &nothing, sizeof(detail));
	ledger_read_detail(ledger, 1, &detail);
	assert_string_equal(detail.name, "second");
	ledger_close(ledger);
}

/* Sound by its checksum, and yet not to be believed. */
static void sound_nonsense_is_refused(void **state)
{
	static const struct {
		const char *what;
		struct ledger_ticket ticket;
	} rows[] = {
		{ "lane", { .state = TICKET_WAITING, .lane = LEDGER_LANES_MAX } },
		{ "state", { .state = TICKET_RUNNING + 1 } },
		{ "priority", { .state = TICKET_WAITING, .priority = 4 } },
	};
	struct ledger_lane_record lane = { .n_tokens = LEDGER_TOKENS_MAX + 1, .name = "p" };
	char path[PATH_MAX];
	struct ledger *ledger, *alive;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ledger_ticket ticket = rows[i].ticket;

		alive = fill_and_live();
		ledger = open_locked();
		must(ledger_write_record(ledger, ledger_ticket_at(0), &ticket, sizeof(ticket),
					 &err));
		ledger_close(ledger);
		assert_int_equal(try_lock(), -EBADMSG);
		ledger_close(alive);
		assert_int_equal(unlink(fixture_path(path, dir, "ledger")), 0);
	}
	alive = fill_and_live();
	ledger = open_locked();
	must(ledger_write_record(ledger, ledger_lane_at(0), &lane, sizeof(lane), &err));
	ledger_close(ledger);
	assert_int_equal(try_lock(), -EBADMSG);
	ledger_close(alive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(every_torn_byte_of_a_record_shows),
		LEDGER_TEST(what_nobody_uses_is_mended),
		LEDGER_TEST(only_to_look_mends_nothing),
		LEDGER_TEST(torn_tokens_and_details_decide_nothing),
		LEDGER_TEST(sound_nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
