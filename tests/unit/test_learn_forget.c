/* SPDX-License-Identifier: MIT */
/* What is learned and forgotten again: by age, by number, in its time, and never under a writer. */
#include "policy/learn_forget.h"

#include <stdbool.h>
#include <sys/file.h>

#include "base/clock.h"
#include "policy/learn_file.h"
#include "tests/unit/fixture_dir.h"

#define DAY_NS (86400 * RR_NS_PER_S)
#define NOW_NS (10000 * DAY_NS)

static struct rr_err err;

static void path_of(const char *name, char path[static PATH_MAX])
{
	char below[NAME_MAX + 1];

	(void)snprintf(below, sizeof(below), "learned/%s", name);
	(void)fixture_path(path, dir, below);
}

static void put(const char *name, uint64_t days_ago)
{
	const struct timespec at = rr_timespec(NOW_NS - days_ago * DAY_NS);
	char path[PATH_MAX];
	int fd;

	path_of(name, path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(futimens(fd, (const struct timespec[]){ at, at }), 0);
	(void)close(fd);
}

static bool is_there(const char *name)
{
	char path[PATH_MAX];

	path_of(name, path);
	return access(path, F_OK) == 0;
}

static size_t forget(uint64_t keep_days, size_t keys_max)
{
	size_t n;

	if (learn_forget(dir, keep_days * DAY_NS, keys_max, NOW_NS, &n, &err) < 0)
		fail_msg("%s", err.text);
	return n;
}

static void make_learned(void)
{
	char path[PATH_MAX];

	assert_int_equal(mkdir(fixture_path(path, dir, "learned"), 0700), 0);
}

static void test_nothing_is_there(void **state)
{
	(void)state;
	assert_int_equal(forget(1, 1), 0);
}

static void test_by_age(void **state)
{
	char path[PATH_MAX];

	(void)state;
	make_learned();
	put("old", 401);
	put("edge", 400);
	put("young", 399);
	put("future", 0);
	put(".other", 500);
	path_of("link", path);
	assert_int_equal(symlink("old", path), 0);
	path_of("directory", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(forget(400, 100), 1);
	assert_false(is_there("old"));
	assert_true(is_there("edge"));
	assert_true(is_there("young"));
	assert_true(is_there("future"));
	assert_true(is_there(".other"));
	assert_true(is_there("directory"));
	path_of("link", path);
	assert_int_equal(unlink(path), 0);
}

static void test_the_oldest_of_too_many(void **state)
{
	char name[16];

	(void)state;
	make_learned();
	for (unsigned int i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		put(name, i % 2 ? i : 600 + i);
	}
	assert_int_equal(forget(10000, 300), 300);
	assert_true(is_there("1"));
	assert_true(is_there("599"));
	assert_false(is_there("0"));
	assert_false(is_there("598"));
	assert_int_equal(forget(10000, 300), 0);
}

static void test_not_under_a_writer(void **state)
{
	char path[PATH_MAX];
	int fd;

	(void)state;
	make_learned();
	put("old", 500);
	path_of("old", path);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(forget(400, 100), 0);
	(void)close(fd);
	assert_int_equal(forget(400, 100), 1);
}

static void when_due(uint64_t now_wall_ns)
{
	if (learn_forget_when_due(dir, now_wall_ns, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_in_its_time(void **state)
{
	const uint64_t now_ns = rr_now_wall_ns();
	char path[PATH_MAX];
	int fd;

	(void)state;
	make_learned();
	put("first", 500);
	when_due(now_ns);
	assert_false(is_there("first"));
	put("second", 500);
	when_due(now_ns + DAY_NS / 2);
	assert_true(is_there("second"));
	/* The clock was set back, and somebody is at it. */
	path_of(".forgotten", path);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	when_due(now_ns - DAY_NS);
	assert_true(is_there("second"));
	(void)close(fd);
	when_due(now_ns - DAY_NS);
	assert_false(is_there("second"));
	put("third", 500);
	when_due(now_ns + 2 * DAY_NS);
	assert_false(is_there("third"));
}

/* What was forgotten is learned anew, and its first run is said to be one. */
static void test_known_again(void **state)
{
	struct learn_run run = { .memory_bytes = 7 }, runs[LEARN_RUNS_MAX];
	size_t n;

	(void)state;
	assert_int_equal(learn_add(dir, "key", &run, &err), LEARN_NEW_KEY);
	assert_int_equal(learn_add(dir, "key", &run, &err), 0);
	assert_int_equal(forget(400, 0), 1);
	assert_int_equal(learn_read(dir, "key", runs, &n, &err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(learn_add(dir, "key", &run, &err), LEARN_NEW_KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIR_TEST(test_nothing_is_there),
		DIR_TEST(test_by_age),
		DIR_TEST(test_the_oldest_of_too_many),
		DIR_TEST(test_not_under_a_writer),
		DIR_TEST(test_in_its_time),
		DIR_TEST(test_known_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
