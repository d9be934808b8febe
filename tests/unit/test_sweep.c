/* SPDX-License-Identifier: MIT */
/* What a sweep removes and what it leaves, in a tree that nobody uses or disturbs. */
#include "tests/helpers/sweep_world.h"

#include <sys/inotify.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void make_a_bit_of_all(struct world *world)
{
	char path[PATH_MAX];

	put(world, "a/b/old");
	put(world, "a/young");
	touch(world, "a/young", HOUR);
	(void)snprintf(path, sizeof(path), "%s/canary", world->outside);
	assert_int_equal(symlinkat(path, world->fd, "link"), 0);
	assert_int_equal(mkfifoat(world->fd, "fifo", 0600), 0);
}

/* ---- age ---- */

static void test_old_goes_and_young_stays(void **state)
{
	struct world *world = *state;

	put(world, "old");
	put(world, "a/b/old");
	put(world, "a/b/young");
	put(world, "a/c/d/old");
	put(world, "empty/");
	touch(world, "a/b/young", HOUR);
	sweep(world);
	assert_false(exists(world, "old"));
	assert_false(exists(world, "a/b/old"));
	assert_false(exists(world, "a/c"));
	assert_false(exists(world, "empty"));
	assert_true(exists(world, "a/b/young"));
	assert_int_equal(world->result.files, 3);
	assert_int_equal(world->result.dirs, 3);
	assert_int_equal(world->result.left, 3);
	assert_count(world, SWEEP_REMOVED, 6);
	assert_count(world, SWEEP_YOUNG, 3);
	assert_true(world->result.complete);
	assert_false(world->result.blind);
	assert_true(world->result.bytes > 0 && world->result.left_bytes > 0);
}

/* A time long ago in one stamp does not make old what another stamp shows as young. */
static void test_the_newest_stamp_counts(void **state)
{
	struct world *world = *state;
	struct timespec ancient = { .tv_sec = 1 };
	struct timespec recent = rr_timespec(world->rules.now_wall_ns - HOUR);
	struct timespec by_mtime[2] = { ancient, recent }, by_atime[2] = { recent, ancient };
	struct timespec by_ctime[2] = { ancient, ancient };

	put(world, "mtime");
	put(world, "atime");
	put(world, "ctime");
	put(world, "dir-mtime/");
	put(world, "dir-atime/");
	assert_int_equal(utimensat(world->fd, "mtime", by_mtime, 0), 0);
	assert_int_equal(utimensat(world->fd, "atime", by_atime, 0), 0);
	assert_int_equal(utimensat(world->fd, "ctime", by_ctime, 0), 0);
	assert_int_equal(utimensat(world->fd, "dir-mtime", by_mtime, 0), 0);
	assert_int_equal(utimensat(world->fd, "dir-atime", by_atime, 0), 0);
	world->rules.age_ns = WORLD_AGE + HOUR;
	sweep(world);
	assert_int_equal(world->result.left, 5);
	world->rules.age_ns = WORLD_AGE - HOUR;
	sweep(world);
	assert_false(exists(world, "ctime"));
	assert_int_equal(world->result.left, 4);
}

/* The birth of a directory or a file counts, the ctime only of a file: a sweep changes that of a
 * directory by what it removes in it. */
static void test_ctime_of_a_directory_does_not_count(void **state)
{
	struct world *world = *state;
	uint64_t made_ns, paused_ns;

	put(world, "file");
	put(world, "dir/");
	made_ns = rr_now_wall_ns();
	pause_ns(100 * RR_NS_PER_MS);
	paused_ns = rr_now_wall_ns();
	assert_int_equal(fchmodat(world->fd, "file", 0600, 0), 0);
	assert_int_equal(fchmodat(world->fd, "dir", 0700, 0), 0);
	world->rules.now_wall_ns = rr_now_wall_ns() + HOUR;
	/* Between the making and the change. */
	world->rules.age_ns = world->rules.now_wall_ns - (made_ns + paused_ns) / 2;
	sweep(world);
	assert_true(exists(world, "file"));
	assert_false(exists(world, "dir"));
}

static void test_birth_counts(void **state)
{
	struct world *world = *state;
	struct timespec ancient[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	put(world, "dir/");
	assert_int_equal(utimensat(world->fd, "dir", ancient, 0), 0);
	world->rules.age_ns = WORLD_AGE + HOUR;
	sweep(world);
	assert_true(exists(world, "dir"));
}

/* By the clock as it is: what we take out of a directory makes it young, but was no use of it. */
static void test_a_directory_that_we_emptied_goes_too(void **state)
{
	struct world *world = *state;

	put(world, "a/b/c/file");
	put(world, "d/old");
	pause_ns(300 * RR_NS_PER_MS);
	put(world, "d/young");
	world->rules.now_wall_ns = 0;
	world->rules.age_ns = 200 * RR_NS_PER_MS;
	sweep(world);
	assert_false(exists(world, "a"));
	assert_true(exists(world, "d/young"));
	assert_false(exists(world, "d/old"));
	assert_int_equal(unlinkat(world->fd, "d/young", 0), 0);
	/* Now it is empty, and somebody has just been there. */
	sweep(world);
	assert_true(exists(world, "d"));
}

static void test_looking_makes_nothing_younger(void **state)
{
	struct world *world = *state;
	struct timespec stamps[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000 } };
	struct stat before, after;

	put(world, "dir/young");
	touch(world, "dir/young", HOUR);
	assert_int_equal(utimensat(world->fd, "dir", stamps, 0), 0);
	assert_int_equal(fstatat(world->fd, "dir", &before, 0), 0);
	sweep(world);
	assert_int_equal(fstatat(world->fd, "dir", &after, 0), 0);
	assert_int_equal(after.st_atime, before.st_atime);
	assert_int_equal(after.st_mtime, before.st_mtime);
}

/* Nothing is old that was touched "later than now", and nothing stays for ever because of it. */
static void test_a_time_in_the_future_counts_as_now(void **state)
{
	struct world *world = *state;
	struct timespec stamps[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 7000000000 } };

	put(world, "future");
	assert_int_equal(utimensat(world->fd, "future", stamps, 0), 0);
	sweep(world);
	assert_true(exists(world, "future"));
	world->rules.max_bytes = 1;
	sweep(world);
	assert_false(exists(world, "future"));
}

/* ---- what a name is ---- */

static void test_links_go_but_not_what_they_lead_to(void **state)
{
	struct world *world = *state;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/canary", world->outside);
	assert_int_equal(symlinkat(path, world->fd, "to-dir"), 0);
	assert_int_equal(symlinkat("../outside/canary/file", world->fd, "to-file"), 0);
	assert_int_equal(symlinkat("nowhere", world->fd, "dangling"), 0);
	assert_int_equal(symlinkat("/etc", world->fd, "young"), 0);
	touch(world, "young", HOUR);
	sweep(world);
	assert_int_equal(world->result.files, 3);
	assert_true(exists(world, "young"));
}

static void test_any_name_can_be_removed(void **state)
{
	struct world *world = *state;
	char longest[NAME_MAX + 1];
	const char *names[] = { "new\nline", "\xff\xfe\x80", " ",     "-rf",	  "*",
				"\033[31m",  "..x",	     "tail ", "\xc3\x28", longest };

	memset(longest, 'n', NAME_MAX);
	longest[NAME_MAX] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[2 * NAME_MAX + 8];

		(void)snprintf(path, sizeof(path), "%s.d/%s", i == 9 ? "l" : names[i], names[i]);
		put(world, names[i]);
		put(world, path);
	}
	sweep(world);
	assert_int_equal(world->result.left, 0);
	assert_int_equal(world->result.files, 20);
}

static void test_fifos_and_devices_are_never_opened(void **state)
{
	struct world *world = *state;
	int events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	assert_true(events >= 0);
	put(world, "file");
	assert_int_equal(mkfifoat(world->fd, "fifo", 0600), 0);
	if (am_root())
		assert_int_equal(mknodat(world->fd, "device", S_IFCHR | 0600, makedev(1, 3)), 0);
	assert_true(inotify_add_watch(events, world->root, IN_OPEN) >= 0);
	sweep(world);
	assert_int_equal(world->result.left, 0);
	while ((n = read(events, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + n;) {
			const struct inotify_event *event = (const void *)at;

			/* The regular file shows that an opening would be seen. */
			if (event->len > 0)
				assert_string_equal(event->name, "file");
			at += sizeof(*event) + event->len;
		}
	}
	assert_int_equal(close(events), 0);
}

static int bind_socket(struct world *world, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	/* A short way: the root's path may be too long for a socket. */
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", world->fd,
		       name);
	assert_int_equal(bind(fd, (void *)&address, sizeof(address)), 0);
	return fd;
}

static void test_a_bound_socket_stays(void **state)
{
	struct world *world = *state;
	int alive = bind_socket(world, "alive"), dead = bind_socket(world, "dead");

	assert_int_equal(close(dead), 0);
	sweep(world);
	assert_true(exists(world, "alive"));
	assert_false(exists(world, "dead"));
	assert_count(world, SWEEP_OPEN, 1);
	assert_int_equal(close(alive), 0);
	sweep(world);
	assert_false(exists(world, "alive"));
}

static void test_a_hard_link_goes_as_a_name(void **state)
{
	struct world *world = *state;
	char path[PATH_MAX];
	struct stat st;

	put(world, "alone");
	assert_int_equal(fstatat(world->fd, "alone", &st, 0), 0);
	(void)snprintf(path, sizeof(path), "%s/canary/file", world->outside);
	assert_int_equal(linkat(AT_FDCWD, path, world->fd, "link", 0), 0);
	sweep(world);
	assert_false(exists(world, "link"));
	assert_int_equal(world->result.files, 2);
	/* Only the one that was the last name gave space back. */
	assert_int_equal(world->result.bytes, st.st_blocks * 512);
}

/* ---- keeping ---- */

static void test_globs_keep(void **state)
{
	struct world *world = *state;
	const char *keep[] = { "*.keep", "a/b*", "whole", NULL };

	put(world, "x.keep");
	put(world, "c/.keep");
	put(world, "a/bc");
	put(world, "d/a/bc");
	put(world, "e/whole/inside");
	put(world, "x.kept");
	world->rules.keep = keep;
	sweep(world);
	assert_true(exists(world, "x.keep"));
	assert_true(exists(world, "c/.keep"));
	assert_true(exists(world, "a/bc"));
	assert_true(exists(world, "e/whole/inside"));
	assert_false(exists(world, "d"));
	assert_false(exists(world, "x.kept"));
	assert_count(world, SWEEP_KEPT, 4);
}

static void test_the_sticky_bit_keeps_files(void **state)
{
	struct world *world = *state;

	put(world, "file");
	put(world, "dir/file");
	assert_int_equal(fchmodat(world->fd, "file", 01644, 0), 0);
	assert_int_equal(fchmodat(world->fd, "dir", 01755, 0), 0);
	sweep(world);
	assert_true(exists(world, "file"));
	assert_false(exists(world, "dir"));
}

/* ---- telling ---- */

struct list {
	char text[4096];
	size_t used, stop_after, count;
};

static bool collect(void *arg, const struct sweep_seen *seen)
{
	struct list *list = arg;

	list->used += (size_t)snprintf(list->text + list->used, sizeof(list->text) - list->used,
				       "%d %s %d\n", seen->verdict, seen->path, seen->is_dir);
	list->count++;
	return list->stop_after == 0 || list->count < list->stop_after;
}

static void test_a_dry_run_tells_what_a_run_does(void **state)
{
	struct world *world = *state;
	struct list dry = { 0 }, real = { 0 };
	struct sweep_result result;

	make_a_bit_of_all(world);
	put(world, "c/d/e/f");
	world->rules.seen = collect;
	world->rules.arg = &dry;
	world->rules.dry_run = true;
	sweep(world);
	assert_true(exists(world, "a/b/old") && exists(world, "link") && exists(world, "fifo"));
	result = world->result;
	world->rules.arg = &real;
	world->rules.dry_run = false;
	sweep(world);
	assert_string_equal(dry.text, real.text);
	assert_memory_equal(&result, &world->result, sizeof(result));
	assert_non_null(strstr(real.text, "0 c/d/e/f 0\n0 c/d/e 1\n0 c/d 1\n0 c 1\n"));
}

static void test_whoever_is_told_can_stop_it(void **state)
{
	struct world *world = *state;
	struct list list = { .stop_after = 3 };

	for (int i = 0; i < 10; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "%d", i);
		put(world, name);
	}
	world->rules.seen = collect;
	world->rules.arg = &list;
	sweep(world);
	assert_int_equal(world->result.files, 3);
	assert_false(world->result.complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(test_old_goes_and_young_stays),
		world_test(test_the_newest_stamp_counts),
		world_test(test_ctime_of_a_directory_does_not_count),
		world_test(test_birth_counts),
		world_test(test_a_directory_that_we_emptied_goes_too),
		world_test(test_looking_makes_nothing_younger),
		world_test(test_a_time_in_the_future_counts_as_now),
		world_test(test_links_go_but_not_what_they_lead_to),
		world_test(test_any_name_can_be_removed),
		world_test(test_fifos_and_devices_are_never_opened),
		world_test(test_a_bound_socket_stays),
		world_test(test_a_hard_link_goes_as_a_name),
		world_test(test_globs_keep),
		world_test(test_the_sticky_bit_keeps_files),
		world_test(test_a_dry_run_tells_what_a_run_does),
		world_test(test_whoever_is_told_can_stop_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
