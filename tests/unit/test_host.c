/* SPDX-License-Identifier: MIT */
/* What the host has free, read from fixture trees that stand in for /proc and cgroupfs. */
#include "fixture_dir.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "cgroup/host.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define FILES_MAX 16

static cpu_set_t all_cpus;
static unsigned first_cpu, n_cpus;

/* 251 GiB, 200 of them available. */
static const char meminfo[] = "MemTotal:       263192576 kB\nMemFree:         1000000 kB\n"
			      "MemAvailable:  209715200 kB\nBuffers:  1 kB\n";

struct file {
	const char *name, *text;
};

/* A tree from a literal: below `dir`, "proc/" and "cg/". Samples it from cg/OWN. */
static struct host_sample sample_tree(const struct file *files, const char *own)
{
	char proc[PATH_MAX], cgroup[PATH_MAX], leaf[PATH_MAX];
	struct host_roots roots = { .proc = fixture_path(proc, dir, "proc"),
				    .cgroup = fixture_path(cgroup, dir, "cg"),
				    .own = fixture_path(leaf, dir, own) };
	struct host_sample sample;

	fixture_remove(dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	for (; files->name; files++)
		fixture_write(dir, files->name, files->text);
	memset(&sample, 0x5a, sizeof(sample));
	host_sample(&roots, &sample);
	return sample;
}

static void memory_is_of_the_tightest_level(void **state)
{
	static const struct {
		const char *what;
		struct file files[FILES_MAX];
		const char *own;
		bool known;
		uint64_t total, available;
	} rows[] = {
		{ "no cgroup",
		  { { "proc/meminfo", meminfo } },
		  "cg/a",
		  true,
		  263192576 * KIB,
		  209715200 * KIB },
		{ "no cap",
		  { { "proc/meminfo", meminfo },
		    { "cg/a/memory.max", "max\n" },
		    { "cg/a/memory.current", "1000\n" } },
		  "cg/a",
		  true,
		  263192576 * KIB,
		  209715200 * KIB },
		{ "a container of 2 GiB",
		  { { "proc/meminfo", meminfo },
		    { "cg/memory.max", "2147483648\n" },
		    { "cg/memory.current", "1610612736\n" },
		    { "cg/memory.stat", "anon 1\n" } },
		  "cg",
		  true,
		  2 * GIB,
		  GIB / 2 },
		{ "its page cache is to be had",
		  { { "proc/meminfo", meminfo },
		    { "cg/memory.max", "2147483648\n" },
		    { "cg/memory.current", "1610612736\n" },
		    { "cg/memory.stat",
		      "anon 5\nfile 6\ninactive_file 536870912\nactive_file 268435456\n"
		      "slab_reclaimable 268435456\nslab 99999999999\n" } },
		  "cg",
		  true,
		  2 * GIB,
		  3 * GIB / 2 },
		{ "more cache than use: all is free",
		  { { "proc/meminfo", "MemTotal: 263192576 kB\nMemAvailable: 263192576 kB\n" },
		    { "cg/memory.max", "2147483648\n" },
		    { "cg/memory.current", "1000\n" },
		    { "cg/memory.stat", "inactive_file 2000\n" } },
		  "cg",
		  true,
		  2 * GIB,
		  2 * GIB },
		{ "over its cap: nothing is",
		  { { "proc/meminfo", meminfo },
		    { "cg/memory.max", "1000\n" },
		    { "cg/memory.current", "2000\n" } },
		  "cg",
		  true,
		  1000,
		  0 },
		{ "a cap of nothing",
		  { { "proc/meminfo", meminfo },
		    { "cg/memory.max", "0\n" },
		    { "cg/memory.current", "0\n" } },
		  "cg",
		  true,
		  0,
		  0 },
		{ "a tighter parent",
		  { { "proc/meminfo", meminfo },
		    { "cg/memory.max", "max\n" },
		    { "cg/memory.current", "5\n" },
		    { "cg/a/memory.max", "1000000\n" },
		    { "cg/a/memory.current", "900000\n" },
		    { "cg/a/b/memory.max", "800000\n" },
		    { "cg/a/b/memory.current", "100000\n" } },
		  "cg/a/b",
		  true,
		  1000000,
		  100000 },
		{ "a tighter child",
		  { { "proc/meminfo", meminfo },
		    { "cg/a/memory.max", "1000000\n" },
		    { "cg/a/memory.current", "500000\n" },
		    { "cg/a/b/memory.max", "400000\n" },
		    { "cg/a/b/memory.current", "390000\n" } },
		  "cg/a/b",
		  true,
		  400000,
		  10000 },
		{ "levels above the mount are not ours to see",
		  { { "proc/meminfo", meminfo },
		    { "memory.max", "1000\n" },
		    { "memory.current", "999\n" },
		    { "cg/a/x", "" } },
		  "cg/a",
		  true,
		  263192576 * KIB,
		  209715200 * KIB },
		{ "a cap above the machine is none",
		  { { "proc/meminfo", meminfo },
		    { "cg/a/memory.max", "999999999999999\n" },
		    { "cg/a/memory.current", "999999999999998\n" } },
		  "cg/a",
		  true,
		  263192576 * KIB,
		  209715200 * KIB },
		{ "looser than what the machine has left",
		  { { "proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 100 kB\n" },
		    { "cg/a/memory.max", "512000\n" },
		    { "cg/a/memory.current", "1000\n" } },
		  "cg/a",
		  true,
		  1000 * KIB,
		  100 * KIB },
		{ "no meminfo, but a cap",
		  { { "cg/a/memory.max", "1000000\n" }, { "cg/a/memory.current", "1\n" } },
		  "cg/a",
		  true,
		  1000000,
		  999999 },
		{ "no MemAvailable",
		  { { "proc/meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\n" } },
		  "cg",
		  false,
		  0,
		  0 },
		{ "garbage",
		  { { "proc/meminfo", "MemTotal: lots\nMemAvailable: \n\x80\xff\n" },
		    { "cg/memory.max", "12 monkeys\n" },
		    { "cg/memory.current", "-1\n" } },
		  "cg",
		  false,
		  0,
		  0 },
		{ "garbage in the cap",
		  { { "proc/meminfo", meminfo },
		    { "cg/memory.max", "99999999999999999999999999999999999999999\n" },
		    { "cg/memory.current", "" } },
		  "cg",
		  true,
		  263192576 * KIB,
		  209715200 * KIB },
		{ "empty", { { "proc/meminfo", "" } }, "cg", false, 0, 0 },
		{ "nothing at all", { { NULL, NULL } }, "cg", false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct host_sample sample = sample_tree(rows[i].files, rows[i].own);

		if (sample.room.memory_known != rows[i].known ||
		    sample.room.memory_total_bytes != rows[i].total ||
		    sample.room.memory_available_bytes != rows[i].available)
			fail_msg("%s: known %d, %llu of %llu", rows[i].what,
				 sample.room.memory_known,
				 (unsigned long long)sample.room.memory_available_bytes,
				 (unsigned long long)sample.room.memory_total_bytes);
	}
}

static void roots_may_be_missing(void **state)
{
	static const struct file files[] = { { "proc/meminfo", meminfo },
					     { "cg/memory.max", "1000\n" },
					     { "cg/memory.current", "999\n" },
					     { NULL, NULL } };
	char proc[PATH_MAX], cgroup[PATH_MAX];
	const struct {
		const char *cgroup, *own;
		uint64_t total;
	} rows[] = {
		{ NULL, NULL, 263192576 * KIB },
		{ fixture_path(cgroup, dir, "cg"), NULL, 263192576 * KIB },
		{ NULL, cgroup, 263192576 * KIB },
		{ cgroup, "/elsewhere", 263192576 * KIB },
		{ cgroup, cgroup, 1000 },
		{ "/nonexistent", "/nonexistent/a", 263192576 * KIB },
	};

	(void)state;
	(void)sample_tree(files, "cg");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct host_roots roots = { .proc = fixture_path(proc, dir, "proc"),
					    .cgroup = rows[i].cgroup,
					    .own = rows[i].own };
		struct host_sample sample;

		host_sample(&roots, &sample);
		if (sample.room.memory_total_bytes != rows[i].total)
			fail_msg("row %zu: %llu", i,
				 (unsigned long long)sample.room.memory_total_bytes);
	}
}

static void quotas(void **state)
{
	static const struct {
		const char *what;
		struct file files[FILES_MAX];
		const char *own;
		double quota;
		uint64_t used;
	} rows[] = {
		{ "none", { { NULL, NULL } }, "cg/a", 0, 0 },
		{ "max",
		  { { "cg/a/cpu.max", "max 100000\n" }, { "cg/a/cpu.stat", "usage_usec 5\n" } },
		  "cg/a",
		  0,
		  0 },
		{ "half a CPU",
		  { { "cg/a/cpu.max", "50000 100000\n" },
		    { "cg/a/cpu.stat", "usage_usec 12345\nuser_usec 1\n" } },
		  "cg/a",
		  0.5,
		  12345 },
		{ "the parent is tighter",
		  { { "cg/a/cpu.max", "25000 100000\n" },
		    { "cg/a/cpu.stat", "usage_usec 7\n" },
		    { "cg/a/b/cpu.max", "50000 100000\n" },
		    { "cg/a/b/cpu.stat", "usage_usec 3\n" } },
		  "cg/a/b",
		  0.25,
		  7 },
		{ "the child is tighter",
		  { { "cg/a/cpu.max", "50000 100000\n" },
		    { "cg/a/cpu.stat", "usage_usec 7\n" },
		    { "cg/a/b/cpu.max", "20000 80000\n" },
		    { "cg/a/b/cpu.stat", "usage_usec 3\n" } },
		  "cg/a/b",
		  0.25,
		  3 },
		{ "no usage to measure against",
		  { { "cg/a/cpu.max", "50000 100000\n" } },
		  "cg/a",
		  0,
		  0 },
		{ "no period",
		  { { "cg/a/cpu.max", "50000\n" }, { "cg/a/cpu.stat", "usage_usec 5\n" } },
		  "cg/a",
		  0,
		  0 },
		{ "a period of nothing",
		  { { "cg/a/cpu.max", "50000 0\n" }, { "cg/a/cpu.stat", "usage_usec 5\n" } },
		  "cg/a",
		  0,
		  0 },
		{ "garbage",
		  { { "cg/a/cpu.max", "many CPUs\n" }, { "cg/a/cpu.stat", "usage_usec 5\n" } },
		  "cg/a",
		  0,
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct host_sample sample = sample_tree(rows[i].files, rows[i].own);

		if (sample.quota_cpus > rows[i].quota || sample.quota_cpus < rows[i].quota ||
		    sample.quota_used_us != rows[i].used)
			fail_msg("%s: %g CPUs, %llu us", rows[i].what, sample.quota_cpus,
				 (unsigned long long)sample.quota_used_us);
	}
}

/* A /proc/stat of `lines` CPUs from `first_cpu` on, each with the same numbers. */
static void stat_of(char *text, size_t size, unsigned lines, const char *numbers)
{
	(void)snprintf(text, size, "cpu  999 999 999 999 999 999 999 999 0 0\n");
	for (unsigned i = 0; i < lines; i++)
		(void)snprintf(text + strlen(text), size - strlen(text), "cpu%u %s\n",
			       first_cpu + i, numbers);
	(void)snprintf(text + strlen(text), size - strlen(text),
		       "intr 5 0 0\nctxt 1\nprocs_running 3\nprocs_blocked 9\n");
}

static void cpus_and_ticks(void **state)
{
	static const struct {
		const char *what, *numbers;
		uint64_t busy, all;
	} rows[] = {
		/* user nice system idle iowait irq softirq steal guest guest_nice */
		{ "all ten", "1 2 4 8 16 32 64 128 256 512", 231, 255 },
		{ "eight", "1 2 4 8 16 32 64 128", 231, 255 },
		{ "an old kernel", "1 2 4 8", 7, 15 },
		{ "idle", "0 0 0 100 100 0 0 0 0 0", 0, 200 },
		{ "garbage", "x y z", 0, 0 },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct file files[] = { { "proc/stat", text }, { NULL, NULL } };
		struct host_sample sample;

		stat_of(text, sizeof(text), 1, rows[i].numbers);
		sample = sample_tree(files, "cg");
		if (!sample.cpu_known || sample.busy_ticks != rows[i].busy ||
		    sample.all_ticks != rows[i].all || sample.room.cpus > 1 || sample.room.cpus < 1)
			fail_msg("%s: %llu of %llu", rows[i].what,
				 (unsigned long long)sample.busy_ticks,
				 (unsigned long long)sample.all_ticks);
		/* Of three that want a CPU one is us. */
		assert_int_equal(sample.runnable, 2);
	}
}

static void only_cpus_that_we_may_use_count(void **state)
{
	char text[8192] = "cpu  9 9 9 9\n";
	const struct file files[] = { { "proc/stat", text }, { NULL, NULL } };
	struct host_sample sample;
	cpu_set_t one;

	(void)state;
	/* Offline CPUs have no line; of those that have one, affinity decides. */
	for (unsigned cpu = 0; cpu < 64; cpu++)
		if (cpu % 2 == 0 || CPU_ISSET(cpu, &all_cpus))
			(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
				       "cpu%u 1 0 0 1\n", cpu);
	sample = sample_tree(files, "cg");
	assert_int_equal((unsigned)sample.room.cpus, n_cpus);
	assert_int_equal(sample.all_ticks, 2 * n_cpus);
	assert_int_equal(sample.busy_ticks, n_cpus);
	CPU_ZERO(&one);
	CPU_SET(first_cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	sample = sample_tree(files, "cg");
	assert_int_equal(sched_setaffinity(0, sizeof(all_cpus), &all_cpus), 0);
	assert_int_equal((unsigned)sample.room.cpus, 1);
}

static void a_quota_makes_cpus_a_fraction(void **state)
{
	char text[512];
	const struct file files[] = { { "proc/stat", text },
				      { "cg/cpu.max", "50000 100000\n" },
				      { "cg/cpu.stat", "usage_usec 1\n" },
				      { NULL, NULL } };
	const struct file loose[] = { { "proc/stat", text },
				      { "cg/cpu.max", "800000 100000\n" },
				      { "cg/cpu.stat", "usage_usec 1\n" },
				      { NULL, NULL } };

	(void)state;
	stat_of(text, sizeof(text), 1, "1 1 1 1");
	assert_true(sample_tree(files, "cg").room.cpus < 0.51);
	assert_int_equal((unsigned)sample_tree(loose, "cg").room.cpus, 1);
}

/* The same number as that of a whole sample, from less. */
static void cpus_alone(void **state)
{
	static const struct {
		struct file files[FILES_MAX];
		const char *own;
		double cpus; /* 0: all that there are */
	} rows[] = {
		{ { { NULL, NULL } }, "cg/a", 0 },
		{ { { "cg/cpu.max", "max 100000\n" }, { "cg/cpu.stat", "usage_usec 1\n" } },
		  "cg",
		  0 },
		{ { { "cg/cpu.max", "50000 100000\n" },
		    { "cg/cpu.stat", "usage_usec 1\n" },
		    { "cg/a/cpu.max", "70000 100000\n" },
		    { "cg/a/cpu.stat", "usage_usec 1\n" } },
		  "cg/a",
		  0.5 },
		{ { { "cg/a/cpu.max", "25000 100000\n" }, { "cg/a/cpu.stat", "usage_usec 1\n" } },
		  "cg/a",
		  0.25 },
		{ { { "cg/cpu.max", "99900000 100000\n" }, { "cg/cpu.stat", "usage_usec 1\n" } },
		  "cg",
		  0 },
	};
	char cgroup[PATH_MAX], leaf[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		double cpus, expected = rows[i].cpus > 0 ? rows[i].cpus : n_cpus;

		(void)sample_tree(rows[i].files, rows[i].own);
		cpus = host_cpus(fixture_path(cgroup, dir, "cg"),
				 fixture_path(leaf, dir, rows[i].own));
		if (cpus != expected)
			fail_msg("row %zu: %g", i, cpus);
	}
	assert_int_equal((unsigned)host_cpus(NULL, NULL), n_cpus);
}

static void stat_without_cpus_is_unknown(void **state)
{
	static const char *const texts[] = { "",
					     "nonsense\n",
					     "cpu  1 2 3 4\n",
					     "cpux 1 2 3 4\ncpu-1 1 2 3 4\n",
					     "cpu99999 1 2 3 4\n",
					     "cpu18446744073709551616 1 2 3 4\n",
					     "cpu",
					     NULL };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const struct file files[] = { { texts[i] ? "proc/stat" : NULL, texts[i] },
					      { NULL, NULL } };
		struct host_sample sample = sample_tree(files, "cg");

		assert_false(sample.cpu_known);
		assert_int_equal(sample.all_ticks, 0);
		assert_int_equal(sample.runnable, 0);
	}
}

static void pressure_or_none(void **state)
{
	static const struct {
		struct file files[FILES_MAX];
		bool known[3];
	} rows[] = {
		{ { { NULL, NULL } }, { false, false, false } },
		{ { { "proc/pressure/cpu", "" },
		    { "proc/pressure/memory", "" },
		    { "proc/pressure/io", "" } },
		  { false, false, false } },
		{ { { "proc/pressure/cpu", "some avg10=1.50 avg60=0.00 avg300=0.00 total=1\n" },
		    { "proc/pressure/io", "some avg10=1.50 avg60=0.00 avg300=0.00 total=1\n"
					  "full avg10=0.50 avg60=0.00 avg300=0.00 total=1\n" } },
		  { true, false, true } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct host_sample sample = sample_tree(rows[i].files, "cg");

		for (size_t kind = 0; kind < 3; kind++) {
			assert_int_equal(sample.room.pressure[kind].known, rows[i].known[kind]);
			assert_true(sample.room.pressure[kind].some_avg10 >=
					    (rows[i].known[kind] ? 1.5 : 0) &&
				    sample.room.pressure[kind].some_avg10 <= 1.5);
		}
	}
}

static void threads_that_want_a_cpu(void **state)
{
	static const struct {
		const char *loadavg;
		bool known;
		uint64_t runnable;
	} rows[] = {
		{ "0.20 0.18 0.12 1/80 11206\n", true, 0 },
		{ "12.00 3.00 1.00 13/1080 4711\n", true, 12 },
		{ "0.20 0.18 0.12 0/80 11206\n", true, 0 },
		{ "0.20 0.18 0.12", false, 0 },
		{ "0.20 0.18 0.12 x/80 1", false, 0 },
		{ "0.20 0.18 0.12 7", false, 0 },
		{ "\n", false, 0 },
	};
	char proc[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t runnable = 0;

		fixture_write(dir, "proc/loadavg", rows[i].loadavg);
		assert_int_equal(host_runnable(fixture_path(proc, dir, "proc"), &runnable),
				 rows[i].known);
		assert_int_equal(runnable, rows[i].runnable);
	}
	assert_false(host_runnable(fixture_path(proc, dir, "nowhere"), &(uint64_t){ 0 }));
}

static void busy_shares(void **state)
{
	static const struct {
		const char *what;
		struct host_sample before, after;
		double expected;
	} rows[] = {
		{ "half",
		  { .at_ns = 0, .cpu_known = true, .busy_ticks = 10, .all_ticks = 100 },
		  { .at_ns = RR_NS_PER_S, .cpu_known = true, .busy_ticks = 60, .all_ticks = 200 },
		  50 },
		{ "idle",
		  { .at_ns = 0, .cpu_known = true, .busy_ticks = 10, .all_ticks = 100 },
		  { .at_ns = 1, .cpu_known = true, .busy_ticks = 10, .all_ticks = 200 },
		  0 },
		{ "no tick passed",
		  { .at_ns = 0, .cpu_known = true, .busy_ticks = 10, .all_ticks = 100 },
		  { .at_ns = 1, .cpu_known = true, .busy_ticks = 10, .all_ticks = 100 },
		  -1 },
		{ "the same moment",
		  { .at_ns = 5, .cpu_known = true, .busy_ticks = 10, .all_ticks = 100 },
		  { .at_ns = 5, .cpu_known = true, .busy_ticks = 60, .all_ticks = 200 },
		  -1 },
		{ "not known before",
		  { .at_ns = 0 },
		  { .at_ns = 1, .cpu_known = true, .busy_ticks = 60, .all_ticks = 200 },
		  -1 },
		{ "not known after",
		  { .at_ns = 0, .cpu_known = true, .busy_ticks = 60, .all_ticks = 200 },
		  { .at_ns = 1 },
		  -1 },
		{ "a CPU went offline",
		  { .at_ns = 0, .cpu_known = true, .busy_ticks = 60, .all_ticks = 200 },
		  { .at_ns = 1, .cpu_known = true, .busy_ticks = 50, .all_ticks = 150 },
		  -1 },
		{ "more busy than all",
		  { .at_ns = 0, .cpu_known = true, .busy_ticks = 0, .all_ticks = 0 },
		  { .at_ns = 1, .cpu_known = true, .busy_ticks = 50, .all_ticks = 20 },
		  -1 },
		{ "the quota is what is short",
		  { .cpu_known = true, .all_ticks = 100, .quota_cpus = 0.5, .quota_used_us = 1000 },
		  { .at_ns = RR_NS_PER_S,
		    .cpu_known = true,
		    .busy_ticks = 10,
		    .all_ticks = 200,
		    .quota_cpus = 0.5,
		    .quota_used_us = 401000 },
		  80 },
		{ "the machine is what is short",
		  { .cpu_known = true, .all_ticks = 100, .quota_cpus = 0.5, .quota_used_us = 1000 },
		  { .at_ns = RR_NS_PER_S,
		    .cpu_known = true,
		    .busy_ticks = 90,
		    .all_ticks = 200,
		    .quota_cpus = 0.5,
		    .quota_used_us = 2000 },
		  90 },
		{ "a quota came",
		  { .cpu_known = true, .all_ticks = 100 },
		  { .at_ns = RR_NS_PER_S,
		    .cpu_known = true,
		    .busy_ticks = 10,
		    .all_ticks = 200,
		    .quota_cpus = 0.5,
		    .quota_used_us = 999999999 },
		  10 },
		{ "a quota went",
		  { .cpu_known = true, .all_ticks = 100, .quota_cpus = 0.5, .quota_used_us = 5 },
		  { .at_ns = RR_NS_PER_S, .cpu_known = true, .busy_ticks = 10, .all_ticks = 200 },
		  10 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		double percent = host_cpu_percent(&rows[i].before, &rows[i].after);

		if (percent > rows[i].expected + 1e-6 || percent < rows[i].expected - 1e-6)
			fail_msg("%s: %g", rows[i].what, percent);
	}
}

static void disks(void **state)
{
	struct host_sample sample = { .room.n_disks = 0 };
	struct statvfs fs;

	(void)state;
	assert_int_equal(statvfs(dir, &fs), 0);
	host_add_disk(&sample, dir);
	assert_int_equal(sample.room.n_disks, 1);
	assert_string_equal(sample.room.disks[0].path, dir);
	assert_true(sample.room.disks[0].used_percent >= 0 &&
		    sample.room.disks[0].used_percent <= 100);
	/* What cannot be read, or has no blocks, is left out. */
	host_add_disk(&sample, "/nonexistent/path");
	host_add_disk(&sample, "");
	host_add_disk(&sample, "/proc");
	assert_int_equal(sample.room.n_disks, 1);
	for (int i = 0; i < 2 * HOST_DISKS_MAX; i++)
		host_add_disk(&sample, "/");
	assert_int_equal(sample.room.n_disks, HOST_DISKS_MAX);
}

static void this_very_host(void **state)
{
	struct host_roots roots = { .proc = "/proc" };
	struct host_sample sample;

	(void)state;
	host_sample(&roots, &sample);
	assert_true(sample.room.memory_known);
	assert_true(sample.room.memory_available_bytes <= sample.room.memory_total_bytes);
	assert_true(sample.cpu_known);
	assert_int_equal((unsigned)sample.room.cpus, n_cpus);
	assert_true(sample.busy_ticks <= sample.all_ticks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIR_TEST(memory_is_of_the_tightest_level),
		DIR_TEST(roots_may_be_missing),
		DIR_TEST(quotas),
		DIR_TEST(cpus_and_ticks),
		DIR_TEST(only_cpus_that_we_may_use_count),
		DIR_TEST(a_quota_makes_cpus_a_fraction),
		DIR_TEST(cpus_alone),
		DIR_TEST(stat_without_cpus_is_unknown),
		DIR_TEST(pressure_or_none),
		DIR_TEST(threads_that_want_a_cpu),
		DIR_TEST(busy_shares),
		DIR_TEST(disks),
		DIR_TEST(this_very_host),
	};

	if (sched_getaffinity(0, sizeof(all_cpus), &all_cpus) < 0)
		return 1;
	while (!CPU_ISSET(first_cpu, &all_cpus))
		first_cpu++;
	n_cpus = (unsigned)CPU_COUNT(&all_cpus);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
