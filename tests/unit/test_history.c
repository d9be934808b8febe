/* SPDX-License-Identifier: MIT */
/* The history: appended, read back, torn, damaged, on a full disk, and by many at once. */
#include "fixture_dir.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "policy/history.h"
#include "policy/history_log.h"

#define WRITERS 6
#define LINES 60

static struct rr_err err;

static int append_number(json_int_t number, struct rr_err *words)
{
	json_t *record = json_pack("{s:I}", "n", number);
	int r = history_append(dir, record, words);

	json_decref(record);
	return r;
}

/* Writes the numbers read into a text such as "1,2,". */
struct reading {
	char text[256];
	json_int_t stop_at;
};

static int note(json_t *record, void *arg)
{
	struct reading *reading = arg;
	json_int_t number = json_integer_value(json_object_get(record, "n"));

	(void)snprintf(reading->text + strlen(reading->text),
		       sizeof(reading->text) - strlen(reading->text), "%lld,", (long long)number);
	return reading->stop_at && number == reading->stop_at ? 42 : 0;
}

static void assert_history(const char *expected, size_t expected_torn)
{
	struct reading reading = { "", 0 };
	size_t torn = 77;

	assert_int_equal(history_each(dir, note, &reading, &torn, &err), 0);
	assert_string_equal(reading.text, expected);
	assert_int_equal(torn, expected_torn);
}

static void appends_and_reads_back(void **state)
{
	struct reading reading = { "", 2 };
	char path[PATH_MAX];
	struct stat st;
	size_t torn;

	(void)state;
	(void)umask(0);
	assert_history("", 0);
	assert_int_equal(access(fixture_path(path, dir, "history"), F_OK), -1);
	for (int i = 1; i <= 4; i++)
		assert_int_equal(append_number(i, &err), 0);
	assert_history("1,2,3,4,", 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* A visitor that has seen enough ends it. */
	assert_int_equal(history_each(dir, note, &reading, &torn, &err), 42);
	assert_string_equal(reading.text, "1,2,");
	(void)umask(022);
}

static int append_once(const char *id, json_int_t number)
{
	json_t *record = json_pack("{s:s, s:I}", "job_id", id, "n", number);
	int r = history_append_once(dir, record, id, &err);

	json_decref(record);
	return r;
}

static void one_job_has_one_record(void **state)
{
	char path[PATH_MAX];
	int other;

	(void)state;
	assert_int_equal(append_once("abc", 1), 0);
	assert_int_equal(append_once("abc", 2), 0);
	assert_int_equal(append_once("ab", 3), 0);
	assert_history("1,3,", 0);
	/* Whoever is slow with it is not waited for. */
	other = open(fixture_path(path, dir, "history"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX), 0);
	assert_int_equal(append_once("x", 4), -EBUSY);
	assert_int_equal(close(other), 0);
	assert_int_equal(append_once("x", 5), 0);
}

static void a_line_is_crc_tab_object(void **state)
{
	char path[PATH_MAX], line[64] = "";
	rr_autofd int fd = -1;

	(void)state;
	assert_int_equal(append_number(7, &err), 0);
	fd = open(fixture_path(path, dir, "history"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(rr_pread_text(fd, line, sizeof(line)), 17);
	assert_int_equal(strspn(line, "0123456789abcdef"), 8);
	assert_string_equal(line + 8, "\t{\"n\":7}\n");
}

static void a_torn_tail_is_cut_off_wherever_it_tore(void **state)
{
	char path[PATH_MAX];
	off_t whole;

	(void)state;
	assert_int_equal(append_number(1, &err), 0);
	assert_int_equal(append_number(2, &err), 0);
	(void)fixture_path(path, dir, "history");
	whole = 2 * 17;
	for (off_t cut = 1; cut < 17; cut++) {
		assert_int_equal(append_number(3, &err), 0);
		assert_history("1,2,3,", 0);
		assert_int_equal(truncate(path, whole + cut), 0);
		assert_history("1,2,", 1);
		assert_int_equal(append_number(4, &err), 0);
		assert_history("1,2,4,", 0);
		assert_int_equal(truncate(path, whole), 0);
	}
}

static void a_long_torn_tail_is_cut_off(void **state)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 8192, 20000 };
	static char junk[20000];

	(void)state;
	memset(junk, 'x', sizeof(junk));
	for (size_t i = 0; i < 2 * COUNT(sizes); i++) {
		size_t size = sizes[i / 2];
		char path[PATH_MAX];
		int fd;

		/* With a sound line before it, and without. */
		(void)unlink(fixture_path(path, dir, "history"));
		if (i % 2)
			assert_int_equal(append_number(1, &err), 0);
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(write(fd, junk, size), (ssize_t)size);
		(void)close(fd);
		assert_int_equal(append_number(2, &err), 0);
		assert_history(i % 2 ? "1,2," : "2,", 0);
	}
}

static void damaged_lines_are_passed_over(void **state)
{
	char path[PATH_MAX], byte;

	(void)state;
	for (int i = 1; i <= 3; i++)
		assert_int_equal(append_number(i, &err), 0);
	(void)fixture_path(path, dir, "history");
	for (off_t at = 17; at < 33; at++) {
		rr_autofd int fd = open(path, O_RDWR | O_CLOEXEC);
		char flipped;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		flipped = byte ^ 1;
		assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
		assert_history("1,3,", 1);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	assert_history("1,2,3,", 0);
}

static void foreign_lines_are_passed_over(void **state)
{
	static const char *const lines[] = { "\n",
					     "x\n",
					     "00000000\n",
					     "00000000\t\n",
					     "12345678\t{}\n",
					     "hello, this is no history\n",
					     "e3069283\t123456789\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		fixture_write(dir, "history", lines[i]);
		assert_int_equal(append_number(5, &err), 0);
		/* The last of them has a right checksum; yet it is no object. */
		assert_history("5,", 1);
	}
	fixture_write_bytes(dir, "history", "a\0b\nc\n", 6);
	assert_history("", 2);
}

static void what_is_no_history_is_refused(void **state)
{
	char path[PATH_MAX];
	size_t torn;

	(void)state;
	assert_int_equal(mkfifo(fixture_path(path, dir, "history"), 0600), 0);
	assert_true(append_number(1, &err) < 0);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(append_number(1, &err), -EISDIR);
	assert_int_equal(rmdir(path), 0);
	fixture_write(dir, "victim", "precious");
	assert_int_equal(symlink("victim", path), 0);
	assert_int_equal(append_number(1, &err), -ELOOP);
	assert_int_equal(history_each(dir, note, NULL, &torn, &err), -ELOOP);
	assert_non_null(strstr(err.text, path));
}

static void records_have_a_largest_size(void **state)
{
	char *text = malloc(HISTORY_LINE_MAX + 1);
	json_t *record;

	(void)state;
	memset(text, 'x', HISTORY_LINE_MAX);
	text[HISTORY_LINE_MAX - 100] = '\0';
	record = json_pack("{s:s}", "n", text);
	assert_int_equal(history_append(dir, record, &err), 0);
	json_decref(record);
	memset(text, 'x', HISTORY_LINE_MAX);
	text[HISTORY_LINE_MAX] = '\0';
	record = json_pack("{s:s}", "n", text);
	assert_int_equal(history_append(dir, record, &err), -E2BIG);
	json_decref(record);
	free(text);
	assert_int_equal(append_number(2, &err), 0);
	assert_history("0,2,", 0);
}

/* ---- a full disk ---- */

/* The length of the history, which must end with a newline; -1 when it does not. */
static off_t whole_length(void)
{
	char path[PATH_MAX], last = '\n';
	rr_autofd int fd = open(fixture_path(path, dir, "history"), O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

	if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
		return -1;
	return last == '\n' ? size : -1;
}

static bool mount_small_disk(const char *options)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", dir, "tmpfs", 0, options) == 0;
}

static int fill_small_disk(const void *arg)
{
	char text[3001];
	json_t *record;
	struct rr_err mine;
	off_t before;
	int r = 0;

	(void)arg;
	if (!mount_small_disk("size=64k"))
		return 77;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	record = json_pack("{s:s}", "n", text);
	for (int i = 0; i < 100 && r == 0; i++) {
		before = whole_length();
		r = history_append(dir, record, &mine);
		if (r == 0 && whole_length() <= before)
			return 1;
	}
	if (r != -ENOSPC || !strstr(mine.text, dir))
		return 2;
	if (whole_length() != before || before < 30000)
		return 3;
	/* And again: it stays as it was. */
	return history_append(dir, record, &mine) == -ENOSPC && whole_length() == before ? 0 : 4;
}

static void on_small_disk(int (*child)(const void *arg))
{
	int r;

	if (geteuid() != 0)
		fixture_skip("root", "only root can mount a small file system");
	r = fixture_child(child, NULL);
	if (r == 77)
		fixture_skip("mount", "no tmpfs can be mounted here");
	assert_int_equal(r, 0);
}

static void a_full_disk_leaves_no_half_line(void **state)
{
	(void)state;
	on_small_disk(fill_small_disk);
}

/* By somebody else. */
static void fill_disk(void)
{
	static const char block[4096] = "x";
	char path[PATH_MAX];
	rr_autofd int fd = open(fixture_path(path, dir, "ballast"),
				O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	while (write(fd, block, sizeof(block)) > 0)
		;
}

static blkcnt_t blocks_of(const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return stat(fixture_path(path, dir, name), &st) == 0 ? st.st_blocks : -1;
}

static int write_on_full_disk(const void *arg)
{
	struct rr_err mine;
	char path[PATH_MAX];

	(void)arg;
	if (!mount_small_disk("size=8m"))
		return 77;
	if (append_number(0, &mine) != 0)
		return 1;
	fill_disk();
	for (int i = 1; i <= 2000; i++)
		if (append_number(i, &mine) != 0)
			return 2;
	/* A new one would not have that room. */
	if (history_rotate(dir, 1, RR_TIME_INF, 0, &mine) < 0 || blocks_of("history") < 0)
		return 3;
	if (unlink(fixture_path(path, dir, "ballast")) < 0 || append_number(0, &mine) != 0 ||
	    history_rotate(dir, 1, RR_TIME_INF, 0, &mine) < 0)
		return 4;
	/* What is set aside needs no more than it holds. */
	return blocks_of("history.1") > 0 && blocks_of("history.1") < 256 ? 0 : 5;
}

static void a_full_disk_has_room_for_records(void **state)
{
	(void)state;
	on_small_disk(write_on_full_disk);
}

/* ---- many at once ---- */

static int write_lines(const void *arg)
{
	const int *go = arg;
	struct rr_err mine;
	char byte;

	(void)close(go[1]);
	if (read(go[0], &byte, 1) != 0)
		return 1;
	for (int i = 0; i < LINES; i++)
		if (append_number(1000 + i, &mine) != 0)
			return 2;
	return 0;
}

static int tally(json_t *record, void *arg)
{
	size_t *seen = arg;

	seen[json_integer_value(json_object_get(record, "n")) - 1000]++;
	return 0;
}

static void many_writers_lose_nothing(void **state)
{
	size_t seen[LINES] = { 0 }, torn;
	pid_t pids[WRITERS];
	int go[2], status;

	(void)state;
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(write_lines(go));
	}
	(void)close(go[0]);
	(void)close(go[1]);
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(history_each(dir, tally, seen, &torn, &err), 0);
	assert_int_equal(torn, 0);
	for (int i = 0; i < LINES; i++)
		assert_int_equal(seen[i], WRITERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIR_TEST(appends_and_reads_back),
		DIR_TEST(one_job_has_one_record),
		DIR_TEST(a_line_is_crc_tab_object),
		DIR_TEST(a_torn_tail_is_cut_off_wherever_it_tore),
		DIR_TEST(a_long_torn_tail_is_cut_off),
		DIR_TEST(damaged_lines_are_passed_over),
		DIR_TEST(foreign_lines_are_passed_over),
		DIR_TEST(what_is_no_history_is_refused),
		DIR_TEST(records_have_a_largest_size),
		DIR_TEST(a_full_disk_leaves_no_half_line),
		DIR_TEST(a_full_disk_has_room_for_records),
		DIR_TEST(many_writers_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
