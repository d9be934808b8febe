/* SPDX-License-Identifier: MIT */
/* The text of /proc and cgroupfs, and what tells one process from another. */
#include "fixture_dir.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>

#include "base/fd.h"
#include "base/procfs.h"

static void finds_numbers(void **state)
{
	static const char meminfo[] = "MemTotal:       263000000 kB\n"
				      "MemFree:         1000000 kB\n"
				      "MemAvailable:  200000000 kB\n"
				      "Mem:                  42 kB\n"
				      "HugePages_Total:       0\n";
	static const char stat_text[] = "anon 100\nanon_thp 200\nkernel_stack 300\nkernel 400\n"
					"oom_group_kill 5\noom 6\noom_kill 7\n";
	static const struct {
		const char *text, *key;
		int code;
		uint64_t expected;
	} rows[] = {
		{ meminfo, "MemTotal", 0, 263000000 },
		{ meminfo, "MemAvailable", 0, 200000000 },
		{ meminfo, "Mem", 0, 42 },
		{ meminfo, "HugePages_Total", 0, 0 },
		{ meminfo, "MemA", -ENOENT, 0 },
		{ meminfo, "Total", -ENOENT, 0 },
		{ stat_text, "anon", 0, 100 },
		{ stat_text, "anon_thp", 0, 200 },
		{ stat_text, "kernel", 0, 400 },
		{ stat_text, "kernel_stack", 0, 300 },
		{ stat_text, "oom_kill", 0, 7 },
		{ stat_text, "oom", 0, 6 },
		{ stat_text, "kill", -ENOENT, 0 },
		{ "Threads:\t12\n", "Threads", 0, 12 },
		{ "populated 1", "populated", 0, 1 },
		{ "rbytes=17 wbytes=18", "rbytes", 0, 17 },
		{ "n 18446744073709551615\n", "n", 0, UINT64_MAX },
		{ "n 18446744073709551616\n", "n", -ERANGE, 0 },
		{ "n\nn 3\n", "n", 0, 3 },
		{ "n max\nn 3\n", "n", 0, 3 },
		{ "n", "n", -ENOENT, 0 },
		{ "n \n", "n", -ENOENT, 0 },
		{ "n max\n", "n", -ENOENT, 0 },
		{ "n -5\n", "n", -ENOENT, 0 },
		{ "n:\n5\n", "n", -ENOENT, 0 },
		{ "", "n", -ENOENT, 0 },
		{ "\n\n\n", "n", -ENOENT, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t value = 77;
		int r = rr_text_u64(rows[i].text, rows[i].key, &value);

		if (r != rows[i].code || value != (r == 0 ? rows[i].expected : 77))
			fail_msg("row %zu, '%s': %d, %llu", i, rows[i].key, r,
				 (unsigned long long)value);
	}
}

static void pressure_and_its_absences(void **state)
{
	static const struct {
		const char *text; /* NULL: no such file */
		struct rr_pressure expected;
	} rows[] = {
		{ NULL, { 0 } },
		{ "", { 0 } },
		{ "nonsense\n", { 0 } },
		{ "some avg10=x avg60=0.00 avg300=0.00 total=5\n", { 0 } },
		{ "some avg10=1.00 avg60=0.00 avg300=0.00\n", { 0 } },
		{ "some avg10=12.34 avg60=5.00 avg300=1.00 total=123456\n"
		  "full avg10=2.50 avg60=1.00 avg300=0.00 total=654\n",
		  { true, 12.34, 2.5, 123456, 654 } },
		{ "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
		  "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		  { true, 0, 0, 0, 0 } },
		/* The cpu file of the machine on older kernels. */
		{ "some avg10=3.00 avg60=5.00 avg300=1.00 total=9\n", { true, 3, 0, 9, 0 } },
		{ "some avg10=100.00 avg60=0.00 avg300=0.00 total=18446744073709551615\n",
		  { true, 100, 0, UINT64_MAX, 0 } },
	};
	rr_autofd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct rr_pressure *want = &rows[i].expected;
		struct rr_pressure got = { true, 7, 7, 7, 7 };

		(void)unlinkat(fd, "pressure", 0);
		if (rows[i].text)
			fixture_write(dir, "pressure", rows[i].text);
		rr_read_pressure(fd, "pressure", &got);
		if (got.known != want->known || got.some_us != want->some_us ||
		    got.full_us != want->full_us || got.some_avg10 > want->some_avg10 + 1e-9 ||
		    got.some_avg10 < want->some_avg10 - 1e-9 ||
		    got.full_avg10 > want->full_avg10 + 1e-9 ||
		    got.full_avg10 < want->full_avg10 - 1e-9)
			fail_msg("row %zu: known %d, some %g %llu, full %g %llu", i, got.known,
				 got.some_avg10, (unsigned long long)got.some_us, got.full_avg10,
				 (unsigned long long)got.full_us);
	}
}

/* The third absence: the file opens, and reading it fails (psi=0 answers EOPNOTSUPP). A directory
 * does the same with EISDIR. */
static void pressure_that_cannot_be_read(void **state)
{
	struct rr_pressure got = { .known = true };

	(void)state;
	rr_read_pressure(AT_FDCWD, dir, &got);
	assert_false(got.known);
	got.known = true;
	rr_read_pressure(-1, "pressure", &got);
	assert_false(got.known);
}

/* A child that waits for its end; killed and reaped by end_child. */
static pid_t start_child(const char *name)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, name);
		if (write(ready[1], "r", 1) == 1)
			for (;;)
				(void)pause();
		_exit(1);
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Field 22 by counting from the right: 52 fields in all, and no name among the last 30. */
static uint64_t ticks_from_the_right(pid_t pid)
{
	char path[64], text[1024];
	const char *at;
	uint64_t ticks = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	assert_true(rr_read_at(AT_FDCWD, path, text, sizeof(text)) > 0);
	at = text + strlen(text);
	for (int spaces = 0; spaces < 31; spaces += *at == ' ')
		at--;
	for (at++; *at >= '0' && *at <= '9'; at++)
		ticks = ticks * 10 + (uint64_t)(*at - '0');
	return ticks;
}

static void start_ticks_whatever_the_name(void **state)
{
	static const char *const names[] = { "plain",	       "a) b (c", ") R 1 2 3",
					     "((((",	       "))))",	  "",
					     "new\nline) S 1", " ) ) )",  "1 2 3 4 5 6 7 8" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		pid_t pid = start_child(names[i]);
		uint64_t ticks = 0, expected = ticks_from_the_right(pid);

		assert_int_equal(rr_proc_start_ticks(pid, &ticks), 0);
		if (ticks != expected || ticks == 0)
			fail_msg("'%s': %llu, not %llu", names[i], (unsigned long long)ticks,
				 (unsigned long long)expected);
		assert_true(rr_proc_is(pid, ticks));
		assert_false(rr_proc_is(pid, ticks + 1));
		assert_false(rr_proc_is(pid, ticks - 1));
		end_child(pid);
		assert_int_equal(rr_proc_start_ticks(pid, &ticks), -ESRCH);
		assert_false(rr_proc_is(pid, expected));
	}
}

static void a_zombie_is_not_it_any_more(void **state)
{
	pid_t pid = start_child("Z) S 1");
	siginfo_t info;
	uint64_t ticks;

	(void)state;
	assert_int_equal(rr_proc_start_ticks(pid, &ticks), 0);
	assert_true(rr_proc_is(pid, ticks));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(rr_proc_is(pid, ticks));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void no_such_process(void **state)
{
	static const pid_t pids[] = { 0, -1, INT_MAX, 4194305 };
	uint64_t ticks = 77;

	(void)state;
	for (size_t i = 0; i < COUNT(pids); i++) {
		assert_int_equal(rr_proc_start_ticks(pids[i], &ticks), -ESRCH);
		assert_int_equal(ticks, 77);
		assert_false(rr_proc_is(pids[i], 77));
	}
}

static void pid_namespace(void **state)
{
	char link[64] = "", expected[64];

	(void)state;
	assert_true(readlink("/proc/self/ns/pid", link, sizeof(link) - 1) > 0);
	(void)snprintf(expected, sizeof(expected), "pid:[%llu]",
		       (unsigned long long)rr_namespace("pid"));
	assert_string_equal(link, expected);
}

static void signals_with_and_without_pidfd(void **state)
{
	(void)state;
	for (int with = 0; with < 2; with++) {
		pid_t pid = start_child("target");
		rr_autofd int pidfd = with ? rr_pidfd_open(pid) : -1;
		int status;

		if (with && pidfd < 0)
			fixture_skip("pidfd", "this kernel or filter gives no pidfd");
		if (with)
			assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(rr_pidfd_signal(pidfd, pid, 0), 0);
		assert_int_equal(rr_pidfd_signal(pidfd, pid, SIGTERM), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGTERM);
		assert_int_equal(rr_pidfd_signal(pidfd, pid, SIGTERM), -ESRCH);
	}
	assert_int_equal(rr_pidfd_open(INT_MAX), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_numbers),
		cmocka_unit_test(pressure_and_its_absences),
		cmocka_unit_test(pressure_that_cannot_be_read),
		cmocka_unit_test(start_ticks_whatever_the_name),
		cmocka_unit_test(a_zombie_is_not_it_any_more),
		cmocka_unit_test(no_such_process),
		cmocka_unit_test(pid_namespace),
		cmocka_unit_test(signals_with_and_without_pidfd),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
