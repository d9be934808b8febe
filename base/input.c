/* SPDX-License-Identifier: MIT */
#include "base/input.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/procfs.h"

#define DESCRIPTORS_MAX 512 /* of one process: a server's sockets are not its input */

bool input_parse(const char *text, uint64_t *ret_position, bool *ret_read_only)
{
	const char *flags = strstr(text, "flags:");

	if (!flags || rr_text_u64(text, "pos", ret_position) < 0)
		return false;
	flags += strlen("flags:");
	flags += strspn(flags, " \t");
	/* Octal: the last digit holds the access mode, O_RDONLY being 0. */
	if (strspn(flags, "01234567") == 0)
		return false;
	*ret_read_only = (flags[strspn(flags, "01234567") - 1] & O_ACCMODE) == O_RDONLY;
	return true;
}

static void read_path(int fds, const char *name, char path[static PATH_MAX])
{
	ssize_t n = readlinkat(fds, name, path, PATH_MAX - 1);

	path[n > 0 ? n : 0] = '\0';
	for (char *at = path; *at; at++)
		if ((unsigned char)*at < ' ' || *at == '\177')
			*at = '?';
}

/* Takes descriptor `name` for the input when it is a larger one than what was found so far. */
static void look_at(int fds, const char *name, pid_t pid, struct input *best)
{
	struct stat st;
	uint64_t position;
	bool read_only;
	char text[1024], info[64];

	if (fstatat(fds, name, &st, AT_NO_AUTOMOUNT) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size < INPUT_MIN_BYTES || (uint64_t)st.st_size < best->size)
		return;
	(void)snprintf(info, sizeof(info), "../fdinfo/%.40s", name);
	if (rr_read_at(fds, info, text, sizeof(text)) <= 0 ||
	    !input_parse(text, &position, &read_only) || !read_only || position == 0)
		return;
	/* Of two on the same file the one that is ahead. */
	if ((uint64_t)st.st_size == best->size && position <= best->position)
		return;
	best->pid = pid;
	best->size = (uint64_t)st.st_size;
	best->position = position < best->size ? position : best->size;
	read_path(fds, name, best->path);
}

static void look_at_process(const char *proc, pid_t pid, struct input *best)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *fds;

	(void)snprintf(path, sizeof(path), "%.4000s/%d/fd", proc, (int)pid);
	fds = opendir(path);
	for (int i = 0; fds && i < DESCRIPTORS_MAX && (entry = readdir(fds)); i++)
		if (entry->d_name[0] != '.')
			look_at(dirfd(fds), entry->d_name, pid, best);
	if (fds)
		(void)closedir(fds);
}

bool input_find(const char *proc, const pid_t *pids, size_t n, struct input *ret)
{
	struct input best = { .size = 0 };

	for (size_t i = 0; i < n; i++)
		look_at_process(proc, pids[i], &best);
	if (best.size == 0)
		return false;
	*ret = best;
	return true;
}

double input_percent(const struct input *input)
{
	return input->size ? 100.0 * (double)input->position / (double)input->size : 100;
}
