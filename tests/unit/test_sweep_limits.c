/* SPDX-License-Identifier: MIT */
/* Trees that are moved while they are swept, deep or large ones, and sweeps cut short. */
#include "tests/helpers/sweep_world.h"

#define DEPTH 100000
#define MANY 20000 /* RESRUN_SWEEP_ENTRIES: another number, such as a million */
/* What a sweep may need on top of what the test program has, in KiB: buffers, plan, levels. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZER_SHARE 2 /* of red zones, quarantine and shadow */
#else
#define SANITIZER_SHARE 1
#endif
#define FLAT_KIB (4096 * SANITIZER_SHARE)
#define DEEP_KIB (16384 * SANITIZER_SHARE)

/* ---- moved directories ---- */

/* Longer than a walk may go without looking whether all is in its place. */
#define LONG (25 * RR_NS_PER_MS)

struct mover {
	struct world *world;
	const char *trigger, *from, *to;
	uint64_t wait_ns;
	bool moved;
};

/* In the middle of a sweep, right after `trigger` was dealt with. */
static bool move_away(void *arg, const struct sweep_seen *seen)
{
	struct mover *mover = arg;
	char to[PATH_MAX], from[PATH_MAX];

	if (mover->moved || strncmp(seen->path, mover->trigger, strlen(mover->trigger)) != 0)
		return true;
	(void)snprintf(from, sizeof(from), "%s/%s", mover->world->root, mover->from);
	(void)snprintf(to, sizeof(to), "%s/%s", mover->world->outside, mover->to);
	assert_int_equal(rename(from, to), 0);
	mover->moved = true;
	pause_ns(mover->wait_ns);
	return true;
}

static void test_a_directory_moved_out_is_left_alone(void **state)
{
	struct world *world = *state;
	struct mover mover = { world, "job/f", "job", "rescued", LONG, false };
	char path[PATH_MAX];

	put_many(world, "job", 50);
	put(world, "other/old");
	world->rules.seen = move_away;
	world->rules.arg = &mover;
	sweep(world);
	assert_true(mover.moved);
	(void)snprintf(path, sizeof(path), "%s/rescued", world->outside);
	assert_int_equal(count_files(path), 49);
	assert_false(exists(world, "other"));
	assert_count(world, SWEEP_ERROR, 1);
	assert_non_null(strstr(world->err.text, "'job'"));
}

static void test_a_tree_moved_out_from_above_is_left_alone(void **state)
{
	struct world *world = *state;
	struct mover mover = { world, "a/b/c/d/f", "a/b", "rescued", LONG, false };
	char path[PATH_MAX];

	put_many(world, "a/b/c/d", 50);
	world->rules.seen = move_away;
	world->rules.arg = &mover;
	sweep(world);
	(void)snprintf(path, sizeof(path), "%s/rescued/c/d", world->outside);
	assert_int_equal(count_files(path), 49);
	/* It is gone from here, and so `a` was left empty, but changed under us: not this time. */
	assert_true(exists(world, "a"));
}

/* So deep that the directory that was moved is no longer open: found on the way back up. */
static void test_a_deep_tree_moved_out_is_left_at_the_latest_on_the_way_up(void **state)
{
	struct world *world = *state;
	char deep[PATH_MAX] = "a/b", path[PATH_MAX];
	struct mover mover = { world, deep, "a/b", "rescued", LONG, false };

	for (int i = 0; i < 100; i++)
		append(deep, "/d");
	put(world, "a/b/c/old");
	put(world, "z/old");
	append(deep, "/f");
	put(world, deep);
	world->rules.seen = move_away;
	world->rules.arg = &mover;
	sweep(world);
	assert_true(mover.moved);
	(void)snprintf(path, sizeof(path), "%s/rescued/d", world->outside);
	assert_true(exists_at(AT_FDCWD, path));
	assert_false(exists(world, "z"));
	assert_count(world, SWEEP_ERROR, 1);
}

/* The same, but found out only where a directory is reopened from below: it must not be taken for
 * the one it was left from, or the sweep would go on outside. */
static void test_the_way_up_is_not_taken_on_trust(void **state)
{
	struct world *world = *state;
	char deep[PATH_MAX] = "a/b";
	struct mover mover = { world, deep, "a/b", "rescued", 0, false };

	for (int i = 0; i < 2 * 12; i++)
		append(deep, "/d");
	put_outside(world, "swept/old");
	append(deep, "/f");
	put(world, deep);
	put(world, "z/old");
	world->rules.seen = move_away;
	world->rules.arg = &mover;
	sweep(world);
	assert_true(mover.moved);
	assert_true(exists_outside(world, "swept/old"));
	assert_false(exists(world, "z"));
	assert_count(world, SWEEP_ERROR, 1);
}

static void test_when_the_root_is_moved_the_sweep_ends(void **state)
{
	struct world *world = *state;
	struct mover mover = { world, "f", "", "rescued", LONG, false };
	char path[PATH_MAX];

	/* More than is read at once. */
	put_many(world, ".", 2000);
	world->rules.seen = move_away;
	world->rules.arg = &mover;
	sweep(world);
	(void)snprintf(path, sizeof(path), "%s/rescued", world->outside);
	assert_int_equal(count_files(path), 1999);
	assert_count(world, SWEEP_ERROR, 1);
}

/* ---- depth and number ---- */

static long peak_kib(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

static void sweep_deep(struct world *world)
{
	long before = peak_kib();

	limit_descriptors();
	sweep(world);
	assert_int_equal(world->result.dirs, DEPTH);
	assert_int_equal(world->result.files, DEPTH / 1000);
	assert_int_equal(world->result.left, 0);
	assert_in_range(peak_kib() - before, 0, DEEP_KIB);
}

static void test_a_hundred_thousand_levels(void **state)
{
	struct world *world = *state;

	make_deep(world->fd, DEPTH);
	in_child(world, sweep_deep);
	assert_false(exists(world, "d"));
}

/* What stays at the bottom keeps the whole way up; what is beside the way goes. */
static void test_depth_with_something_young_at_the_bottom(void **state)
{
	struct world *world = *state;
	char path[PATH_MAX] = "d";

	for (int i = 0; i < 300; i++)
		append(path, "/d");
	append(path, "/young");
	make_deep(world->fd, 301);
	put(world, path);
	touch(world, path, HOUR);
	sweep(world);
	assert_int_equal(world->result.dirs, 0);
	assert_int_equal(world->result.files, 1);
	assert_int_equal(world->result.left, 302);
	assert_true(exists(world, path));
}

/* Wide at every level: after a subdirectory was left, reading must go on where it was. */
static void test_deep_and_wide(void **state)
{
	struct world *world = *state;
	char path[PATH_MAX] = "";

	for (int i = 0; i < 40; i++) {
		size_t length = strlen(path);

		for (int k = 0; k < 30; k++) {
			(void)snprintf(path + length, sizeof(path) - length, "%c%d/",
				       k % 3 ? 'f' : 'd', k);
			if (k % 3)
				path[strlen(path) - 1] = '\0';
			put(world, path);
		}
		(void)snprintf(path + length, sizeof(path) - length, "way/");
		put(world, path);
	}
	sweep(world);
	assert_int_equal(world->result.left, 0);
	assert_int_equal(world->result.files, 40 * 20);
	assert_int_equal(world->result.dirs, 40 * 11);
}

static int many(void)
{
	const char *text = getenv("RESRUN_SWEEP_ENTRIES");

	return text ? (int)strtol(text, NULL, 10) : MANY;
}

static void sweep_many(struct world *world)
{
	long before = peak_kib();

	limit_descriptors();
	sweep(world);
	assert_int_equal(world->result.files, many());
	print_message("             %d files, %ld KiB more than before\n", many(),
		      peak_kib() - before);
	assert_in_range(peak_kib() - before, 0, FLAT_KIB);
}

static void test_many_files_in_one_directory(void **state)
{
	struct world *world = *state;

	put_many(world, ".", many());
	in_child(world, sweep_many);
	assert_int_equal(count_files(world->root), 0);
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void without_descriptors(struct world *world)
{
	struct rlimit limit = { 0, 64 };
	int r = -1, count, tries = 0;

	assert_int_equal(close_range(3, ~0U, 0), 0);
	world->fd = -1;
	world_reopen(world);
	count = count_descriptors();
	put(world, "a/b/c/d/e/f/g/old");
	for (limit.rlim_cur = (rlim_t)world->fd + 1; exists(world, "a");
	     limit.rlim_cur++, tries++) {
		uint64_t bytes;
		struct rr_err err;

		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		r = sweep_run(world->root, &world->rules, &world->result, &world->err);
		if (r != 0) {
			assert_int_equal(r, -EMFILE);
			assert_non_null(strstr(world->err.text, strerror(EMFILE)));
		}
		(void)!sweep_measure(world->fd, ".", 0, &bytes, &err);
		assert_true(r != 0 || world->result.count[SWEEP_ERROR] > 0 || !exists(world, "a"));
		/* Nothing is left open, and nothing closed that is not ours. */
		assert_int_equal(count_descriptors(), count);
	}
	assert_in_range(tries, 8, 32);
}

static void test_too_few_descriptors_are_an_error_not_a_loss(void **state)
{
	in_child(*state, without_descriptors);
}

/* ---- time ---- */

static void test_a_sweep_cut_short_is_gone_on_with(void **state)
{
	struct world *world = *state;
	uint64_t files = 0;
	int runs = 0;

	put_many(world, ".", 5000);
	world->rules.time_limit_ns = RR_NS_PER_MS;
	do {
		uint64_t start_ns = rr_now_boot_ns();

		sweep(world);
		/* On a busy disk a single call can take seconds. */
		assert_in_range(rr_now_boot_ns() - start_ns, 0, 60 * RR_NS_PER_S);
		/* On a busy machine all of the time can go into looking at what is open. */
		if (world->result.files == 0)
			world->rules.time_limit_ns *= 2;
		files += world->result.files;
		runs++;
	} while (!world->result.complete);
	assert_int_equal(files, 5000);
	assert_true(runs > 1);
}

/* Killed at any moment, a sweep leaves each file or takes it; nothing else changes. */
static void test_a_killed_sweep_is_gone_on_with(void **state)
{
	struct world *world = *state;
	int before = 3000, after;
	struct dirent *entry;
	DIR *dir;

	put_many(world, ".", before);
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			sweep(world);
			_exit(0);
		}
		pause_ns((500 + 311 * (uint64_t)i) * RR_NS_PER_US);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		after = count_files(world->root);
		assert_in_range(after, 0, before);
		before = after;
	}
	dir = opendir(world->root);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && entry->d_name[0] != 'f')
			fail_msg("'%s' was not there before", entry->d_name);
	(void)closedir(dir);
	sweep(world);
	assert_int_equal(count_files(world->root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(test_a_directory_moved_out_is_left_alone),
		world_test(test_a_tree_moved_out_from_above_is_left_alone),
		world_test(test_a_deep_tree_moved_out_is_left_at_the_latest_on_the_way_up),
		world_test(test_the_way_up_is_not_taken_on_trust),
		world_test(test_when_the_root_is_moved_the_sweep_ends),
		world_test_fast(test_a_hundred_thousand_levels),
		world_test(test_depth_with_something_young_at_the_bottom),
		world_test(test_deep_and_wide),
		world_test(test_many_files_in_one_directory),
		world_test(test_too_few_descriptors_are_an_error_not_a_loss),
		world_test(test_a_sweep_cut_short_is_gone_on_with),
		world_test(test_a_killed_sweep_is_gone_on_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
