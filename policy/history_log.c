/* SPDX-License-Identifier: MIT */
/*
 * Invariants: a part is set aside by one rename under the exclusive lock that appending takes; who
 * gets the lock of a file that was renamed meanwhile opens `history` anew. Killed before the
 * rename, nothing has happened; after it, the next writer makes a new `history`.
 *
 * A reader opens `history` first and lists the others then: what is renamed in between is in the
 * list with the same inode, and is not read twice.
 */
#include "policy/history_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"

#define PREFIX "history."
#define OPEN_FLAGS (O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
#define DISK_BYTES (1 << 20) /* with less, what is there goes on to be used */
#define FIRST_LINE 65536 /* of which the end of the first record is looked for */

static void part_path(const char *state_dir, uint64_t number, char path[static PATH_MAX])
{
	if (number == 0)
		(void)snprintf(path, PATH_MAX, "%.4000s/history", state_dir);
	else
		(void)snprintf(path, PATH_MAX, "%.4000s/" PREFIX "%llu", state_dir,
			       (unsigned long long)number);
}

/* ---- which parts there are ---- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int add_number(struct history_parts *parts, uint64_t number)
{
	uint64_t *bigger;

	if (parts->n == HISTORY_PARTS_MAX)
		return -E2BIG;
	bigger = reallocarray(parts->numbers, parts->n + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	bigger[parts->n++] = number;
	parts->numbers = bigger;
	return 0;
}

static int list_numbers(const char *state_dir, struct history_parts *ret)
{
	DIR *dir = opendir(state_dir);
	const struct dirent *entry;
	uint64_t number;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && (entry = readdir(dir)))
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
		    rr_parse_u64(entry->d_name + strlen(PREFIX), &number) == 0 && number > 0)
			r = add_number(ret, number);
	(void)closedir(dir);
	if (ret->n > 1)
		qsort(ret->numbers, ret->n, sizeof(*ret->numbers), compare);
	return r;
}

/* Whether the newest of those set aside is what we had opened as `history`. */
static bool is_renamed(const char *state_dir, const struct history_parts *parts)
{
	char path[PATH_MAX];
	struct stat newest, mine;

	if (parts->n == 0 || parts->current_fd < 0)
		return false;
	part_path(state_dir, parts->numbers[parts->n - 1], path);
	return fstat(parts->current_fd, &mine) == 0 && lstat(path, &newest) == 0 &&
	       mine.st_ino == newest.st_ino && mine.st_dev == newest.st_dev;
}

int history_parts_find(const char *state_dir, struct history_parts *ret)
{
	char path[PATH_MAX];
	int r;

	*ret = (struct history_parts){ .current_fd = -1 };
	part_path(state_dir, 0, path);
	ret->current_fd = open(path, O_RDONLY | O_CLOEXEC | OPEN_FLAGS);
	if (ret->current_fd < 0 && errno != ENOENT)
		return -errno;
	r = list_numbers(state_dir, ret);
	if (r < 0 || is_renamed(state_dir, ret))
		return r;
	return add_number(ret, ret->n > 0 ? ret->numbers[ret->n - 1] + 1 : 1);
}

void history_parts_free(struct history_parts *parts)
{
	free(parts->numbers);
	rr_fd_close(&parts->current_fd);
	*parts = (struct history_parts){ .current_fd = -1 };
}

int history_part_open(const char *state_dir, const struct history_parts *parts, size_t i,
		      char path[static PATH_MAX], int *ret_fd)
{
	bool current = i + 1 == parts->n;

	part_path(state_dir, current ? 0 : parts->numbers[i], path);
	*ret_fd = -1;
	if (current && parts->current_fd < 0)
		return 0;
	*ret_fd = current ? fcntl(parts->current_fd, F_DUPFD_CLOEXEC, 3)
			  : open(path, O_RDONLY | O_CLOEXEC | OPEN_FLAGS);
	/* Removed for its age since it was listed. */
	if (*ret_fd < 0 && errno == ENOENT)
		return 0;
	if (*ret_fd >= 0 && lseek(*ret_fd, 0, SEEK_SET) == 0)
		return 0;
	return -errno;
}

/* ---- setting one aside ---- */

/* The time that stands in the line after NAME, which ends in a quote; else 0. */
static uint64_t time_after(const char *line, const char *name)
{
	const char *at = strstr(line, name);
	char text[RR_FORMAT_SIZE];
	uint64_t wall_ns;

	if (!at)
		return 0;
	at += strlen(name);
	(void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(at, "\""), at);
	return rr_parse_wall(text, &wall_ns) == 0 ? wall_ns : 0;
}

/* When the first record of the file ended, or, as nobody saw the end of a lost job, came; else 0.
 */
static uint64_t first_end(int fd)
{
	rr_autofree char *text = malloc(FIRST_LINE + 1);
	ssize_t n = text ? pread(fd, text, FIRST_LINE, 0) : -1;
	uint64_t wall_ns;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	wall_ns = time_after(text, "\"ended_at\":\"");
	return wall_ns ? wall_ns : time_after(text, "\"submitted_at\":\"");
}

static bool is_older(uint64_t wall_ns, uint64_t age_ns, uint64_t now_wall_ns)
{
	return age_ns != RR_TIME_INF && now_wall_ns > wall_ns && now_wall_ns - wall_ns > age_ns;
}

/* A new `history` finds the room that the next records need. */
static bool has_disk(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) < 0 || fs.f_bavail * fs.f_frsize >= DISK_BYTES;
}

/* Whether it is time, asked of the file that is locked and still named `history`. */
static bool is_due(int fd, const struct stat *st, uint64_t size_bytes, uint64_t age_ns,
		   uint64_t now_wall_ns)
{
	uint64_t first;

	if (st->st_size == 0)
		return false;
	if ((uint64_t)st->st_size >= size_bytes && has_disk(fd))
		return true;
	if (age_ns == RR_TIME_INF)
		return false;
	first = first_end(fd);
	return first > 0 && is_older(first, age_ns, now_wall_ns);
}

/* Renames `history`, which is locked. */
static int set_aside(const char *state_dir, const char *path)
{
	struct history_parts parts;
	char target[PATH_MAX];
	int r = history_parts_find(state_dir, &parts);

	if (r == 0 && parts.n > 0) {
		part_path(state_dir, parts.numbers[parts.n - 1], target);
		r = renameat2(AT_FDCWD, path, AT_FDCWD, target, RENAME_NOREPLACE) < 0 ? -errno : 0;
	}
	history_parts_free(&parts);
	return r;
}

static int remove_old(const char *state_dir, uint64_t age_ns, uint64_t now_wall_ns)
{
	struct history_parts parts;
	int r = history_parts_find(state_dir, &parts);

	for (size_t i = 0; r == 0 && i + 1 < parts.n; i++) {
		char path[PATH_MAX];
		struct stat st;

		part_path(state_dir, parts.numbers[i], path);
		if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		    is_older((uint64_t)st.st_mtim.tv_sec * RR_NS_PER_S, age_ns, now_wall_ns) &&
		    unlink(path) < 0)
			r = -errno;
	}
	history_parts_free(&parts);
	return r;
}

static int rotate(const char *state_dir, const char *path, uint64_t size_bytes, uint64_t age_ns,
		  uint64_t now_wall_ns)
{
	rr_autofd int fd = open(path, O_RDWR | O_CLOEXEC | OPEN_FLAGS);
	struct stat st, named;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* Nearly always it is not due, which costs no lock. */
	if (!S_ISREG(st.st_mode) || !is_due(fd, &st, size_bytes, age_ns, now_wall_ns))
		return 0;
	if (flock(fd, LOCK_EX) < 0)
		return -errno;
	/* Another was faster. */
	if (lstat(path, &named) < 0 || named.st_ino != st.st_ino || named.st_dev != st.st_dev)
		return 0;
	r = set_aside(state_dir, path);
	/* Gives back the room beyond its end (history.c); its size as it is under the lock. */
	if (r == 0)
		rr_ignore(ftruncate(fd, named.st_size));
	return r < 0 || age_ns == RR_TIME_INF ? r : remove_old(state_dir, age_ns, now_wall_ns);
}

int history_rotate(const char *state_dir, uint64_t size_bytes, uint64_t age_ns,
		   uint64_t now_wall_ns, struct rr_err *err)
{
	char path[PATH_MAX];
	int r;

	part_path(state_dir, 0, path);
	r = rotate(state_dir, path, size_bytes, age_ns, now_wall_ns);
	return r < 0 ? rr_err_sys(err, -r, "rotate the history '%s'", path) : 0;
}
