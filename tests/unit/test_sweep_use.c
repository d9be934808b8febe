/* SPDX-License-Identifier: MIT */
/* What is in use, of others, or cannot be removed, stays. */
#include "tests/helpers/sweep_world.h"

#include <linux/fs.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/mman.h>

/* ---- in use ---- */

static void test_locked_things_stay(void **state)
{
	struct world *world = *state;
	struct flock whole = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int locks[4];

	put(world, "exclusive/deep/file");
	put(world, "shared/file");
	put(world, "file");
	put(world, "posix");
	put(world, "free/file");
	locks[0] = open_in(world, "exclusive", O_RDONLY);
	locks[1] = open_in(world, "shared", O_RDONLY);
	locks[2] = open_in(world, "file", O_RDONLY);
	locks[3] = open_in(world, "posix", O_RDONLY);
	assert_int_equal(flock(locks[0], LOCK_EX), 0);
	assert_int_equal(flock(locks[1], LOCK_SH), 0);
	assert_int_equal(flock(locks[2], LOCK_SH), 0);
	assert_int_equal(fcntl(locks[3], F_OFD_SETLK, &whole), 0);
	sweep(world);
	assert_true(exists(world, "exclusive/deep/file"));
	assert_true(exists(world, "shared/file"));
	assert_true(exists(world, "file"));
	assert_true(exists(world, "posix"));
	assert_false(exists(world, "free"));
	assert_count(world, SWEEP_LOCKED, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(close(locks[i]), 0);
	sweep(world);
	assert_int_equal(world->result.left, 0);
}

static void test_a_locked_root_is_busy(void **state)
{
	struct world *world = *state;
	int lock = open(world->root, O_RDONLY | O_CLOEXEC);

	put(world, "file");
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(sweep_run(world->root, &world->rules, &world->result, &world->err),
			 SWEEP_BUSY);
	assert_true(exists(world, "file"));
	assert_int_equal(close(lock), 0);
}

static void test_open_things_stay(void **state)
{
	struct world *world = *state;
	struct timespec stamps[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	int fd, dir, mapped;
	void *map;

	put(world, "open");
	put(world, "mapped");
	put(world, "opened/file");
	fd = open_in(world, "open", O_RDONLY);
	mapped = open_in(world, "mapped", O_RDONLY);
	map = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, mapped, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	dir = open_in(world, "opened", O_RDONLY);
	assert_int_equal(futimens(fd, stamps), 0);
	sweep(world);
	assert_true(exists(world, "open"));
	assert_true(exists(world, "mapped"));
	assert_true(exists(world, "opened"));
	assert_false(exists(world, "opened/file"));
	assert_count(world, SWEEP_OPEN, 3);
	assert_int_equal(munmap(map, 1), 0);
	assert_int_equal(close(fd) | close(dir) | close(mapped), 0);
}

/* The descriptor is closed, the mapping remains: what hsperfdata and many a database do. */
static void map_without_leases(struct world *world)
{
	int fd;
	void *map;

	put(world, "mapped");
	put(world, "free");
	fd = open_in(world, "mapped", O_RDONLY);
	map = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(close(fd), 0);
	forbid_leases();
	sweep(world);
	assert_true(exists(world, "mapped"));
	assert_count(world, SWEEP_OPEN, 1);
	assert_false(exists(world, "free"));
}

static void test_a_mapping_alone_is_use(void **state)
{
	in_child(*state, map_without_leases);
}

static void open_without_leases(struct world *world)
{
	int fd;

	put(world, "open");
	put(world, "free");
	fd = open_in(world, "open", O_RDONLY);
	forbid_leases();
	sweep(world);
	assert_true(exists(world, "open"));
	assert_count(world, SWEEP_OPEN, 1);
	assert_false(exists(world, "free"));
	assert_int_equal(close(fd), 0);
}

static void test_proc_tells_what_is_open(void **state)
{
	in_child(*state, open_without_leases);
}

static void stand_in_it(struct world *world)
{
	int fd;

	put(world, "cwd/file");
	fd = open_in(world, "cwd", O_RDONLY | O_DIRECTORY);
	assert_int_equal(fchdir(fd), 0);
	assert_int_equal(close(fd), 0);
	sweep(world);
	assert_true(exists(world, "cwd"));
	assert_false(exists(world, "cwd/file"));
	assert_count(world, SWEEP_OPEN, 1);
}

static void test_a_directory_stood_in_stays(void **state)
{
	in_child(*state, stand_in_it);
}

/* ---- whose it is ---- */

static void test_root_leaves_what_others_own(void **state)
{
	struct world *world = *state;

	need_root();
	put(world, "mine");
	put(world, "theirs");
	put(world, "their-dir/mine");
	put(world, "their-empty-dir/");
	assert_int_equal(symlinkat("x", world->fd, "their-link"), 0);
	own(world, "theirs", STRANGER);
	own(world, "their-dir", STRANGER);
	own(world, "their-empty-dir", STRANGER);
	own(world, "their-link", STRANGER);
	assert_int_equal(linkat(world->fd, "theirs", world->fd, "their-hard-link", 0), 0);
	sweep(world);
	assert_false(exists(world, "mine"));
	assert_true(exists(world, "theirs"));
	assert_true(exists(world, "their-dir/mine"));
	assert_true(exists(world, "their-empty-dir"));
	assert_true(exists(world, "their-link"));
	assert_true(exists(world, "their-hard-link"));
	assert_count(world, SWEEP_FOREIGN, 5);
}

/* Root in a user's directory does what the user could do, and touches nothing of root's. */
static void test_root_acts_as_the_owner_of_the_directory(void **state)
{
	struct world *world = *state;

	need_root();
	put(world, "users");
	put(world, "roots");
	put(world, "closed/users");
	own(world, ".", SOMEONE);
	own(world, "users", SOMEONE);
	own(world, "closed", SOMEONE);
	own(world, "closed/users", SOMEONE);
	assert_int_equal(fchmodat(world->fd, "closed", 0555, 0), 0);
	sweep(world);
	assert_false(exists(world, "users"));
	assert_true(exists(world, "roots"));
	assert_count(world, SWEEP_FOREIGN, 1);
	/* The user could not have removed that, so root does not. */
	assert_true(exists(world, "closed/users"));
	assert_count(world, SWEEP_ERROR, 1);
	assert_int_equal(setfsuid((uid_t)-1), 0);
	assert_int_equal(setfsgid((gid_t)-1), 0);
}

static void *held_mapping;

/* Held by another user, whose descriptors we cannot see: lock and lease must tell. */
static void sweep_as_someone(struct world *world)
{
	/* What a fork inherits would be seen as our own. */
	assert_int_equal(close_range(3, ~0U, 0), 0);
	assert_int_equal(munmap(held_mapping, 1), 0);
	world->fd = -1;
	become(world, SOMEONE);
	sweep(world);
	assert_count(world, SWEEP_LOCKED, 2);
	assert_count(world, SWEEP_OPEN, 2);
	assert_true(exists(world, "locked"));
	assert_true(exists(world, "locked-dir/file"));
	assert_true(exists(world, "open"));
	assert_true(exists(world, "mapped"));
	assert_false(exists(world, "free"));
}

static void test_what_other_users_hold_stays(void **state)
{
	struct world *world = *state;
	const char *names[] = { ".",	"locked", "locked-dir", "locked-dir/file",
				"open", "mapped", "free" };
	int locked, dir, opened, mapped;

	need_root();
	put(world, "locked");
	put(world, "locked-dir/file");
	put(world, "open");
	put(world, "mapped");
	put(world, "free");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		own(world, names[i], SOMEONE);
	locked = open_in(world, "locked", O_RDONLY);
	dir = open_in(world, "locked-dir", O_RDONLY);
	opened = open_in(world, "open", O_RDONLY);
	mapped = open_in(world, "mapped", O_RDONLY);
	assert_int_equal(flock(locked, LOCK_SH) | flock(dir, LOCK_SH), 0);
	held_mapping = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, mapped, 0);
	assert_ptr_not_equal(held_mapping, MAP_FAILED);
	assert_int_equal(close(mapped), 0);
	in_child(world, sweep_as_someone);
	assert_int_equal(close(locked) | close(dir) | close(opened), 0);
	assert_int_equal(munmap(held_mapping, 1), 0);
}

/* ---- what resists ---- */

static void set_immutable(struct world *world, const char *path, bool on)
{
	int fd = open_in(world, path, O_RDONLY), flags = 0;

	/* Not every file system has it. */
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		skip();
	flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)
		skip();
	assert_int_equal(close(fd), 0);
}

static void test_an_immutable_file_is_counted_and_the_rest_goes(void **state)
{
	struct world *world = *state;

	need_root();
	put(world, "dir/hard");
	put(world, "dir/soft");
	put(world, "z");
	set_immutable(world, "dir/hard", true);
	sweep(world);
	set_immutable(world, "dir/hard", false);
	assert_true(exists(world, "dir/hard"));
	assert_false(exists(world, "dir/soft"));
	assert_false(exists(world, "z"));
	assert_count(world, SWEEP_ERROR, 1);
	assert_non_null(strstr(world->err.text, world->root));
	assert_non_null(strstr(world->err.text, "'dir/hard'"));
	assert_non_null(strstr(world->err.text, strerror(EPERM)));
}

/* What hostile names could tell a terminal is not passed on. */
static void test_the_words_of_an_error_are_fit_for_a_terminal(void **state)
{
	struct world *world = *state;
	char path[PATH_MAX];
	const char *evil = "\033[2J\n\177\xc3\xa9";

	need_root();
	memset(path, 'd', 200);
	path[200] = '\0';
	append(path, "/");
	memset(path + 201, 'e', 200);
	path[401] = '\0';
	append(path, "/");
	append(path, evil);
	put(world, path);
	set_immutable(world, path, true);
	sweep(world);
	set_immutable(world, path, false);
	assert_non_null(strstr(world->err.text, "...ddd"));
	assert_non_null(strstr(world->err.text, "/?[2J??\xc3\xa9'"));
	for (const char *at = world->err.text; *at; at++)
		assert_true((unsigned char)*at >= ' ');
}

static void sweep_unreadable(struct world *world)
{
	if (am_root()) {
		assert_int_equal(fchown(world->fd, SOMEONE, SOMEONE), 0);
		become(world, SOMEONE);
	}
	put(world, "closed/file");
	put(world, "sightless/file");
	put(world, "secret");
	put(world, "z");
	assert_int_equal(fchmodat(world->fd, "closed", 0, 0), 0);
	assert_int_equal(fchmodat(world->fd, "sightless", 0400, 0), 0);
	assert_int_equal(fchmodat(world->fd, "secret", 0, 0), 0);
	sweep(world);
	assert_count(world, SWEEP_ERROR, 2);
	assert_true(exists(world, "closed"));
	assert_true(exists(world, "sightless"));
	/* A file need not be readable to be removed, here as with rm. */
	assert_false(exists(world, "secret"));
	assert_false(exists(world, "z"));
	assert_int_equal(fchmodat(world->fd, "closed", 0700, 0), 0);
	assert_int_equal(fchmodat(world->fd, "sightless", 0700, 0), 0);
	assert_true(exists(world, "closed/file"));
	assert_true(exists(world, "sightless/file"));
}

static void test_unreadable_directories_are_counted_and_the_rest_goes(void **state)
{
	if (geteuid() == 0 && !am_root())
		skip(); /* nothing is unreadable to us, and we can be nobody else */
	in_child(*state, sweep_unreadable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(test_locked_things_stay),
		world_test(test_a_locked_root_is_busy),
		world_test(test_open_things_stay),
		world_test(test_a_mapping_alone_is_use),
		world_test(test_proc_tells_what_is_open),
		world_test(test_a_directory_stood_in_stays),
		world_test(test_root_leaves_what_others_own),
		world_test(test_root_acts_as_the_owner_of_the_directory),
		world_test_fast(test_what_other_users_hold_stays),
		world_test(test_an_immutable_file_is_counted_and_the_rest_goes),
		world_test(test_the_words_of_an_error_are_fit_for_a_terminal),
		world_test(test_unreadable_directories_are_counted_and_the_rest_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
