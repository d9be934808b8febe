/* SPDX-License-Identifier: MIT */
/* The files of the history: set aside when large or old, removed at their age, while many append.
 */
#include "fixture_dir.h"

#include <stdbool.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "policy/history.h"
#include "policy/history_log.h"

#define WRITERS 4
#define LINES 100
#define DAY_NS (UINT64_C(86400) * RR_NS_PER_S)

static struct rr_err err;

static void append(json_int_t number, const char *ended_at)
{
	json_t *record = json_pack("{s:I, s:s?}", "n", number, "ended_at", ended_at);

	assert_int_equal(history_append(dir, record, &err), 0);
	json_decref(record);
}

static void rotate(uint64_t size, uint64_t age_ns, uint64_t now_ns)
{
	if (history_rotate(dir, size, age_ns, now_ns, &err) < 0)
		fail_msg("%s", err.text);
}

static bool exists(const char *name)
{
	char path[PATH_MAX];

	return access(fixture_path(path, dir, name), F_OK) == 0;
}

static int note(json_t *record, void *arg)
{
	char *text = arg;

	(void)snprintf(text + strlen(text), 64, "%lld,",
		       (long long)json_integer_value(json_object_get(record, "n")));
	return 0;
}

static void assert_records(const char *expected)
{
	char text[4096] = "";
	size_t torn;

	assert_int_equal(history_each(dir, note, text, &torn, &err), 0);
	assert_string_equal(text, expected);
	assert_int_equal(torn, 0);
}

static void set_aside_when_large(void **state)
{
	(void)state;
	rotate(1, RR_TIME_INF, 0);
	assert_false(exists("history.1"));
	append(1, NULL);
	rotate(1000, RR_TIME_INF, 0);
	assert_false(exists("history.1"));
	rotate(1, RR_TIME_INF, 0);
	assert_true(exists("history.1"));
	assert_false(exists("history"));
	assert_records("1,");
	append(2, NULL);
	rotate(1, RR_TIME_INF, 0);
	append(3, NULL);
	assert_true(exists("history.2") && exists("history"));
	assert_records("1,2,3,");
}

/* Numbers are told apart as numbers, and what only looks like a part is none. */
static void numbers_go_on(void **state)
{
	(void)state;
	for (json_int_t i = 1; i <= 11; i++) {
		append(i, NULL);
		rotate(1, RR_TIME_INF, 0);
	}
	append(12, NULL);
	fixture_write(dir, "history.index", "x");
	fixture_write(dir, "history.x", "x");
	fixture_write(dir, "history.0", "x");
	assert_records("1,2,3,4,5,6,7,8,9,10,11,12,");
	/* The oldest may be taken away; no number is used again. */
	{
		char path[PATH_MAX];

		assert_int_equal(unlink(fixture_path(path, dir, "history.1")), 0);
	}
	rotate(1, RR_TIME_INF, 0);
	assert_true(exists("history.12"));
	assert_records("2,3,4,5,6,7,8,9,10,11,12,");
}

static void set_aside_and_removed_when_old(void **state)
{
	uint64_t then_ns, now_ns = rr_now_wall_ns();
	char path[PATH_MAX], text[RR_RFC3339_SIZE];
	struct timespec old[2];

	(void)state;
	then_ns = now_ns - 10 * DAY_NS;
	append(1, rr_format_wall(then_ns, text));
	append(2, rr_format_wall(now_ns, text));
	rotate(UINT64_MAX, 11 * DAY_NS, now_ns);
	assert_false(exists("history.1"));
	rotate(UINT64_MAX, 9 * DAY_NS, now_ns);
	assert_true(exists("history.1"));
	/* Its last record is young: it stays until that is old. */
	assert_records("1,2,");
	old[0] = old[1] = (struct timespec){ .tv_sec = (time_t)(then_ns / RR_NS_PER_S) };
	assert_int_equal(utimensat(AT_FDCWD, fixture_path(path, dir, "history.1"), old, 0), 0);
	append(3, rr_format_wall(then_ns, text));
	rotate(UINT64_MAX, 9 * DAY_NS, now_ns);
	assert_false(exists("history.1"));
	assert_records("3,");
}

/* A job's only record may stand in the part that was set aside since. */
static void once_means_in_all_parts(void **state)
{
	json_t *mine = json_pack("{s:i, s:s}", "n", 1, "job_id", "a1");
	json_t *lost = json_pack("{s:i, s:s}", "n", 2, "job_id", "a1");
	json_t *other = json_pack("{s:i, s:s}", "n", 3, "job_id", "b2");

	(void)state;
	assert_int_equal(history_append(dir, mine, &err), 0);
	rotate(1, RR_TIME_INF, 0);
	assert_int_equal(history_append_once(dir, lost, "a1", &err), 0);
	assert_int_equal(history_append_once(dir, other, "b2", &err), 0);
	assert_int_equal(history_append_once(dir, lost, "a1", &err), 0);
	assert_records("1,3,");
	json_decref(mine);
	json_decref(lost);
	json_decref(other);
}

/* A clock set back makes nothing old. */
static void a_clock_set_back(void **state)
{
	char text[RR_RFC3339_SIZE];

	(void)state;
	append(1, rr_format_wall(rr_now_wall_ns(), text));
	rotate(UINT64_MAX, DAY_NS, DAY_NS);
	assert_records("1,");
	assert_false(exists("history.1"));
}

static int write_and_rotate(int number)
{
	for (int i = 0; i < LINES; i++) {
		json_t *record = json_pack("{s:i}", "n", number * LINES + i);
		int r = history_append(dir, record, &err);

		json_decref(record);
		if (r < 0 || history_rotate(dir, 200, RR_TIME_INF, 0, &err) < 0)
			return 1;
	}
	return 0;
}

static int tally(json_t *record, void *arg)
{
	size_t *seen = arg;

	seen[json_integer_value(json_object_get(record, "n"))]++;
	return 0;
}

/* Every record once, whoever sets aside what others are about to append to. */
static void many_writers_lose_nothing(void **state)
{
	size_t seen[WRITERS * LINES] = { 0 }, torn;
	pid_t pids[WRITERS];

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(write_and_rotate(i));
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_true(exists("history.20"));
	assert_int_equal(history_each(dir, tally, seen, &torn, &err), 0);
	assert_int_equal(torn, 0);
	for (size_t i = 0; i < COUNT(seen); i++)
		assert_int_equal(seen[i], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIR_TEST(set_aside_when_large),		  DIR_TEST(numbers_go_on),
		DIR_TEST(set_aside_and_removed_when_old), DIR_TEST(a_clock_set_back),
		DIR_TEST(many_writers_lose_nothing),	  DIR_TEST(once_means_in_all_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
