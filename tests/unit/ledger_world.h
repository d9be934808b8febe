/* SPDX-License-Identifier: MIT */
/* For tests of the ledger: one of its own in `dir` for each, and the few steps that all of them
 * take. */
#pragma once

#include "fixture_dir.h"

#include <stdbool.h>
#include <sys/file.h>

#include "base/fd.h"
#include "policy/ledger.h"
#include "policy/ledger_file.h"

#define S RR_NS_PER_S
#define WAIT (60 * S) /* long enough for any machine; no test waits for it to pass */
#define WALL (UINT64_C(1800000000) * S)

static struct rr_err err;

static inline int make_ledger_dir(void **state)
{
	err.text[0] = '\0';
	return make_dir(state);
}

static inline void must(int r)
{
	if (r != 0)
		fail_msg("%d: %s", r, err.text);
}

static inline struct ledger *open_locked(void)
{
	struct ledger *ledger = NULL;

	must(ledger_open(dir, false, &ledger, &err));
	must(ledger_lock(ledger, WAIT, &err));
	return ledger;
}

static inline void relock(struct ledger *ledger)
{
	ledger_unlock(ledger);
	must(ledger_lock(ledger, WAIT, &err));
}

static inline uint16_t lane_of(struct ledger *ledger, const char *name)
{
	uint16_t lane = 777;

	must(ledger_lane(ledger, name, 5 * S, WALL, &lane, &err));
	return lane;
}

static inline size_t add(struct ledger *ledger, uint16_t lane, const char *name)
{
	struct ledger_ticket ticket = { .state = TICKET_WAITING, .priority = 1, .lane = lane };
	struct ledger_detail detail = { .job_pid = 5 };
	size_t index = 777777;

	(void)snprintf(detail.name, sizeof(detail.name), "%s", name);
	must(ledger_add(ledger, &ticket, &detail, &index, &err));
	return index;
}

static inline size_t used_tickets(struct ledger *ledger)
{
	size_t n, used = 0;
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

	for (size_t i = 0; i < n; i++)
		used += tickets[i].state != TICKET_FREE;
	return used;
}

static inline uint64_t count_at(struct ledger *ledger, uint16_t lane, uint64_t limit,
				uint64_t window_ns, uint64_t now_ns, uint64_t now_wall_ns)
{
	uint64_t count, free_at;

	ledger_rate(ledger, lane, limit, window_ns, now_ns, now_wall_ns, &count, &free_at);
	return count;
}

/* Overwrites bytes of the file behind the ledger's back. */
static inline void scribble(off_t at, const void *data, size_t size)
{
	char path[PATH_MAX];
	rr_autofd int fd = open(fixture_path(path, dir, "ledger"), O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, data, size, at), (ssize_t)size);
}

static inline void flip(off_t at)
{
	char path[PATH_MAX], byte;
	rr_autofd int fd = open(fixture_path(path, dir, "ledger"), O_RDWR | O_CLOEXEC);

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

/* Somebody alive who has the two tickets of it; to be closed. */
static inline struct ledger *fill_and_live(void)
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

static inline void fill(void)
{
	ledger_close(fill_and_live());
}

static inline int try_lock(void)
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

/* With nobody alive: sound again, empty, and the starts of sound lanes still count. */
static inline void assert_mends(size_t starts)
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

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, make_ledger_dir, remove_dir)
