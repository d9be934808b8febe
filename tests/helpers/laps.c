/* SPDX-License-Identifier: MIT */
/*
 * Times several commands in turn, A B C A B C..., each as spawn to reaped, with a gap before each:
 * back-to-back launches hide what a launch costs.
 *
 *   laps ROUNDS GAP_MS NAME COMMAND [NAME COMMAND]...    a COMMAND is split at blanks
 *
 * Prints a line per command: name, median and p99 in ms, and the median over the first one's.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 16
#define WORDS_MAX 64
#define ROUNDS_MAX 10000

struct command {
	const char *name;
	char *words[WORDS_MAX];
	double *ms;
	int failed;
};

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void split(char *text, struct command *command)
{
	size_t n = 0;
	char *word;

	while ((word = strsep(&text, " ")) && n + 1 < WORDS_MAX)
		if (*word)
			command->words[n++] = word;
}

static double lap(struct command *command)
{
	posix_spawn_file_actions_t actions;
	double started;
	int status;
	pid_t pid;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	started = now_ms();
	if (posix_spawnp(&pid, command->words[0], &actions, NULL, command->words, environ) != 0) {
		(void)fprintf(stderr, "laps: cannot run '%s'\n", command->words[0]);
		exit(1);
	}
	(void)waitpid(pid, &status, 0);
	if (status != 0)
		command->failed++;
	(void)posix_spawn_file_actions_destroy(&actions);
	return now_ms() - started;
}

static int compare(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

static void print(const struct command *command, double first_median, int rounds)
{
	double median = command->ms[rounds / 2], p99 = command->ms[(rounds * 99) / 100];

	(void)printf("%-24s %9.2f %9.2f %8.2fx", command->name, median, p99, median / first_median);
	(void)printf(command->failed ? "  (%d of %d failed)\n" : "\n", command->failed, rounds);
}

int main(int argc, char **argv)
{
	static struct command commands[COMMANDS_MAX];
	int rounds = argc > 1 ? atoi(argv[1]) : 0, gap_ms = argc > 2 ? atoi(argv[2]) : 0, n = 0;

	if (rounds < 1 || rounds > ROUNDS_MAX || argc < 5 || argc % 2 == 0) {
		(void)fprintf(stderr, "usage: laps ROUNDS GAP_MS NAME COMMAND...\n");
		return 2;
	}
	for (int i = 3; i + 1 < argc && n < COMMANDS_MAX; i += 2, n++) {
		commands[n].name = argv[i];
		split(argv[i + 1], &commands[n]);
		commands[n].ms = calloc((size_t)rounds + 1, sizeof(double));
		(void)lap(&commands[n]); /* warm */
		commands[n].failed = 0;
	}
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++) {
			struct timespec gap = { 0, gap_ms * 1000000L };

			(void)nanosleep(&gap, NULL);
			commands[i].ms[round] = lap(&commands[i]);
		}
	(void)printf("%-24s %9s %9s %9s\n", "", "median ms", "p99 ms", "of first");
	for (int i = 0; i < n; i++) {
		qsort(commands[i].ms, (size_t)rounds, sizeof(double), compare);
		print(&commands[i], commands[0].ms[rounds / 2], rounds);
	}
	return 0;
}
