/* SPDX-License-Identifier: MIT */
/* Limits as the text that the kernel takes, and the controllers they need. */
#include "fixture_dir.h"

#include <sys/sysmacros.h>

#include "base/fd.h"
#include "cgroup/hierarchy.h"
#include "cgroup/io_weight.h"
#include "cgroup/limit.h"

static struct rr_err err;

static void names_files_and_controllers(void **state)
{
	static const struct {
		enum limit_id id;
		const char *name, *file;
		unsigned controller;
	} rows[] = {
		{ LIMIT_MEMORY, "memory", "memory.max", CG_MEMORY },
		{ LIMIT_MEMORY_HIGH, "memory_high", "memory.high", CG_MEMORY },
		{ LIMIT_SWAP, "swap", "memory.swap.max", CG_MEMORY },
		{ LIMIT_CPUS, "cpu", "cpu.max", CG_CPU },
		{ LIMIT_CPU_WEIGHT, "cpu_weight", "cpu.weight", CG_CPU },
		{ LIMIT_PIDS, "pids", "pids.max", CG_PIDS },
		{ LIMIT_IO_WEIGHT, "io_weight", "io.weight", CG_IO },
		{ LIMIT_IO_MAX, "io_max", "io.max", CG_IO },
	};

	(void)state;
	assert_int_equal(COUNT(rows), LIMIT_N);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct limit_set limits = { 0 };

		assert_int_equal(limit_controllers(&limits), 0);
		limits.v[rows[i].id].asked = true;
		assert_int_equal(limit_controllers(&limits), rows[i].controller);
		assert_string_equal(limit_name(rows[i].id), rows[i].name);
		assert_string_equal(limit_file(rows[i].id), rows[i].file);
	}
}

static void controllers_add_up(void **state)
{
	(void)state;
	for (unsigned asked = 0; asked < 1U << LIMIT_N; asked++) {
		struct limit_set limits = { 0 };
		unsigned expected = 0;

		for (unsigned i = 0; i < LIMIT_N; i++)
			limits.v[i].asked = asked >> i & 1;
		expected |= asked & 0x07 ? CG_MEMORY : 0;
		expected |= asked & 0x18 ? CG_CPU : 0;
		expected |= asked & 0x20 ? CG_PIDS : 0;
		expected |= asked & 0xc0 ? CG_IO : 0;
		assert_int_equal(limit_controllers(&limits), expected);
	}
}

static void enforcers(void **state)
{
	static const struct {
		enum limit_by by;
		const char *name;
	} rows[] = { { BY_NONE, "none" },
		     { BY_CGROUP, "cgroup" },
		     { BY_SAMPLED, "sampled" },
		     { BY_AFFINITY, "affinity" },
		     { BY_NICE, "nice" } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(limit_by_name(rows[i].by), rows[i].name);
}

static void texts(void **state)
{
	static const struct {
		enum limit_id id;
		uint64_t amount;
		double cpus;
		const char *expected;
	} rows[] = {
		{ LIMIT_MEMORY, UINT64_C(4) << 30, 0, "4294967296" },
		{ LIMIT_MEMORY, 65536, 0, "65536" },
		{ LIMIT_MEMORY_HIGH, 1, 0, "1" },
		{ LIMIT_SWAP, 0, 0, "0" },
		{ LIMIT_MEMORY, UINT64_MAX, 0, "18446744073709551615" },
		{ LIMIT_CPUS, 0, 1, "100000 100000" },
		{ LIMIT_CPUS, 0, 1.5, "150000 100000" },
		{ LIMIT_CPUS, 0, 0.01, "1000 100000" },
		{ LIMIT_CPUS, 0, 0.29, "29000 100000" },
		{ LIMIT_CPUS, 0, 64, "6400000 100000" },
		{ LIMIT_CPU_WEIGHT, 100, 0, "100" },
		{ LIMIT_PIDS, 512, 0, "512" },
		{ LIMIT_IO_WEIGHT, 10000, 0, "default 10000" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct limit limit = { .asked = true,
				       .amount = rows[i].amount,
				       .cpus = rows[i].cpus };
		char text[128];

		assert_int_equal(limit_text(&limit, rows[i].id, text, sizeof(text), &err), 0);
		assert_string_equal(text, rows[i].expected);
	}
}

/* The number of the disk below a path, by another way than the code's; NULL where there is none. */
static const char *disk_below(const char *path)
{
	static char number[32];
	char link[128];
	struct stat st;
	FILE *file;

	if (stat(path, &st) < 0)
		return NULL;
	(void)snprintf(link, sizeof(link), "/sys/dev/block/%u:%u/partition", major(st.st_dev),
		       minor(st.st_dev));
	(void)snprintf(link, sizeof(link), "/sys/dev/block/%u:%u/%s", major(st.st_dev),
		       minor(st.st_dev), access(link, F_OK) == 0 ? "../dev" : "dev");
	file = fopen(link, "re");
	if (!file)
		return NULL;
	if (!fgets(number, sizeof(number), file))
		number[0] = '\0';
	(void)fclose(file);
	number[strcspn(number, "\n")] = '\0';
	return number;
}

static void io_max(void **state)
{
	static const struct {
		const char *spec;
		int code;
		const char *expected;
	} rows[] = {
		{ "/ rbps=50M", 0, " rbps=52428800" },
		{ "/ rbps=50M wbps=20M", 0, " rbps=52428800 wbps=20971520" },
		{ "/  rbps=1   wbps=2 ", 0, " rbps=1 wbps=2" },
		{ "/ riops=1000 wiops=500", 0, " riops=1000 wiops=500" },
		{ "/ rbps=max", 0, " rbps=max" },
		{ "/", -EINVAL, "names no cap" },
		{ "/ bps=5", -EINVAL, "'bps=5'" },
		{ "/ rbps", -EINVAL, "'rbps'" },
		{ "/ rbps=", -EINVAL, "'rbps='" },
		{ "/ rbps=fast", -EINVAL, "'rbps=fast'" },
		{ "/ rbps=-1", -EINVAL, "'rbps=-1'" },
		{ "/ rbps=1 junk", -EINVAL, "'junk'" },
		{ "/ rbpsx=1", -EINVAL, "'rbpsx=1'" },
		{ "/ =1", -EINVAL, "'=1'" },
	};
	const char *disk = disk_below("/");

	(void)state;
	if (!disk)
		fixture_skip("disk", "/ is on no block device here");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct limit limit = { .asked = true };
		char text[300], expected[300];
		int r;

		(void)snprintf(limit.spec, sizeof(limit.spec), "%s", rows[i].spec);
		(void)snprintf(expected, sizeof(expected), "%s%s", disk, rows[i].expected);
		r = limit_text(&limit, LIMIT_IO_MAX, text, sizeof(text), &err);
		if (r != rows[i].code)
			fail_msg("'%s': %d %s", rows[i].spec, r, err.text);
		if (r == 0)
			assert_string_equal(text, expected);
		else
			assert_non_null(strstr(err.text, rows[i].expected));
	}
}

static void weights_of_bfq(void **state)
{
	static const struct {
		uint64_t weight, expected;
	} rows[] = { { 1, 1 },	   { 50, 50 },	  { 100, 100 },
		     { 101, 100 }, { 1000, 181 }, { 10000, 1000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(io_weight_for_bfq(rows[i].weight), rows[i].expected);
}

static void io_max_needs_a_disk(void **state)
{
	static const struct {
		const char *spec;
		int code;
	} rows[] = {
		{ "/nonexistent rbps=1", -ENOENT },
		{ "/proc rbps=1", -ENODEV },
		{ "/dev/null rbps=1", -ENODEV },
		{ "rbps=1", -ENOENT },
		{ "", -ENOENT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct limit limit = { .asked = true };
		char text[300];

		(void)snprintf(limit.spec, sizeof(limit.spec), "%s", rows[i].spec);
		assert_int_equal(limit_text(&limit, LIMIT_IO_MAX, text, sizeof(text), &err),
				 rows[i].code);
		assert_non_null(strstr(err.text, "io_max"));
	}
}

/* ---- the hierarchy's own files ---- */

static void controllers_are_read_and_enabled(void **state)
{
	static const struct {
		const char *available, *on;
		unsigned wanted, read, enabled;
		const char *left; /* the last word written */
	} rows[] = {
		{ "cpuset cpu io memory hugetlb pids\n", "", 0, 15, 0, "" },
		{ "cpuset cpu io memory pids", "", CG_CPU, 15, CG_CPU, "+cpu" },
		{ "cpuset memory\n", "", CG_CPU | CG_MEMORY, CG_MEMORY, CG_MEMORY, "+memory" },
		{ "cpuset io_x cpux\n", "", 15, 0, 0, "" },
		{ "memory\n", "memory\n", CG_MEMORY, CG_MEMORY, CG_MEMORY, "memory\n" },
		{ "", "", 15, 0, 0, "" },
		{ " \n \n", "", 15, 0, 0, "" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		rr_autofd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		unsigned enabled = 77;

		fixture_write(dir, "cgroup.controllers", rows[i].available);
		fixture_write(dir, "cgroup.subtree_control", rows[i].on);
		assert_int_equal(cg_read_controllers(fd, "cgroup.controllers"), rows[i].read);
		assert_int_equal(cg_enable(fd, rows[i].wanted, &enabled), 0);
		assert_int_equal(enabled, rows[i].enabled);
		assert_true(rr_read_at(fd, "cgroup.subtree_control", text, sizeof(text)) >= 0);
		assert_string_equal(text, rows[i].left);
	}
}

static void what_is_refused_is_told(void **state)
{
	rr_autofd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned enabled = 77;

	(void)state;
	assert_int_equal(cg_read_controllers(fd, "cgroup.controllers"), 0);
	fixture_write(dir, "cgroup.controllers", "cpu memory\n");
	assert_int_equal(cg_enable(fd, CG_CPU | CG_MEMORY, &enabled), -ENOENT);
	assert_int_equal(enabled, 0);
	assert_int_equal(cg_enable(fd, CG_PIDS, &enabled), 0);
	assert_int_equal(enabled, 0);
}

static void populated(void **state)
{
	static const struct {
		const char *text;
		int expected;
	} rows[] = {
		{ "populated 1\nfrozen 0\n", 1 },
		{ "populated 0\nfrozen 1\n", 0 },
		{ "frozen 1\npopulated 0\n", 0 },
		{ "frozen 1\n", -EINVAL },
		{ "", -EINVAL },
		{ NULL, -ENOENT },
	};
	char path[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		(void)unlink(fixture_path(path, dir, "cgroup.events"));
		if (rows[i].text)
			fixture_write(dir, "cgroup.events", rows[i].text);
		assert_int_equal(cg_populated(dir), rows[i].expected);
	}
	assert_int_equal(cg_populated("/nonexistent"), -ENOENT);
}

static void where_we_stand(void **state)
{
	struct cg_hierarchy found;
	char place[CG_PATH_MAX], tiny[4];

	(void)state;
	cg_find(&found);
	if (found.mode == CG_NONE)
		fixture_skip("cgroup", "no cgroup v2 here");
	assert_int_equal(strncmp(found.own, found.mount, strlen(found.mount)), 0);
	assert_int_equal(access(found.own, F_OK), 0);
	assert_int_equal(cg_of_process(&found, 0, place, sizeof(place)), 0);
	assert_int_equal(cg_of_process(&found, getpid(), place, sizeof(place)), 0);
	assert_int_equal(strncmp(place, found.mount, strlen(found.mount)), 0);
	assert_int_equal(cg_of_process(&found, 0, tiny, sizeof(tiny)), -ENAMETOOLONG);
	assert_true(cg_of_process(&found, INT_MAX, place, sizeof(place)) < 0);
}

/* The mount shows a part of the hierarchy, whose name places begin with. */
static void where_we_stand_in_a_part(void **state)
{
	struct cg_hierarchy part;
	char place[CG_PATH_MAX];

	(void)state;
	cg_find(&part);
	if (part.mode == CG_NONE)
		fixture_skip("cgroup", "no cgroup v2 here");
	(void)snprintf(part.root, sizeof(part.root), "%s", part.own + strlen(part.mount));
	assert_int_equal(cg_of_process(&part, 0, place, sizeof(place)), 0);
	assert_string_equal(place, part.mount);
	(void)snprintf(part.root, sizeof(part.root), "/elsewhere");
	assert_int_equal(cg_of_process(&part, 0, place, sizeof(place)), -ENOENT);
	/* A name that only begins like ours. */
	if (strlen(part.own) > strlen(part.mount) + 1) {
		(void)snprintf(part.root, sizeof(part.root), "%s", part.own + strlen(part.mount));
		part.root[strlen(part.root) - 1] = '\0';
		assert_int_equal(cg_of_process(&part, 0, place, sizeof(place)), -ENOENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_files_and_controllers),
		cmocka_unit_test(controllers_add_up),
		cmocka_unit_test(enforcers),
		cmocka_unit_test(texts),
		cmocka_unit_test(io_max),
		cmocka_unit_test(weights_of_bfq),
		cmocka_unit_test(io_max_needs_a_disk),
		DIR_TEST(controllers_are_read_and_enabled),
		DIR_TEST(what_is_refused_is_told),
		DIR_TEST(populated),
		cmocka_unit_test(where_we_stand),
		cmocka_unit_test(where_we_stand_in_a_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
