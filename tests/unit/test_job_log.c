/* SPDX-License-Identifier: MIT */
/*
 * The log of a detached job: what is moved out of it, and that a reader sees every byte once, in
 * order, or is told that it is gone. Of the file system below TMPDIR; another is worth a run too.
 */
#include "fixture_dir.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "policy/job_log.h"

#define LINE 16 /* bytes of one; each tells its number, so every byte its offset */
#define RACE_LINES 400000
#define RACE_MAX 65536

static char log_path[PATH_MAX], moved[PATH_MAX];

static void write_lines(unsigned first, unsigned n)
{
	rr_autofd int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	char line[LINE + 1];

	assert_true(fd >= 0);
	for (unsigned i = first; i < first + n; i++) {
		(void)snprintf(line, sizeof(line), "%015u\n", i);
		assert_int_equal(rr_write_all(fd, line, LINE), 0);
	}
}

/* What was read must be what was written there. */
static void check(const char *buf, size_t n, uint64_t at)
{
	char line[LINE + 1];

	for (size_t i = 0; i < n; i++, at++) {
		if (i == 0 || at % LINE == 0)
			(void)snprintf(line, sizeof(line), "%015u\n", (unsigned)(at / LINE));
		if (buf[i] != line[at % LINE])
			fail_msg("byte %llu is 0x%02x", (unsigned long long)at, buf[i]);
	}
}

/* Reads all that there is, and returns where that ends. */
static uint64_t read_all(struct job_log *log)
{
	char buf[10000];
	ssize_t n;

	while ((n = job_log_read(log, buf, sizeof(buf))) > 0)
		check(buf, (size_t)n, log->at - (uint64_t)n);
	assert_int_equal(n, 0);
	return log->at;
}

static uint64_t blocks(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

static int make_log(void **state)
{
	(void)make_dir(state);
	(void)fixture_path(log_path, dir, "logs");
	assert_int_equal(mkdir(log_path, 0700), 0);
	job_log_path(dir, "0123456789", log_path);
	(void)snprintf(moved, sizeof(moved), "%.4000s.1", log_path);
	write_lines(0, 0);
	return 0;
}

static void moved_and_read_as_one(void **state)
{
	job_log_auto struct job_log log = { .fd = -1 }, later = { .fd = -1 };

	(void)state;
	assert_int_equal(job_log_open(log_path, &log), 0);
	assert_false(job_log_is_large(log_path, 0));
	write_lines(0, 10000);
	assert_true(job_log_is_large(log_path, 100000));
	assert_false(job_log_is_large(log_path, 160000));
	assert_int_equal(job_log_move(log_path, 1 << 20), 0);
	assert_false(job_log_is_large(log_path, 100000));
	assert_true(blocks(log_path) <= 8192);
	write_lines(10000, 100);
	assert_int_equal(read_all(&log), 10100 * LINE);
	assert_int_equal(log.lost, 0);
	/* The next takes the place of the first: who has read that misses nothing. */
	write_lines(10100, 10000);
	assert_int_equal(job_log_move(log_path, 1 << 20), 0);
	write_lines(20100, 1);
	assert_int_equal(read_all(&log), 20101 * LINE);
	assert_int_equal(log.lost, 0);
	assert_int_equal(job_log_open(log_path, &later), 0);
	assert_int_equal(read_all(&later), 20101 * LINE);
	assert_true(later.lost > 0 && later.lost <= 160000);
}

static void no_more_is_kept_than_asked(void **state)
{
	job_log_auto struct job_log log = { .fd = -1 };

	(void)state;
	write_lines(0, 40000);
	assert_int_equal(job_log_move(log_path, 100000), 0);
	assert_true(blocks(moved) <= 110000);
	assert_true(blocks(log_path) <= 8192);
	assert_int_equal(job_log_open(log_path, &log), 0);
	assert_int_equal(read_all(&log), 40000 * LINE);
	assert_true(log.lost >= 540000 && log.lost < 550000);
	/* Nothing to move: nothing is moved, and what was is still there. */
	assert_int_equal(job_log_move(log_path, 100000), 0);
	assert_true(blocks(moved) > 0);
	assert_int_equal(job_log_bytes(AT_FDCWD, log_path), blocks(log_path) + blocks(moved));
	assert_int_equal(job_log_remove(AT_FDCWD, log_path), 0);
	assert_int_equal(access(moved, F_OK), -1);
	assert_int_equal(access(log_path, F_OK), -1);
}

/* Killed after the rename, a byte is in both; killed before it, there is half of a new part. */
static void killed_in_between(void **state)
{
	job_log_auto struct job_log log = { .fd = -1 };
	char fresh[PATH_MAX], copy[PATH_MAX];

	(void)state;
	write_lines(0, 5000);
	(void)snprintf(copy, sizeof(copy), "cp '%.1900s' '%.1900s' && truncate -s 65536 '%.1900s'",
		       log_path, moved, moved);
	assert_int_equal(system(copy), 0); /* NOLINT(cert-env33-c): names of our own */
	(void)snprintf(fresh, sizeof(fresh), "%.4000s.new", log_path);
	assert_int_equal(close(open(fresh, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	assert_int_equal(job_log_open(log_path, &log), 0);
	assert_int_equal(read_all(&log), 5000 * LINE);
	assert_int_equal(log.lost, 0);
	write_lines(5000, 5000);
	assert_int_equal(job_log_move(log_path, 1 << 20), 0);
	assert_int_equal(access(fresh, F_OK), -1);
	assert_int_equal(read_all(&log), 10000 * LINE);
	assert_int_equal(log.lost, 0);
}

/* A shell's `>/dev/stdout` does that. */
static void emptied_by_the_job(void **state)
{
	job_log_auto struct job_log log = { .fd = -1 };

	(void)state;
	write_lines(0, 10000);
	assert_int_equal(job_log_move(log_path, 1 << 20), 0);
	assert_int_equal(truncate(log_path, 0), 0);
	write_lines(0, 1000);
	assert_int_equal(job_log_open(log_path, &log), 0);
	assert_int_equal(read_all(&log), 1000 * LINE);
	assert_false(job_log_is_large(log_path, 16000));
	assert_true(job_log_is_large(log_path, 15999));
}

static void held_by_its_launcher(void **state)
{
	rr_autofd int fd = open(log_path, O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_false(job_log_is_held(AT_FDCWD, log_path));
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_true(job_log_is_held(AT_FDCWD, log_path));
	assert_false(job_log_is_held(AT_FDCWD, moved));
}

/* One writes, one moves all the time, and we read. */
static void written_moved_and_read_at_once(void **state)
{
	job_log_auto struct job_log log = { .fd = -1 };
	pid_t writer, mover;
	bool over;
	int status;

	(void)state;
	assert_int_equal(job_log_open(log_path, &log), 0);
	mover = fork();
	assert_true(mover >= 0);
	while (mover == 0)
		if (job_log_move(log_path, RACE_MAX) < 0)
			_exit(1);
	writer = fork();
	assert_true(writer >= 0);
	if (writer == 0) {
		write_lines(0, RACE_LINES);
		_exit(0);
	}
	do {
		over = waitpid(writer, &status, WNOHANG) == writer;
		(void)read_all(&log);
	} while (!over);
	assert_int_equal(kill(mover, SIGKILL), 0);
	assert_int_equal(waitpid(mover, &status, 0), mover);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(read_all(&log), (uint64_t)RACE_LINES * LINE);
	assert_int_equal(job_log_move(log_path, RACE_MAX), 0);
	assert_true(blocks(log_path) + blocks(moved) <= 4 * RACE_MAX);
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, make_log, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(moved_and_read_as_one), LOG_TEST(no_more_is_kept_than_asked),
		LOG_TEST(killed_in_between),	 LOG_TEST(emptied_by_the_job),
		LOG_TEST(held_by_its_launcher),	 LOG_TEST(written_moved_and_read_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
