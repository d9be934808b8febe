/* SPDX-License-Identifier: MIT */
/* Descriptors that clean themselves up, whole-file reads and writes, standard descriptors. */
#include "fixture_dir.h"

#include <stdbool.h>

#include "base/fd.h"

static int make_plain_dir(void **state)
{
	(void)umask(022);
	return make_dir(state);
}

static int open_dir(void)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void slots_close_and_keep_errno(void **state)
{
	int outer, taken;

	(void)state;
	{
		rr_autofd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		rr_autofd int none = -1;
		rr_autofree char *text = strdup("x"), *nothing = NULL;

		(void)none;
		(void)text;
		(void)nothing;
		outer = fd;
		assert_true(is_open(outer));
		errno = EXDEV;
	}
	assert_int_equal(errno, EXDEV);
	assert_false(is_open(outer));
	{
		rr_autofd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		rr_autofree char *text = strdup("kept");
		char *kept = rr_ptr_take(&text);

		taken = rr_fd_take(&fd);
		assert_int_equal(fd, -1);
		assert_null(text);
		assert_string_equal(kept, "kept");
		free(kept);
	}
	assert_true(is_open(taken));
	outer = taken;
	rr_fd_close(&taken);
	assert_int_equal(taken, -1);
	assert_false(is_open(outer));
	rr_fd_close(&taken);
}

static int fill_closed(const void *arg)
{
	unsigned closed = *(const unsigned *)arg;
	struct stat null_st, st;
	int next, first;

	first = fcntl(0, F_DUPFD, 3);
	(void)close(first);
	for (int fd = 0; fd < 3; fd++)
		if (closed & 1U << fd)
			(void)close(fd);
	if (rr_fd_fill_standard() != 0 || stat("/dev/null", &null_st) < 0)
		return 1;
	for (int fd = 0; fd < 3; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags < 0 || fstat(fd, &st) < 0)
			return 2;
		/* Those that were closed come close-on-exec, the others as they were. */
		if (closed & 1U << fd && (!(flags & FD_CLOEXEC) || st.st_rdev != null_st.st_rdev))
			return 3;
		if (!(closed & 1U << fd) && flags & FD_CLOEXEC)
			return 4;
	}
	/* Nothing beyond the three was left open. */
	next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return next == first ? 0 : 5;
}

static void standard_descriptors_are_filled(void **state)
{
	(void)state;
	for (unsigned closed = 0; closed < 8; closed++) {
		int r = fixture_child(fill_closed, &closed);

		if (r != 0)
			fail_msg("closed mask %u: step %d", closed, r);
	}
}

static void reads_at(void **state)
{
	static const struct {
		const char *content;
		size_t size;
		ssize_t code;
		const char *expected;
	} rows[] = {
		{ "", 8, 0, "" },
		{ "1234567", 8, 7, "1234567" },
		{ "12345678", 8, 7, "1234567" },
		{ "1234567890", 1, 0, "" },
		{ "line\n", 64, 5, "line\n" },
	};
	rr_autofd int fd = open_dir();
	char buf[64];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		rr_autofd int file = -1;

		fixture_write(dir, "read", rows[i].content);
		assert_int_equal(rr_read_at(fd, "read", buf, rows[i].size), rows[i].code);
		assert_string_equal(buf, rows[i].expected);
		file = openat(fd, "read", O_RDONLY | O_CLOEXEC);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(rr_pread_text(file, buf, rows[i].size), rows[i].code);
			assert_string_equal(buf, rows[i].expected);
		}
	}
	assert_int_equal(rr_read_at(fd, "missing", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(rr_read_at(fd, ".", buf, sizeof(buf)), -EISDIR);
	assert_int_equal(rr_read_at(fd, "read/x", buf, sizeof(buf)), -ENOTDIR);
	assert_int_equal(rr_pread_text(-1, buf, sizeof(buf)), -EBADF);
	assert_int_equal(rr_pread_text(fd, buf, sizeof(buf)), -EISDIR);
}

static void reads_whole(void **state)
{
	static const struct {
		size_t content, limit;
		int code;
	} rows[] = {
		{ 0, 0, 0 },
		{ 1, 0, -EFBIG },
		{ 1, 1, 0 },
		{ 4095, 4095, 0 },
		{ 4096, 4096, 0 },
		{ 4097, 4097, 0 },
		{ 4097, 4096, -EFBIG },
		{ 100000, 100000, 0 },
		{ 100001, 100000, -EFBIG },
	};
	rr_autofree char *content = malloc(100001);

	(void)state;
	memset(content, 'x', 100001);
	for (size_t i = 0; i < COUNT(rows); i++) {
		rr_autofree char *text = NULL;
		rr_autofd int folder = open_dir(), fd = -1;
		size_t length = 77;

		fixture_write_bytes(dir, "whole", content, rows[i].content);
		fd = openat(folder, "whole", O_RDONLY | O_CLOEXEC);
		assert_int_equal(rr_read_whole(fd, rows[i].limit, &text, &length), rows[i].code);
		assert_int_equal(length, rows[i].code ? 77 : rows[i].content);
		if (rows[i].code == 0) {
			assert_memory_equal(text, content, length);
			assert_int_equal(text[length], '\0');
		} else {
			assert_null(text);
		}
	}
}

static void writes_at_only_what_exists(void **state)
{
	rr_autofd int fd = open_dir();
	char buf[64];

	(void)state;
	assert_int_equal(rr_write_at(fd, "absent", "x"), -ENOENT);
	fixture_write(dir, "written", "before");
	assert_int_equal(rr_write_at(fd, "written", "after!"), 0);
	assert_int_equal(rr_read_at(fd, "written", buf, sizeof(buf)), 6);
	assert_string_equal(buf, "after!");
	assert_int_equal(symlinkat("written", fd, "a_link"), 0);
	assert_int_equal(rr_write_at(fd, "a_link", "x"), -ELOOP);
	assert_int_equal(rr_write_at(fd, ".", "x"), -EISDIR);
	assert_int_equal(rr_write_at(AT_FDCWD, "/dev/full", "x"), -ENOSPC);
	assert_int_equal(rr_write_at(AT_FDCWD, "/dev/null", ""), 0);
}

/* Reads pipe `fds[0]` slowly, in the child, and answers with the sum of its bytes modulo 200. */
static int read_pipe(const void *arg)
{
	const int *fds = arg;
	unsigned sum = 0;
	unsigned char c;

	(void)close(fds[1]);
	while (read(fds[0], &c, 1) == 1)
		sum += c;
	return (int)(sum % 200);
}

static void writes_all_through_a_full_pipe(void **state)
{
	static unsigned char data[300000];
	int fds[2], status;
	unsigned sum = 0;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (unsigned char)(i * 7);
		sum += data[i];
	}
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		_exit(read_pipe(fds));
	(void)close(fds[0]);
	assert_int_equal(rr_write_all(fds[1], data, sizeof(data)), 0);
	(void)close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), sum % 200);
	assert_int_equal(rr_write_all(-1, "x", 1), -EBADF);
	assert_int_equal(rr_write_all(-1, "", 0), 0);
}

static void replaces(void **state)
{
	static const struct {
		const char *name, *data;
		mode_t mode;
	} rows[] = {
		{ "plain", "first", 0600 },
		{ "plain", "second, longer", 0600 },
		{ "plain", "", 0644 },
		{ "folder/inner", "below", 0640 },
	};
	rr_autofd int fd = open_dir();
	char buf[64], path[PATH_MAX];
	struct stat st;

	(void)state;
	fixture_write(dir, "folder/x", "");
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(rr_replace_at(fd, rows[i].name, rows[i].data, strlen(rows[i].data),
					       rows[i].mode),
				 0);
		assert_int_equal(rr_read_at(fd, rows[i].name, buf, sizeof(buf)),
				 strlen(rows[i].data));
		assert_string_equal(buf, rows[i].data);
		assert_int_equal(fstatat(fd, rows[i].name, &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, rows[i].mode);
		assert_int_equal(st.st_nlink, 1);
	}
	assert_int_equal(rr_replace_at(AT_FDCWD, fixture_path(path, dir, "absolute"), "a", 1, 0600),
			 0);
	assert_int_equal(rr_read_at(fd, "absolute", buf, sizeof(buf)), 1);
}

static size_t count_entries(const char *name)
{
	char path[PATH_MAX], command[PATH_MAX + 64];
	size_t n = 0;
	FILE *list;

	(void)snprintf(command, sizeof(command), "ls -A '%.4000s'",
		       *name ? fixture_path(path, dir, name) : dir);
	list = popen(command, "re");
	assert_non_null(list);
	for (int c = fgetc(list); c != EOF; c = fgetc(list))
		n += c == '\n';
	(void)pclose(list);
	return n;
}

static void a_replace_that_fails_leaves_all_as_it_was(void **state)
{
	char long_name[NAME_MAX + 1], temporary[64], buf[64];
	rr_autofd int fd = open_dir();

	(void)state;
	fixture_write(dir, "fails/target/file", "");
	fixture_write(dir, "fails/old", "old");
	memset(long_name, 'n', sizeof(long_name));
	long_name[NAME_MAX] = '\0';
	assert_true(rr_replace_at(fd, "fails/target", "x", 1, 0600) < 0);
	assert_int_equal(rr_replace_at(fd, "missing/name", "x", 1, 0600), -ENOENT);
	assert_int_equal(rr_replace_at(fd, "fails/old/name", "x", 1, 0600), -ENOTDIR);
	assert_int_equal(rr_replace_at(fd, long_name, "x", 1, 0600), -ENAMETOOLONG);
	assert_int_equal(count_entries("fails"), 2);
	assert_int_equal(rr_read_at(fd, "fails/old", buf, sizeof(buf)), 3);
	/* What a dead process with our pid left behind is no hindrance. */
	(void)snprintf(temporary, sizeof(temporary), "fails/.old.%d.tmp", (int)getpid());
	fixture_write(dir, temporary, "left over");
	assert_int_equal(rr_replace_at(fd, "fails/old", "new", 3, 0600), 0);
	assert_int_equal(count_entries("fails"), 2);
	assert_int_equal(rr_read_at(fd, "fails/old", buf, sizeof(buf)), 3);
	assert_string_equal(buf, "new");
}

static void a_replace_does_not_write_through_a_link(void **state)
{
	rr_autofd int fd = open_dir();
	char buf[64];
	struct stat st;

	(void)state;
	fixture_write(dir, "victim", "safe");
	assert_int_equal(symlinkat("victim", fd, "link"), 0);
	assert_int_equal(rr_replace_at(fd, "link", "new", 3, 0600), 0);
	assert_int_equal(rr_read_at(fd, "victim", buf, sizeof(buf)), 4);
	assert_string_equal(buf, "safe");
	assert_int_equal(fstatat(fd, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void makes_directories(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
		int code;
	} rows[] = {
		{ "m", 0755, 0 },
		{ "m", 0755, 0 },
		{ "m/a/b/c", 0700, 0 },
		{ "m/a/b/c/", 0700, 0 },
		{ "m//x///y", 0750, 0 },
		{ "m/./z", 0700, 0 },
		{ "m_file", 0700, -ENOTDIR },
		{ "m_link", 0755, 0 },
		{ "m_dangling", 0700, -ENOENT },
		{ "m_file/x", 0700, -ENOTDIR },
		{ "m_file/x/y", 0700, -ENOTDIR },
	};
	char path[PATH_MAX], too_long[PATH_MAX + 8];
	struct stat st;

	(void)state;
	fixture_write(dir, "m_file", "");
	assert_int_equal(symlink("m", fixture_path(path, dir, "m_link")), 0);
	assert_int_equal(symlink("nowhere", fixture_path(path, dir, "m_dangling")), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		int r = rr_mkdir_all(fixture_path(path, dir, rows[i].name), rows[i].mode);

		if (r != rows[i].code)
			fail_msg("'%s': %d", rows[i].name, r);
		if (r < 0)
			continue;
		assert_int_equal(stat(path, &st), 0);
		assert_true(S_ISDIR(st.st_mode));
		assert_int_equal(st.st_mode & 0777, rows[i].mode);
	}
	memset(too_long, 'a', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(rr_mkdir_all(too_long, 0700), -ENAMETOOLONG);
	assert_int_equal(rr_mkdir_all("", 0700), -ENOENT);
	assert_int_equal(rr_mkdir_all("/", 0700), 0);
	assert_int_equal(rr_mkdir_all(".", 0700), 0);
}

static void trusts_only_what_the_owner_alone_can_write(void **state)
{
	static const struct {
		mode_t mode;
		bool other_owner;
		bool expected;
	} rows[] = {
		{ 0600, false, true },	{ 0644, false, true },	{ 0444, false, true },
		{ 0755, false, true },	{ 0660, false, false }, { 0620, false, false },
		{ 0602, false, false }, { 0666, false, false }, { 0600, true, false },
		{ 0644, true, false },
	};
	rr_autofd int folder = open_dir();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		rr_autofd int fd = -1;

		if (rows[i].other_owner && geteuid() != 0)
			continue;
		fixture_write(dir, "trust", "");
		fd = openat(folder, "trust", O_RDONLY | O_CLOEXEC);
		assert_int_equal(fchmod(fd, rows[i].mode), 0);
		assert_int_equal(fchown(fd, rows[i].other_owner ? 65533 : geteuid(), (gid_t)-1), 0);
		if (rr_fd_is_trusted(fd) != rows[i].expected)
			fail_msg("mode %o, other owner %d", rows[i].mode, rows[i].other_owner);
		assert_int_equal(unlinkat(folder, "trust", 0), 0);
	}
	assert_false(rr_fd_is_trusted(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_close_and_keep_errno),
		cmocka_unit_test(standard_descriptors_are_filled),
		cmocka_unit_test(reads_at),
		cmocka_unit_test(reads_whole),
		cmocka_unit_test(writes_at_only_what_exists),
		cmocka_unit_test(writes_all_through_a_full_pipe),
		cmocka_unit_test(replaces),
		cmocka_unit_test(a_replace_that_fails_leaves_all_as_it_was),
		cmocka_unit_test(a_replace_does_not_write_through_a_link),
		cmocka_unit_test(makes_directories),
		cmocka_unit_test(trusts_only_what_the_owner_alone_can_write),
	};

	return cmocka_run_group_tests(tests, make_plain_dir, remove_dir);
}
