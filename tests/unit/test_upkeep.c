/* SPDX-License-Identifier: MIT */
/* policy/upkeep: one at a time, and when each directory was last swept. */
#include "policy/upkeep.h"

#include "base/clock.h"
#include "tests/unit/fixtures.h"

#define HOUR_NS (3600 * RR_NS_PER_S)

static int setup(void **state)
{
	char *dir = malloc(PATH_MAX);

	fixture_make(dir);
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	fixture_remove(*state);
	free(*state);
	return 0;
}

static void test_one_at_a_time(void **state)
{
	struct upkeep first = { .fd = -1 }, second = { .fd = -1 };
	struct rr_err err = { "" };

	assert_int_equal(upkeep_begin(*state, &first, &err), 0);
	assert_int_equal(upkeep_begin(*state, &second, &err), UPKEEP_HELD);
	assert_non_null(strstr(err.text, "another sweep or audit"));
	assert_int_equal(second.fd, -1);
	upkeep_end(&first);
	assert_int_equal(upkeep_begin(*state, &second, &err), 0);
	upkeep_end(&second);
}

static void test_makes_the_state_directory_and_follows_no_link(void **state)
{
	struct upkeep upkeep = { .fd = -1 };
	char path[PATH_MAX], inner[PATH_MAX];
	struct rr_err err = { "" };

	(void)fixture_path(inner, *state, "a/b");
	assert_int_equal(upkeep_begin(inner, &upkeep, &err), 0);
	upkeep_end(&upkeep);
	assert_int_equal(symlink("/etc/passwd", fixture_path(path, *state, "upkeep")), 0);
	assert_true(upkeep_begin(*state, &upkeep, &err) < 0);
	assert_int_equal(upkeep.fd, -1);
}

static void test_due(void **state)
{
	struct upkeep upkeep = { .fd = -1 };
	const uint64_t now = 1000 * HOUR_NS;
	struct rr_err err = { "" };

	assert_int_equal(upkeep_begin(*state, &upkeep, &err), 0);
	assert_true(upkeep_is_due(&upkeep, "/a b", HOUR_NS, now));
	assert_int_equal(upkeep_swept(&upkeep, "/a b", now, &err), 0);
	assert_int_equal(upkeep_swept(&upkeep, "/b", now + 1, &err), 0);
	assert_false(upkeep_is_due(&upkeep, "/a b", HOUR_NS, now));
	assert_false(upkeep_is_due(&upkeep, "/a b", HOUR_NS, now + HOUR_NS - 1));
	assert_true(upkeep_is_due(&upkeep, "/a b", HOUR_NS, now + HOUR_NS));
	assert_false(upkeep_is_due(&upkeep, "/b", HOUR_NS, now + HOUR_NS));
	assert_true(upkeep_is_due(&upkeep, "/a", HOUR_NS, now));
	assert_true(upkeep_is_due(&upkeep, "/a b", 0, now));
	assert_false(upkeep_is_due(&upkeep, "/a b", RR_TIME_INF, now + HOUR_NS));
	/* A clock that was set back must not keep sweeps away for years. */
	assert_true(upkeep_is_due(&upkeep, "/a b", HOUR_NS, now - 1));
	/* The newer time holds. */
	assert_int_equal(upkeep_swept(&upkeep, "/a b", now + HOUR_NS, &err), 0);
	assert_false(upkeep_is_due(&upkeep, "/a b", HOUR_NS, now + HOUR_NS));
	/* A name that would be two lines never stands for another one. */
	assert_int_equal(upkeep_swept(&upkeep, "/x\n99999999999 /c", now, &err), 0);
	assert_true(upkeep_is_due(&upkeep, "/c", RR_TIME_INF, now));
	upkeep_end(&upkeep);
}

/* Cut off anywhere, what is left is read as far as it is whole. */
static void test_torn(void **state)
{
	struct upkeep upkeep = { .fd = -1 };
	const uint64_t now = 1000 * HOUR_NS;
	struct rr_err err = { "" };
	off_t size;

	assert_int_equal(upkeep_begin(*state, &upkeep, &err), 0);
	assert_int_equal(upkeep_swept(&upkeep, "/directory/of/old", now, &err), 0);
	assert_int_equal(upkeep_swept(&upkeep, "/new", now, &err), 0);
	size = lseek(upkeep.fd, 0, SEEK_END);
	for (off_t cut = size - 1; cut >= 0; cut--) {
		assert_int_equal(ftruncate(upkeep.fd, cut), 0);
		assert_true(upkeep_is_due(&upkeep, "/directory/of/old", HOUR_NS, now));
		assert_true(upkeep_is_due(&upkeep, "/directory/of", HOUR_NS, now));
		assert_true(upkeep_is_due(&upkeep, "/n", HOUR_NS, now));
	}
	assert_int_equal(upkeep_swept(&upkeep, "/new", now, &err), 0);
	assert_false(upkeep_is_due(&upkeep, "/new", HOUR_NS, now));
	upkeep_end(&upkeep);
}

/* However many directories there ever were, the file stays small. */
static void test_bounded(void **state)
{
	struct upkeep upkeep = { .fd = -1 };
	const uint64_t now = 1000 * HOUR_NS;
	struct rr_err err = { "" };
	char dir[64];

	assert_int_equal(upkeep_begin(*state, &upkeep, &err), 0);
	for (int i = 0; i < 300; i++) {
		(void)snprintf(dir, sizeof(dir), "/directory/%d", i);
		assert_int_equal(upkeep_swept(&upkeep, dir, now, &err), 0);
	}
	assert_true(lseek(upkeep.fd, 0, SEEK_END) < 300 * 40);
	assert_false(upkeep_is_due(&upkeep, "/directory/299", HOUR_NS, now));
	assert_false(upkeep_is_due(&upkeep, "/directory/44", HOUR_NS, now));
	assert_true(upkeep_is_due(&upkeep, "/directory/43", HOUR_NS, now));
	upkeep_end(&upkeep);
}

static void test_rules(void **state)
{
	struct settings settings = { 0 };
	struct paths paths = { .state = "/s", .runtime = "/r" };
	struct upkeep_rules rules;
	struct rr_err err;

	(void)state;
	assert_int_equal(settings_defaults(&settings, &err), 0);
	upkeep_rules(&settings, &paths, &rules);
	assert_int_equal(rules.sweep.age_ns, 24 * HOUR_NS);
	assert_int_equal(rules.sweep.max_bytes, 0);
	assert_int_equal(rules.sweep.fresh_ns, 600 * RR_NS_PER_S);
	assert_false(rules.sweep.vouched);
	assert_string_equal(rules.sweep.spare[0], "/s");
	assert_string_equal(rules.sweep.spare[1], "/r");
	assert_null(rules.sweep.spare[2]);
	assert_int_equal(settings_set(&settings, SET_SWEEP_DIRS, "/x", "--sweep", &err), 0);
	assert_int_equal(settings_set(&settings, SET_SWEEP_MAX_SIZE, "1M", "--x", &err), 0);
	upkeep_rules(&settings, &paths, &rules);
	assert_false(rules.sweep.vouched);
	assert_int_equal(rules.sweep.max_bytes, 1 << 20);
	assert_int_equal(settings_set(&settings, SET_SWEEP_DIRS, "/x", "RESRUN_SWEEP_DIRS", &err),
			 0);
	upkeep_rules(&settings, &paths, &rules);
	assert_false(rules.sweep.vouched);
	assert_int_equal(settings_set(&settings, SET_SWEEP_DIRS, "/x", "/etc/resrun.ini:3", &err),
			 0);
	upkeep_rules(&settings, &paths, &rules);
	assert_true(rules.sweep.vouched);
	settings_free(&settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_makes_the_state_directory_and_follows_no_link,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_due, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
