/* SPDX-License-Identifier: MIT */
/*
 * The ledger: what it keeps, where it ends, the sliding window against a model, other boots,
 * damage, the lock, a full disk, and a kill at any moment.
 */
#include "fixture_dir.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "base/checksum.h"
#include "base/fd.h"
#include "policy/ledger.h"
#include "policy/ledger_file.h"

#define S RR_NS_PER_S
#define WAIT (60 * S) /* long enough for any machine; no test waits for it to pass */
#define WALL (UINT64_C(1800000000) * S)
#define CRASHES 200
#define RACERS 8

static struct rr_err err;

static int make_ledger_dir(void **state)
{
	err.text[0] = '\0';
	return make_dir(state);
}

static void must(int r)
{
	if (r != 0)
		fail_msg("%d: %s", r, err.text);
}

static struct ledger *open_locked(void)
{
	struct ledger *ledger = NULL;

	must(ledger_open(dir, false, &ledger, &err));
	must(ledger_lock(ledger, WAIT, &err));
	return ledger;
}

static void relock(struct ledger *ledger)
{
	ledger_unlock(ledger);
	must(ledger_lock(ledger, WAIT, &err));
}

static uint16_t lane_of(struct ledger *ledger, const char *name)
{
	uint16_t lane = 777;

	must(ledger_lane(ledger, name, 5 * S, WALL, &lane, &err));
	return lane;
}

static size_t add(struct ledger *ledger, uint16_t lane, const char *name)
{
	struct ledger_ticket ticket = { .state = TICKET_WAITING, .priority = 1, .lane = lane };
	struct ledger_detail detail = { .job_pid = 5 };
	size_t index = 777777;

	(void)snprintf(detail.name, sizeof(detail.name), "%s", name);
	must(ledger_add(ledger, &ticket, &detail, &index, &err));
	return index;
}

static size_t used_tickets(struct ledger *ledger)
{
	size_t n, used = 0;
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

	for (size_t i = 0; i < n; i++)
		used += tickets[i].state != TICKET_FREE;
	return used;
}

static uint64_t count_at(struct ledger *ledger, uint16_t lane, uint64_t limit, uint64_t window_ns,
			 uint64_t now_ns, uint64_t now_wall_ns)
{
	uint64_t count, free_at;

	ledger_rate(ledger, lane, limit, window_ns, now_ns, now_wall_ns, &count, &free_at);
	return count;
}

/* Overwrites bytes of the file behind the ledger's back. */
static void scribble(off_t at, const void *data, size_t size)
{
	char path[PATH_MAX];
	rr_autofd int fd = open(fixture_path(path, dir, "ledger"), O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, data, size, at), (ssize_t)size);
}

static void flip(off_t at)
{
	char path[PATH_MAX], byte;
	rr_autofd int fd = open(fixture_path(path, dir, "ledger"), O_RDWR | O_CLOEXEC);

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

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

/* ---- damage ---- */

/* Somebody alive who has the two tickets of it; to be closed. */
static struct ledger *fill_and_live(void)
{
	struct ledger *ledger = open_locked();
	uint16_t lane = lane_of(ledger, "p");

	(void)add(ledger, lane, "first");
	relock(ledger);
	(void)add(ledger, lane, "second");
	must(ledger_take_token(ledger, lane, 1, 60 * S, 10 * S, WALL, &err));
	ledger_unlock(ledger);
	return ledger;
}

static void fill(void)
{
	ledger_close(fill_and_live());
}

static int try_lock(void)
{
	struct ledger *ledger = NULL;
	char path[PATH_MAX];
	rr_autofd int fd = -1;
	int r = ledger_open(dir, false, &ledger, &err);

	if (r < 0)
		return r;
	r = ledger_lock(ledger, WAIT, &err);
	/* A lock that failed holds no one up. */
	fd = open(fixture_path(path, dir, "ledger"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), r < 0 ? 0 : -1);
	ledger_close(ledger);
	return r;
}

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

/* With nobody alive: sound again, empty, and the starts of sound lanes still count. */
static void assert_mends(size_t starts)
{
	struct ledger *ledger = open_locked();
	size_t index;

	assert_non_null(strstr(ledger_mended(ledger), dir));
	assert_int_equal(used_tickets(ledger), 0);
	assert_int_equal(count_at(ledger, 0, 9, 60 * S, 11 * S, WALL), starts);
	relock(ledger);
	assert_string_equal(ledger_mended(ledger), "");
	index = add(ledger, lane_of(ledger, "p"), "after");
	/* No number is used twice while a token has it. */
	assert_true(starts == 0 || ledger->tickets[index].number > 1);
	ledger_close(ledger);
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

/* ---- what may be in its place ---- */

static void put_truncated(const char *path)
{
	fill();
	assert_int_equal(truncate(path, LEDGER_FILE_SIZE - 1), 0);
}

static void put_longer(const char *path)
{
	fill();
	assert_int_equal(truncate(path, LEDGER_FILE_SIZE + 1), 0);
}

static void put_empty(const char *path)
{
	(void)path;
	fixture_write(dir, "ledger", "");
	assert_int_equal(chmod(path, 0600), 0);
}

static void put_zeros(const char *path)
{
	put_empty(path);
	assert_int_equal(truncate(path, LEDGER_FILE_SIZE), 0);
}

static void put_foreign_magic(const char *path)
{
	struct ledger_header header;
	struct ledger *ledger;

	(void)path;
	fill();
	ledger = open_locked();
	header = ledger->header;
	memcpy(header.magic, "RESRUNL2", sizeof(header.magic));
	must(ledger_write_record(ledger, 0, &header, sizeof(header), &err));
	ledger_close(ledger);
}

/* A number that no ledger ever comes to: sound by its checksum, and not to be believed. */
static void put_no_number(const char *path)
{
	struct ledger_header header;
	struct ledger *ledger;

	(void)path;
	fill();
	ledger = open_locked();
	header = ledger->header;
	header.next_number = 0;
	must(ledger_write_record(ledger, 0, &header, sizeof(header), &err));
	ledger_close(ledger);
}

static void put_last_number(const char *path)
{
	struct ledger_header header;
	struct ledger *ledger;

	(void)path;
	fill();
	ledger = open_locked();
	header = ledger->header;
	header.next_number = UINT64_MAX;
	must(ledger_write_record(ledger, 0, &header, sizeof(header), &err));
	ledger_close(ledger);
}

static void put_text(const char *path)
{
	put_zeros(path);
	scribble(0, "#!/bin/sh\n", 10);
}

static void put_link(const char *path)
{
	fixture_write(dir, "target", "precious");
	assert_int_equal(symlink("target", path), 0);
}

static void put_dangling_link(const char *path)
{
	assert_int_equal(symlink("nowhere", path), 0);
}

static void put_fifo(const char *path)
{
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void put_directory(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
}

static void put_group_writable(const char *path)
{
	fill();
	assert_int_equal(chmod(path, 0660), 0);
}

static void put_world_writable(const char *path)
{
	fill();
	assert_int_equal(chmod(path, 0602), 0);
}

static void what_is_no_ledger_is_named_and_left_alone(void **state)
{
	static const struct {
		void (*put)(const char *path);
		int code;
		const char *words;
	} rows[] = {
		{ put_foreign_magic, -EPROTO, "another version" },
		{ put_link, -ELOOP, "symbolic link" },
		{ put_dangling_link, -ELOOP, "symbolic link" },
		{ put_fifo, -EINVAL, "not a regular file" },
		{ put_directory, -EINVAL, "not a regular file" },
		{ put_group_writable, -EPERM, "chmod 600" },
		{ put_world_writable, -EPERM, "chmod 600" },
	};
	char path[PATH_MAX];
	struct stat before, after;

	(void)state;
	(void)fixture_path(path, dir, "ledger");
	for (size_t i = 0; i < COUNT(rows); i++) {
		int r;

		rows[i].put(path);
		assert_int_equal(lstat(path, &before), 0);
		r = try_lock();
		if (r != rows[i].code || !strstr(err.text, rows[i].words) ||
		    !strstr(err.text, path))
			fail_msg("row %zu: %d %s", i, r, err.text);
		assert_int_equal(lstat(path, &after), 0);
		assert_true(before.st_ino == after.st_ino && before.st_mode == after.st_mode &&
			    before.st_size == after.st_size);
		assert_int_equal(remove(path), 0);
	}
}

static void what_was_no_ledger_any_more_is_mended(void **state)
{
	static const struct {
		void (*put)(const char *path);
		size_t starts;
	} rows[] = { { put_no_number, 1 }, { put_last_number, 1 }, { put_truncated, 1 },
		     { put_longer, 1 },	   { put_empty, 0 },	   { put_zeros, 0 },
		     { put_text, 0 } };
	char path[PATH_MAX];
	struct stat st;

	(void)state;
	(void)fixture_path(path, dir, "ledger");
	for (size_t i = 0; i < COUNT(rows); i++) {
		rows[i].put(path);
		assert_mends(rows[i].starts);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, LEDGER_FILE_SIZE);
		assert_true((size_t)st.st_blocks * 512 >= LEDGER_FILE_SIZE);
		assert_int_equal(remove(path), 0);
	}
}

static void of_another_owner_is_refused(void **state)
{
	char path[PATH_MAX];

	(void)state;
	if (geteuid() != 0)
		fixture_skip("root", "only root can give a file away");
	fill();
	assert_int_equal(chown(fixture_path(path, dir, "ledger"), 65533, (gid_t)-1), 0);
	assert_int_equal(try_lock(), -EPERM);
	assert_non_null(strstr(err.text, "65533"));
}

static void the_folder_may_be_wrong(void **state)
{
	struct ledger *ledger = NULL;
	char path[PATH_MAX], too_long[PATH_MAX + 16];

	(void)state;
	fixture_write(dir, "file", "");
	assert_int_equal(ledger_open(fixture_path(path, dir, "file"), false, &ledger, &err),
			 -ENOTDIR);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "RESRUN_STATE_DIR"));
	assert_int_equal(ledger_open(fixture_path(path, dir, "file/below"), false, &ledger, &err),
			 -ENOTDIR);
	memset(too_long, 'a', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(ledger_open(too_long, false, &ledger, &err), -ENAMETOOLONG);
	assert_null(ledger);
}

static void to_look_makes_and_writes_nothing(void **state)
{
	struct ledger *ledger = NULL;
	char path[PATH_MAX];
	struct stat before, after;

	(void)state;
	assert_int_equal(ledger_open_to_read(fixture_path(path, dir, "none"), false, &ledger, &err),
			 -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(ledger_open_to_read(dir, false, &ledger, &err), -ENOENT);
	assert_int_equal(access(fixture_path(path, dir, "ledger"), F_OK), -1);
	fill();
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(stat(path, &before), 0);
	must(ledger_open_to_read(dir, false, &ledger, &err));
	must(ledger_lock(ledger, WAIT, &err));
	assert_int_equal(used_tickets(ledger), 2);
	assert_int_equal(count_at(ledger, 0, 9, 60 * S, 11 * S, WALL), 1);
	assert_true(ledger_remove(ledger, 0, false, &err) < 0);
	ledger_close(ledger);
	assert_int_equal(stat(path, &after), 0);
	assert_true(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
		    before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
}

/* ---- the lock ---- */

/* A child that holds the ledger's flock; it says so on the pipe. */
static pid_t start_holder(bool until_someone_waits)
{
	char path[PATH_MAX], inode[32], byte;
	struct stat st;
	int ready[2];
	pid_t pid;

	assert_int_equal(stat(fixture_path(path, dir, "ledger"), &st), 0);
	(void)snprintf(inode, sizeof(inode), ":%llu ", (unsigned long long)st.st_ino);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		bool waited = !until_someone_waits;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		if (!until_someone_waits)
			for (;;)
				(void)pause();
		while (!waited) {
			char line[256];
			FILE *locks = fopen("/proc/locks", "re");

			while (locks && fgets(line, sizeof(line), locks))
				waited |= strstr(line, "->") && strstr(line, inode);
			if (!locks)
				break;
			(void)fclose(locks);
			(void)sched_yield();
		}
		_exit(0);
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return pid;
}

static void a_held_lock_names_its_holder(void **state)
{
	static const uint64_t waits[] = { 0, 1, 50 * RR_NS_PER_MS };
	struct ledger *ledger = NULL;
	char words[64];
	pid_t pid;

	(void)state;
	fill();
	pid = start_holder(false);
	must(ledger_open(dir, false, &ledger, &err));
	(void)snprintf(words, sizeof(words), "by process %d ", (int)pid);
	for (size_t i = 0; i < COUNT(waits); i++) {
		assert_int_equal(ledger_lock(ledger, waits[i], &err), LEDGER_HELD);
		assert_non_null(strstr(err.text, words));
		assert_non_null(strstr(err.text, dir));
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* The kernel dropped it with its holder. */
	must(ledger_lock(ledger, 0, &err));
	ledger_close(ledger);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signo)
{
	(void)signo;
	alarms++;
}

static void a_wait_ends_with_the_lock_and_leaves_no_trace(void **state)
{
	struct sigaction mine = { .sa_handler = on_alarm }, now;
	struct ledger *ledger = NULL;
	sigset_t set, mask;
	pid_t pid;

	(void)state;
	fill();
	(void)sigaction(SIGALRM, &mine, NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	pid = start_holder(true);
	must(ledger_open(dir, false, &ledger, &err));
	must(ledger_lock(ledger, WAIT, &err));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)sigaction(SIGALRM, NULL, &now);
	assert_true(now.sa_handler == on_alarm);
	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	assert_int_equal(sigismember(&mask, SIGALRM), 1);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	assert_int_equal(alarms, 0);
	(void)signal(SIGALRM, SIG_DFL);
	ledger_close(ledger);
}

/* ---- many at once ---- */

struct race {
	int go[2], out[2];
};

/* Children answer by exit status: cmocka is not theirs. */
static int race_child(const struct race *race, uint64_t limit)
{
	struct ledger *ledger = NULL;
	struct rr_err mine;
	char byte;

	(void)close(race->go[1]);
	if (read(race->go[0], &byte, 1) != 0)
		return 1;
	if (ledger_open(dir, false, &ledger, &mine) != 0)
		return 2;
	for (int i = 0; i < 40; i++) {
		struct ledger_ticket ticket = { .state = TICKET_WAITING };
		struct ledger_detail detail = { 0 };
		uint64_t count, free_at, number;
		uint16_t lane;
		size_t index, n;

		if (ledger_lock(ledger, WAIT, &mine) != 0 ||
		    ledger_lane(ledger, "race", 10 * S, WALL, &lane, &mine) != 0)
			return 3;
		ticket.lane = lane;
		if (ledger_add(ledger, &ticket, &detail, &index, &mine) != 0)
			return 4;
		number = ledger_tickets(ledger, &n)[index].number;
		ledger_rate(ledger, lane, limit, WAIT, 10 * S, WALL, &count, &free_at);
		if (count < limit &&
		    ledger_take_token(ledger, lane, number, WAIT, 10 * S, WALL, &mine) != 0)
			return 5;
		if (ledger_remove(ledger, index, false, &mine) != 0)
			return 6;
		ledger_unlock(ledger);
		if (write(race->out[1], &number, sizeof(number)) != sizeof(number))
			return 7;
	}
	ledger_close(ledger);
	return 0;
}

static void racers_never_pass_the_limit_nor_share_a_number(void **state)
{
	static bool seen[RACERS * 40 + 1];
	const uint64_t limit = 37;
	struct ledger *ledger;
	pid_t pids[RACERS];
	struct race race;
	uint64_t number;
	size_t numbers = 0, n;
	char path[PATH_MAX];
	int status;

	(void)state;
	assert_int_equal(pipe2(race.go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(race.out, O_CLOEXEC), 0);
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(race_child(&race, limit));
	}
	(void)close(race.go[0]);
	(void)close(race.go[1]); /* they all make the file at once */
	(void)close(race.out[1]);
	while (read(race.out[0], &number, sizeof(number)) == sizeof(number)) {
		assert_in_range(number, 1, RACERS * 40);
		assert_false(seen[number]);
		seen[number] = true;
		numbers++;
	}
	(void)close(race.out[0]);
	for (int i = 0; i < RACERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(numbers, RACERS * 40);
	ledger = open_locked();
	assert_int_equal(count_at(ledger, 0, 999, WAIT, 10 * S, WALL), limit);
	assert_int_equal(used_tickets(ledger), 0);
	(void)ledger_tickets(ledger, &n);
	assert_int_equal(n, 0);
	ledger_close(ledger);
	/* It is all there is: no temporary file stayed. */
	assert_int_equal(unlink(fixture_path(path, dir, "ledger")), 0);
	assert_int_equal(unlink(fixture_path(path, dir, "leases")), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* ---- a full disk ---- */

static int on_small_disk(const void *arg)
{
	struct ledger *ledger = NULL;
	struct rr_err mine = { "" };

	(void)arg;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=64k") < 0)
		return 77;
	if (ledger_open(dir, false, &ledger, &mine) != -ENOSPC)
		return 1;
	if (!strstr(mine.text, dir) || !strstr(mine.text, strerror(ENOSPC)))
		return 2;
	/* Nothing half made stays: the mount point is empty, so it can hold a file again. */
	return umount(dir) == 0 && rmdir(dir) == 0 && mkdir(dir, 0700) == 0 ? 0 : 3;
}

static void a_full_disk_makes_no_ledger(void **state)
{
	int r;

	(void)state;
	if (geteuid() != 0)
		fixture_skip("root", "only root can mount a small file system");
	r = fixture_child(on_small_disk, NULL);
	if (r == 77)
		fixture_skip("mount", "no tmpfs can be mounted here");
	assert_int_equal(r, 0);
}

/* Made while there was room, it works on when there is none. */
static int on_filled_disk(const void *arg)
{
	static char block[65536];
	struct ledger *ledger = NULL;
	struct rr_err mine;
	char path[PATH_MAX];
	int fd;

	(void)arg;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=8m") < 0)
		return 77;
	if (ledger_open(dir, false, &ledger, &mine) != 0)
		return 1;
	(void)snprintf(path, sizeof(path), "%.4000s/ballast", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	for (int i = 0; i < 500; i++) {
		struct ledger_ticket ticket = { .state = TICKET_WAITING };
		struct ledger_detail detail = { .name = "x" };
		size_t index;
		uint16_t lane;

		if (ledger_lock(ledger, WAIT, &mine) != 0 ||
		    ledger_lane(ledger, i % 2 ? "a" : "b", 0, WALL, &lane, &mine) != 0 ||
		    ledger_add(ledger, &ticket, &detail, &index, &mine) != 0 ||
		    ledger_take_token(ledger, lane, 1, WAIT, (uint64_t)i, WALL, &mine) != 0 ||
		    ledger_sync(ledger, &mine) != 0)
			return 2;
		ledger_unlock(ledger);
	}
	return 0;
}

static void a_disk_that_fills_up_later_stops_nothing(void **state)
{
	int r;

	(void)state;
	if (geteuid() != 0)
		fixture_skip("root", "only root can mount a small file system");
	r = fixture_child(on_filled_disk, NULL);
	if (r == 77)
		fixture_skip("mount", "no tmpfs can be mounted here");
	assert_int_equal(r, 0);
}

/* ---- a kill at any moment ---- */

static void churn_step(struct ledger *ledger, uint64_t *seed, uint16_t lane, struct rr_err *mine)
{
	struct ledger_ticket ticket = { .state = TICKET_WAITING, .lane = lane };
	struct ledger_detail detail = { .name = "churn", .command = "a command" };
	size_t n, index;
	struct ledger_ticket *tickets = ledger_tickets(ledger, &n);
	size_t victim = n ? fixture_below(seed, n) : 0;

	if (n > 0 && tickets[victim].state != TICKET_FREE && fixture_below(seed, 2)) {
		if (ledger_remove(ledger, victim, fixture_below(seed, 2), mine) != 0)
			_exit(4);
	} else if (n < 40) {
		if (ledger_add(ledger, &ticket, &detail, &index, mine) != 0)
			_exit(5);
		tickets = ledger_tickets(ledger, &n);
		tickets[index].state = TICKET_RUNNING;
		if (ledger_save(ledger, index, mine) != 0 ||
		    ledger_take_token(ledger, lane, tickets[index].number, 50,
				      tickets[index].number, WALL, mine) != 0)
			_exit(6);
	}
}

/* Changes the ledger for ever, and says so byte by byte. */
static void churn(int out, uint64_t seed)
{
	struct ledger *ledger = NULL;
	struct rr_err mine;
	uint16_t lane;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ledger_open(dir, false, &ledger, &mine) != 0)
		_exit(2);
	for (;;) {
		if (ledger_lock(ledger, WAIT, &mine) != 0 ||
		    ledger_lane(ledger, fixture_below(&seed, 2) ? "a" : "b", 0, WALL, &lane,
				&mine) != 0)
			_exit(3);
		churn_step(ledger, &seed, lane, &mine);
		ledger_unlock(ledger);
		if (write(out, "x", 1) != 1)
			_exit(7);
	}
}

/* Lets it run for some steps and a little more, then kills it. */
static void kill_in_mid_churn(uint64_t *seed)
{
	uint64_t steps = fixture_below(seed, 12), child_seed = fixture_random(seed) | 1;
	int out[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(out[0]);
		churn(out[1], child_seed);
	}
	(void)close(out[1]);
	for (uint64_t i = 0; i < steps; i++)
		assert_int_equal(read(out[0], &byte, 1), 1);
	/* Somewhere inside of the next step. */
	for (volatile uint64_t spin = fixture_below(seed, 60000); spin > 0; spin--)
		;
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	(void)close(out[0]);
}

static void a_kill_leaves_it_sound(void **state)
{
	uint64_t seed = 11, last_next = 0;

	(void)state;
	for (int crash = 0; crash < CRASHES; crash++) {
		struct ledger *ledger;
		size_t n;
		const struct ledger_ticket *tickets;

		kill_in_mid_churn(&seed);
		ledger = open_locked();
		tickets = ledger_tickets(ledger, &n);
		/* Those of the churn, and one "after" for each crash of this ten. */
		assert_true(n <= 50);
		assert_true(ledger->header.next_number >= last_next);
		last_next = ledger->header.next_number;
		for (size_t i = 0; i < n; i++) {
			assert_true(tickets[i].number < last_next);
			for (size_t j = 0; j < i; j++)
				assert_true(tickets[i].state == TICKET_FREE ||
					    tickets[i].number != tickets[j].number);
		}
		for (uint16_t lane = 0; lane < 2; lane++)
			assert_true(count_at(ledger, lane, 999, 50, last_next, WALL) <= 50);
		/* And it goes on being used. */
		(void)add(ledger, 0, "after");
		relock(ledger);
		for (size_t i = crash % 10 ? n : 0; i < n; i++)
			if (ledger_tickets(ledger, &n)[i].state != TICKET_FREE)
				must(ledger_remove(ledger, i, false, &err));
		ledger_close(ledger);
	}
}

int main(void)
{
#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, make_ledger_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(is_made_private_and_whole),
		LEDGER_TEST(keeps_tickets_and_details),
		LEDGER_TEST(numbers_only_grow),
		LEDGER_TEST(places_are_used_again_and_given_back),
		LEDGER_TEST(lanes_end_at_64_until_one_is_idle),
		LEDGER_TEST(tickets_end_at_4096),
		LEDGER_TEST(tokens_end_at_1024_by_dropping_the_oldest),
		LEDGER_TEST(the_window_slides_exactly),
		LEDGER_TEST(no_window_ever_holds_more_than_the_limit),
		LEDGER_TEST(limits_at_their_edges),
		LEDGER_TEST(a_refund_takes_only_its_own),
		LEDGER_TEST(tickets_end_with_the_boot),
		LEDGER_TEST(tokens_outlive_the_boot),
		LEDGER_TEST(a_refund_spares_the_same_number_of_another_boot),
		LEDGER_TEST(a_pending_start_stays_young),
		LEDGER_TEST(a_clock_that_leaps_lets_no_burst_through),
		LEDGER_TEST(a_ticket_lives_as_long_as_its_launcher),
		LEDGER_TEST(every_torn_byte_of_a_record_shows),
		LEDGER_TEST(what_nobody_uses_is_mended),
		LEDGER_TEST(only_to_look_mends_nothing),
		LEDGER_TEST(torn_tokens_and_details_decide_nothing),
		LEDGER_TEST(sound_nonsense_is_refused),
		LEDGER_TEST(what_is_no_ledger_is_named_and_left_alone),
		LEDGER_TEST(what_was_no_ledger_any_more_is_mended),
		LEDGER_TEST(of_another_owner_is_refused),
		LEDGER_TEST(the_folder_may_be_wrong),
		LEDGER_TEST(to_look_makes_and_writes_nothing),
		LEDGER_TEST(a_held_lock_names_its_holder),
		LEDGER_TEST(a_wait_ends_with_the_lock_and_leaves_no_trace),
		LEDGER_TEST(racers_never_pass_the_limit_nor_share_a_number),
		LEDGER_TEST(a_full_disk_makes_no_ledger),
		LEDGER_TEST(a_disk_that_fills_up_later_stops_nothing),
		LEDGER_TEST(a_kill_leaves_it_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
