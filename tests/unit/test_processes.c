/* SPDX-License-Identifier: MIT */
/* The table of all processes, from fixture trees that stand in for /proc, and from the real one. */
#include "fixture_dir.h"

#include <signal.h>
#include <stdbool.h>

#include "base/processes.h"

#define REST " 10 10 0 -1 4194304 90 7 10 7 "

static void a_line_of_stat(void **state)
{
	static const struct {
		const char *text;
		bool good;
		struct process expected;
	} rows[] = {
		{ "42 (cat) R 7" REST "30 12 900 900 20 0 3 0 5000 1000000 77 18446744073709551615",
		  true,
		  { 42, 7, 'R', "cat", 5000, 42, 3, 77, 1800, 100 } },
		{ "42 (a) b (c) S 7" REST "1 2 0 0 20 0 1 0 9 0 5 1",
		  true,
		  { 42, 7, 'S', "a) b (c", 9, 3, 1, 5, 0, 100 } },
		{ "42 (\033[2J\n) S 7" REST "1 2 0 0 -20 -5 1 0 9 0 5 1",
		  true,
		  { 42, 7, 'S', "?[2J?", 9, 3, 1, 5, 0, 100 } },
		{ "42 (a name that is much longer than any) S 7" REST "0 0 0 0 20 0 1 0 9 0 5 1",
		  true,
		  { 42, 7, 'S', "a name that is much lon", 9, 0, 1, 5, 0, 100 } },
		{ "42 () S 7" REST "0 0 0 0 20 0 1 0 9 0 5",
		  true,
		  { 42, 7, 'S', "", 9, 0, 1, 5, 0, 100 } },
		{ "42 (cat) R 7" REST "30 12 900 900 20 0 3 0 5000 1000000", false, { 0 } },
		{ "42 (cat) R x" REST "30 12 900 900 20 0 3 0 5000 1000000 77", false, { 0 } },
		{ "0 (cat) R 7" REST "30 12 900 900 20 0 3 0 5000 1000000 77", false, { 0 } },
		{ "42 cat R 7" REST "30 12 900 900 20 0 3 0 5000 1000000 77", false, { 0 } },
		{ "42 )cat( R 7" REST "30 12 900 900 20 0 3 0 5000 1000000 77", false, { 0 } },
		{ "", false, { 0 } },
		{ "()", false, { 0 } },
		{ "1 ()", false, { 0 } },
		{ "1 () ", false, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct process *expected = &rows[i].expected;
		struct process process;

		assert_int_equal(process_parse(rows[i].text, &process), rows[i].good);
		if (!rows[i].good)
			continue;
		assert_int_equal(process.pid, expected->pid);
		assert_int_equal(process.parent, expected->parent);
		assert_int_equal(process.state, expected->state);
		assert_string_equal(process.name, expected->name);
		assert_int_equal(process.start_ticks, expected->start_ticks);
		assert_int_equal(process.cpu_ticks, expected->cpu_ticks);
		assert_int_equal(process.waited_ticks, expected->waited_ticks);
		assert_int_equal(process.threads, expected->threads);
		assert_int_equal(process.resident_pages, expected->resident_pages);
		assert_int_equal(process.faults, expected->faults);
	}
}

static void put(int pid, int parent, char letter, unsigned cpu, unsigned start)
{
	char name[32], text[256];

	(void)snprintf(name, sizeof(name), "%d/stat", pid);
	(void)snprintf(text, sizeof(text), "%d (p%d) %c %d" REST "%u 0 0 0 20 0 1 0 %u 0 5", pid,
		       pid, letter, parent, cpu, start);
	fixture_write(dir, name, text);
}

static void a_tree_is_its_root_and_all_below(void **state)
{
	processes_auto struct processes processes = { NULL, 0 };
	pid_t pids[8];

	(void)state;
	put(1, 0, 'S', 1, 1);
	put(90, 1, 'S', 1, 1);
	put(30, 90, 'S', 1, 1); /* a child may have the smaller number */
	put(31, 30, 'R', 1, 1);
	put(32, 30, 'Z', 1, 1);
	put(91, 1, 'S', 1, 1);
	fixture_write(dir, "self/stat", "no process");
	fixture_write(dir, "33/stat", "nonsense");
	assert_int_equal(processes_read(dir, &processes), 0);
	assert_int_equal(processes.n, 6);
	assert_int_equal(processes_tree(&processes, 90, pids, COUNT(pids)), 3);
	assert_int_equal(pids[0], 90);
	assert_int_equal(pids[1], 30);
	assert_int_equal(pids[2], 31);
	assert_int_equal(processes_tree(&processes, 90, pids, 2), 2);
	assert_int_equal(processes_tree(&processes, 32, pids, COUNT(pids)), 0);
	assert_int_equal(processes_tree(&processes, 33, pids, COUNT(pids)), 0);
	assert_int_equal(processes_tree(&processes, 90, pids, 0), 0);
	assert_null(processes_find(&processes, 2));
	assert_string_equal(processes_find(&processes, 31)->name, "p31");
}

/* A loop cannot be; a file that says so must not hang us either. */
static void a_loop_ends(void **state)
{
	processes_auto struct processes processes = { NULL, 0 };
	pid_t pids[8];

	(void)state;
	put(5, 6, 'S', 1, 1);
	put(6, 5, 'S', 1, 1);
	assert_int_equal(processes_read(dir, &processes), 0);
	assert_int_equal(processes_tree(&processes, 5, pids, COUNT(pids)), COUNT(pids));
}

static void the_busiest_is_by_time_since_then(void **state)
{
	processes_auto struct processes before = { NULL, 0 }, now = { NULL, 0 };
	static const pid_t all[] = { 10, 11, 12, 13 }, idle[] = { 10, 13 }, none[] = { 99 };

	(void)state;
	put(10, 1, 'S', 500, 1);
	put(11, 10, 'R', 100, 2);
	put(12, 10, 'R', 900, 3);
	put(13, 10, 'S', 500, 4);
	assert_int_equal(processes_read(dir, &before), 0);
	put(11, 10, 'R', 160, 2);
	put(12, 10, 'R', 50, 7); /* another process with that number */
	assert_int_equal(processes_read(dir, &now), 0);

	assert_int_equal(processes_busiest(&now, &before, all, COUNT(all))->pid, 11);
	assert_int_equal(process_ticks_since(processes_find(&now, 12), &before), 50);
	/* Nobody worked: who has worked most, and of these the youngest. */
	assert_int_equal(processes_busiest(&now, &before, idle, COUNT(idle))->pid, 13);
	assert_int_equal(processes_busiest(&before, NULL, all, COUNT(all))->pid, 12);
	assert_null(processes_busiest(&now, &before, none, COUNT(none)));
}

static void no_proc(void **state)
{
	struct processes processes = { NULL, 7 };
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(processes_read(fixture_path(path, dir, "nowhere"), &processes), -ENOENT);
}

static void this_very_host(void **state)
{
	processes_auto struct processes processes = { NULL, 0 };
	pid_t child = fork(), pids[64];

	(void)state;
	if (child == 0)
		for (;;)
			(void)pause();
	assert_int_equal(processes_read("/proc", &processes), 0);
	assert_int_equal(processes_find(&processes, child)->parent, getpid());
	assert_string_equal(processes_find(&processes, getpid())->name, "test_processes");
	assert_int_equal(processes_tree(&processes, getpid(), pids, COUNT(pids)), 2);
	assert_int_equal(pids[1], child);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_stat),
		DIR_TEST(a_tree_is_its_root_and_all_below),
		DIR_TEST(a_loop_ends),
		DIR_TEST(the_busiest_is_by_time_since_then),
		DIR_TEST(no_proc),
		cmocka_unit_test(this_very_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
