/* SPDX-License-Identifier: MIT */
/*
 * The log of a detached job, STATE/logs/ID.log: its names, what is moved out of it when it is too
 * large, and how it is read. The job writes it by itself, so nothing may be truncated or renamed.
 *
 * Invariants: offsets are for ever. Every byte keeps the place at which it was written: in ID.log,
 * or, when it was moved, at the same offset of ID.log.1, before which there is a hole; so the size
 * of ID.log.1 is where ID.log begins to count. A new ID.log.1 is written whole as ID.log.new, takes
 * the place of the old one by a rename, and only then the blocks are taken from ID.log. Killed
 * before the rename, nothing has happened; after it, a byte is in both, at one offset. Who reads
 * zeros because they were taken meanwhile finds the larger ID.log.1 when it looks once more.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define JOB_LOG_END ".log"
#define JOB_LOG_MOVED ".1" /* after that */
#define JOB_LOG_NEW ".new"

void job_log_path(const char *state_dir, const char *job_id, char ret[static PATH_MAX]);

/* True while the launcher lives, which holds its log (detach.c) from before its id is told. `name`
 * below dirfd. */
bool job_log_is_held(int dirfd, const char *name);

/* What it takes on the disk, with what was moved out of it; `name` below dirfd, as in the next. */
uint64_t job_log_bytes(int dirfd, const char *name);

/* Removes both. 0 or -errno. */
rr_checked int job_log_remove(int dirfd, const char *name);

/* Whether more than max_bytes are in it that were not moved. */
bool job_log_is_large(const char *path, uint64_t max_bytes);

/* Moves all whole blocks, the last max_bytes of them, in place of what was moved before. 0, also
 * when there is nothing to move, or -errno: -EOPNOTSUPP where no file can have holes. */
rr_checked int job_log_move(const char *path, uint64_t max_bytes);

/* What a job_log_move that was killed has left. */
void job_log_clear(const char *path);

/* One that is being read, from its beginning on. */
struct job_log {
	int fd;
	char moved[PATH_MAX];
	uint64_t at; /* of what comes next */
	uint64_t lost; /* bytes that had gone before they were read */
};

/* 0 or -errno. */
rr_checked int job_log_open(const char *path, struct job_log *ret);
void job_log_close(struct job_log *log);
#define job_log_auto __attribute__((cleanup(job_log_close)))

/* What comes next, as read() would give it: 0 when there is no more yet. */
rr_checked ssize_t job_log_read(struct job_log *log, char *buf, size_t size);
