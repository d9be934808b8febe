/* SPDX-License-Identifier: MIT */
/* The meter of a leaf, over a directory of files that stands in for it. */
#include "fixture_dir.h"

#include "base/fd.h"
#include "cgroup/usage.h"

#define U USAGE_UNKNOWN

static void raises(void **state)
{
	static const struct {
		uint64_t peak, value, expected;
	} rows[] = { { U, U, U }, { U, 0, 0 }, { U, 5, 5 }, { 5, U, 5 },
		     { 5, 4, 5 }, { 5, 5, 5 }, { 5, 6, 6 }, { 0, 0, 0 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t peak = rows[i].peak;

		usage_raise(&peak, rows[i].value);
		assert_int_equal(peak, rows[i].expected);
	}
}

struct files {
	const char *cpu, *current, *peak, *stat, *events, *io, *pids, *pids_peak, *pressure;
};

static void write_files(const struct files *files)
{
	const struct {
		const char *name, *text;
	} all[] = {
		{ "cpu.stat", files->cpu },
		{ "memory.current", files->current },
		{ "memory.peak", files->peak },
		{ "memory.stat", files->stat },
		{ "memory.events", files->events },
		{ "io.stat", files->io },
		{ "pids.current", files->pids },
		{ "pids.peak", files->pids_peak },
		{ "memory.pressure", files->pressure },
	};

	for (size_t i = 0; i < COUNT(all); i++)
		if (all[i].text)
			fixture_write(dir, all[i].name, all[i].text);
}

static int open_dir(void)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct usage read_files(const struct files *files)
{
	rr_autofd int fd = -1;
	struct usage usage;
	struct meter meter;

	fixture_remove(dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	write_files(files);
	fd = open_dir();
	meter_open(fd, &meter);
	usage_clear(&usage);
	meter_read(&meter, &usage);
	meter_close(&meter);
	return usage;
}

static void a_whole_leaf(void **state)
{
	static const struct files files = {
		.cpu = "usage_usec 300\nuser_usec 200\nsystem_usec 100\nnice_usec 9\nnr_periods 8\n"
		       "nr_throttled 7\nthrottled_usec 55\n",
		.current = "1000\n",
		.peak = "5000\n",
		.stat = "anon 100\nfile 9999\nkernel 30\nkernel_stack 7777\nshmem 20\nanon_thp "
			"8888\n",
		.events = "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n",
		.io = "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=900 dios=9\n"
		      "259:1 rbytes=300 wbytes=400 rios=1 wios=2 dbytes=0 dios=0\n",
		.pids = "3\n",
		.pids_peak = "8\n",
		.pressure = "some avg10=1.50 avg60=0.00 avg300=0.00 total=77\n"
			    "full avg10=0.50 avg60=0.00 avg300=0.00 total=33\n",
	};
	struct usage usage = read_files(&files);

	(void)state;
	assert_int_equal(usage.cpu_us, 300);
	assert_int_equal(usage.cpu_user_us, 200);
	assert_int_equal(usage.cpu_system_us, 100);
	assert_int_equal(usage.throttled_us, 55);
	assert_int_equal(usage.memory_bytes, 1000);
	assert_int_equal(usage.memory_peak_bytes, 5000);
	assert_int_equal(usage.memory_working_bytes, 150);
	assert_int_equal(usage.memory_working_peak_bytes, 150);
	assert_int_equal(usage.oom_kills, 5);
	assert_int_equal(usage.high_events, 2);
	assert_int_equal(usage.io_read_bytes, 310);
	assert_int_equal(usage.io_write_bytes, 420);
	assert_int_equal(usage.pids, 3);
	assert_int_equal(usage.pids_peak, 8);
	assert_true(usage.memory_pressure.known);
	assert_int_equal(usage.memory_pressure.some_us, 77);
	assert_int_equal(usage.memory_pressure.full_us, 33);
}

static void an_empty_leaf_is_unknown(void **state)
{
	static const struct files files;
	struct usage usage = read_files(&files), unknown;

	(void)state;
	usage_clear(&unknown);
	assert_memory_equal(&usage, &unknown, sizeof(usage));
	assert_int_equal(usage.cpu_us, U);
	assert_int_equal(usage.io_read_bytes, U);
	assert_int_equal(usage.pids_peak, U);
	assert_false(usage.memory_pressure.known);
}

static void garbage_is_unknown(void **state)
{
	static const struct files files = {
		.cpu = "usage_usec x\nuser_usec\nsystem_usec -1\n",
		.current = "max\n",
		.peak = "",
		.stat = "file 9\n",
		.events = "\n\n",
		.pids = "max\n",
		.pids_peak = "1 2\n",
		.pressure = "",
	};
	struct usage usage = read_files(&files), unknown;

	(void)state;
	usage_clear(&unknown);
	assert_memory_equal(&usage, &unknown, sizeof(usage));
}

static void io_adds_up(void **state)
{
	static const struct {
		const char *text;
		uint64_t read_bytes, write_bytes;
	} rows[] = {
		{ "", 0, 0 },
		{ "\n", 0, 0 },
		{ "8:0 \n", 0, 0 },
		{ "8:0 rbytes=1 wbytes=2\n", 1, 2 },
		{ "8:0 rbytes=1 wbytes=2", 1, 2 },
		{ "8:0 wbytes=2 rbytes=1\n", 1, 2 },
		{ "8:0 \n8:16 rbytes=1 wbytes=2\n8:32 \n", 1, 2 },
		{ "8:0 rbytes=1\n8:16 wbytes=2\n", 1, 2 },
		{ "8:0 rbytes=1 wbytes=2\n\n8:16 rbytes=10 wbytes=20\n", 11, 22 },
		{ "8:0 rbytes=x wbytes=2\n", 0, 2 },
		{ "8:0 rbytes=10000000000000 wbytes=18446744073709551615\n", 10000000000000, U },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct files files = { .io = rows[i].text };
		struct usage usage = read_files(&files);

		if (usage.io_read_bytes != rows[i].read_bytes ||
		    usage.io_write_bytes != rows[i].write_bytes)
			fail_msg("row %zu: %llu, %llu", i, (unsigned long long)usage.io_read_bytes,
				 (unsigned long long)usage.io_write_bytes);
	}
}

/* An older kernel has no peak files: then the largest that was seen is the peak. */
static void peaks_only_grow(void **state)
{
	static const struct {
		struct files files;
		uint64_t memory, peak, working, working_peak, pids, pids_peak;
	} steps[] = {
		{ { .current = "100\n", .stat = "anon 10\n", .pids = "1\n" },
		  100,
		  100,
		  10,
		  10,
		  1,
		  1 },
		{ { .current = "900\n", .stat = "anon 90\n", .pids = "9\n" },
		  900,
		  900,
		  90,
		  90,
		  9,
		  9 },
		{ { .current = "50\n", .stat = "anon 5\n", .pids = "2\n" }, 50, 900, 5, 90, 2, 9 },
		{ { .current = "max\n", .stat = "", .pids = "x\n" }, 50, 900, 5, 90, 2, 9 },
	};
	rr_autofd int fd = open_dir();
	struct usage usage;
	struct meter meter;

	(void)state;
	write_files(&steps[0].files);
	meter_open(fd, &meter);
	usage_clear(&usage);
	for (size_t i = 0; i < COUNT(steps); i++) {
		/* The same open files, read again from their start. */
		write_files(&steps[i].files);
		meter_read(&meter, &usage);
		assert_int_equal(usage.memory_bytes, steps[i].memory);
		assert_int_equal(usage.memory_peak_bytes, steps[i].peak);
		assert_int_equal(usage.memory_working_bytes, steps[i].working);
		assert_int_equal(usage.memory_working_peak_bytes, steps[i].working_peak);
		assert_int_equal(usage.pids, steps[i].pids);
		assert_int_equal(usage.pids_peak, steps[i].pids_peak);
	}
	meter_close(&meter);
}

/* A second try runs in a fresh leaf, whose own peaks start over. */
static void a_fresh_leaf_lowers_no_peak(void **state)
{
	static const struct files first = { .current = "10\n",
					    .peak = "5000\n",
					    .pids_peak = "50\n" };
	static const struct files second = { .current = "10\n",
					     .peak = "300\n",
					     .pids_peak = "3\n" };
	rr_autofd int fd = open_dir();
	struct usage usage;

	(void)state;
	usage_clear(&usage);
	for (int i = 0; i < 2; i++) {
		struct meter meter;

		write_files(i ? &second : &first);
		meter_open(fd, &meter);
		meter_read(&meter, &usage);
		meter_close(&meter);
		assert_int_equal(usage.memory_peak_bytes, 5000);
		assert_int_equal(usage.pids_peak, 50);
	}
}

/* What a look on the way leaves to the end, and what it asks only when it can be more than ever. */
static void a_look_reads_what_the_end_cannot_tell(void **state)
{
	static const struct files files = {
		.cpu = "usage_usec 3\n",
		.current = "100\n",
		.peak = "900\n",
		.stat = "anon 60\n",
		.events = "high 4\noom 2\n",
		.io = "8:0 rbytes=1 wbytes=2\n",
		.pids = "5\n",
		.pids_peak = "7\n",
		.pressure = "some avg10=1.00 avg60=0 avg300=0 total=5\n",
	};
	static const struct {
		struct files files;
		uint64_t working, working_peak;
	} steps[] = {
		{ { .current = "60\n", .stat = "anon 60\n" }, 60, 60 },
		{ { .current = "60\n", .stat = "anon 50\n" }, 60, 60 }, /* cannot be more */
		{ { .current = "61\n", .stat = "anon 50\n" }, 50, 60 },
		{ { .current = "90\n", .stat = "anon 80\n" }, 80, 80 },
		{ { .current = "80\n", .stat = "anon 70\n" }, 80, 80 },
	};
	rr_autofd int fd = open_dir();
	struct usage usage;
	struct meter meter;

	(void)state;
	write_files(&files);
	meter_open(fd, &meter);
	usage_clear(&usage);
	meter_look(&meter, false, &usage);
	assert_int_equal(usage.cpu_us, 3);
	assert_int_equal(usage.memory_peak_bytes, 100);
	assert_int_equal(usage.pids_peak, 5);
	assert_int_equal(usage.high_events, U);
	assert_false(usage.memory_pressure.known);
	assert_int_equal(usage.io_read_bytes, U);
	meter_look(&meter, true, &usage);
	assert_int_equal(usage.high_events, 4);
	assert_true(usage.memory_pressure.known);
	for (size_t i = 0; i < COUNT(steps); i++) {
		write_files(&steps[i].files);
		meter_look(&meter, false, &usage);
		assert_int_equal(usage.memory_working_bytes, steps[i].working);
		assert_int_equal(usage.memory_working_peak_bytes, steps[i].working_peak);
	}
	meter_read(&meter, &usage);
	assert_int_equal(usage.memory_working_bytes, 70);
	assert_int_equal(usage.memory_peak_bytes, 900);
	assert_int_equal(usage.pids_peak, 7);
	assert_int_equal(usage.io_read_bytes, 1);
	meter_close(&meter);
}

static void descriptors_close(void **state)
{
	static const struct files files = { .cpu = "", .pids = "" };
	rr_autofd int fd = open_dir();
	struct meter meter;

	(void)state;
	write_files(&files);
	meter_open(fd, &meter);
	assert_true(meter.fd[METER_CPU] >= 0 && meter.fd[METER_PIDS] >= 0);
	assert_true(fcntl(meter.fd[METER_CPU], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(meter.fd[METER_IO], -1);
	meter_close(&meter);
	for (int i = 0; i < METER_FILES_N; i++)
		assert_int_equal(meter.fd[i], -1);
	meter_close(&meter);
	assert_true(fcntl(fd, F_GETFD) >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIR_TEST(raises),
		DIR_TEST(a_whole_leaf),
		DIR_TEST(an_empty_leaf_is_unknown),
		DIR_TEST(garbage_is_unknown),
		DIR_TEST(io_adds_up),
		DIR_TEST(peaks_only_grow),
		DIR_TEST(a_fresh_leaf_lowers_no_peak),
		DIR_TEST(a_look_reads_what_the_end_cannot_tell),
		DIR_TEST(descriptors_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
