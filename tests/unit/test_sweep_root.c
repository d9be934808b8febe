/* SPDX-License-Identifier: MIT */
/* Which directories are refused, in which words, before anything is removed. */
#include "tests/helpers/sweep_world.h"

/*
 * The refusal must name the path and say why. Only what lies in our own world is also tried with
 * sweep_run(): a check that is broken must not cost the machine that tests it.
 */
static void assert_refused(struct world *world, const char *path, const char *why)
{
	int r = sweep_check_root(path, &world->rules, &world->err);

	if (r >= 0)
		fail_msg("'%s' was accepted", path ? path : "(null)");
	if (path && strncmp(path, world->base, strlen(world->base)) == 0 && !strstr(path, ".."))
		assert_int_equal(sweep_run(path, &world->rules, &world->result, &world->err), r);
	if (!strstr(world->err.text, why))
		fail_msg("'%s' was refused with \"%s\", not \"%s\"", path ? path : "(null)",
			 world->err.text, why);
	/* Named as given, or without its empty components. */
	if (path && *path && strlen(path) < 200 && !strstr(path, "//") &&
	    path[strlen(path) - 1] != '/')
		assert_non_null(strstr(world->err.text, path));
}

static void assert_accepted(struct world *world, const char *path)
{
	if (sweep_check_root(path, &world->rules, &world->err) != 0)
		fail_msg("'%s' was refused: %s", path, world->err.text);
}

static const char *below(struct world *world, const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", world->root, name);
	return path;
}

static void test_spelling(void **state)
{
	static const struct {
		const char *path, *why;
	} cases[] = {
		{ NULL, "empty" },
		{ "", "empty" },
		{ ".", "relative" },
		{ "..", "relative" },
		{ "tmp/x", "relative" },
		{ "~/tmp", "relative" },
		{ "/", "at the top" },
		{ "//", "at the top" },
		{ "/tmp", "at the top" },
		{ "/tmp/", "at the top" },
		{ "///home", "at the top" },
		{ "/tmp/..", "'..'" },
		{ "/tmp/../etc/x", "'..'" },
		{ "/tmp/x/.", "'.'" },
		{ "/./tmp/x", "'.'" },
		{ "/etc/ssl", "part of the system" },
		{ "/usr/lib/x", "part of the system" },
		{ "/proc/self/cwd", "part of the system" },
		{ "//usr//local", "part of the system" },
		{ "/dev/pts", "part of the system" },
		{ "/dev/shm", "other programs" },
		{ "/var/lib", "other programs" },
		{ "/var/tmp/", "other programs" },
		{ "/nowhere/at/all", "No such file" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(*state, cases[i].path, cases[i].why);
}

static void test_a_path_that_is_too_long(void **state)
{
	char path[PATH_MAX + 10];

	memset(path, 'x', sizeof(path));
	path[0] = path[5] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_refused(*state, path, "too long");
}

static void test_good_ones(void **state)
{
	struct world *world = *state;
	char path[PATH_MAX + 16];

	assert_accepted(world, world->root);
	(void)snprintf(path, sizeof(path), "//%s///", world->root);
	assert_accepted(world, path);
	put(world, "...");
	put(world, "..x/");
	assert_accepted(world, below(world, "..x"));
	/* Like a name of the system, but not it. */
	put(world, "usr/lib/");
	assert_accepted(world, below(world, "usr/lib"));
}

static void test_links_anywhere_in_it(void **state)
{
	struct world *world = *state;

	put(world, "real/dir/old");
	assert_int_equal(symlinkat("real", world->fd, "link"), 0);
	assert_int_equal(symlinkat("real/dir", world->fd, "last"), 0);
	assert_refused(world, below(world, "link/dir"), "symbolic link; name the real directory");
	assert_non_null(strstr(world->err.text, "/root/real/dir'"));
	assert_refused(world, below(world, "last"), "symbolic link");
	assert_refused(world, below(world, "last/"), "symbolic link");
	assert_true(exists(world, "real/dir/old"));
}

static void test_what_is_no_directory(void **state)
{
	struct world *world = *state;

	put(world, "file");
	assert_int_equal(mkfifoat(world->fd, "fifo", 0600), 0);
	assert_refused(world, below(world, "file"), "not a directory");
	assert_refused(world, below(world, "file/x"), "not a directory");
	assert_refused(world, below(world, "fifo"), "not a directory");
}

static void test_rules_never_filled_in(void **state)
{
	struct world *world = *state;

	put(world, "old");
	world->rules.age_ns = 0;
	assert_refused(world, world->root, "age of 0");
	assert_true(exists(world, "old"));
}

static void test_homes(void **state)
{
	struct world *world = *state;

	put(world, "home/me/tmp/old");
	assert_int_equal(setenv("HOME", below(world, "home/me"), 1), 0);
	assert_refused(world, below(world, "home/me"), "home directory");
	assert_refused(world, below(world, "home"), "home directory or holds one");
	assert_refused(world, world->root, "home directory or holds one");
	assert_accepted(world, below(world, "home/me/tmp"));
	assert_true(exists(world, "home/me/tmp/old"));
	assert_int_equal(symlinkat("home/me", world->fd, "alias"), 0);
	assert_int_equal(setenv("HOME", below(world, "alias"), 1), 0);
	assert_refused(world, below(world, "home/me"), "home directory");
	assert_int_equal(setenv("HOME", "/", 1), 0);
	assert_accepted(world, world->root);
	assert_int_equal(unsetenv("HOME"), 0);
	assert_accepted(world, world->root);
}

static void account_home(struct world *world)
{
	own_mounts(world);
	put(world, "passwd");
	put(world, "home/old");
	assert_int_equal(unsetenv("HOME"), 0);
	assert_accepted(world, below(world, "home"));
	{
		FILE *file = fopen(below(world, "passwd"), "w");

		assert_non_null(file);
		assert_true(fprintf(file, "root:x:0:0::%s:/bin/sh\n", below(world, "home")) > 0);
		assert_int_equal(fclose(file), 0);
	}
	assert_int_equal(mount(below(world, "passwd"), "/etc/passwd", NULL, MS_BIND, NULL), 0);
	assert_refused(world, below(world, "home"), "home directory");
}

/* Cron has no HOME. */
static void test_the_home_of_the_account_without_HOME(void **state)
{
	need_root();
	in_child(*state, account_home);
}

static void test_working_copies(void **state)
{
	struct world *world = *state;

	put(world, "clone/.git/HEAD");
	put(world, "clone/old");
	put(world, "worktree/.git");
	assert_refused(world, below(world, "clone"), "'.git' is in it");
	assert_refused(world, below(world, "worktree"), "'.git' is in it");
	assert_true(exists(world, "clone/old"));
	/* Old clones further down are what a sweep is for. */
	assert_accepted(world, world->root);
}

static void test_spared_directories(void **state)
{
	struct world *world = *state;
	char state_dir[PATH_MAX];
	const char *spare[] = { "/nowhere/at/all", state_dir, NULL };

	put(world, "a/state/ledger");
	put(world, "b/");
	(void)snprintf(state_dir, sizeof(state_dir), "%s/a/state", world->root);
	world->rules.spare = spare;
	assert_refused(world, world->root, "a/state' is in it, which must stay");
	assert_refused(world, below(world, "a"), "which must stay");
	assert_refused(world, below(world, "a/state"), "which must stay");
	assert_accepted(world, below(world, "b"));
}

static void test_directories_that_everyone_can_write_to(void **state)
{
	struct world *world = *state;

	put(world, "dir/sub/old");
	assert_int_equal(fchmodat(world->fd, "dir", 0777, 0), 0);
	assert_refused(world, below(world, "dir"), "no sticky bit; chmod");
	assert_refused(world, below(world, "dir/sub"),
		       "put something else in its place; chmod o-w");
	assert_int_equal(fchmodat(world->fd, "dir", 01777, 0), 0);
	assert_accepted(world, below(world, "dir"));
	assert_accepted(world, below(world, "dir/sub"));
	assert_true(exists(world, "dir/sub/old"));
}

static void test_root_does_not_trust_a_group(void **state)
{
	struct world *world = *state;

	need_root();
	put(world, "dir/sub/");
	assert_int_equal(fchownat(world->fd, "dir", 0, SOMEONE, 0), 0);
	assert_int_equal(fchmodat(world->fd, "dir", 0775, 0), 0);
	assert_accepted(world, below(world, "dir"));
	assert_refused(world, below(world, "dir/sub"), "a group can write");
	assert_int_equal(fchmodat(world->fd, "dir", 0755, 0), 0);
	assert_accepted(world, below(world, "dir/sub"));
}

static void test_root_needs_someone_to_vouch(void **state)
{
	struct world *world = *state;

	need_root();
	put(world, "old");
	world->rules.vouched = false;
	assert_refused(world, world->root, "sweep_dirs");
	assert_true(exists(world, "old"));
}

static void as_someone(struct world *world)
{
	become(world, SOMEONE);
	assert_refused(world, world->root, "belongs to uid 0");
	world->rules.vouched = true;
	assert_refused(world, world->root, "belongs to uid 0");
	assert_accepted(world, below(world, "mine"));
	assert_refused(world, below(world, "theirs/mine"), "belongs to uid 65534");
}

static void test_directories_of_others(void **state)
{
	struct world *world = *state;

	need_root();
	put(world, "mine/old");
	put(world, "theirs/mine/old");
	assert_int_equal(fchownat(world->fd, "mine", SOMEONE, SOMEONE, 0), 0);
	assert_int_equal(fchownat(world->fd, "theirs", STRANGER, STRANGER, 0), 0);
	assert_int_equal(fchownat(world->fd, "theirs/mine", SOMEONE, SOMEONE, 0), 0);
	in_child(world, as_someone);
	/* Root may, when it is vouched for, but not below someone who could swap it. */
	assert_accepted(world, below(world, "mine"));
	assert_refused(world, below(world, "theirs/mine"), "could put another directory");
	assert_int_equal(fchownat(world->fd, "theirs/mine", 0, 0, 0), 0);
	assert_refused(world, below(world, "theirs/mine"), "could put another directory");
	assert_true(exists(world, "mine/old") && exists(world, "theirs/mine/old"));
}

static void mounted(struct world *world)
{
	own_mounts(world);
	put(world, "tmpfs/");
	put(world, "bind/");
	assert_int_equal(mount("none", below(world, "tmpfs"), "tmpfs", 0, "mode=0755"), 0);
	put(world, "tmpfs/dir/");
	assert_int_equal(mount(world->outside, below(world, "bind"), NULL, MS_BIND, NULL), 0);
	assert_refused(world, below(world, "tmpfs"), "file system is mounted");
	assert_refused(world, below(world, "bind"), "file system is mounted");
	assert_accepted(world, below(world, "tmpfs/dir"));
	assert_accepted(world, below(world, "bind/canary"));
	forbid(SYS_statx, ENOSYS);
	assert_refused(world, below(world, "bind"), "file system is mounted");
	assert_accepted(world, below(world, "bind/canary"));
}

static void test_mount_roots(void **state)
{
	need_root();
	in_child(*state, mounted);
}

/* Directories above that belong to nobody in our user namespace must not make all impossible. */
static void in_user_namespace(struct world *world)
{
	uid_t outer = geteuid();
	char map[32];
	int fd;

	if (unshare(CLONE_NEWUSER) < 0)
		return; /* forbidden here */
	(void)snprintf(map, sizeof(map), "0 %u 1", (unsigned)outer);
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, map, strlen(map)), (ssize_t)strlen(map));
	assert_int_equal(close(fd), 0);
	world->rules.vouched = true;
	sweep(world);
	assert_false(exists(world, "old"));
}

static void become_and_enter(struct world *world)
{
	if (am_root())
		become(world, SOMEONE);
	in_user_namespace(world);
}

static void test_in_a_user_namespace(void **state)
{
	struct world *world = *state;

	put(world, "old");
	if (am_root()) {
		assert_int_equal(fchownat(world->fd, "old", SOMEONE, SOMEONE, 0), 0);
		assert_int_equal(fchown(world->fd, SOMEONE, SOMEONE), 0);
	}
	in_child(world, become_and_enter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(test_spelling),
		world_test(test_a_path_that_is_too_long),
		world_test(test_good_ones),
		world_test(test_links_anywhere_in_it),
		world_test(test_what_is_no_directory),
		world_test(test_rules_never_filled_in),
		world_test(test_homes),
		world_test(test_the_home_of_the_account_without_HOME),
		world_test(test_working_copies),
		world_test(test_spared_directories),
		world_test(test_directories_that_everyone_can_write_to),
		world_test(test_root_does_not_trust_a_group),
		world_test(test_root_needs_someone_to_vouch),
		world_test(test_directories_of_others),
		world_test(test_mount_roots),
		world_test(test_in_a_user_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
