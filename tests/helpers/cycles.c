/* SPDX-License-Identifier: MIT */
/*
 * cycles CONTENDERS SECONDS COMMAND [ARG]...: so many run COMMAND again and again at the same time.
 * Prints how often it ran per second, all together, and how many of these runs failed.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct counts {
	_Atomic unsigned ran, failed;
};

static double now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run(char **words, const posix_spawn_file_actions_t *actions)
{
	int status = 1;
	pid_t pid;

	if (posix_spawnp(&pid, words[0], actions, NULL, words, environ) == 0)
		(void)waitpid(pid, &status, 0);
	return status;
}

_Noreturn static void contend(char **words, double until_s, struct counts *counts)
{
	posix_spawn_file_actions_t actions;

	(void)posix_spawn_file_actions_init(&actions);
	for (int fd = 0; fd < 3; fd++)
		(void)posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	while (now_s() < until_s) {
		if (run(words, &actions) != 0)
			(void)atomic_fetch_add(&counts->failed, 1);
		/* The last ones end after the time, and do not count. */
		if (now_s() < until_s)
			(void)atomic_fetch_add(&counts->ran, 1);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	int contenders = argc > 3 ? atoi(argv[1]) : 0;
	double seconds = argc > 3 ? strtod(argv[2], NULL) : 0, until_s = now_s() + seconds;
	struct counts *counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (contenders < 1 || counts == MAP_FAILED)
		return 125;
	for (int i = 0; i < contenders; i++)
		if (fork() == 0)
			contend(argv + 3, until_s, counts);
	while (wait(NULL) > 0)
		;
	(void)printf("%.1f %u\n", atomic_load(&counts->ran) / seconds,
		     atomic_load(&counts->failed));
	return 0;
}
