/* SPDX-License-Identifier: MIT */
/*
 * A key was last run when its file was last written. A writer holds the file's lock, and looks
 * afterwards whether the file still has its name (learn_file.c); so that what is removed here under
 * the lock is made anew by one who waited for it, and nothing is written to where nobody reads.
 */
#include "policy/learn_forget.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define NOT_DUE 1

struct entry {
	uint64_t written_wall_ns;
	char *name;
};

struct entries {
	struct entry *v;
	size_t n, room;
};

static void entries_free(struct entries *entries)
{
	for (size_t i = 0; i < entries->n; i++)
		free(entries->v[i].name);
	free(entries->v);
}

static int entries_add(struct entries *entries, const char *name, uint64_t written_wall_ns)
{
	char *copy;

	if (entries->n == entries->room) {
		size_t room = entries->room ? 2 * entries->room : 256;
		struct entry *v = reallocarray(entries->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		entries->v = v;
		entries->room = room;
	}
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	entries->v[entries->n++] = (struct entry){ written_wall_ns, copy };
	return 0;
}

static uint64_t written_at(const struct stat *st)
{
	return rr_timespec_ns(&st->st_mtim);
}

/* Our regular files, those too that a killed process did not come to name. */
static int entries_read(DIR *dir, struct entries *ret)
{
	const struct dirent *entry;
	int r = 0;

	while (r == 0 && (entry = readdir(dir))) {
		struct stat st;

		if (entry->d_name[0] != '.' &&
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_mtim.tv_sec >= 0)
			r = entries_add(ret, entry->d_name, written_at(&st));
	}
	return r;
}

static int newest_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->written_wall_ns < y->written_wall_ns) -
	       (x->written_wall_ns > y->written_wall_ns);
}

/* Unless one is writing to it, or has since it was looked at. */
static bool forget_one(int dir_fd, const struct entry *entry)
{
	rr_autofd int fd = openat(dir_fd, entry->name,
				  O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
	       written_at(&st) == entry->written_wall_ns && unlinkat(dir_fd, entry->name, 0) == 0;
}

int learn_forget(const char *state_dir, uint64_t keep_ns, size_t keys_max, uint64_t now_wall_ns,
		 size_t *ret_n, struct rr_err *err)
{
	char path[PATH_MAX];
	struct entries entries = { 0 };
	size_t n = 0;
	DIR *dir;
	int r;

	*ret_n = 0;
	(void)snprintf(path, sizeof(path), "%.4000s/learned", state_dir);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : rr_err_sys(err, errno, "open '%s'", path);
	r = entries_read(dir, &entries);
	if (r == 0 && entries.n > 0)
		qsort(entries.v, entries.n, sizeof(*entries.v), newest_first);
	for (size_t i = 0; r == 0 && i < entries.n; i++) {
		uint64_t at_ns = entries.v[i].written_wall_ns;

		/* What seems to come from the future is new: the clock has been set back. */
		if (i >= keys_max || (at_ns < now_wall_ns && now_wall_ns - at_ns > keep_ns))
			n += forget_one(dirfd(dir), &entries.v[i]);
	}
	(void)closedir(dir);
	entries_free(&entries);
	*ret_n = n;
	return r < 0 ? rr_err_sys(err, -r, "read '%s'", path) : 0;
}

/* Whether it is time, by a file that everybody locks; if so, the next time is later. */
static int begin_when_due(const char *state_dir, uint64_t now_wall_ns, int *ret_fd)
{
	char path[PATH_MAX];
	struct stat st;
	rr_autofd int fd = -1;

	(void)snprintf(path, sizeof(path), "%.4000s/learned/.forgotten", state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? NOT_DUE : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* Its one byte tells it from one that was only just made. */
	if (st.st_size > 0 && written_at(&st) <= now_wall_ns &&
	    now_wall_ns - written_at(&st) < LEARN_FORGET_INTERVAL_NS)
		return NOT_DUE;
	if (pwrite(fd, "\n", 1, 0) != 1)
		return errno ? -errno : -EIO;
	*ret_fd = rr_fd_take(&fd);
	return 0;
}

int learn_forget_when_due(const char *state_dir, uint64_t now_wall_ns, struct rr_err *err)
{
	rr_autofd int fd = -1;
	size_t ignored;
	int r = begin_when_due(state_dir, now_wall_ns, &fd);

	if (r < 0)
		return rr_err_sys(err, -r, "forget old keys in '%.4000s/learned'", state_dir);
	return r == NOT_DUE ? 0
			    : learn_forget(state_dir, LEARN_KEEP_NS, LEARN_KEYS_MAX, now_wall_ns,
					   &ignored, err);
}
