/* SPDX-License-Identifier: MIT */
/*
 * Invariants: who appends holds a shared lock on what stands under the name; who sets it aside, an
 * exclusive one. So no line goes into a file that is not there any more, but for those of FILE.1
 * that the next one replaces. Nobody waits for a lock: rather is the file a little larger, or a
 * line in the part before.
 */
#include "runner/event_file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define TRIES 8 /* to have a file that is not set aside meanwhile */

/* Whether fd is what the name leads to; *ret is its state. */
static bool is_current(const struct event_file *file, int fd, struct stat *ret)
{
	struct stat named;

	return fstat(fd, ret) == 0 && stat(file->path, &named) == 0 &&
	       named.st_ino == ret->st_ino && named.st_dev == ret->st_dev;
}

static bool reopen(const struct event_file *file, int *fd)
{
	int fresh = open(file->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);

	if (fresh < 0)
		return false;
	rr_fd_close(fd);
	*fd = fresh;
	return true;
}

static bool set_aside(const struct event_file *file, int fd)
{
	char aside[PATH_MAX + 8];
	struct stat st;

	(void)snprintf(aside, sizeof(aside), "%.4090s.1", file->path);
	return flock(fd, LOCK_EX | LOCK_NB) == 0 && is_current(file, fd, &st) &&
	       rename(file->path, aside) == 0;
}

void event_file_ready(const struct event_file *file, int *fd, size_t length)
{
	struct stat st;

	for (int i = 0; file->path && i < TRIES; i++) {
		(void)flock(*fd, LOCK_SH | LOCK_NB);
		if (!is_current(file, *fd, &st)) {
			if (!reopen(file, fd))
				return;
			continue;
		}
		if (!S_ISREG(st.st_mode) || st.st_size == 0 ||
		    (uint64_t)st.st_size + length <= file->max_bytes)
			return;
		if (!set_aside(file, *fd)) {
			(void)flock(*fd, LOCK_SH | LOCK_NB);
			return;
		}
	}
}

void event_file_done(const struct event_file *file, int fd)
{
	if (file->path)
		(void)flock(fd, LOCK_UN);
}
