/* SPDX-License-Identifier: MIT */
/*
 *     racing ROUNDS DIR -- COMMAND [ARG]...
 *
 * makes DIR (which must not exist, and stays) with DIR/tree and DIR/canary in it, runs COMMAND
 * again and again until there were ROUNDS swaps and a fiftieth as many sweeps, and says whether the
 * canary lives: exit 0, or 1 when it was harmed. The command is any sweeper, told to sweep
 * DIR/tree.
 */
#include "tests/helpers/racing.h"

#include <errno.h>

static bool run_command(void *arg, const char *tree)
{
	char *const *command = arg;
	int status = 0;
	pid_t pid = fork();

	(void)tree;
	if (pid == 0) {
		(void)execvp(command[0], command);
		_exit(127);
	}
	/* A sweeper may well complain of what vanishes under it; only not starting ends the race.
	 */
	return pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) != 127;
}

int main(int argc, char **argv)
{
	struct racing race = { .sweep = run_command };
	struct racing_score score;
	char *end = NULL;

	if (argc < 5 || strcmp(argv[3], "--") != 0 || argv[2][0] != '/') {
		(void)fprintf(stderr, "usage: racing ROUNDS /DIR -- COMMAND [ARG]...\n");
		return 2;
	}
	race.rounds = strtoul(argv[1], &end, 10);
	(void)snprintf(race.base, sizeof(race.base), "%s", argv[2]);
	race.arg = &argv[4];
	if (*end || !racing_run(&race, &score)) {
		(void)fprintf(stderr, "racing: cannot race in '%s': %s\n", argv[2],
			      strerror(errno));
		return 2;
	}
	(void)printf("racing: %lu swaps, %lu sweeps, canary %s\n", score.swaps, score.sweeps,
		     score.harmed ? "HARMED" : "alive");
	return score.harmed ? 1 : 0;
}
