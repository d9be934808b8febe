/* SPDX-License-Identifier: MIT */
/*
 * spin SECONDS: keeps a CPU busy for so long by the wall clock, then prints how many CPUs it got
 * and how many CPU seconds that were: "0.503 5.030".
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(clockid_t clock)
{
	struct timespec at;

	(void)clock_gettime(clock, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
	double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);

	while (now(CLOCK_MONOTONIC) - wall < seconds)
		for (volatile int i = 0; i < 10000; i++)
			;
	wall = now(CLOCK_MONOTONIC) - wall;
	cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	(void)printf("%.3f %.3f\n", cpu / wall, cpu);
	return 0;
}
