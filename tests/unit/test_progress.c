/* SPDX-License-Identifier: MIT */
/* What a job says of its progress, and what the positions in its files say. */
#include "fixture_dir.h"

#include <stdbool.h>

#include "base/input.h"
#include "base/progress.h"

#define MIB (UINT64_C(1) << 20)

/* ---- what the job says ---- */

#define SIXTY_THREE "stage-name-of-sixty-three-bytes-is-the-longest-that-is-shown-xx"

static void words_of_a_job(void **state)
{
	static const struct {
		const char *text, *stage;
		double percent;
	} rows[] = {
		{ "", "", -1 },
		{ "\n\n", "", -1 },
		{ "stage=load\n", "load", -1 },
		{ "stage=load progress=12\n", "load", 12 },
		{ "progress=12.5% stage=second pass\n", "second pass", 12.5 },
		{ "stage=pass 1 of 2 progress=3/4", "pass 1 of 2", 75 },
		{ "stage=a\nprogress=1\nstage=b\nprogress=2\n", "b", 2 },
		{ "stage=a progress=1 stage=b progress=2", "b", 2 },
		{ "progress=100\n", "", 100 },
		{ "progress=0\n", "", 0 },
		{ "progress=9/3\n", "", 100 },
		{ "progress=1.5/3\r\n", "", 50 },
		{ "stage= padded  \nprogress= 7 \n", "padded", 7 },
		{ "stage=\n", "", -1 },
		{ "stage=a=b c=d\n", "a=b c=d", -1 },
		/* What cannot be meant changes nothing. */
		{ "progress=12\nprogress=101\n", "", 12 },
		{ "progress=12\nprogress=-1\n", "", 12 },
		{ "progress=12\nprogress=1/0\n", "", 12 },
		{ "progress=12\nprogress=1e3\n", "", 12 },
		{ "progress=12\nprogress=x/3\n", "", 12 },
		{ "progress=12\nprogress=\n", "", 12 },
		{ "progress=12\nprogress=nan\n", "", 12 },
		{ "12% done\nsome stage\n", "", -1 },
		{ "substage=a xprogress=12\n", "", -1 },
		{ "note: progress=12\n", "", 12 },
		/* Not what speaks to a terminal, nor half a character. */
		{ "stage=a\033[2Jb\tc\177\n", "a?[2Jb?c?", -1 },
		{ "stage=" SIXTY_THREE "yz\n", SIXTY_THREE, -1 },
		{ "stage=stage-name-of-sixty-three-bytes-is-the-longest-that-is-shown-x\303\274\n",
		  "stage-name-of-sixty-three-bytes-is-the-longest-that-is-shown-x", -1 },
		/* ffmpeg -progress. */
		{ "frame=1\nfps=0.0\nout_time_us=N/A\nout_time=N/A\nspeed=N/A\nprogress=continue\n",
		  "", -1 },
		{ "frame=9\nout_time_us=1500000\nout_time_ms=1500000\nprogress=continue\n", "",
		  -1 },
		{ "out_time_us=1500000\nprogress=end\n", "", 100 },
		{ "out_time_us=9\nprogress=end\nout_time_us=1\nprogress=continue\n", "", -1 },
		{ "duration=6\nout_time_us=1500000\nprogress=continue\n", "", 25 },
		{ "duration=1m\nout_time_us=30000000\nprogress=continue\n", "", 50 },
		{ "duration=6\nout_time_us=9000000\nprogress=continue\n", "", 100 },
		{ "duration=6\nprogress=end\nout_time_us=3000000\nprogress=continue\n", "", 50 },
		{ "duration=inf\nout_time_us=1\nprogress=continue\n", "", -1 },
		{ "duration=0\nout_time_us=1\n", "", -1 },
		{ "duration=6\nout_time_us=-9223372036854775807\nprogress=continue\n", "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct progress progress;

		memset(&progress, 0x5a, sizeof(progress));
		progress_parse(rows[i].text, &progress);
		if (strcmp(progress.stage, rows[i].stage) != 0 ||
		    (progress.percent - rows[i].percent) * (progress.percent - rows[i].percent) >
			    1e-9)
			fail_msg("'%s': '%s' %g", rows[i].text, progress.stage, progress.percent);
	}
}

static void words_in_a_file(void **state)
{
	struct progress progress;
	char path[PATH_MAX], *text = calloc(1, 100000);
	size_t used = (size_t)snprintf(text, 100000, "duration=1000\nstage=first progress=1\n");

	(void)state;
	(void)fixture_path(path, dir, "status");
	assert_int_equal(progress_read(path, getuid(), &progress), -ENOENT);
	fixture_write(dir, "status", text);
	assert_int_equal(progress_read(path, getuid(), &progress), 0);
	assert_string_equal(progress.stage, "first");
	/* A long one: its beginning and its end. */
	for (int i = 0; i < 500; i++)
		used += (size_t)snprintf(text + used, 100000 - used,
					 "frame=%d\nout_time_us=%d000000\nprogress=continue\n", i,
					 i);
	fixture_write(dir, "status", text);
	assert_int_equal(progress_read(path, getuid(), &progress), 0);
	assert_string_equal(progress.stage, "first");
	assert_true(progress.percent > 49.8 && progress.percent < 50);
	/* The middle of a line is none: what is read starts within this one. */
	memset(text + 3000, 'x', 50000);
	(void)snprintf(text + 53000, 100, " progress=77\nend=1\n");
	fixture_write(dir, "status", text);
	assert_int_equal(progress_read(path, getuid(), &progress), 0);
	assert_true(progress.percent < 50);
	/* Zeros are not the end of it. */
	fixture_write_bytes(dir, "status", "a\0\0b\nprogress=5\n", 16);
	assert_int_equal(progress_read(path, getuid(), &progress), 0);
	assert_true(progress.percent == 5);
	free(text);
}

static void only_a_file_of_its_owner_is_read(void **state)
{
	struct progress progress;
	char path[PATH_MAX], link[PATH_MAX];

	(void)state;
	fixture_write(dir, "status", "progress=5\n");
	(void)fixture_path(path, dir, "status");
	assert_int_equal(progress_read(path, getuid() + 1, &progress), -EPERM);
	assert_int_equal(symlink(path, fixture_path(link, dir, "link")), 0);
	assert_int_equal(progress_read(link, getuid(), &progress), -EPERM);
	assert_int_equal(mkfifo(fixture_path(path, dir, "fifo"), 0600), 0);
	assert_int_equal(progress_read(path, getuid(), &progress), -EPERM);
	assert_int_equal(progress_read(dir, getuid(), &progress), -EPERM);
}

/* ---- what positions say ---- */

static void text_of_fdinfo(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t position;
		bool read_only;
	} rows[] = {
		{ "pos:\t4096\nflags:\t0100000\nmnt_id:\t25\nino:\t7\n", true, 4096, true },
		{ "pos:\t0\nflags:\t02100000\n", true, 0, true },
		{ "pos:\t5\nflags:\t0100001\n", true, 5, false },
		{ "pos:\t5\nflags:\t02102\n", true, 5, false },
		{ "pos:\t18446744073709551615\nflags:\t00\n", true, UINT64_MAX, true },
		{ "flags:\t00\n", false, 0, false },
		{ "pos:\t5\n", false, 0, false },
		{ "pos:\t5\nflags:\tx\n", false, 0, false },
		{ "", false, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t position = 0;
		bool read_only = false;

		assert_int_equal(input_parse(rows[i].text, &position, &read_only), rows[i].good);
		if (!rows[i].good)
			continue;
		assert_int_equal(position, rows[i].position);
		assert_int_equal(read_only, rows[i].read_only);
	}
}

static int open_at(const char *name, uint64_t size, off_t position, int flags)
{
	char path[PATH_MAX];
	int fd;

	fixture_write(dir, name, "");
	assert_int_equal(truncate(fixture_path(path, dir, name), (off_t)size), 0);
	fd = open(path, flags | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, position, SEEK_SET), position);
	return fd;
}

static void the_largest_file_that_is_read(void **state)
{
	struct input input = { .size = 7 };
	pid_t self = getpid();
	int fds[8], n = 0;

	(void)state;
	/* Ours, but none of them is input: too small, not begun, written, written and read. */
	fds[n++] = open_at("small", MIB - 1, 5, O_RDONLY);
	fds[n++] = open_at("mapped", 9 * MIB, 0, O_RDONLY);
	fds[n++] = open_at("output", 9 * MIB, 5, O_WRONLY);
	fds[n++] = open_at("database", 9 * MIB, 5, O_RDWR);
	assert_false(input_find("/proc", &self, 1, &input));
	assert_int_equal(input.size, 7);

	fds[n++] = open_at("list", MIB, (off_t)MIB, O_RDONLY);
	fds[n++] = open_at("film", 8 * MIB, 2 * MIB, O_RDONLY);
	fds[n++] = open_at("other", 4 * MIB, 4 * MIB, O_RDONLY);
	assert_true(input_find("/proc", &self, 1, &input));
	assert_int_equal(input.pid, self);
	assert_int_equal(input.size, 8 * MIB);
	assert_int_equal(input.position, 2 * MIB);
	assert_true(input_percent(&input) == 25);
	assert_string_equal(strrchr(input.path, '/'), "/film");

	/* Truncated under its reader. */
	assert_int_equal(ftruncate(fds[1], 0), -1);
	assert_int_equal(lseek(fds[5], 9 * MIB, SEEK_SET), 9 * MIB);
	assert_true(input_find("/proc", &self, 1, &input));
	assert_true(input_percent(&input) == 100);
	for (int i = 0; i < n; i++)
		(void)close(fds[i]);
	assert_false(input_find("/proc", &self, 1, &input));
	assert_false(input_find("/proc", (pid_t[]){ 1 << 30 }, 1, &input));
}

static void what_is_left(void **state)
{
	(void)state;
	assert_true(progress_left(50, 1000) == 1000);
	assert_true(progress_left(100, 1000) == 0);
	assert_true(progress_left(1, 1000) == 99000);
	assert_true(progress_left(0.5, 1000) == UINT64_MAX);
	assert_true(progress_left(PROGRESS_UNKNOWN, 1000) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left),	  cmocka_unit_test(words_of_a_job),
		DIR_TEST(words_in_a_file),	  DIR_TEST(only_a_file_of_its_owner_is_read),
		cmocka_unit_test(text_of_fdinfo), DIR_TEST(the_largest_file_that_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
