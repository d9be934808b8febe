/* SPDX-License-Identifier: MIT */
/*
 * enter FILE [SECONDS]: claims to be alone: notes "overlap" in FILE if another one is between its
 * beginning and its end, else "alone"; stays for so long (default: 0.005). The claim is a directory
 * FILE.busy, so that it depends on nothing of resrun's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 0.005;
	struct timespec stay = { (time_t)seconds, (long)((seconds - (double)(long)seconds) * 1e9) };
	char busy[4096];
	const char *line = "alone\n";
	int out, alone;

	if (argc < 2)
		return 125;
	(void)snprintf(busy, sizeof(busy), "%s.busy", argv[1]);
	out = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	alone = mkdir(busy, 0700) == 0;
	if (!alone)
		line = "overlap\n";
	(void)nanosleep(&stay, NULL);
	if (alone)
		(void)rmdir(busy);
	return write(out, line, strlen(line)) == (ssize_t)strlen(line) ? 0 : 1;
}
