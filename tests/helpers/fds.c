/* SPDX-License-Identifier: MIT */
/*
 * fds FILE: writes the numbers of its open descriptors to FILE, on one line, and opens FILE only
 * when it has looked.
 */
#include <fcntl.h>
#include <stdio.h>

#define LAST 4096

int main(int argc, char **argv)
{
	static int open_fds[LAST];
	int n = 0;
	FILE *out;

	for (int fd = 0; fd < LAST; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			open_fds[n++] = fd;
	out = argc > 1 ? fopen(argv[1], "w") : NULL;
	if (!out)
		return 1;
	for (int i = 0; i < n; i++)
		(void)fprintf(out, "%s%d", i ? " " : "", open_fds[i]);
	return fputc('\n', out) == EOF || fclose(out) != 0;
}
