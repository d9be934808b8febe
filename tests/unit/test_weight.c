/* SPDX-License-Identifier: MIT */
/* The group around the leaves weighs what the heaviest of them does. Fixture files keep what is
 * longer than what is written over it: the numbers here are of a length. */
#include "fixture_dir.h"

#include "base/fd.h"
#include "cgroup/weight.h"

static void assert_group_weighs(const char *text)
{
	char path[PATH_MAX], found[32];

	(void)fixture_path(path, dir, "cpu.weight");
	assert_true(rr_read_at(AT_FDCWD, path, found, sizeof(found)) > 0);
	assert_string_equal(found, text);
}

static void the_heaviest_leaf_of_a_job_counts(void **state)
{
	char leaf[PATH_MAX];

	(void)state;
	fixture_write(dir, "cpu.weight", "99");
	/* None of these is a job's. */
	fixture_write(dir, "rr-sup/cpu.weight", "90");
	fixture_write(dir, "rr-one.hooks/cpu.weight", "90");
	fixture_write(dir, "other/cpu.weight", "90");
	weight_left(dir);
	assert_group_weighs("99");
	fixture_write(dir, "rr-one/cpu.weight", "10\n");
	weight_settle(fixture_path(leaf, dir, "rr-one"), 10);
	assert_group_weighs("10");
	fixture_write(dir, "rr-two/cpu.weight", "30\n");
	weight_settle(fixture_path(leaf, dir, "rr-two"), 30);
	assert_group_weighs("30");
	weight_settle(fixture_path(leaf, dir, "rr-one"), 10);
	assert_group_weighs("30");
}

int main(void)
{
	static const struct CMUnitTest tests[] = { DIR_TEST(the_heaviest_leaf_of_a_job_counts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
