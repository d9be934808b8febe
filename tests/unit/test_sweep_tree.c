/* SPDX-License-Identifier: MIT */
/* Trees that are removed whole, or measured. */
#include "tests/helpers/sweep_world.h"

#include <linux/fs.h>
#include <sys/file.h>

#define DEPTH 100000

/* ---- removing a tree ---- */

static int remove_root(struct world *world, uint64_t limit_ns)
{
	int base = open(world->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = sweep_remove_tree(base, "root", limit_ns, &world->err);

	assert_int_equal(close(base), 0);
	assert_true(exists_outside(world, "canary/nest/file"));
	return r;
}

static void remove_all_kinds(struct world *world)
{
	char path[PATH_MAX];
	int dir, file;

	if (am_root()) {
		assert_int_equal(fchown(world->fd, SOMEONE, SOMEONE), 0);
		assert_int_equal(chmod(world->base, 0777), 0);
		become(world, SOMEONE);
	}
	put(world, "young");
	put(world, "a/b/c/file");
	put(world, "locked/file");
	put(world, "closed/deep/file");
	put(world, "go/mod/readonly/file");
	assert_int_equal(mkfifoat(world->fd, "fifo", 0), 0);
	(void)snprintf(path, sizeof(path), "%s/canary", world->outside);
	assert_int_equal(symlinkat(path, world->fd, "link"), 0);
	dir = openat(world->fd, "locked", O_RDONLY | O_CLOEXEC);
	file = openat(world->fd, "young", O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(dir, LOCK_EX) | flock(file, LOCK_EX) | flock(world->fd, LOCK_EX), 0);
	assert_int_equal(fchmodat(world->fd, "closed/deep", 0, 0), 0);
	assert_int_equal(fchmodat(world->fd, "closed", 0, 0), 0);
	assert_int_equal(fchmodat(world->fd, "go/mod/readonly", 0555, 0), 0);
	assert_int_equal(fchmod(world->fd, 0), 0);
	if (remove_root(world, 0) != 0)
		fail_msg("%s", world->err.text);
	assert_false(exists_at(AT_FDCWD, world->root));
	/* Gone already is done. */
	assert_int_equal(remove_root(world, 0), 0);
}

static void test_a_private_tree_is_removed_whole(void **state)
{
	in_child(*state, remove_all_kinds);
}

static void test_root_removes_what_others_made_in_it(void **state)
{
	struct world *world = *state;

	need_root();
	put(world, "www/file");
	assert_int_equal(fchownat(world->fd, "www", STRANGER, STRANGER, 0), 0);
	assert_int_equal(fchownat(world->fd, "www/file", STRANGER, STRANGER, 0), 0);
	assert_int_equal(remove_root(world, 0), 0);
	assert_false(exists_at(AT_FDCWD, world->root));
}

static void test_what_is_not_a_private_tree_is_refused(void **state)
{
	struct world *world = *state;
	const char *names[] = { "", ".", "..", "a/b", "/tmp", "link", "file" };

	put(world, "a/b/file");
	put(world, "file");
	assert_int_equal(symlinkat("a", world->fd, "link"), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sweep_remove_tree(world->fd, names[i], 0, &world->err) >= 0)
			fail_msg("'%s' was removed", names[i]);
	if (am_root()) {
		assert_int_equal(fchownat(world->fd, "a", STRANGER, STRANGER, 0), 0);
		assert_true(sweep_remove_tree(world->fd, "a", 0, &world->err) < 0);
		assert_non_null(strstr(world->err.text, "belongs to uid 65534"));
	}
	assert_true(exists(world, "a/b/file") && exists(world, "file") && exists(world, "link"));
}

static void remove_with_mount(struct world *world)
{
	char from[PATH_MAX], to[PATH_MAX];

	own_mounts(world);
	put(world, "a/mount/");
	put(world, "a/file");
	(void)snprintf(from, sizeof(from), "%s/canary", world->outside);
	(void)snprintf(to, sizeof(to), "%s/a/mount", world->root);
	assert_int_equal(mount(from, to, NULL, MS_BIND, NULL), 0);
	assert_int_equal(remove_root(world, 0), SWEEP_LEFT);
	assert_non_null(strstr(world->err.text, "'a/mount' stays: something is mounted there"));
	assert_false(exists(world, "a/file"));
	assert_int_equal(umount(to), 0);
	assert_int_equal(mount(from, world->root, NULL, MS_BIND, NULL), 0);
	assert_true(remove_root(world, 0) < 0);
	assert_int_equal(umount(world->root), 0);
	assert_int_equal(remove_root(world, 0), 0);
}

static void test_removing_does_not_cross_mounts(void **state)
{
	need_root();
	in_child(*state, remove_with_mount);
}

static void test_removing_says_what_stays(void **state)
{
	struct world *world = *state;
	int fd, flags = FS_IMMUTABLE_FL;

	need_root();
	put(world, "a/hard");
	put(world, "a/soft");
	fd = openat(world->fd, "a/hard", O_RDONLY | O_CLOEXEC);
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)
		skip();
	assert_int_equal(remove_root(world, 0), SWEEP_LEFT);
	flags = 0;
	assert_int_equal(ioctl(fd, FS_IOC_SETFLAGS, &flags), 0);
	assert_non_null(strstr(world->err.text, "remove 'root': 'a/hard' stays: "));
	assert_false(exists(world, "a/soft"));
	assert_int_equal(close(fd), 0);
}

static void test_removing_ends_in_time(void **state)
{
	struct world *world = *state;

	put_many(world, ".", 5000);
	assert_int_equal(remove_root(world, RR_NS_PER_MS), SWEEP_LEFT);
	assert_non_null(strstr(world->err.text, "time is up"));
	assert_int_equal(remove_root(world, 0), 0);
}

/* Someone writes to it while it goes: as soon as he stops it is gone. */
static void test_removing_outlasts_a_writer(void **state)
{
	struct world *world = *state;
	pid_t pid = fork();

	if (pid == 0) {
		uint64_t until_ns = rr_now_boot_ns() + 300 * RR_NS_PER_MS;

		for (int i = 0; rr_now_boot_ns() < until_ns; i++) {
			char name[32];

			(void)snprintf(name, sizeof(name), "late%d", i);
			(void)mkdirat(world->fd, name, 0755);
		}
		_exit(0);
	}
	/* It may win against us for a moment, when nothing was left to remove. */
	for (int i = 0; i < 1000 && remove_root(world, 0) != 0; i++)
		pause_ns(RR_NS_PER_MS);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(remove_root(world, 0), 0);
	assert_false(exists_at(AT_FDCWD, world->root));
}

static void remove_deep(struct world *world)
{
	limit_descriptors();
	assert_int_equal(remove_root(world, 0), 0);
}

static void test_removing_and_measuring_a_hundred_thousand_levels(void **state)
{
	struct world *world = *state;
	struct stat st;
	uint64_t bytes = 0;
	int base = open(world->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	make_deep(world->fd, DEPTH);
	assert_int_equal(fstat(world->fd, &st), 0);
	assert_int_equal(sweep_measure(base, "root", 0, &bytes, &world->err), 0);
	/* On tmpfs a directory occupies nothing. */
	assert_true(bytes >= (uint64_t)st.st_blocks * 512 * DEPTH);
	in_child(world, remove_deep);
	assert_false(exists_at(AT_FDCWD, world->root));
	assert_int_equal(close(base), 0);
}

/* ---- measuring ---- */

static uint64_t measure(struct world *world, uint64_t limit_ns, int want)
{
	int base = open(world->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t bytes = 0;

	assert_int_equal(sweep_measure(base, "root", limit_ns, &bytes, &world->err), want);
	assert_int_equal(close(base), 0);
	return bytes;
}

static void test_measuring(void **state)
{
	struct world *world = *state;
	uint64_t empty = measure(world, 0, 0);
	int fd = openat(world->fd, "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(fallocate(fd, 0, 0, 1 << 20), 0);
	assert_int_equal(measure(world, 0, 0), empty + (1 << 20));
	/* A name more is not a byte more, and a hole is none. */
	assert_int_equal(linkat(world->fd, "big", world->fd, "link", 0), 0);
	assert_int_equal(measure(world, 0, 0), empty + (1 << 20));
	assert_int_equal(ftruncate(fd, 1L << 30), 0);
	assert_int_equal(measure(world, 0, 0), empty + (1 << 20));
	assert_int_equal(symlinkat(world->outside, world->fd, "out"), 0);
	assert_in_range(measure(world, 0, 0), empty + (1 << 20), empty + (1 << 20) + 4096);
	assert_int_equal(close(fd), 0);
	put_many(world, ".", 3000);
	assert_in_range(measure(world, 1, SWEEP_LEFT), 1, measure(world, 0, 0) - 1);
}

static void test_measuring_needs_a_directory(void **state)
{
	struct world *world = *state;
	uint64_t bytes;

	put(world, "file");
	assert_int_equal(symlinkat(".", world->fd, "link"), 0);
	assert_true(sweep_measure(world->fd, "file", 0, &bytes, &world->err) < 0);
	assert_true(sweep_measure(world->fd, "link", 0, &bytes, &world->err) < 0);
	assert_true(sweep_measure(world->fd, "none", 0, &bytes, &world->err) < 0);
	assert_non_null(strstr(world->err.text, "measure 'none'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(test_a_private_tree_is_removed_whole),
		world_test(test_root_removes_what_others_made_in_it),
		world_test(test_what_is_not_a_private_tree_is_refused),
		world_test(test_removing_does_not_cross_mounts),
		world_test(test_removing_says_what_stays),
		world_test(test_removing_ends_in_time),
		world_test(test_removing_outlasts_a_writer),
		world_test_fast(test_removing_and_measuring_a_hundred_thousand_levels),
		world_test(test_measuring),
		world_test(test_measuring_needs_a_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
