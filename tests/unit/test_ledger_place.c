/* SPDX-License-Identifier: MIT */
/* What may be where the ledger should be: something else, nothing, or a full disk. */
#include "ledger_world.h"

#include <sched.h>
#include <sys/mount.h>

/* ---- what may be in its place ---- */

static void put_truncated(const char *path)
{
	fill();
	assert_int_equal(truncate(path, LEDGER_FILE_SIZE - 1), 0);
}

static void put_longer(const char *path)
{
	fill();
	assert_int_equal(truncate(path, LEDGER_FILE_SIZE + 1), 0);
}

static void put_empty(const char *path)
{
	(void)path;
	fixture_write(dir, "ledger", "");
	assert_int_equal(chmod(path, 0600), 0);
}

static void put_zeros(const char *path)
{
	put_empty(path);
	assert_int_equal(truncate(path, LEDGER_FILE_SIZE), 0);
}

static void put_foreign_magic(const char *path)
{
	struct ledger_header header;
	struct ledger *ledger;

	(void)path;
	fill();
	ledger = open_locked();
	header = ledger->header;
	memcpy(header.magic, "RESRUNL2", sizeof(header.magic));
	must(ledger_write_record(ledger, 0, &header, sizeof(header), &err));
	ledger_close(ledger);
}

/* A number that no ledger ever comes to: sound by its checksum, and not to be believed. */
static void put_next_number(uint64_t number)
{
	struct ledger_header header;
	struct ledger *ledger;

	fill();
	ledger = open_locked();
	header = ledger->header;
	header.next_number = number;
	must(ledger_write_record(ledger, 0, &header, sizeof(header), &err));
	ledger_close(ledger);
}

static void put_no_number(const char *path)
{
	(void)path;
	put_next_number(0);
}

static void put_last_number(const char *path)
{
	(void)path;
	put_next_number(UINT64_MAX);
}

static void put_text(const char *path)
{
	put_zeros(path);
	scribble(0, "#!/bin/sh\n", 10);
}

static void put_link(const char *path)
{
	fixture_write(dir, "target", "precious");
	assert_int_equal(symlink("target", path), 0);
}

static void put_dangling_link(const char *path)
{
	assert_int_equal(symlink("nowhere", path), 0);
}

static void put_fifo(const char *path)
{
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void put_directory(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
}

static void put_group_writable(const char *path)
{
	fill();
	assert_int_equal(chmod(path, 0660), 0);
}

static void put_world_writable(const char *path)
{
	fill();
	assert_int_equal(chmod(path, 0602), 0);
}

static void what_is_no_ledger_is_named_and_left_alone(void **state)
{
	static const struct {
		void (*put)(const char *path);
		int code;
		const char *words;
	} rows[] = {
		{ put_foreign_magic, -EPROTO, "another version" },
		{ put_link, -ELOOP, "symbolic link" },
		{ put_dangling_link, -ELOOP, "symbolic link" },
		{ put_fifo, -EINVAL, "not a regular file" },
		{ put_directory, -EINVAL, "not a regular file" },
		{ put_group_writable, -EPERM, "chmod 600" },
		{ put_world_writable, -EPERM, "chmod 600" },
	};
	char path[PATH_MAX];
	struct stat before, after;

	(void)state;
	(void)fixture_path(path, dir, "ledger");
	for (size_t i = 0; i < COUNT(rows); i++) {
		int r;

		rows[i].put(path);
		assert_int_equal(lstat(path, &before), 0);
		r = try_lock();
		if (r != rows[i].code || !strstr(err.text, rows[i].words) ||
		    !strstr(err.text, path))
			fail_msg("row %zu: %d %s", i, r, err.text);
		assert_int_equal(lstat(path, &after), 0);
		assert_true(before.st_ino == after.st_ino && before.st_mode == after.st_mode &&
			    before.st_size == after.st_size);
		assert_int_equal(remove(path), 0);
	}
}

static void what_was_no_ledger_any_more_is_mended(void **state)
{
	static const struct {
		void (*put)(const char *path);
		size_t starts;
	} rows[] = { { put_no_number, 1 }, { put_last_number, 1 }, { put_truncated, 1 },
		     { put_longer, 1 },	   { put_empty, 0 },	   { put_zeros, 0 },
		     { put_text, 0 } };
	char path[PATH_MAX];
	struct stat st;

	(void)state;
	(void)fixture_path(path, dir, "ledger");
	for (size_t i = 0; i < COUNT(rows); i++) {
		rows[i].put(path);
		assert_mends(rows[i].starts);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, LEDGER_FILE_SIZE);
		assert_true((size_t)st.st_blocks * 512 >= LEDGER_FILE_SIZE);
		assert_int_equal(remove(path), 0);
	}
}

static void of_another_owner_is_refused(void **state)
{
	char path[PATH_MAX];

	(void)state;
	if (geteuid() != 0)
		fixture_skip("root", "only root can give a file away");
	fill();
	assert_int_equal(chown(fixture_path(path, dir, "ledger"), 65533, (gid_t)-1), 0);
	assert_int_equal(try_lock(), -EPERM);
	assert_non_null(strstr(err.text, "65533"));
}

static void the_folder_may_be_wrong(void **state)
{
	struct ledger *ledger = NULL;
	char path[PATH_MAX], too_long[PATH_MAX + 16];

	(void)state;
	fixture_write(dir, "file", "");
	assert_int_equal(ledger_open(fixture_path(path, dir, "file"), false, &ledger, &err),
			 -ENOTDIR);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "RESRUN_STATE_DIR"));
	assert_int_equal(ledger_open(fixture_path(path, dir, "file/below"), false, &ledger, &err),
			 -ENOTDIR);
	memset(too_long, 'a', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(ledger_open(too_long, false, &ledger, &err), -ENAMETOOLONG);
	assert_null(ledger);
}

static void to_look_makes_and_writes_nothing(void **state)
{
	struct ledger *ledger = NULL;
	char path[PATH_MAX];
	struct stat before, after;

	(void)state;
	assert_int_equal(ledger_open_to_read(fixture_path(path, dir, "none"), false, &ledger, &err),
			 -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(ledger_open_to_read(dir, false, &ledger, &err), -ENOENT);
	assert_int_equal(access(fixture_path(path, dir, "ledger"), F_OK), -1);
	fill();
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(stat(path, &before), 0);
	must(ledger_open_to_read(dir, false, &ledger, &err));
	must(ledger_lock(ledger, WAIT, &err));
	assert_int_equal(used_tickets(ledger), 2);
	assert_int_equal(count_at(ledger, 0, 9, 60 * S, 11 * S, WALL), 1);
	assert_true(ledger_remove(ledger, 0, false, &err) < 0);
	ledger_close(ledger);
	assert_int_equal(stat(path, &after), 0);
	assert_true(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
		    before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
}

/* ---- a full disk ---- */

static int on_small_disk(const void *arg)
{
	struct ledger *ledger = NULL;
	struct rr_err mine = { "" };

	(void)arg;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=64k") < 0)
		return 77;
	if (ledger_open(dir, false, &ledger, &mine) != -ENOSPC)
		return 1;
	if (!strstr(mine.text, dir) || !strstr(mine.text, strerror(ENOSPC)))
		return 2;
	/* Nothing half made stays: the mount point is empty, so it can hold a file again. */
	return umount(dir) == 0 && rmdir(dir) == 0 && mkdir(dir, 0700) == 0 ? 0 : 3;
}

static void a_full_disk_makes_no_ledger(void **state)
{
	int r;

	(void)state;
	if (geteuid() != 0)
		fixture_skip("root", "only root can mount a small file system");
	r = fixture_child(on_small_disk, NULL);
	if (r == 77)
		fixture_skip("mount", "no tmpfs can be mounted here");
	assert_int_equal(r, 0);
}

/* Made while there was room, it works on when there is none. */
static int on_filled_disk(const void *arg)
{
	static char block[65536];
	struct ledger *ledger = NULL;
	struct rr_err mine;
	char path[PATH_MAX];
	int fd;

	(void)arg;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=8m") < 0)
		return 77;
	if (ledger_open(dir, false, &ledger, &mine) != 0)
		return 1;
	(void)snprintf(path, sizeof(path), "%.4000s/ballast", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	for (int i = 0; i < 500; i++) {
		struct ledger_ticket ticket = { .state = TICKET_WAITING };
		struct ledger_detail detail = { .name = "x" };
		size_t index;
		uint16_t lane;

		if (ledger_lock(ledger, WAIT, &mine) != 0 ||
		    ledger_lane(ledger, i % 2 ? "a" : "b", 0, WALL, &lane, &mine) != 0 ||
		    ledger_add(ledger, &ticket, &detail, &index, &mine) != 0 ||
		    ledger_take_token(ledger, lane, 1, WAIT, (uint64_t)i, WALL, &mine) != 0 ||
		    ledger_sync(ledger, &mine) != 0)
			return 2;
		ledger_unlock(ledger);
	}
	return 0;
}

static void a_disk_that_fills_up_later_stops_nothing(void **state)
{
	int r;

	(void)state;
	if (geteuid() != 0)
		fixture_skip("root", "only root can mount a small file system");
	r = fixture_child(on_filled_disk, NULL);
	if (r == 77)
		fixture_skip("mount", "no tmpfs can be mounted here");
	assert_int_equal(r, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(what_is_no_ledger_is_named_and_left_alone),
		LEDGER_TEST(what_was_no_ledger_any_more_is_mended),
		LEDGER_TEST(of_another_owner_is_refused),
		LEDGER_TEST(the_folder_may_be_wrong),
		LEDGER_TEST(to_look_makes_and_writes_nothing),
		LEDGER_TEST(a_full_disk_makes_no_ledger),
		LEDGER_TEST(a_disk_that_fills_up_later_stops_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
