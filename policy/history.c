/* SPDX-License-Identifier: MIT */
/*
 * Invariants: the file only grows, by whole lines, under an exclusive flock held for one append,
 * until it is set aside as a whole (history_log.c). Killed in mid-write, the last line has no
 * newline: whoever appends next cuts back to the last one first. A line that was damaged later is
 * passed over by its checksum.
 *
 * The file keeps some room beyond its end, allocated while the disk had it: when the disk is full,
 * jobs go on, and are to be on record.
 */
#include "policy/history.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/fd.h"
#include "policy/history_log.h"
#include "policy/report.h"

#define CRC_DIGITS 8
#define BUSY_TRIES 25 /* of the lock, for one that may not wait */
#define BUSY_PAUSE_NS (2 * RR_NS_PER_MS)
#define RECENT_BYTES (512 * 1024) /* in which a job's own record is looked for */
#define ROOM_BYTES (256 * 1024) /* on disk ahead of what is written: hundreds of records */
#define TRIES 8 /* to have a file that is not set aside meanwhile */

static int open_to_append(const char *state_dir, char path[static PATH_MAX])
{
	int fd, flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
			O_NOCTTY;

	(void)snprintf(path, PATH_MAX, "%.4000s/history", state_dir);
	fd = open(path, flags, 0600);
	/* With a ledger shared by all users, nobody has made our own directory yet. */
	if (fd < 0 && errno == ENOENT && rr_mkdir_all(state_dir, 0700) == 0)
		fd = open(path, flags, 0600);
	return fd < 0 ? -errno : fd;
}

/* Where the last whole line ends. */
static off_t last_line_end(int fd, off_t size)
{
	char block[4096];

	while (size > 0) {
		size_t want = size < (off_t)sizeof(block) ? (size_t)size : sizeof(block);
		ssize_t n = pread(fd, block, want, size - (off_t)want);

		if (n != (ssize_t)want)
			return size;
		for (size_t i = want; i > 0; i--)
			if (block[i - 1] == '\n')
				return size - (off_t)(want - i);
		size -= (off_t)want;
	}
	return 0;
}

static int lock_soon(int fd)
{
	for (int i = 0; i < BUSY_TRIES; i++) {
		struct timespec pause = rr_timespec(BUSY_PAUSE_NS);

		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -errno;
		(void)nanosleep(&pause, NULL);
	}
	return -EBUSY;
}

/* Whether that job's record is among the last of the file. */
static bool has_job(int fd, const char *job_id)
{
	rr_autofree char *text = malloc(RECENT_BYTES + 1);
	char mark[64];
	struct stat st;
	ssize_t n;

	(void)snprintf(mark, sizeof(mark), "\"job_id\":\"%s\"", job_id);
	if (!text || fstat(fd, &st) < 0)
		return false;
	n = pread(fd, text, RECENT_BYTES,
		  st.st_size > RECENT_BYTES ? st.st_size - RECENT_BYTES : 0);
	return n > 0 && memmem(text, (size_t)n, mark, strlen(mark));
}

/* The part that was set aside last, or -1. */
static int open_previous(const char *state_dir)
{
	struct history_parts parts;
	char path[PATH_MAX];
	int fd = -1, r = history_parts_find(state_dir, &parts);

	if (r == 0 && parts.n > 1)
		r = history_part_open(state_dir, &parts, parts.n - 2, path, &fd);
	history_parts_free(&parts);
	return r < 0 ? -1 : fd;
}

/* Whether that job's record is there: since it ended, only those can have written that were running
 * already. The history is locked. */
static bool has_recent(const char *state_dir, int fd, const char *job_id)
{
	rr_autofd int previous = -1;
	struct stat st;

	if (has_job(fd, job_id))
		return true;
	if (fstat(fd, &st) == 0 && st.st_size < RECENT_BYTES)
		previous = open_previous(state_dir);
	return previous >= 0 && has_job(previous, job_id);
}

/* Where nothing can be allocated ahead, or there is nothing left, the record may do all the same.
 */
static void make_room(int fd, const struct stat *st, off_t end)
{
	if ((off_t)st->st_blocks * 512 - end < ROOM_BYTES / 2)
		rr_ignore(fallocate(fd, FALLOC_FL_KEEP_SIZE, end, ROOM_BYTES));
}

/* A record on its way into the history. */
struct entry {
	const char *state_dir;
	const char *line;
	size_t length;
	const char *once; /* the job's id, if no other record of it may be there; or NULL */
};

/* -ESTALE: by the time we had the lock, the file was set aside. */
static int append_line(int fd, const char *path, const struct entry *entry)
{
	struct stat st, named;
	off_t end;
	ssize_t n;
	int r = entry->once ? lock_soon(fd) : flock(fd, LOCK_EX) < 0 ? -errno : 0;

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (lstat(path, &named) < 0 || named.st_ino != st.st_ino || named.st_dev != st.st_dev)
		return -ESTALE;
	if (entry->once && has_recent(entry->state_dir, fd, entry->once))
		return 0;
	end = last_line_end(fd, st.st_size);
	if (end < st.st_size && ftruncate(fd, end) < 0)
		return -errno;
	make_room(fd, &st, end);
	n = write(fd, entry->line, entry->length);
	if (n == (ssize_t)entry->length)
		return 0;
	/* A full disk took a part of it: leave no half line behind. */
	n = n < 0 ? -errno : -ENOSPC;
	rr_ignore(ftruncate(fd, end)); /* the next writer does it, if this cannot */
	return (int)n;
}

static int append(const struct entry *entry, struct rr_err *err)
{
	char path[PATH_MAX];
	int r = -ESTALE;

	for (int i = 0; i < TRIES && r == -ESTALE; i++) {
		rr_autofd int fd = open_to_append(entry->state_dir, path);

		if (fd < 0)
			return rr_err_sys(err, -fd, "open the history '%s'", path);
		r = append_line(fd, path, entry);
	}
	return r < 0 ? rr_err_sys(err, -r, "write the history '%s'", path) : 0;
}

static int append_record(const char *state_dir, const json_t *record, const char *once,
			 struct rr_err *err)
{
	rr_autofree char *text = json_dumps(record, JSON_COMPACT | REPORT_JSON_STYLE), *line = NULL;
	int length;

	if (!text)
		return rr_err_sys(err, ENOMEM, "the history");
	length = asprintf(&line, "%08x\t%s\n", rr_crc32c(text, strlen(text)), text);
	if (length < 0) {
		line = NULL;
		return rr_err_sys(err, ENOMEM, "the history");
	}
	if (length > HISTORY_LINE_MAX)
		return rr_err_set(err, E2BIG, "the record is longer than %d bytes",
				  HISTORY_LINE_MAX);
	return append(&(struct entry){ state_dir, line, (size_t)length, once }, err);
}

int history_append(const char *state_dir, const json_t *record, struct rr_err *err)
{
	return append_record(state_dir, record, NULL, err);
}

int history_append_once(const char *state_dir, const json_t *record, const char *job_id,
			struct rr_err *err)
{
	return append_record(state_dir, record, job_id, err);
}

bool history_line_is_sound(const char *line)
{
	char crc[CRC_DIGITS + 1];

	if (strlen(line) < CRC_DIGITS + 2 || line[CRC_DIGITS] != '\t')
		return false;
	(void)snprintf(crc, sizeof(crc), "%08x",
		       rr_crc32c(line + CRC_DIGITS + 1, strlen(line + CRC_DIGITS + 1)));
	return memcmp(crc, line, CRC_DIGITS) == 0;
}

json_t *history_line_object(const char *line)
{
	return history_line_is_sound(line)
		       ? json_loads(line + CRC_DIGITS + 1, JSON_REJECT_DUPLICATES, NULL)
		       : NULL;
}

static int each_line(FILE *file, const char *filter, int (*visit)(json_t *record, void *arg),
		     void *arg, size_t *ret_torn)
{
	rr_autofree char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = getline(&line, &room, file)) > 0) {
		json_t *record = NULL;

		if (filter && !strstr(line, filter))
			continue;
		/* Without its newline it is a line that the next writer will cut off. */
		if (line[n - 1] == '\n') {
			line[n - 1] = '\0';
			record = history_line_object(line);
		}
		if (record)
			r = visit(record, arg);
		else
			++*ret_torn;
		json_decref(record);
	}
	return r;
}

/* One part, whose descriptor it takes over. */
static int each_in(int fd, const char *path, const char *filter,
		   int (*visit)(json_t *record, void *arg), void *arg, size_t *ret_torn,
		   struct rr_err *err)
{
	FILE *file = fdopen(fd, "r");
	int r;

	if (!file) {
		r = rr_err_sys(err, errno, "read the history '%s'", path);
		rr_fd_close(&fd);
		return r;
	}
	r = each_line(file, filter, visit, arg, ret_torn);
	if (r == 0 && ferror(file))
		r = rr_err_sys(err, EIO, "read the history '%s'", path);
	(void)fclose(file);
	return r;
}

static int each(const char *state_dir, const char *filter, int (*visit)(json_t *record, void *arg),
		void *arg, size_t *ret_torn, struct rr_err *err)
{
	char path[PATH_MAX];
	struct history_parts parts;
	int r = history_parts_find(state_dir, &parts);

	*ret_torn = 0;
	if (r < 0)
		r = rr_err_sys(err, -r, "open the history '%.4000s/history'", state_dir);
	for (size_t i = 0; r == 0 && i < parts.n; i++) {
		int fd;

		r = history_part_open(state_dir, &parts, i, path, &fd);
		if (r < 0)
			r = rr_err_sys(err, -r, "open the history '%s'", path);
		else if (fd >= 0)
			r = each_in(fd, path, filter, visit, arg, ret_torn, err);
	}
	history_parts_free(&parts);
	return r;
}

int history_each(const char *state_dir, int (*visit)(json_t *record, void *arg), void *arg,
		 size_t *ret_torn, struct rr_err *err)
{
	return each(state_dir, NULL, visit, arg, ret_torn, err);
}

int history_each_with(const char *state_dir, const char *text,
		      int (*visit)(json_t *record, void *arg), void *arg, size_t *ret_torn,
		      struct rr_err *err)
{
	json_t *string = report_string(text);
	rr_autofree char *filter =
		string ? json_dumps(string, JSON_ENCODE_ANY | JSON_COMPACT | REPORT_JSON_STYLE)
		       : NULL;

	json_decref(string);
	if (!filter)
		return rr_err_sys(err, ENOMEM, "the history");
	return each(state_dir, filter, visit, arg, ret_torn, err);
}

int history_check_tail(const char *state_dir, bool mend, bool *ret_torn, struct rr_err *err)
{
	char path[PATH_MAX];
	rr_autofd int fd = -1;
	struct stat st;
	off_t end;

	*ret_torn = false;
	(void)snprintf(path, sizeof(path), "%.4000s/history", state_dir);
	fd = open(path,
		  (mend ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return rr_err_sys(err, errno, "open the history '%s'", path);
	/* Who appends just now holds it, and its line is not torn. */
	if (flock(fd, mend ? LOCK_EX : LOCK_SH) < 0 || fstat(fd, &st) < 0)
		return rr_err_sys(err, errno, "lock the history '%s'", path);
	end = last_line_end(fd, st.st_size);
	*ret_torn = end < st.st_size;
	if (mend && *ret_torn && ftruncate(fd, end) < 0)
		return rr_err_sys(err, errno, "mend the history '%s'", path);
	return 0;
}
