/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and heap blocks that clean themselves up, and whole-file reads and writes.
 * Everything here is O_CLOEXEC and keeps errno across clean-up. No words: plain -errno.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* A slot holds a descriptor or -1, a pointer or NULL; it is released when its scope ends. */
#define rr_autofd __attribute__((cleanup(rr_fd_done)))
#define rr_autofree __attribute__((cleanup(rr_free_done)))

void rr_fd_done(int *slot);
void rr_free_done(void *slot);

/* Empties the slot and hands its descriptor (or pointer) to the caller, who now owns it. */
int rr_fd_take(int *slot);
void *rr_ptr_take(void *slot);

/* Closes *slot, if open, and sets it to -1. */
void rr_fd_close(int *slot);

/*
 * Fills closed descriptors 0-2 with /dev/null, close-on-exec: nothing of ours can land there, and
 * the command still finds them closed, as its caller left them. 0 or -errno.
 */
rr_checked int rr_fd_fill_standard(void);

/* Reads the file `name` below dirfd (AT_FDCWD allowed) into buf, NUL-terminated; a file that does
 * not fit is cut. Returns the length or -errno. */
rr_checked ssize_t rr_read_at(int dirfd, const char *name, char *buf, size_t size);

/* The same by pread from offset 0 of an open descriptor: for kernel files that are kept open. */
rr_checked ssize_t rr_pread_text(int fd, char *buf, size_t size);

/* Reads all of fd into a new NUL-terminated block of at most `limit` bytes, which the caller frees.
 * 0, -EFBIG over the limit, or -errno. */
rr_checked int rr_read_whole(int fd, size_t limit, char **ret_text, size_t *ret_length);

/* Writes text in one write() to the existing file `name` below dirfd. 0 or -errno. */
rr_checked int rr_write_at(int dirfd, const char *name, const char *text);

/* Writes all of it, through short writes and EINTR. 0 or -errno. */
rr_checked int rr_write_all(int fd, const void *data, size_t length);

/* Replaces `name` below dirfd: temporary file in the same directory, fsync, rename, fsync of the
 * directory. A reader sees the old text or the new, never a part. 0 or -errno. */
rr_checked int rr_replace_at(int dirfd, const char *name, const void *data, size_t length,
			     mode_t mode);

/* The name of that temporary file, as this process makes it for a last part `name` of a path. 0 or
 * -ENAMETOOLONG. */
rr_checked int rr_replace_name(const char *name, char ret[static NAME_MAX + 1]);

/* Makes the directory and its missing parents with this mode. 0 or -errno. */
rr_checked int rr_mkdir_all(const char *path, mode_t mode);

/* Closes every descriptor but that one. */
void rr_fd_close_all_but(int kept);

/* True when only the owner (this user, or root) can have written the open file. */
bool rr_fd_is_trusted(int fd);
