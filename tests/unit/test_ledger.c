/* SPDX-License-Identifier: MIT */
/* The ledger: what it keeps, where it ends, other boots, and the life of a launcher. */
#include "ledger_world.h"

#include <signal.h>
#include <sys/prctl.h>

#include "base/checksum.h"

/* ---- keeping ---- */

static void is_made_private_and_whole(void **state)
{
	char path[PATH_MAX], below[PATH_MAX];
	struct ledger *ledger = NULL;
	struct stat st;
	size_t n;

	(void)state;
	(void)umask(0);
	must(ledger_open(fixture_path(below, dir, "a/b"), false, &ledger, &err));
	assert_string_equal(ledger_path(ledger), fixture_path(path, below, "ledger"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, LEDGER_FILE_SIZE);
	assert_int_equal(st.st_nlink, 1);
	/* Every block is there: a disk that fills up later stops nothing. */
	assert_true((size_t)st.st_blocks * 512 >= LEDGER_FILE_SIZE);
	assert_int_equal(stat(below, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	must(ledger_lock(ledger, WAIT, &err));
	assert_non_null(ledger_tickets(ledger, &n));
	assert_int_equal(n, 0);
	must(ledger_sync(ledger, &err));
	ledger_close(ledger);
	ledger_close(NULL);
	(void)umask(022);
}

static void keeps_tickets_and_details(void **state)
{
	struct ledger_detail detail = { .job_pid = 99, .job_start_ticks = 12345 }, back;
	struct ledger_ticket ticket = {
		.state = TICKET_RUNNING,
		.priority = 3,
		.launching = 1,
		.id = "abc",
		.pid = 42,
		.uid = 1000,
		.start_ticks = 77,
		.pid_namespace = 88,
		.entered_ns = 1,
		.started_ns = 2,
		.memory_bytes = 3,
		.cpu_milli = 1500,
		.wake = "w",
		.lane_max = 4,
		.total_max = 5,
	};
	struct ledger *ledger = open_locked();
	struct ledger_ticket *tickets;
	size_t index, n;

	(void)state;
	(void)snprintf(detail.name, sizeof(detail.name), "name");
	(void)snprintf(detail.command, sizeof(detail.command), "make -j");
	(void)snprintf(detail.leaf, sizeof(detail.leaf), "/sys/fs/cgroup/x");
	ticket.lane = lane_of(ledger, "profile");
	must(ledger_add(ledger, &ticket, &detail, &index, &err));
	ledger_close(ledger);

	ledger = open_locked();
	tickets = ledger_tickets(ledger, &n);
	assert_int_equal(n, 1);
	assert_int_equal(index, 0);
	assert_int_equal(tickets[0].number, 1);
	ticket.number = 1;
	ticket.leased = 1;
	ticket.crc = tickets[0].crc;
	assert_memory_equal(&tickets[0], &ticket, sizeof(ticket));
	assert_string_equal(ledger_lane_name(ledger, ticket.lane), "profile");
	ledger_read_detail(ledger, 0, &back);
	detail.crc = back.crc;
	assert_memory_equal(&back, &detail, sizeof(detail));
	tickets[0].state = TICKET_WAITING;
	must(ledger_save(ledger, 0, &err));
	detail.job_pid = 100;
	must(ledger_save_detail(ledger, 0, &detail, &err));
	relock(ledger);
	tickets = ledger_tickets(ledger, &n);
	assert_int_equal(tickets[0].state, TICKET_WAITING);
	ledger_read_detail(ledger, 0, &back);
	assert_int_equal(back.job_pid, 100);
	must(ledger_remove(ledger, 0, false, &err));
	relock(ledger);
	assert_int_equal(used_tickets(ledger), 0);
	ledger_close(ledger);
}

static void numbers_only_grow(void **state)
{
	struct ledger *ledger = open_locked();
	uint16_t lane = lane_of(ledger, "p");
	uint64_t last = 0, seed = 8;
	size_t n;

	(void)state;
	for (int i = 0; i < 300; i++) {
		size_t index = add(ledger, lane, "x");
		uint64_t number = ledger_tickets(ledger, &n)[index].number;

		assert_int_equal(number, last + 1);
		last = number;
		if (fixture_below(&seed, 2) == 0)
			must(ledger_remove(ledger, index, false, &err));
		if (fixture_below(&seed, 10) == 0) {
			ledger_close(ledger);
			ledger = open_locked();
		} else {
			relock(ledger);
		}
	}
	ledger_close(ledger);
}

static void places_are_used_again_and_given_back(void **state)
{
	struct ledger *ledger = open_locked();
	uint16_t lane = lane_of(ledger, "p");
	size_t n;

	(void)state;
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(add(ledger, lane, "x"), i);
	relock(ledger);
	assert_int_equal(used_tickets(ledger), 10);
	must(ledger_remove(ledger, 3, false, &err));
	must(ledger_remove(ledger, 7, false, &err));
	assert_int_equal(add(ledger, lane, "x"), 3);
	assert_int_equal(add(ledger, lane, "x"), 7);
	for (size_t i = 10; i > 0; i--)
		must(ledger_remove(ledger, i - 1, false, &err));
	relock(ledger);
	(void)ledger_tickets(ledger, &n);
	assert_int_equal(n, 0);
	ledger_close(ledger);
}

/* ---- limits ---- */

static void lanes_end_at_64_until_one_is_idle(void **state)
{
	struct ledger *ledger = open_locked();
	char name[LEDGER_LANE_NAME_SIZE];
	uint16_t lane;

	(void)state;
	for (unsigned i = 0; i < LEDGER_LANES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "lane%u", i);
		must(ledger_lane(ledger, name, 5 * S, WALL, &lane, &err));
		assert_int_equal(lane, i);
		must(ledger_lane(ledger, name, 5 * S, WALL, &lane, &err));
		assert_int_equal(lane, i);
	}
	/* A lane with a ticket is not idle, one with a counting start neither. */
	for (uint16_t i = 0; i < LEDGER_LANES_MAX; i++) {
		if (i == 17 || i == 18)
			continue;
		(void)add(ledger, i, "x");
		relock(ledger);
	}
	must(ledger_take_token(ledger, 17, 1000, 100 * S, 5 * S, WALL, &err));
	must(ledger_take_token(ledger, 18, 1001, 50 * S, 5 * S, WALL, &err));
	assert_int_equal(ledger_lane_window(ledger, 17), 100 * S);
	assert_int_equal(ledger_lane(ledger, "one more", 54 * S, WALL, &lane, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "64"));
	/* Nor when the wall clock leaps. */
	assert_int_equal(ledger_lane(ledger, "one more", 54 * S, 9 * WALL, &lane, &err), -ENOSPC);
	must(ledger_lane(ledger, "one more", 55 * S, WALL, &lane, &err));
	assert_int_equal(lane, 18);
	assert_string_equal(ledger_lane_name(ledger, 18), "one more");
	assert_int_equal(ledger_lane_window(ledger, 18), 0);
	/* The new one has none of the old one's starts. */
	assert_int_equal(count_at(ledger, 18, 9, 3600 * S, 6 * S, WALL), 0);
	assert_string_equal(ledger_lane_name(ledger, LEDGER_LANES_MAX), "");
	ledger_close(ledger);
}

static void tickets_end_at_4096(void **state)
{
	struct ledger_ticket ticket = { .state = TICKET_WAITING };
	struct ledger_detail detail = { 0 };
	struct ledger *ledger = open_locked();
	uint16_t lane = lane_of(ledger, "p");
	size_t index, n;

	(void)state;
	for (size_t i = 0; i < LEDGER_TICKETS_MAX; i++) {
		assert_int_equal(add(ledger, lane, "x"), i);
		if (i % 64 == 0)
			relock(ledger);
	}
	assert_int_equal(ledger_add(ledger, &ticket, &detail, &index, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "4096"));
	must(ledger_remove(ledger, 1234, false, &err));
	assert_int_equal(add(ledger, lane, "again"), 1234);
	relock(ledger);
	assert_int_equal(used_tickets(ledger), LEDGER_TICKETS_MAX);
	assert_int_equal(ledger_tickets(ledger, &n)[1234].number, LEDGER_TICKETS_MAX + 1);
	ledger_close(ledger);
}

static void tokens_end_at_1024_by_dropping_the_oldest(void **state)
{
	struct ledger *ledger = open_locked();
	uint16_t lane = lane_of(ledger, "p");
	uint64_t count, free_at;

	(void)state;
	for (uint64_t i = 0; i < LEDGER_TOKENS_MAX + 5; i++)
		must(ledger_take_token(ledger, lane, i + 1, 9000 * S, (i + 1) * S, WALL, &err));
	ledger_rate(ledger, lane, LEDGER_TOKENS_MAX, 9000 * S, 2000 * S, WALL, &count, &free_at);
	assert_int_equal(count, LEDGER_TOKENS_MAX);
	/* The oldest that is left is the sixth. */
	assert_int_equal(free_at, 9006 * S);
	ledger_close(ledger);
}

/* ---- other boots ---- */

/* From now on this ledger believes to live in another boot. */
static void move_to_other_boot(struct ledger *ledger)
{
	ledger->boot_id[0] ^= 0x55;
	ledger->boot_tag = rr_crc32c(ledger->boot_id, sizeof(ledger->boot_id));
	relock(ledger);
}

static void tickets_end_with_the_boot(void **state)
{
	struct ledger *ledger = open_locked(), *look = NULL;
	uint16_t lane;
	size_t index, n;

	(void)state;
	move_to_other_boot(ledger);
	lane = lane_of(ledger, "p");
	for (int i = 0; i < 5; i++) {
		(void)add(ledger, lane, "x");
		relock(ledger);
	}
	ledger_close(ledger);
	/* One of them torn by the power cut: of no consequence. */
	flip(ledger_ticket_at(2) + 40);

	must(ledger_open_to_read(dir, false, &look, &err));
	must(ledger_lock(look, WAIT, &err));
	assert_int_equal(used_tickets(look), 0);
	ledger_close(look);

	ledger = open_locked();
	(void)ledger_tickets(ledger, &n);
	assert_int_equal(n, 0);
	assert_string_equal(ledger_lane_name(ledger, lane), "p");
	index = add(ledger, lane, "x");
	assert_int_equal(index, 0);
	assert_int_equal(ledger_tickets(ledger, &n)[0].number, 6);
	relock(ledger);
	assert_int_equal(used_tickets(ledger), 1);
	ledger_close(ledger);
}

static void tokens_outlive_the_boot(void **state)
{
	/* The start was at 900 s of an earlier boot, wall time WALL. Window: 100 s. */
	static const struct {
		const char *what;
		uint64_t now_boot_s;
		int64_t wall_passed_s;
		uint64_t count, free_in_s;
	} rows[] = {
		{ "soon after", 10, 30, 1, 70 },
		{ "just inside", 10, 99, 1, 1 },
		{ "just outside", 10, 100, 0, 0 },
		{ "long after", 10, 100000, 0, 0 },
		{ "the wall clock went back", 10, -5000, 1, 90 },
		{ "it stands at 1970", 99, -1800000000, 1, 1 },
		{ "back, but this boot is older than the window", 100, -5000, 0, 0 },
		{ "the wall clock shows less than this boot's age", 50, 20, 1, 50 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ledger *ledger = open_locked();
		uint64_t count, free_at, now_ns = rows[i].now_boot_s * S;
		uint64_t wall_ns = WALL + (uint64_t)(rows[i].wall_passed_s * (int64_t)S);
		char name[16];
		uint16_t lane;

		(void)snprintf(name, sizeof(name), "row%zu", i);
		move_to_other_boot(ledger);
		lane = lane_of(ledger, name);
		must(ledger_take_token(ledger, lane, i + 1, 100 * S, 900 * S, WALL, &err));
		ledger_close(ledger);
		ledger = open_locked();
		ledger_rate(ledger, lane, 1, 100 * S, now_ns, wall_ns, &count, &free_at);
		if (count != rows[i].count || free_at != now_ns + rows[i].free_in_s * S)
			fail_msg("%s: %llu, free in %lld s", rows[i].what,
				 (unsigned long long)count,
				 (long long)(free_at - now_ns) / (long long)S);
		ledger_close(ledger);
	}
}

static void a_refund_spares_the_same_number_of_another_boot(void **state)
{
	struct ledger *ledger = open_locked();
	struct ledger_token token = {
		.boot_tag = 12345, .number = 1, .boot_ns = S, .wall_ns = WALL
	};
	uint16_t lane = lane_of(ledger, "p");
	size_t index = add(ledger, lane, "x");

	(void)state;
	must(ledger_take_token(ledger, lane, 1, 60 * S, 10 * S, WALL, &err));
	must(ledger_take_token(ledger, lane, 2, 60 * S, 10 * S, WALL, &err));
	must(ledger_write_record(ledger, ledger_token_at(lane, 1), &token, sizeof(token), &err));
	must(ledger_remove(ledger, index, true, &err));
	assert_int_equal(count_at(ledger, lane, 9, 60 * S, 10 * S, WALL + 10 * S), 1);
	ledger_close(ledger);
}

/* However long its hooks take, a start that was allowed counts until it has happened. */
static void a_pending_start_stays_young(void **state)
{
	struct ledger *ledger = open_locked();
	uint16_t lane = lane_of(ledger, "p");
	size_t index = add(ledger, lane, "x"), n;
	struct ledger_ticket *ticket = &ledger_tickets(ledger, &n)[index];

	(void)state;
	ticket->state = TICKET_RUNNING;
	must(ledger_take_token(ledger, lane, ticket->number, 60 * S, 10 * S, WALL, &err));
	assert_int_equal(count_at(ledger, lane, 1, 60 * S, 999 * S, WALL), 1);
	ticket->launching = LAUNCH_BEGUN;
	assert_int_equal(count_at(ledger, lane, 1, 60 * S, 999 * S, WALL), 1);
	/* Nor is its place used again. */
	must(ledger_take_token(ledger, lane, 77, 60 * S, 999 * S, WALL, &err));
	assert_int_equal(count_at(ledger, lane, 9, 60 * S, 999 * S, WALL), 2);
	ticket->launching = LAUNCH_DONE;
	assert_int_equal(count_at(ledger, lane, 9, 60 * S, 999 * S, WALL), 1);
	ledger_close(ledger);
}

/* A wall clock ten years ahead after a reboot says nothing of a start an hour ago. */
static void a_clock_that_leaps_lets_no_burst_through(void **state)
{
	struct ledger *ledger = open_locked();
	uint16_t lane = lane_of(ledger, "p");

	(void)state;
	must(ledger_take_token(ledger, lane, 7, 60 * S, 10 * S, WALL, &err));
	ledger->boot_tag ^= 1;
	assert_int_equal(count_at(ledger, lane, 1, 60 * S, 5 * S, WALL + 61 * S), 0);
	assert_int_equal(count_at(ledger, lane, 1, 60 * S, 5 * S, WALL + 3650 * 86400 * S), 1);
	assert_int_equal(count_at(ledger, lane, 1, 60 * S, 5 * S, WALL - 86400 * S), 1);
	/* And never longer than the window. */
	assert_int_equal(count_at(ledger, lane, 1, 60 * S, 60 * S, WALL - 86400 * S), 0);
	ledger_close(ledger);
}

/* ---- life and death ---- */

/* A launcher that enters and then waits for its death. */
static pid_t enter_and_stay(size_t *ret_index)
{
	int out[2];
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct ledger_ticket ticket = { .state = TICKET_WAITING, .pid = getpid() };
		struct ledger_detail detail = { 0 };
		struct ledger *ledger = NULL;
		struct rr_err mine;
		size_t index;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ledger_open(dir, false, &ledger, &mine) != 0 ||
		    ledger_lock(ledger, WAIT, &mine) != 0 ||
		    ledger_add(ledger, &ticket, &detail, &index, &mine) != 0)
			_exit(1);
		ledger_unlock(ledger);
		if (write(out[1], &index, sizeof(index)) != sizeof(index))
			_exit(2);
		for (;;)
			(void)pause();
	}
	(void)close(out[1]);
	assert_int_equal(read(out[0], ret_index, sizeof(*ret_index)), sizeof(*ret_index));
	(void)close(out[0]);
	return pid;
}

static void a_ticket_lives_as_long_as_its_launcher(void **state)
{
	struct ledger *ledger;
	size_t index, own;
	pid_t pid;
	int status;

	(void)state;
	pid = enter_and_stay(&index);
	ledger = open_locked();
	assert_true(ledger_is_alive(ledger, index));
	/* Its place is not given away, even when its ticket is. */
	must(ledger_remove(ledger, index, false, &err));
	own = add(ledger, 0, "another");
	assert_int_not_equal(own, index);
	ledger_unlock(ledger);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	pid = enter_and_stay(&index);
	must(ledger_lock(ledger, WAIT, &err));
	assert_true(ledger_is_alive(ledger, index));
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(ledger_is_alive(ledger, index));
	ledger_close(ledger);
}

/* In their place a launcher of before had the end of the command. */
static void further_tries_name_the_first(void **state)
{
	static const struct {
		char first_id[LEDGER_FIRST_SIZE];
		uint32_t attempt;
		const char *expected;
		unsigned expected_attempt;
	} cases[] = {
		{ "", 0, "fourth0000", 1 },
		{ "first00000", 4, "first00000", 4 },
		{ "first00000", 0, "fourth0000", 1 },
		{ "first00000", 1, "fourth0000", 1 },
		{ "a command of", 4, "fourth0000", 1 },
		{ "", 4, "fourth0000", 1 },
	};
	const struct ledger_ticket ticket = { .id = "fourth0000" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ledger_detail detail = { .attempt = cases[i].attempt };

		memcpy(detail.first_id, cases[i].first_id, sizeof(detail.first_id));
		assert_string_equal(ledger_first_id(&ticket, &detail), cases[i].expected);
		assert_int_equal(ledger_attempt(&detail), cases[i].expected_attempt);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(further_tries_name_the_first),
		LEDGER_TEST(is_made_private_and_whole),
		LEDGER_TEST(keeps_tickets_and_details),
		LEDGER_TEST(numbers_only_grow),
		LEDGER_TEST(places_are_used_again_and_given_back),
		LEDGER_TEST(lanes_end_at_64_until_one_is_idle),
		LEDGER_TEST(tickets_end_at_4096),
		LEDGER_TEST(tokens_end_at_1024_by_dropping_the_oldest),
		LEDGER_TEST(tickets_end_with_the_boot),
		LEDGER_TEST(tokens_outlive_the_boot),
		LEDGER_TEST(a_refund_spares_the_same_number_of_another_boot),
		LEDGER_TEST(a_pending_start_stays_young),
		LEDGER_TEST(a_clock_that_leaps_lets_no_burst_through),
		LEDGER_TEST(a_ticket_lives_as_long_as_its_launcher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
