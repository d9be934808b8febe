/* SPDX-License-Identifier: MIT */
/* Whose memory limit it was, by the counters of a leaf and of what is above it. */
#include "fixtures.h"

#include "cgroup/oom.h"

static char mount[PATH_MAX], leaf[PATH_MAX];

static int make(void **state)
{
	(void)state;
	fixture_make(mount);
	fixture_write(mount, "a/memory.events.local", "low 0\noom 4\noom_kill 1\n");
	fixture_write(mount, "a/b/memory.events.local", "low 0\noom 0\noom_kill 0\n");
	fixture_write(mount, "a/b/rr-x/memory.events.local", "low 0\noom 0\noom_kill 0\n");
	fixture_path(leaf, mount, "a/b/rr-x");
	return 0;
}

static int clean(void **state)
{
	(void)state;
	fixture_remove(mount);
	return 0;
}

static enum oom_limit judge(const struct oom_watch *watch, uint64_t kills, uint64_t all,
			    uint64_t own, char *path)
{
	struct usage usage;

	usage_clear(&usage);
	usage.oom_kills = kills;
	usage.all_ooms = all;
	usage.own_ooms = own;
	return oom_judge(watch, &usage, path, CG_PATH_MAX);
}

static void the_jobs_own_counters_tell_first(void **state)
{
	struct oom_watch watch;
	char path[CG_PATH_MAX];

	(void)state;
	oom_begin(leaf, mount, &watch);
	assert_int_equal(watch.n, 3);
	assert_int_equal(judge(&watch, 0, 3, 3, path), OOM_NONE);
	assert_int_equal(judge(&watch, USAGE_UNKNOWN, 3, 3, path), OOM_NONE);
	assert_int_equal(judge(&watch, 1, 3, 3, path), OOM_OWN);
	assert_int_equal(judge(&watch, 1, 3, 0, path), OOM_BELOW);
	assert_int_equal(judge(&watch, 1, 0, 0, path), OOM_HOST);
	assert_int_equal(judge(&watch, 1, USAGE_UNKNOWN, USAGE_UNKNOWN, path), OOM_HOST);
	assert_string_equal(path, "");
}

static void the_nearest_above_that_was_hit_meanwhile(void **state)
{
	char path[CG_PATH_MAX], expected[PATH_MAX];
	struct oom_watch watch;

	(void)state;
	oom_begin(leaf, mount, &watch);
	fixture_write(mount, "a/memory.events.local", "low 0\noom 5\noom_kill 1\n");
	assert_int_equal(judge(&watch, 1, 0, 0, path), OOM_ABOVE);
	assert_string_equal(path, fixture_path(expected, mount, "a"));
	fixture_write(mount, "a/b/memory.events.local", "low 0\noom 1\noom_kill 1\n");
	assert_int_equal(judge(&watch, 1, 0, 0, path), OOM_ABOVE);
	assert_string_equal(path, fixture_path(expected, mount, "a/b"));
}

static void what_is_not_there_says_nothing(void **state)
{
	char path[CG_PATH_MAX], deep[PATH_MAX];
	struct oom_watch watch;

	(void)state;
	oom_begin(fixture_path(deep, mount, "rr-x"), mount, &watch);
	assert_int_equal(watch.n, 1);
	oom_begin(fixture_path(deep, mount, "1/2/3/4/5/6/7/8/9/10/11/12/13/14/rr-x"), mount,
		  &watch);
	assert_int_equal(watch.n, OOM_ABOVE_MAX);
	assert_int_equal(judge(&watch, 1, 0, 0, path), OOM_HOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_jobs_own_counters_tell_first, make, clean),
		cmocka_unit_test_setup_teardown(the_nearest_above_that_was_hit_meanwhile, make,
						clean),
		cmocka_unit_test_setup_teardown(what_is_not_there_says_nothing, make, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
