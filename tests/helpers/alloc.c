/* SPDX-License-Identifier: MIT */
/*
 * alloc MEGABYTES [SECONDS]: takes that much memory, touches every page of it, prints "ready" and
 * keeps it for so long (default: 0). Exit status 1: it was refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE 4096

int main(int argc, char **argv)
{
	size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 0;
	struct timespec keep = { (time_t)seconds, (long)((seconds - (double)(long)seconds) * 1e9) };
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return 1;
	for (size_t at = 0; at < size; at += PAGE)
		memory[at] = (char)(at / PAGE + 1);
	(void)puts("ready");
	(void)fflush(stdout);
	(void)nanosleep(&keep, NULL);
	return 0;
}
