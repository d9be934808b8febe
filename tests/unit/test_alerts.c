/* SPDX-License-Identifier: MIT */
/* The history of alerts: only changes, bounded, torn, and by many at once. */
#include "fixture_dir.h"

#include "base/clock.h"
#include "base/fd.h"
#include "policy/alerts.h"

#define WRITERS 4

static struct rr_err err;

static void note(enum headroom_resource resource, enum headroom_level level)
{
	struct alert_record alert = { .at_wall_ns = rr_now_wall_ns(),
				      .job_id = "j",
				      .resource = resource,
				      .level = level,
				      .value = 50.5,
				      .threshold = 60 };

	if (alerts_note(dir, &alert, &err) < 0)
		fail_msg("%s", err.text);
}

static int write_down(json_t *alert, void *arg)
{
	char *text = arg;

	(void)snprintf(text + strlen(text), 64, "%s %s,",
		       json_string_value(json_object_get(alert, "resource")),
		       json_string_value(json_object_get(alert, "severity")));
	return 0;
}

static void assert_alerts(const char *expected)
{
	char text[4096] = "";

	assert_int_equal(alerts_each(dir, write_down, text, &err), 0);
	assert_string_equal(text, expected);
}

static void only_changes(void **state)
{
	(void)state;
	assert_alerts("");
	note(HEADROOM_CPU, HEADROOM_OK);
	assert_alerts("");
	note(HEADROOM_CPU, HEADROOM_WARNING);
	note(HEADROOM_CPU, HEADROOM_WARNING);
	note(HEADROOM_MEMORY, HEADROOM_WARNING);
	note(HEADROOM_CPU, HEADROOM_CRITICAL);
	note(HEADROOM_MEMORY, HEADROOM_WARNING);
	note(HEADROOM_CPU, HEADROOM_OK);
	note(HEADROOM_CPU, HEADROOM_OK);
	assert_alerts("cpu warning,memory warning,cpu critical,cpu ok,");
}

static void torn_and_damaged(void **state)
{
	char path[PATH_MAX];
	int fd;

	(void)state;
	note(HEADROOM_CPU, HEADROOM_WARNING);
	fd = open(fixture_path(path, dir, "alerts"), O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "12345678\tno object\n00000000\t{\"half", 34), 34);
	(void)close(fd);
	assert_alerts("cpu warning,");
	note(HEADROOM_CPU, HEADROOM_OK);
	assert_alerts("cpu warning,cpu ok,");
}

static int count(json_t *alert, void *arg)
{
	(void)alert;
	++*(size_t *)arg;
	return 0;
}

static void bounded(void **state)
{
	char path[PATH_MAX];
	struct stat st;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 4000; i++)
		note(HEADROOM_DISK, i % 2 ? HEADROOM_OK : HEADROOM_CRITICAL);
	assert_int_equal(alerts_each(dir, count, &n, &err), 0);
	assert_in_range(n, 700, 2500);
	assert_int_equal(stat(fixture_path(path, dir, "alerts.1"), &st), 0);
	assert_in_range(st.st_size, ALERTS_FILE_MAX, ALERTS_FILE_MAX + 300);
	/* What was last is known across the files. */
	note(HEADROOM_DISK, HEADROOM_OK);
	{
		size_t after = 0;

		assert_int_equal(alerts_each(dir, count, &after, &err), 0);
		assert_int_equal(after, n);
	}
}

/* Each differs from the one before it, whoever wrote either. */
static int alternate(json_t *alert, void *arg)
{
	char *last = arg;
	const char *severity = json_string_value(json_object_get(alert, "severity"));

	if (strcmp(last, severity) == 0)
		return 42;
	(void)snprintf(last, 16, "%s", severity);
	return 0;
}

static void of_many_one_puts_it_down(void **state)
{
	char last[16] = "ok";
	pid_t pids[WRITERS];

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		for (int turn = 0; turn < 100; turn++)
			note(HEADROOM_CPU, turn % 2 ? HEADROOM_OK : HEADROOM_CRITICAL);
		_exit(0);
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(alerts_each(dir, alternate, last, &err), 0);
	assert_string_equal(last, "ok");
}

static enum headroom_level last_level(enum headroom_resource resource)
{
	struct alert_last last[HEADROOM_N];

	assert_int_equal(alerts_last(dir, last, &err), 0);
	assert_true(last[resource].known == (last[resource].since_wall_ns > 0));
	return last[resource].known ? last[resource].level : (enum headroom_level)HEADROOM_N;
}

static void the_last_of_each(void **state)
{
	struct alert_last last[HEADROOM_N];
	char path[PATH_MAX], aside[PATH_MAX];
	FILE *file;

	(void)state;
	assert_int_equal(last_level(HEADROOM_CPU), HEADROOM_N);
	note(HEADROOM_CPU, HEADROOM_WARNING);
	note(HEADROOM_DISK, HEADROOM_CRITICAL);
	note(HEADROOM_CPU, HEADROOM_CRITICAL);
	assert_int_equal(last_level(HEADROOM_CPU), HEADROOM_CRITICAL);
	assert_int_equal(last_level(HEADROOM_DISK), HEADROOM_CRITICAL);
	assert_int_equal(last_level(HEADROOM_MEMORY), HEADROOM_N);
	/* Also what was set aside since; damage is passed over. */
	assert_int_equal(
		rename(fixture_path(path, dir, "alerts"), fixture_path(aside, dir, "alerts.1")), 0);
	note(HEADROOM_MEMORY, HEADROOM_WARNING);
	note(HEADROOM_CPU, HEADROOM_OK);
	file = fopen(path, "a");
	assert_non_null(file);
	assert_true(fputs("00000000\t{\"resource\":\"disk\"}\n12345678\t{\"cpu\"", file) > 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(last_level(HEADROOM_CPU), HEADROOM_OK);
	assert_int_equal(last_level(HEADROOM_DISK), HEADROOM_CRITICAL);
	assert_int_equal(last_level(HEADROOM_MEMORY), HEADROOM_WARNING);
	assert_int_equal(mkdir(fixture_path(path, dir, "sub"), 0700), 0);
	assert_true(alerts_last(path, last, &err) == 0 && !last[0].known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIR_TEST(only_changes),
		DIR_TEST(torn_and_damaged),
		DIR_TEST(the_last_of_each),
		DIR_TEST(bounded),
		DIR_TEST(of_many_one_puts_it_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
