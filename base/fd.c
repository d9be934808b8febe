/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"

void rr_fd_done(int *slot)
{
	int saved = errno;

	/* On Linux the number is free even after EINTR: a second close could hit a stranger. */
	if (*slot >= 0)
		(void)close(*slot);
	errno = saved;
}

void rr_free_done(void *slot)
{
	int saved = errno;

	free(*(void **)slot);
	errno = saved;
}

int rr_fd_take(int *slot)
{
	int fd = *slot;

	*slot = -1;
	return fd;
}

void *rr_ptr_take(void *slot)
{
	void *pointer = *(void **)slot;

	*(void **)slot = NULL;
	return pointer;
}

void rr_fd_close(int *slot)
{
	rr_fd_done(slot);
	*slot = -1;
}

/* Where close_range cannot be had (before Linux 5.9, or filtered). */
static void close_one_by_one(int kept)
{
	long most = sysconf(_SC_OPEN_MAX);
	const struct dirent *entry;
	DIR *open_ones = opendir("/proc/self/fd");

	for (int fd = 0; !open_ones && fd < most; fd++)
		if (fd != kept)
			(void)close(fd);
	while (open_ones && (entry = readdir(open_ones))) {
		uint64_t fd;

		if (rr_parse_u64(entry->d_name, &fd) == 0 && (int)fd != kept &&
		    (int)fd != dirfd(open_ones))
			(void)close((int)fd);
	}
	if (open_ones)
		(void)closedir(open_ones);
}

void rr_fd_close_all_but(int kept)
{
	if ((kept > 0 && close_range(0, (unsigned)kept - 1, 0) < 0) ||
	    close_range((unsigned)kept + 1, ~0U, 0) < 0)
		close_one_by_one(kept);
}

int rr_fd_fill_standard(void)
{
	for (;;) {
		rr_autofd int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		if (fd > STDERR_FILENO)
			return 0;
		(void)rr_fd_take(&fd);
	}
}

static ssize_t read_text(int fd, char *buf, size_t size)
{
	size_t used = 0;

	while (used + 1 < size) {
		ssize_t n = read(fd, buf + used, size - 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	buf[used] = '\0';
	return (ssize_t)used;
}

ssize_t rr_read_at(int dirfd, const char *name, char *buf, size_t size)
{
	rr_autofd int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return read_text(fd, buf, size);
}

ssize_t rr_pread_text(int fd, char *buf, size_t size)
{
	ssize_t n;

	do
		n = pread(fd, buf, size - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

int rr_read_whole(int fd, size_t limit, char **ret_text, size_t *ret_length)
{
	size_t room = 4096, used = 0;
	rr_autofree char *text = malloc(room);

	if (!text)
		return -ENOMEM;
	for (;;) {
		ssize_t n;

		if (used + 1 == room) {
			char *bigger = realloc(text, room * 2);

			if (!bigger)
				return -ENOMEM;
			text = bigger;
			room *= 2;
		}
		n = read(fd, text + used, room - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > limit)
			return -EFBIG;
	}
	text[used] = '\0';
	*ret_text = rr_ptr_take(&text);
	*ret_length = used;
	return 0;
}

int rr_write_at(int dirfd, const char *name, const char *text)
{
	rr_autofd int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t length = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, text, length);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EIO;
}

int rr_write_all(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length > 0) {
		ssize_t n = write(fd, at, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

static int write_new(int dirfd, const char *name, const void *data, size_t length, mode_t mode)
{
	rr_autofd int fd =
		openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	int r;

	if (fd < 0)
		return -errno;
	r = rr_write_all(fd, data, length);
	if (r < 0)
		return r;
	return fsync(fd) < 0 ? -errno : 0;
}

int rr_replace_name(const char *name, char ret[static NAME_MAX + 1])
{
	int length = snprintf(ret, NAME_MAX + 1, ".%s.%d.tmp", name, (int)getpid());

	return length > NAME_MAX ? -ENAMETOOLONG : 0;
}

int rr_replace_at(int dirfd, const char *name, const void *data, size_t length, mode_t mode)
{
	const char *slash = strrchr(name, '/');
	rr_autofd int parent = -1;
	char temporary[NAME_MAX + 1], folder[PATH_MAX];
	int r;

	(void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - name + 1) : 2,
		       slash ? name : "./");
	parent = openat(dirfd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return -errno;
	name = slash ? slash + 1 : name;
	r = rr_replace_name(name, temporary);
	if (r < 0)
		return r;
	/* A leftover of a dead process with our pid must not block us for ever. */
	(void)unlinkat(parent, temporary, 0);
	r = write_new(parent, temporary, data, length, mode);
	if (r == 0 && renameat(parent, temporary, parent, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(parent, temporary, 0);
		return r;
	}
	return fsync(parent) < 0 ? -errno : 0;
}

int rr_mkdir_all(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t length = strlen(path);
	struct stat st;

	if (length == 0 || length >= sizeof(part))
		return length ? -ENAMETOOLONG : -ENOENT;
	memcpy(part, path, length + 1);
	for (char *at = part + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			return -errno;
		*at = '/';
	}
	if (mkdir(part, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(part, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

bool rr_fd_is_trusted(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	return (st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & (S_IWGRP | S_IWOTH));
}
