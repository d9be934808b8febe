/* SPDX-License-Identifier: MIT */
/* A sweep that is disturbed: swapped directories, replaced files, openers. */
#include "tests/helpers/racing.h"
#include "tests/helpers/sweep_world.h"

#include <sys/inotify.h>

static unsigned long rounds_wanted(unsigned long otherwise)
{
	const char *text = getenv("RESRUN_RACE_ROUNDS");

	return text ? strtoul(text, NULL, 10) : otherwise;
}

/* ---- swapped directories ---- */

static bool sweep_tree(void *arg, const char *tree)
{
	struct world *world = arg;

	return sweep_run(tree, &world->rules, &world->result, &world->err) == SWEEP_DONE;
}

static void race(struct world *world, unsigned long rounds)
{
	struct racing racing = { .rounds = rounds, .sweep = sweep_tree, .arg = world };
	struct racing_score score = { 0 };

	(void)snprintf(racing.base, sizeof(racing.base), "%s/race", world->base);
	if (!racing_run(&racing, &score))
		fail_msg("the race stopped: '%s'", world->err.text);
	assert_false(score.harmed);
	assert_true(score.swaps >= rounds);
	print_message("             %lu swaps, %lu sweeps\n", score.swaps, score.sweeps);
}

static void race_without_openat2(struct world *world)
{
	forbid(SYS_openat2, ENOSYS);
	race(world, rounds_wanted(2000));
}

static void test_no_swap_leads_out(void **state)
{
	race(*state, rounds_wanted(2000));
}

static void test_no_swap_leads_out_without_openat2(void **state)
{
	in_child(*state, race_without_openat2);
}

static void test_the_canary_can_die(void **state)
{
	struct world *world = *state;
	char path[PATH_MAX];
	int fd = open(world->outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* The world has a canary of its own; the race wants its kind. */
	assert_int_equal(renameat(fd, "canary", fd, "other"), 0);
	assert_true(make_canary(fd));
	assert_true(canary_lives(world->outside));
	assert_int_equal(fchmodat(fd, "canary/c0", 0600, 0), 0);
	assert_false(canary_lives(world->outside));
	assert_int_equal(fchmodat(fd, "canary/c0", 0640, 0), 0);
	assert_true(canary_lives(world->outside));
	(void)snprintf(path, sizeof(path), "%s/canary/nest/c1", world->outside);
	assert_int_equal(truncate(path, 3), 0);
	assert_false(canary_lives(world->outside));
	assert_int_equal(unlink(path), 0);
	assert_false(canary_lives(world->outside));
	assert_int_equal(close(fd), 0);
}

/* ---- replaced files ---- */

#define TARGETS 64

/* Renames a fresh file over an old one, as programs do. It must be there in the end: a sweep may
 * take the old one only. */
static void replace(struct world *world, int outside, const char *name)
{
	struct timespec now = rr_timespec(world->rules.now_wall_ns), stamps[2] = { now, now };
	struct stat st = { 0 };
	bool found = false;

	world_put_at(outside, "fresh", "fresh");
	assert_int_equal(utimensat(outside, "fresh", stamps, 0), 0);
	assert_int_equal(renameat(outside, "fresh", world->fd, name), 0);
	/* While it is looked at aside it is missing: for a moment, or as long as a disk takes. */
	for (int k = 0; !found && k < 60000; k++) {
		found = fstatat(world->fd, name, &st, 0) == 0;
		if (!found)
			pause_ns(RR_NS_PER_MS);
	}
	assert_true(found);
	assert_int_equal(st.st_size, 5);
}

static void replace_many(struct world *world, unsigned long rounds)
{
	int outside = open(world->outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[32];

	for (unsigned long i = 0; i < rounds; i++) {
		for (int k = 0; k < TARGETS; k++) {
			(void)snprintf(name, sizeof(name), "target%d", k);
			(void)unlinkat(world->fd, name, 0);
			put(world, name);
		}
		/* Until a sweep has come, at one moment or another, to some of them. */
		pause_ns(i * 37 % 3000 * RR_NS_PER_US);
		for (int k = 0; k < TARGETS; k++) {
			(void)snprintf(name, sizeof(name), "target%d", k);
			replace(world, outside, name);
		}
	}
}

static void test_a_fresh_file_renamed_over_an_old_one_survives(void **state)
{
	struct world *world = *state;
	unsigned long rounds = rounds_wanted(10000) / 50;
	int status = 0;
	uint64_t taken = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)setenv("CMOCKA_TEST_ABORT", "1", 1);
		replace_many(world, rounds);
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		sweep(world);
		taken += world->result.files;
	}
	assert_int_equal(status, 0);
	/* Else it was no race. */
	assert_true(taken > rounds);
}

/* ---- at the very moment ---- */

static void rename_fresh_over_old(struct world *world, int times)
{
	int outside = open(world->outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (times == 0)
		replace(world, outside, "old");
	assert_int_equal(close(outside), 0);
}

static void sweep_and_lose_nothing(struct world *world)
{
	sweep(world);
	assert_int_equal(world->result.files, 0);
	assert_int_equal(world->result.left, 1);
}

/* Everything has been asked, the old file is as good as gone: now a fresh one takes its name. */
static void test_a_file_replaced_before_it_is_moved_aside(void **state)
{
	struct world *world = *state;
	struct stop stop = { .call = SYS_renameat2, .act = rename_fresh_over_old };

	put(world, "old");
	/* There, and back again. */
	assert_int_equal(in_stopped_child(world, &stop, sweep_and_lose_nothing), 2);
	assert_int_equal(count_files(world->root), 1);
	assert_true(exists(world, "old"));
}

static void test_a_file_replaced_where_nothing_can_be_moved_aside(void **state)
{
	struct world *world = *state;
	struct stop stop = { SYS_renameat2, rename_fresh_over_old, EINVAL };

	put(world, "old");
	assert_int_equal(in_stopped_child(world, &stop, sweep_and_lose_nothing), 1);
	assert_int_equal(count_files(world->root), 1);
	assert_true(exists(world, "old"));
}

static void take_the_name_again(struct world *world, int times)
{
	int outside = open(world->outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* First over the old file, and then again while that one is looked at aside. */
	replace(world, outside, "old");
	(void)times;
	assert_int_equal(close(outside), 0);
}

static void sweep_with_one_error(struct world *world)
{
	sweep(world);
	assert_int_equal(world->result.files, 0);
	assert_count(world, SWEEP_ERROR, 1);
}

static void test_when_a_name_is_taken_twice_both_files_stay(void **state)
{
	struct world *world = *state;
	struct stop stop = { .call = SYS_renameat2, .act = take_the_name_again };

	put(world, "old");
	assert_int_equal(in_stopped_child(world, &stop, sweep_with_one_error), 2);
	assert_int_equal(count_files(world->root), 2);
	assert_true(exists(world, "old"));
}

static int swap_at; /* the how manieth stop */

static void swap_for_link(struct world *world, int times)
{
	char path[PATH_MAX];

	if (times != swap_at || !exists(world, "dir"))
		return;
	(void)snprintf(path, sizeof(path), "%s/canary", world->outside);
	assert_int_equal(renameat(world->fd, "dir", world->fd, "moved"), 0);
	assert_int_equal(symlinkat(path, world->fd, "dir"), 0);
}

static void just_sweep(struct world *world)
{
	sweep(world);
}

/* Returns how many calls of that kind a sweep made. */
static int swap_at_call(struct world *world, int call, int which)
{
	struct stop stop = { .call = call, .act = swap_for_link };
	int calls;

	put(world, "dir/nest/file");
	put(world, "dir/file");
	swap_at = which;
	calls = in_stopped_child(world, &stop, just_sweep);
	sweep(world);
	assert_int_equal(world->result.left, 0);
	return calls;
}

/* At each of the last calls of each kind that a sweep makes (the ones before look into /proc), a
 * directory becomes a link to a directory with files of the same names. */
static void test_a_directory_swapped_at_each_call(void **state)
{
	struct world *world = *state;
	const int calls[] = { SYS_openat2, SYS_openat,	 SYS_statx,	SYS_flock,
			      SYS_close,   SYS_unlinkat, SYS_renameat2, SYS_getdents64 };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int count = swap_at_call(world, calls[i], -1);

		assert_true(count > 0);
		for (int last = 0; last < count && last < 24; last++)
			(void)swap_at_call(world, calls[i], count - 1 - last);
	}
}

static int fifo_events;

static void swap_for_fifo(struct world *world, int times)
{
	char path[PATH_MAX];

	if (times != swap_at || !exists(world, "old"))
		return;
	assert_int_equal(renameat(world->fd, "old", world->fd, "gone"), 0);
	assert_int_equal(mkfifoat(world->fd, "old", 0600), 0);
	(void)snprintf(path, sizeof(path), "%s/old", world->root);
	assert_true(inotify_add_watch(fifo_events, path, IN_OPEN) >= 0);
}

static bool was_opened(void)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool opened = false;
	ssize_t n;

	while ((n = read(fifo_events, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + n;) {
			const struct inotify_event *event = (const void *)at;

			opened = opened || event->mask & IN_OPEN;
			at += sizeof(*event) + event->len;
		}
	}
	return opened;
}

/* Opening a FIFO could wake or hang who is at its other end. */
static void test_a_file_that_becomes_a_fifo_is_not_opened(void **state)
{
	struct world *world = *state;
	struct stop stop = { .call = SYS_openat, .act = swap_for_fifo };
	int count = 1;

	fifo_events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	swap_at = -1;
	for (int last = 0; last < count && last < 8; last++) {
		put(world, "old");
		count = in_stopped_child(world, &stop, just_sweep);
		sweep(world);
		assert_int_equal(world->result.left, 0);
		assert_false(was_opened());
		swap_at = count - 1 - last;
	}
	assert_int_equal(close(fifo_events), 0);
}

static void look_at_it(struct world *world, int times)
{
	struct timespec stamps[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };

	(void)times;
	/* As reading does; but that depends on the mount. */
	assert_int_equal(utimensat(world->fd, "old", stamps, 0), 0);
}

static void sweep_and_find_it_young(struct world *world)
{
	sweep(world);
	assert_int_equal(world->result.files, 0);
	assert_count(world, SWEEP_YOUNG, 1);
}

static void test_a_file_used_while_it_is_asked_about(void **state)
{
	struct world *world = *state;
	struct stop stop = { .call = SYS_fcntl, .act = look_at_it };

	put(world, "old");
	assert_true(in_stopped_child(world, &stop, sweep_and_find_it_young) > 0);
	assert_true(exists(world, "old"));
}

static void try_to_open(struct world *world, int times)
{
	if (times > 0)
		return;
	/* Whoever waits gets it when the sweeper has let it go; we ask without waiting. */
	assert_int_equal(openat(world->fd, "old", O_RDONLY | O_NONBLOCK | O_CLOEXEC), -1);
	assert_int_equal(errno, EWOULDBLOCK);
}

static void sweep_and_find_it_open(struct world *world)
{
	sweep(world);
	assert_int_equal(world->result.files, 0);
	assert_count(world, SWEEP_OPEN, 1);
}

static void test_a_file_being_opened_right_now(void **state)
{
	struct world *world = *state;
	struct stop stop = { .call = SYS_renameat2, .act = try_to_open };

	put(world, "old");
	assert_int_equal(in_stopped_child(world, &stop, sweep_and_find_it_open), 2);
	assert_true(exists(world, "old"));
}

/* ---- openers ---- */

static void open_for_ever(struct world *world)
{
	for (;;) {
		int fd = openat(world->fd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0644);

		if (fd >= 0)
			(void)close(fd);
	}
}

/* Calling back a lease sends its holder a signal, by default one that kills. */
static void race_openers(struct world *world)
{
	uint64_t files = 0, open_files = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		open_for_ever(world);
	}
	for (int i = 0; i < 1000; i++) {
		sweep(world);
		files += world->result.files;
		open_files += world->result.count[SWEEP_OPEN];
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(files > 0 && open_files > 0);
}

static void test_openers_do_not_kill_the_sweeper(void **state)
{
	in_child(*state, race_openers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(test_no_swap_leads_out),
		world_test(test_no_swap_leads_out_without_openat2),
		world_test(test_the_canary_can_die),
		world_test(test_a_fresh_file_renamed_over_an_old_one_survives),
		world_test(test_a_file_replaced_before_it_is_moved_aside),
		world_test(test_a_file_replaced_where_nothing_can_be_moved_aside),
		world_test(test_when_a_name_is_taken_twice_both_files_stay),
		world_test(test_a_directory_swapped_at_each_call),
		world_test(test_a_file_that_becomes_a_fifo_is_not_opened),
		world_test(test_a_file_used_while_it_is_asked_about),
		world_test_fast(test_a_file_being_opened_right_now),
		world_test(test_openers_do_not_kill_the_sweeper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
