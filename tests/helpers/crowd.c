/* SPDX-License-Identifier: MIT */
/*
 * crowd [OPTION]... FILE COMMAND [ARG]...: starts COMMAND ARG... baton FILE many times, of which
 * COMMAND shall run one at a time, and measures what becomes of those that wait.
 *
 *   --waiters N   so many wait behind the one that runs (1)
 *   --samples N   how many times one hands over to the next (N waiters)
 *   --single      each hands over when exactly N wait and are still: more are started as needed;
 *                 otherwise all are there before the first ends, and one follows the other
 *   --idle S      meanwhile, let them wait for so long and measure what that costs
 *   --limit S     break off after so long (60)
 *
 * Prints lines of a name and a number:
 *   handover  us from the end of one job to the beginning of the next, one line each
 *   cpu       ms of CPU time that all processes but those of the one that runs took in the S
 *             seconds of waiting
 *   memory    KiB of private memory per waiter, of the same
 *   processes per waiter
 *
 * Whatever COMMAND leaves behind is adopted and killed at the end.
 */
#include "tests/helpers/baton.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PROCESSES_MAX 65536
#define WORDS_MAX 64
#define HOLD_US 5000 /* so that what follows a start is over before the next */
#define STILL_LOOKS 5 /* in a row */
#define STILL_MS 20

struct process {
	pid_t pid, parent;
	char state;
	bool ours;
};

static struct {
	unsigned waiters, samples, idle_s, limit_s;
	bool single;
} opt = { 1, 0, 0, 60, false };

static struct process processes[PROCESSES_MAX], waiters[PROCESSES_MAX];
static size_t n_processes;
static pid_t first;
static struct baton *baton;
static char *words[WORDS_MAX], baton_path[4096];
static uint64_t deadline_ns;

_Noreturn static void die(const char *what)
{
	perror(what);
	exit(125);
}

static void sleep_ms(long ms)
{
	struct timespec rest = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&rest, NULL);
}

static bool is_late(void)
{
	return baton_now_ns() > deadline_ns;
}

/* ---- everyone below us ---- */

static size_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, size - 1);
	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void add_process(pid_t pid)
{
	char text[512];
	const char *at = read_proc(pid, "stat", text, sizeof(text)) ? strrchr(text, ')') : NULL;

	if (at && n_processes < PROCESSES_MAX)
		processes[n_processes++] =
			(struct process){ pid, atoi(at + 4), at[2], atoi(at + 4) == getpid() };
}

static bool is_one_of_us(pid_t pid)
{
	for (size_t i = 0; i < n_processes; i++)
		if (processes[i].pid == pid)
			return processes[i].ours;
	return false;
}

/* Whose parent is ours is ours; orphans are our children. Ends when a pass finds no more. */
static void find_descendants(void)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < n_processes; i++)
			if (!processes[i].ours && processes[i].parent > 2 &&
			    is_one_of_us(processes[i].parent))
				more = processes[i].ours = true;
	}
}

/* How many live below us; afterwards they are the first in the list. */
static size_t list_descendants(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	size_t n = 0;

	n_processes = 0;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	while (proc && (entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			add_process(atoi(entry->d_name));
	if (proc)
		(void)closedir(proc);
	find_descendants();
	for (size_t i = 0; i < n_processes; i++)
		if (processes[i].ours && processes[i].state != 'Z')
			processes[n++] = processes[i];
	return n;
}

/* Those that poll are never all asleep: a fiftieth may be awake. */
static bool is_still(void)
{
	size_t n = list_descendants(), awake = 0;

	for (size_t i = 0; i < n; i++)
		awake += processes[i].state != 'S';
	return n > 0 && awake <= n / 50;
}

/* Until nobody has moved for a while. */
static void settle(void)
{
	for (int looks = 0; looks < STILL_LOOKS && !is_late(); sleep_ms(STILL_MS))
		looks = is_still() ? looks + 1 : 0;
}

static void kill_all(void)
{
	for (size_t n; (n = list_descendants()) > 0; sleep_ms(10))
		for (size_t i = 0; i < n; i++)
			(void)kill(processes[i].pid, SIGKILL);
}

/* ---- what waiting costs ---- */

/* ns on a CPU so far. Whoever has gone meanwhile is not counted. */
static double cpu_ms(size_t n)
{
	double sum_ns = 0;
	char text[128];

	for (size_t i = 0; i < n; i++)
		if (read_proc(processes[i].pid, "schedstat", text, sizeof(text)))
			sum_ns += strtod(text, NULL);
	return sum_ns / 1e6;
}

static double private_kib(size_t n)
{
	static char text[8192];
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		(void)read_proc(processes[i].pid, "smaps_rollup", text, sizeof(text));
		for (const char *at = text; (at = strstr(at, "Private_")); at++)
			sum += strtod(strchr(at, ':') + 1, NULL);
	}
	return sum;
}

/* To run costs something too, and not for waiting: who runs is below the first that was started. */
static bool belongs_to_first(pid_t pid)
{
	for (size_t i = 0; pid != first && i < n_processes; i++)
		if (processes[i].pid == pid)
			return belongs_to_first(processes[i].parent);
	return pid == first;
}

static size_t list_waiters(void)
{
	size_t all = list_descendants(), n = 0;

	for (size_t i = 0; i < all; i++)
		if (!belongs_to_first(processes[i].pid))
			waiters[n++] = processes[i];
	memcpy(processes, waiters, n * sizeof(*processes));
	return n;
}

static void measure_waiting(void)
{
	size_t n = list_waiters();
	double before = cpu_ms(n), kib = private_kib(n);

	sleep_ms((long)opt.idle_s * 1000);
	(void)printf("cpu %.3f\n", cpu_ms(n) - before);
	(void)printf("memory %.1f\n", kib / opt.waiters);
	(void)printf("processes %.2f\n", (double)n / opt.waiters);
}

/* ---- the crowd ---- */

static void start(void)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	(void)posix_spawn_file_actions_init(&actions);
	for (int fd = 0; fd < 3; fd++)
		(void)posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	errno = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
	if (errno != 0)
		die(words[0]);
	if (!first)
		first = pid;
	(void)posix_spawn_file_actions_destroy(&actions);
}

/* Until so many jobs have begun. */
static bool wait_begun(uint32_t n)
{
	uint32_t begun;

	while ((begun = atomic_load(&baton->begun)) < n && !is_late())
		baton_wait(&baton->begun, begun, 100);
	return begun >= n;
}

static void allow(uint32_t n)
{
	atomic_store(&baton->allowed, n);
	baton_wake(&baton->allowed);
}

/* One hands over at a time, to a queue that has come to rest. */
static void run_single(void)
{
	for (uint32_t i = 1; i <= opt.samples && !is_late(); i++) {
		settle();
		allow(i);
		if (!wait_begun(i + 1))
			return;
		start();
	}
}

static void run_chain(void)
{
	baton->hold_us = HOLD_US;
	allow(UINT32_MAX);
	(void)wait_begun(opt.samples + 1);
}

static void print_handovers(void)
{
	uint32_t begun = atomic_load(&baton->begun);

	for (uint32_t i = 0; i + 1 < begun && i < opt.samples; i++)
		if (baton->runs[i + 1].begin_ns && baton->runs[i].end_ns)
			(void)printf("handover %.1f\n", ((double)baton->runs[i + 1].begin_ns -
							 (double)baton->runs[i].end_ns) /
								1e3);
}

static void run(void)
{
	deadline_ns = baton_now_ns() + (uint64_t)opt.limit_s * 1000000000;
	start();
	if (!wait_begun(1))
		return;
	for (unsigned i = 0; i < opt.waiters; i++)
		start();
	settle();
	if (opt.idle_s)
		measure_waiting();
	if (opt.single)
		run_single();
	else if (opt.samples)
		run_chain();
	print_handovers();
}

/* ---- options ---- */

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "waiters", required_argument, NULL, 'w' },
		{ "samples", required_argument, NULL, 's' },
		{ "single", no_argument, NULL, '1' },
		{ "idle", required_argument, NULL, 'i' },
		{ "limit", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", known, NULL)) >= 0)
		switch (c) {
		case 'w':
			opt.waiters = (unsigned)atoi(optarg);
			break;
		case 's':
			opt.samples = (unsigned)atoi(optarg);
			break;
		case '1':
			opt.single = true;
			break;
		case 'i':
			opt.idle_s = (unsigned)atoi(optarg);
			break;
		case 'l':
			opt.limit_s = (unsigned)atoi(optarg);
			break;
		default:
			exit(125);
		}
	if (argc < optind + 2 || argc - optind > WORDS_MAX - 3 || opt.waiters < 1 ||
	    opt.waiters + opt.samples >= BATON_RUNS_MAX)
		exit(125);
}

/* COMMAND ARG... baton FILE; the baton is next to ourselves. */
static void make_words(char **argv)
{
	ssize_t length = readlink("/proc/self/exe", baton_path, sizeof(baton_path) - 16);
	size_t n = 0;

	if (length < 0)
		die("/proc/self/exe");
	baton_path[length] = '\0';
	memcpy(strrchr(baton_path, '/'), "/baton", sizeof("/baton"));
	for (char **word = argv + 1; *word; word++)
		words[n++] = *word;
	words[n++] = baton_path;
	words[n++] = argv[0];
	words[n] = NULL;
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	make_words(argv + optind);
	baton = baton_map(argv[optind], O_CREAT | O_TRUNC);
	if (!baton)
		die(argv[optind]);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	run();
	kill_all();
	return 0;
}
