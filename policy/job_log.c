/* SPDX-License-Identifier: MIT */
#include "policy/job_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define COPY_BYTES (256 * 1024)
#define OPEN_FLAGS (O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

void job_log_path(const char *state_dir, const char *job_id, char ret[static PATH_MAX])
{
	(void)snprintf(ret, PATH_MAX, "%.3800s/logs/%.64s" JOB_LOG_END, state_dir, job_id);
}

static void beside(const char *path, const char *end, char ret[static PATH_MAX])
{
	(void)snprintf(ret, PATH_MAX, "%.4000s%s", path, end);
}

bool job_log_is_held(int dirfd, const char *name)
{
	rr_autofd int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | OPEN_FLAGS);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* ---- as a whole ---- */

static const char *const ends[] = { JOB_LOG_NEW, JOB_LOG_MOVED, "" };
#define ENDS (sizeof(ends) / sizeof(ends[0]))

uint64_t job_log_bytes(int dirfd, const char *name)
{
	char part[NAME_MAX + sizeof(JOB_LOG_NEW)];
	uint64_t bytes = 0;
	struct stat st;

	for (size_t i = 0; i < ENDS; i++) {
		(void)snprintf(part, sizeof(part), "%.255s%s", name, ends[i]);
		if (fstatat(dirfd, part, &st, AT_SYMLINK_NOFOLLOW) == 0)
			bytes += (uint64_t)st.st_blocks * 512;
	}
	return bytes;
}

/* The log itself at last: while it is there, the others are found. */
int job_log_remove(int dirfd, const char *name)
{
	char part[NAME_MAX + sizeof(JOB_LOG_NEW)];

	for (size_t i = 0; i < ENDS; i++) {
		(void)snprintf(part, sizeof(part), "%.255s%s", name, ends[i]);
		if (unlinkat(dirfd, part, 0) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* ---- moving ---- */

/* Where a log of that size begins to count. One that is smaller than what was moved has been
 * emptied by the job itself. */
static off_t begin_of(const char *moved, off_t size)
{
	struct stat st;

	return lstat(moved, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= size ? st.st_size : 0;
}

bool job_log_is_large(const char *path, uint64_t max_bytes)
{
	char moved[PATH_MAX];
	struct stat st;

	beside(path, JOB_LOG_MOVED, moved);
	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size > max_bytes &&
	       (uint64_t)(st.st_size - begin_of(moved, st.st_size)) > max_bytes;
}

/* To the same offsets. */
static int copy(int from_fd, int to_fd, off_t at, off_t end)
{
	rr_autofree char *block = malloc(COPY_BYTES);

	while (block && at < end) {
		off_t rest = end - at;
		ssize_t n =
			pread(from_fd, block, rest < COPY_BYTES ? (size_t)rest : COPY_BYTES, at);

		if (n > 0)
			n = pwrite(to_fd, block, (size_t)n, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
	}
	return block ? 0 : -ENOMEM;
}

static int punch(int fd, off_t end)
{
	int flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	return fallocate(fd, flags, 0, end) < 0 ? -errno : 0;
}

/* The new ID.log.1 with what is from `at` to `end`. What can have no holes is left before anything
 * is written. */
static int write_moved(int log_fd, const char *fresh, off_t at, off_t end)
{
	rr_autofd int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | OPEN_FLAGS, 0600);
	int r = fd < 0 ? -errno : punch(fd, end);

	return r < 0 ? r : copy(log_fd, fd, at, end);
}

int job_log_move(const char *path, uint64_t max_bytes)
{
	rr_autofd int fd = open(path, O_RDWR | O_CLOEXEC | OPEN_FLAGS);
	char moved[PATH_MAX], fresh[PATH_MAX];
	off_t begin, end, at, block;
	struct stat st;
	int r;

	beside(path, JOB_LOG_MOVED, moved);
	beside(path, JOB_LOG_NEW, fresh);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	block = st.st_blksize;
	if (max_bytes < (uint64_t)block)
		max_bytes = (uint64_t)block;
	begin = begin_of(moved, st.st_size);
	end = st.st_size - st.st_size % block;
	if (end <= begin)
		return 0;
	at = (uint64_t)(end - begin) > max_bytes ? end - (off_t)max_bytes : begin;
	/* Where a hole can end. */
	at += (block - at % block) % block;
	r = write_moved(fd, fresh, at, end);
	if (r == 0 && rename(fresh, moved) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(fresh);
		return r;
	}
	return punch(fd, end);
}

void job_log_clear(const char *path)
{
	char fresh[PATH_MAX];

	beside(path, JOB_LOG_NEW, fresh);
	(void)unlink(fresh);
}

/* ---- reading ---- */

int job_log_open(const char *path, struct job_log *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | OPEN_FLAGS);

	if (fd < 0)
		return -errno;
	*ret = (struct job_log){ .fd = fd };
	beside(path, JOB_LOG_MOVED, ret->moved);
	return 0;
}

void job_log_close(struct job_log *log)
{
	rr_fd_close(&log->fd);
}

static off_t begin_now(const struct job_log *log)
{
	struct stat st;

	return fstat(log->fd, &st) == 0 ? begin_of(log->moved, st.st_size) : 0;
}

static ssize_t read_at(int fd, char *buf, size_t size, uint64_t at)
{
	ssize_t n = pread(fd, buf, size, (off_t)at);

	return n < 0 ? -errno : n;
}

/* What was moved, and is there still. 0: nothing more is. */
static ssize_t read_moved(struct job_log *log, char *buf, size_t size)
{
	rr_autofd int fd = open(log->moved, O_RDONLY | O_CLOEXEC | OPEN_FLAGS);
	off_t first;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	first = lseek(fd, (off_t)log->at, SEEK_DATA);
	if (first > (off_t)log->at) {
		log->lost += (uint64_t)first - log->at;
		log->at = (uint64_t)first;
	}
	return read_at(fd, buf, size, log->at);
}

ssize_t job_log_read(struct job_log *log, char *buf, size_t size)
{
	for (;;) {
		bool moved = log->at < (uint64_t)begin_now(log);
		ssize_t n =
			moved ? read_moved(log, buf, size) : read_at(log->fd, buf, size, log->at);

		/* The one that was replaced meanwhile is not the one to ask. */
		if (moved && n == 0)
			continue;
		/* What was moved while it was read may have been taken from there already. */
		if (!moved && n > 0 && log->at < (uint64_t)begin_now(log))
			continue;
		if (n > 0)
			log->at += (uint64_t)n;
		return n;
	}
}
