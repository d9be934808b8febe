/* SPDX-License-Identifier: MIT */
/*
 * The least that looking costs: wakes up so often, reads /proc/self/stat each time, and goes to
 * sleep again.
 *
 *   wake TIMES GAP_MS
 *
 * Prints what that took of a CPU, in nanoseconds for each time.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int64_t cpu_ns(void)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
	return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

static void look(void)
{
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	char text[1024];

	(void)!read(fd, text, sizeof(text));
	(void)close(fd);
}

int main(int argc, char **argv)
{
	int times = argc == 3 ? atoi(argv[1]) : 0, gap_ms = argc == 3 ? atoi(argv[2]) : 0;
	struct timespec gap = { gap_ms / 1000, gap_ms % 1000 * 1000000L };
	int64_t before_ns;

	if (times < 1 || gap_ms < 0) {
		(void)fprintf(stderr, "usage: wake TIMES GAP_MS\n");
		return 2;
	}
	look();
	before_ns = cpu_ns();
	for (int i = 0; i < times; i++) {
		if (gap_ms > 0)
			(void)nanosleep(&gap, NULL);
		look();
	}
	(void)printf("%lld\n", (long long)(cpu_ns() - before_ns) / times);
	return 0;
}
