/* SPDX-License-Identifier: MIT */
/* The learner: its formulas, and the file of a key: full, torn, foreign, and added to by many. */
#include "fixture_dir.h"

#include <stdbool.h>

#include "policy/learn_file.h"

#define MB (UINT64_C(1) << 20)
#define WRITERS 4
#define RUNS 20

static struct rr_err err;

/* ---- the formulas ---- */

static const enum learn_outcome ok = LEARN_SUCCESS, bad = LEARN_FAILURE, oom = LEARN_KILLED;

/* Runs as {outcome, input in MB, peak in MB}; the need within low to high MB. */
struct sample {
	enum learn_outcome outcome;
	uint64_t input, peak;
};

static void check(const struct sample *samples, size_t n, uint64_t input, enum learn_ground ground,
		  uint64_t low, uint64_t high)
{
	struct learn_run runs[LEARN_RUNS_MAX];
	struct learn_need need;

	for (size_t i = 0; i < n; i++)
		runs[i] = (struct learn_run){ .input_bytes = samples[i].input * MB,
					      .memory_bytes = samples[i].peak == LEARN_UNKNOWN
								      ? LEARN_UNKNOWN
								      : samples[i].peak * MB,
					      .outcome = samples[i].outcome };
	learn_predict(runs, n, input * MB, &need);
	assert_int_equal(need.ground, ground);
	if (need.memory_bytes < low * MB || need.memory_bytes > high * MB)
		fail_msg("%llu MB is not within %llu to %llu",
			 (unsigned long long)(need.memory_bytes / MB), (unsigned long long)low,
			 (unsigned long long)high);
}

#define CHECK(samples, input, ground, low, high)                                                   \
	check(samples, COUNT(samples), input, ground, low, high)

static void test_unknown(void **state)
{
	static const struct sample unmeasured[] = { { ok, 0, LEARN_UNKNOWN } };

	(void)state;
	check(NULL, 0, 0, LEARN_BY_NOTHING, 0, 0);
	CHECK(unmeasured, 0, LEARN_BY_NOTHING, 0, 0);
}

static void test_young_then_alike(void **state)
{
	static const struct sample alike[] = { { ok, 0, 1000 }, { ok, 0, 1000 }, { ok, 0, 1000 },
					       { ok, 0, 1000 }, { ok, 0, 1000 }, { ok, 0, 1000 },
					       { ok, 0, 1000 }, { ok, 0, 1000 }, { ok, 0, 1000 },
					       { ok, 0, 1000 } };
	static const struct sample tiny[] = { { ok, 0, 1 } };

	(void)state;
	check(alike, 1, 0, LEARN_BY_LARGEST, 1519, 1520);
	check(alike, 2, 0, LEARN_BY_LARGEST, 1144, 1145);
	check(alike, 10, 0, LEARN_BY_LARGEST, 1024, 1025);
	CHECK(tiny, 0, LEARN_BY_LARGEST, 64, 64);
}

/* Runs that differ get more above their largest than runs that are alike. */
static void test_spread(void **state)
{
	static const struct sample differ[] = { { ok, 0, 1000 }, { ok, 0, 600 },  { ok, 0, 900 },
						{ ok, 0, 500 },	 { ok, 0, 1000 }, { ok, 0, 700 },
						{ ok, 0, 800 },	 { ok, 0, 600 },  { ok, 0, 1000 },
						{ ok, 0, 700 } };

	(void)state;
	CHECK(differ, 0, LEARN_BY_LARGEST, 1150, 1250);
}

static void test_input(void **state)
{
	static const struct sample line[] = {
		{ ok, 100, 310 }, { ok, 200, 500 },  { ok, 300, 705 },
		{ ok, 400, 900 }, { ok, 500, 1100 }, { ok, 600, 1295 }
	};
	static const struct sample falls[] = { { ok, 600, 310 },
					       { ok, 500, 500 },
					       { ok, 400, 700 },
					       { ok, 300, 900 },
					       { ok, 200, 1100 } };

	(void)state;
	CHECK(line, 200, LEARN_BY_INPUT, 510, 560);
	CHECK(line, 1000, LEARN_BY_INPUT, 2100, 2250);
	/* Four runs are no line, and memory that falls with the input is none to trust. */
	check(line, 4, 100, LEARN_BY_LARGEST, 1000, 1600);
	CHECK(falls, 600, LEARN_BY_LARGEST, 1100, 1650);
}

static void test_killed(void **state)
{
	static const struct sample small[] = { { ok, 0, 100 }, { ok, 0, 100 }, { oom, 0, 150 } };
	static const struct sample large[] = { { ok, 0, 1000 }, { ok, 0, 1000 }, { ok, 0, 1000 },
					       { ok, 0, 1000 }, { ok, 0, 1000 }, { ok, 0, 1000 },
					       { oom, 0, 2000 } };
	static const struct sample settled[] = {
		{ oom, 10, 2000 }, { ok, 10, 2100 }, { ok, 10, 2100 }, { ok, 10, 2100 }
	};
	/* What a smaller run needed settles nothing for a larger one. */
	static const struct sample open[] = { { oom, 10, 2000 }, { ok, 5, 500 }, { ok, 5, 500 },
					      { ok, 5, 500 },	 { ok, 5, 500 }, { ok, 5, 500 } };
	static const struct sample only[] = { { oom, 0, 500 } };

	(void)state;
	CHECK(small, 0, LEARN_BY_KILL, 250, 400);
	CHECK(large, 0, LEARN_BY_KILL, 2448, 2520);
	CHECK(settled, 10, LEARN_BY_LARGEST, 2142, 2300);
	CHECK(open, 10, LEARN_BY_LARGEST, 2448, 2520);
	CHECK(only, 0, LEARN_BY_KILL, 600, 1000);
}

/* One that failed needed at least what it took, and may have ended before it took more. */
static void test_failed(void **state)
{
	static const struct sample less[] = {
		{ ok, 0, 1000 }, { ok, 0, 1000 }, { ok, 0, 1000 }, { ok, 0, 1000 }, { bad, 0, 10 }
	};
	static const struct sample more[] = {
		{ ok, 0, 1000 }, { ok, 0, 1000 }, { ok, 0, 1000 }, { ok, 0, 1000 }, { bad, 0, 1500 }
	};

	(void)state;
	CHECK(less, 0, LEARN_BY_LARGEST, 1040, 1060);
	CHECK(more, 0, LEARN_BY_LARGEST, 1560, 1600);
}

static void test_quantile(void **state)
{
	uint64_t values[] = { 50, 10, 40, 20, 30 }, one[] = { 7 };

	(void)state;
	assert_int_equal(learn_quantile(values, 5, 0), 10);
	assert_int_equal(learn_quantile(values, 5, 0.5), 30);
	assert_int_equal(learn_quantile(values, 5, 1), 50);
	assert_int_equal(learn_quantile(one, 1, 0.9), 7);
}

/* ---- the file ---- */

static void add(const char *key, uint64_t memory_bytes)
{
	struct learn_run run = { .memory_bytes = memory_bytes, .wall_us = 5, .cpu_us = 6 };

	if (learn_add(dir, key, &run, &err) < 0)
		fail_msg("%s", err.text);
}

/* The peaks that are known of a key. */
static size_t read_runs(const char *key, struct learn_run ret[static LEARN_RUNS_MAX])
{
	size_t n;

	if (learn_read(dir, key, ret, &n, &err) < 0)
		fail_msg("%s", err.text);
	return n;
}

/* The only file below DIR/learned. */
static const char *only_file(char path[static PATH_MAX])
{
	char command[PATH_MAX + 64], line[PATH_MAX] = "";
	FILE *list;

	(void)snprintf(command, sizeof(command), "ls -d %s/learned/*", dir);
	list = popen(command, "r");
	assert_non_null(list);
	assert_non_null(fgets(line, sizeof(line), list));
	(void)pclose(list);
	line[strcspn(line, "\n")] = '\0';
	(void)snprintf(path, PATH_MAX, "%s", line);
	return path;
}

static void test_ring(void **state)
{
	struct learn_run runs[LEARN_RUNS_MAX];
	char path[PATH_MAX];
	struct stat first, last;

	(void)state;
	assert_int_equal(read_runs("encode:ffmpeg", runs), 0);
	add("encode:ffmpeg", 1000);
	assert_int_equal(stat(only_file(path), &first), 0);
	assert_int_equal(first.st_mode & 0777, 0600);
	for (uint64_t i = 1; i < 300; i++)
		add("encode:ffmpeg", 1000 + i);
	assert_int_equal(read_runs("encode:ffmpeg", runs), LEARN_RUNS_MAX);
	for (uint64_t i = 0; i < LEARN_RUNS_MAX; i++)
		assert_int_equal(runs[i].memory_bytes, 1300 - LEARN_RUNS_MAX + i);
	assert_int_equal(stat(path, &last), 0);
	assert_int_equal(last.st_size, first.st_size);
}

static void test_keys(void **state)
{
	static const char *const keys[] = { "a/b", "a_b", "../../etc", ".", "", "\xff\n" };
	struct learn_run runs[LEARN_RUNS_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++)
		add(keys[i], i);
	for (size_t i = 0; i < COUNT(keys); i++) {
		assert_int_equal(read_runs(keys[i], runs), 1);
		assert_int_equal(runs[0].memory_bytes, i);
	}
}

static void damage(const char *path, off_t at)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

/* A torn slot costs its run; a head that is not sound, the file: which the next run begins anew. */
static void test_damaged(void **state)
{
	struct learn_run runs[LEARN_RUNS_MAX];
	char path[PATH_MAX];
	struct stat st;
	size_t n;

	(void)state;
	for (uint64_t i = 1; i <= 3; i++)
		add("key", i);
	assert_int_equal(stat(only_file(path), &st), 0);
	damage(path, st.st_size - (LEARN_RUNS_MAX - 2) * 56 + 30);
	assert_int_equal(read_runs("key", runs), 2);
	assert_int_equal(runs[0].memory_bytes, 1);
	assert_int_equal(runs[1].memory_bytes, 3);
	damage(path, 20);
	assert_int_equal(learn_read(dir, "key", runs, &n, &err), -EINVAL);
	assert_int_equal(n, 0);
	assert_non_null(strstr(err.text, path));
	add("key", 9);
	assert_int_equal(read_runs("key", runs), 1);
	assert_int_equal(runs[0].memory_bytes, 9);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(learn_read(dir, "key", runs, &n, &err), -EINVAL);
	add("key", 8);
	assert_int_equal(read_runs("key", runs), 1);
}

/* What others could have written is not believed, and no link is followed. */
static void test_hostile(void **state)
{
	struct learn_run runs[LEARN_RUNS_MAX];
	char path[PATH_MAX], elsewhere[PATH_MAX];
	size_t n;

	(void)state;
	add("key", 1);
	assert_int_equal(chmod(only_file(path), 0666), 0);
	assert_int_equal(learn_read(dir, "key", runs, &n, &err), -EINVAL);
	add("key", 2);
	assert_int_equal(read_runs("key", runs), 1);
	assert_int_equal(rename(path, fixture_path(elsewhere, dir, "elsewhere")), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_true(learn_read(dir, "key", runs, &n, &err) < 0);
	add("key", 3);
	assert_int_equal(read_runs("key", runs), 1);
	assert_int_equal(runs[0].memory_bytes, 3);
}

static void test_cpus(void **state)
{
	struct learn_run runs[] = {
		{ .cpu_us = 1000, .wall_us = 1000, .outcome = LEARN_SUCCESS },
		{ .cpu_us = 3000, .wall_us = 2000, .outcome = LEARN_SUCCESS },
		{ .cpu_us = 8000, .wall_us = 2000, .outcome = LEARN_SUCCESS },
		/* These say nothing. */
		{ .cpu_us = 9000, .wall_us = 1000, .outcome = LEARN_FAILURE },
		{ .cpu_us = LEARN_UNKNOWN, .wall_us = 1000, .outcome = LEARN_SUCCESS },
		{ .cpu_us = 9000, .wall_us = LEARN_UNKNOWN, .outcome = LEARN_SUCCESS },
		{ .cpu_us = 9000, .wall_us = 0, .outcome = LEARN_SUCCESS },
	};
	double cpus = 0;

	(void)state;
	assert_true(learn_usual_cpus(runs, COUNT(runs), &cpus));
	assert_true(cpus > 1.499 && cpus < 1.501);
	assert_false(learn_usual_cpus(runs + 3, 4, &cpus));
	assert_false(learn_usual_cpus(runs, 0, &cpus));
}

static void test_left(void **state)
{
	struct learn_run runs[11];
	struct learn_left left;

	(void)state;
	for (size_t i = 0; i < 11; i++)
		runs[i] = (struct learn_run){ .wall_us = (i + 1) * 10000000,
					      .outcome = LEARN_SUCCESS };
	runs[10].outcome = LEARN_FAILURE;
	assert_true(learn_left(runs, 11, 0, &left));
	assert_int_equal(left.longer, 10);
	assert_int_equal(left.usual_ns, UINT64_C(60) * 1000000000);
	assert_int_equal(left.likely_ns, UINT64_C(60) * 1000000000);
	assert_int_equal(left.late_ns, UINT64_C(90) * 1000000000);
	/* Those that were over by then say nothing any more: 75 s leave 80, 90 and 100. */
	assert_true(learn_left(runs, 11, UINT64_C(75) * 1000000000, &left));
	assert_int_equal(left.longer, 3);
	assert_int_equal(left.likely_ns, UINT64_C(15) * 1000000000);
	assert_int_equal(left.late_ns, UINT64_C(25) * 1000000000);
	assert_true(learn_left(runs, 11, UINT64_C(100) * 1000000000, &left));
	assert_int_equal(left.longer, 0);
	/* None that is known. */
	assert_false(learn_left(runs + 10, 1, 0, &left));
	runs[0].wall_us = LEARN_UNKNOWN;
	assert_false(learn_left(runs, 1, 0, &left));
}

static void test_many_writers(void **state)
{
	struct learn_run runs[LEARN_RUNS_MAX];
	pid_t pids[WRITERS];

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		for (int run = 0; run < RUNS; run++) {
			struct learn_run one = { .memory_bytes = (uint64_t)run };

			if (learn_add(dir, "key", &one, &err) < 0)
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(read_runs("key", runs), WRITERS * RUNS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_young_then_alike),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_quantile),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_left),
		DIR_TEST(test_ring),
		DIR_TEST(test_keys),
		DIR_TEST(test_damaged),
		DIR_TEST(test_hostile),
		DIR_TEST(test_many_writers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
