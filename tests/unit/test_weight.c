/* SPDX-License-Identifier: MIT */
/* The group around the leaves weighs what the heaviest of them does. Fixture files keep what is
 * longer than what is written over it: the numbers here are of a length. */
#include "fixture_dir.h"

#include "base/fd.h"
#include "cgroup/weight.h"

static void assert_group_weighs(const char *file, const char *text)
{
	char path[PATH_MAX], found[32];

	(void)fixture_path(path, dir, file);
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
	assert_group_weighs("cpu.weight", "99");
	fixture_write(dir, "rr-one/cpu.weight", "10\n");
	weight_settle(fixture_path(leaf, dir, "rr-one"), "cpu.weight", 10);
	assert_group_weighs("cpu.weight", "10");
	fixture_write(dir, "rr-two/cpu.weight", "30\n");
	weight_settle(fixture_path(leaf, dir, "rr-two"), "cpu.weight", 30);
	assert_group_weighs("cpu.weight", "30");
	weight_settle(fixture_path(leaf, dir, "rr-one"), "cpu.weight", 10);
	assert_group_weighs("cpu.weight", "30");
}

/* Theirs is what no disk in particular has; bfq has a file of its own. */
static void so_does_the_one_for_disks(void **state)
{
	char leaf[PATH_MAX];

	(void)state;
	fixture_write(dir, "io.weight", "99");
	fixture_write(dir, "io.bfq.weight", "99");
	fixture_write(dir, "rr-one/io.weight", "default 10\n8:0 90\n");
	fixture_write(dir, "rr-one/io.bfq.weight", "default 10\n");
	fixture_write(dir, "rr-two/io.weight", "default 30\n");
	weight_settle(fixture_path(leaf, dir, "rr-one"), "io.weight", 10);
	assert_group_weighs("io.weight", "30");
	assert_group_weighs("io.bfq.weight", "99");
	weight_settle(fixture_path(leaf, dir, "rr-one"), "io.bfq.weight", 10);
	assert_group_weighs("io.bfq.weight", "10");
	fixture_write(dir, "io.weight", "99");
	weight_left(dir);
	assert_group_weighs("io.weight", "30");
	/* Where there is no such thing, none is made. */
	weight_settle(fixture_path(leaf, dir, "rr-one"), "cpu.weight", 10);
	assert_true(access(fixture_path(leaf, dir, "cpu.weight"), F_OK) < 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		DIR_TEST(the_heaviest_leaf_of_a_job_counts),
		DIR_TEST(so_does_the_one_for_disks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
