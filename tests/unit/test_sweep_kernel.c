/* SPDX-License-Identifier: MIT */
/* Mounts, other file systems, and kernels and filters that have less to offer. */
#include "tests/helpers/sweep_world.h"

/* ---- mounts ---- */

static void mount_things(struct world *world)
{
	char path[PATH_MAX + 32], from[PATH_MAX + 32];

	own_mounts(world);
	put(world, "tmpfs/");
	put(world, "bind/");
	put(world, "bound-file");
	put(world, "a/b/bind/");
	put(world, "free");
	(void)snprintf(path, sizeof(path), "%s/tmpfs", world->root);
	assert_int_equal(mount("none", path, "tmpfs", 0, NULL), 0);
	put(world, "tmpfs/file");
	/* The same file system, so that st_dev is the same. */
	(void)snprintf(from, sizeof(from), "%s/canary", world->outside);
	(void)snprintf(path, sizeof(path), "%s/bind", world->root);
	assert_int_equal(mount(from, path, NULL, MS_BIND, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/a/b/bind", world->root);
	assert_int_equal(mount(from, path, NULL, MS_BIND, NULL), 0);
	(void)snprintf(from, sizeof(from), "%s/canary/file", world->outside);
	(void)snprintf(path, sizeof(path), "%s/bound-file", world->root);
	assert_int_equal(mount(from, path, NULL, MS_BIND, NULL), 0);
}

static void sweep_mounts(struct world *world)
{
	sweep(world);
	assert_true(exists(world, "tmpfs/file"));
	assert_true(exists(world, "bind/nest/file"));
	assert_true(exists(world, "a/b/bind/file"));
	assert_true(exists(world, "bound-file"));
	assert_false(exists(world, "free"));
	assert_count(world, SWEEP_MOUNT, 4);
	assert_count(world, SWEEP_ERROR, 0);
}

static void mounts_with_openat2(struct world *world)
{
	mount_things(world);
	sweep_mounts(world);
}

static void mounts_without_openat2(struct world *world)
{
	mount_things(world);
	forbid(SYS_openat2, ENOSYS);
	sweep_mounts(world);
}

static void mounts_with_openat2_denied(struct world *world)
{
	mount_things(world);
	forbid(SYS_openat2, EPERM);
	sweep_mounts(world);
}

static void mounts_without_statx(struct world *world)
{
	mount_things(world);
	forbid(SYS_openat2, ENOSYS);
	forbid(SYS_statx, EPERM);
	sweep_mounts(world);
}

static void test_mounts_are_not_crossed(void **state)
{
	need_root();
	in_child(*state, mounts_with_openat2);
}

static void test_mounts_are_not_crossed_without_openat2(void **state)
{
	need_root();
	in_child(*state, mounts_without_openat2);
}

static void test_mounts_are_not_crossed_with_openat2_denied(void **state)
{
	need_root();
	in_child(*state, mounts_with_openat2_denied);
}

static void test_mounts_are_not_crossed_without_statx(void **state)
{
	need_root();
	in_child(*state, mounts_without_statx);
}

/* ---- with less of a kernel ---- */

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

static void sweep_a_bit_of_all(struct world *world)
{
	sweep(world);
	assert_true(exists(world, "a/young"));
	assert_int_equal(world->result.left, 2);
	assert_int_equal(world->result.files, 3);
	assert_int_equal(world->result.dirs, 1);
	assert_count(world, SWEEP_ERROR, 0);
}

static void without_renameat2(struct world *world)
{
	make_a_bit_of_all(world);
	forbid(SYS_renameat2, EINVAL);
	sweep_a_bit_of_all(world);
}

static void with_renameat2_denied(struct world *world)
{
	make_a_bit_of_all(world);
	forbid(SYS_renameat2, EPERM);
	sweep_a_bit_of_all(world);
}

static void without_anything_new(struct world *world)
{
	make_a_bit_of_all(world);
	forbid(SYS_renameat2, ENOSYS);
	forbid(SYS_openat2, ENOSYS);
	forbid(SYS_statx, EPERM);
	forbid(SYS_getrandom, ENOSYS);
	forbid_leases();
	sweep_a_bit_of_all(world);
}

static void test_old_kernels_and_filters_will_do(void **state)
{
	in_child(*state, without_renameat2);
	assert_int_equal(unlinkat(((struct world *)*state)->fd, "a/young", 0), 0);
	in_child(*state, with_renameat2_denied);
	assert_int_equal(unlinkat(((struct world *)*state)->fd, "a/young", 0), 0);
	in_child(*state, without_anything_new);
}

static void without_proc(struct world *world)
{
	own_mounts(world);
	make_a_bit_of_all(world);
	assert_int_equal(mount("none", "/proc", "tmpfs", 0, NULL), 0);
	sweep_a_bit_of_all(world);
	assert_true(world->result.blind);
	/* A socket may be alive, for all we know. */
	assert_int_equal(mknodat(world->fd, "socket", S_IFSOCK | 0600, 0), 0);
	sweep(world);
	assert_true(exists(world, "socket"));
	assert_int_equal(unlinkat(world->fd, "socket", 0), 0);
}

static void test_it_works_and_says_so_without_proc(void **state)
{
	need_root();
	in_child(*state, without_proc);
}

/* ---- overlayfs: its files have other devices than its directories ---- */

static void sweep_overlay(struct world *world)
{
	size_t length = strlen(world->root);
	char options[3 * PATH_MAX];
	int fd;

	own_mounts(world);
	put_outside(world, "lower/dir/low");
	put_outside(world, "lower/low");
	put_outside(world, "upper/high");
	put_outside(world, "work/");
	(void)snprintf(options, sizeof(options),
		       "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", world->outside,
		       world->outside, world->outside);
	if (mount("overlay", world->root, "overlay", 0, options) < 0)
		return; /* the rest needs a kernel that has it */
	world_reopen(world);
	put(world, "sub/dir/new");
	put(world, "sub/open");
	fd = open_in(world, "sub/open", O_RDONLY);
	assert_int_equal(renameat(world->fd, "low", world->fd, "sub/low"), 0);
	(void)snprintf(world->root + length, sizeof(world->root) - length, "/sub");
	sweep(world);
	assert_true(exists(world, "sub/open"));
	assert_false(exists(world, "sub/low"));
	assert_false(exists(world, "sub/dir"));
	assert_count(world, SWEEP_OPEN, 1);
	assert_count(world, SWEEP_ERROR, 0);
	assert_int_equal(close(fd), 0);
}

static void test_overlayfs(void **state)
{
	need_root();
	in_child(*state, sweep_overlay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(test_mounts_are_not_crossed),
		world_test(test_mounts_are_not_crossed_without_openat2),
		world_test(test_mounts_are_not_crossed_with_openat2_denied),
		world_test(test_mounts_are_not_crossed_without_statx),
		world_test(test_old_kernels_and_filters_will_do),
		world_test(test_it_works_and_says_so_without_proc),
		world_test(test_overlayfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
