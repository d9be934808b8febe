/* SPDX-License-Identifier: MIT */
/* The ledger's file, made and opened: in a directory of one's own, or in one that all share. */
#include "policy/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/fd.h"

#define NAME_TRIES 64

static int write_fresh(struct ledger *ledger, int fd, struct rr_err *err)
{
	struct ledger fresh = { .fd = fd };
	int r = posix_fallocate(fd, 0, LEDGER_FILE_SIZE);

	if (r != 0)
		return rr_err_sys(err, r, "set aside %zu KiB for the ledger '%s'",
				  (size_t)LEDGER_FILE_SIZE / 1024, ledger->path);
	memcpy(fresh.path, ledger->path, sizeof(fresh.path));
	memcpy(fresh.boot_id, ledger->boot_id, sizeof(fresh.boot_id));
	ledger_fill_header(&fresh, 1);
	r = ledger_write_header(&fresh, err);
	if (r == 0 && fsync(fd) < 0)
		r = rr_err_sys(err, errno, "write the ledger '%s'", ledger->path);
	return r;
}

static const char *base_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* A file that has no name yet, so that a kill leaves nothing behind. Where the file system has no
 * such files it gets one of its own for a moment: `temporary` then is not empty. */
static int open_nameless(int folder, char *temporary, size_t size)
{
	int fd = openat(folder, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	*temporary = '\0';
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd;
	(void)snprintf(temporary, size, ".ledger.%d.tmp", (int)getpid());
	(void)unlinkat(folder, temporary, 0);
	return openat(folder, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Whoever sees the name sees a whole ledger; of two that make it at once one wins, and the other
 * uses the winner's. */
static int give_name(int folder, int fd, const char *temporary, const char *name)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = *temporary ? linkat(folder, temporary, folder, name, 0)
		       : linkat(AT_FDCWD, path, folder, name, AT_SYMLINK_FOLLOW);
	return r < 0 && errno != EEXIST ? -errno : 0;
}

static int make_file(int folder, struct ledger *ledger, struct rr_err *err)
{
	char temporary[64];
	rr_autofd int fd = open_nameless(folder, temporary, sizeof(temporary));
	int r;

	if (fd < 0)
		return rr_err_sys(err, errno, "make the ledger '%s'", ledger->path);
	r = write_fresh(ledger, fd, err);
	/* Others read who runs and waits. */
	if (r == 0 && ledger->shared && fchmod(fd, 0644) < 0)
		r = rr_err_sys(err, errno, "open the ledger '%s' to all users", ledger->path);
	if (r == 0) {
		int named = give_name(folder, fd, temporary, base_name(ledger->path));

		if (named < 0)
			r = rr_err_sys(err, -named, "make the ledger '%s'", ledger->path);
	}
	if (*temporary)
		(void)unlinkat(folder, temporary, 0);
	if (r == 0 && fsync(folder) < 0)
		r = rr_err_sys(err, errno, "make the ledger '%s'", ledger->path);
	return r;
}

static int not_a_file(const struct ledger *ledger, struct rr_err *err)
{
	return rr_err_set(err, EINVAL, "the ledger '%s' is not a regular file: move it away",
			  ledger->path);
}

static int check_file(const struct ledger *ledger, struct rr_err *err)
{
	struct stat st;

	if (fstat(ledger->fd, &st) < 0)
		return rr_err_sys(err, errno, "'%s'", ledger->path);
	if (!S_ISREG(st.st_mode))
		return not_a_file(ledger, err);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return rr_err_set(err, EPERM,
				  "the ledger '%s' belongs to uid %u, not to you: move it away, or "
				  "set RESRUN_STATE_DIR",
				  ledger->path, st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return rr_err_set(err, EPERM, "the ledger '%s' can be written by others: chmod 600",
				  ledger->path);
	return 0;
}

static int open_file(int folder, struct ledger *ledger, struct rr_err *err)
{
	bool make = ledger->writable;
	int flags = (make ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int r;

	ledger->fd = openat(folder, base_name(ledger->path), flags);
	if (ledger->fd < 0 && errno == ENOENT && make) {
		r = make_file(folder, ledger, err);
		if (r < 0)
			return r;
		ledger->fd = openat(folder, base_name(ledger->path), flags);
	}
	/* Others may be there although we have never run anything. */
	if (ledger->fd < 0 && errno == ENOENT && ledger->shared)
		return 0;
	if (ledger->fd < 0 && errno == EISDIR)
		return not_a_file(ledger, err);
	if (ledger->fd < 0 && errno == ELOOP)
		return rr_err_set(err, ELOOP, "the ledger '%s' is a symbolic link: remove it",
				  ledger->path);
	if (ledger->fd < 0)
		return rr_err_sys(err, errno, "open the ledger '%s'", ledger->path);
	return check_file(ledger, err);
}

static int open_folder(const char *dir, bool make, int *ret_fd, struct rr_err *err)
{
	int r = make ? rr_mkdir_all(dir, 0700) : 0;
	rr_autofd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return rr_err_sys(err, r < 0 ? -r : errno,
				  "the state directory '%s' (RESRUN_STATE_DIR moves it)", dir);
	*ret_fd = rr_fd_take(&fd);
	return 0;
}

/* True when that file of the folder is ours, or not there and so ours to make. */
static bool can_be_ours(int folder, const char *name)
{
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	return S_ISREG(st.st_mode) && st.st_uid == geteuid();
}

/* Our two files in the shared directory. Others may have taken the obvious names from us. */
static int find_names(struct ledger *ledger, const char *dir, struct rr_err *err)
{
	char suffix[32], name[48];

	for (unsigned i = 0; i < NAME_TRIES; i++) {
		(void)snprintf(suffix, sizeof(suffix), i == 0 ? "-%u" : "-%u.%u", geteuid(), i);
		(void)snprintf(name, sizeof(name), "ledger%s", suffix);
		if (!can_be_ours(ledger->folder_fd, name))
			continue;
		(void)snprintf(name, sizeof(name), "leases%s", suffix);
		if (!can_be_ours(ledger->folder_fd, name))
			continue;
		(void)snprintf(ledger->leases_name, sizeof(ledger->leases_name), "%s", name);
		(void)snprintf(ledger->path, sizeof(ledger->path), "%.4000s/ledger%s", dir, suffix);
		return 0;
	}
	return rr_err_set(err, EEXIST, "'%s' is full of other users' files with our names", dir);
}

/* The directory and the lock that all share are root's (or, for a container's root without that
 * name, of whoever made the directory). */
static int open_shared(const char *dir, struct ledger *ledger, struct rr_err *err)
{
	struct stat st, lock;

	ledger->folder_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ledger->folder_fd < 0 || fstat(ledger->folder_fd, &st) < 0)
		return rr_err_sys(err, errno,
				  "the directory '%s' of scope=host (sudo resrunctl doctor --fix "
				  "makes it)",
				  dir);
	ledger->lock_fd = openat(ledger->folder_fd, "lock",
				 O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || !(st.st_mode & S_ISVTX) ||
	    ledger->lock_fd < 0 || fstat(ledger->lock_fd, &lock) < 0 || lock.st_uid != st.st_uid ||
	    lock.st_mode & (S_IWGRP | S_IWOTH) || !S_ISREG(lock.st_mode))
		return rr_err_set(err, EPERM,
				  "the directory '%s' of scope=host is not as it must be: root's, "
				  "sticky, with a file 'lock' of root's (sudo resrunctl doctor "
				  "--fix mends it)",
				  dir);
	return find_names(ledger, dir, err);
}

static int open_private(const char *dir, struct ledger *ledger, int *ret_folder, struct rr_err *err)
{
	(void)snprintf(ledger->leases_name, sizeof(ledger->leases_name), "leases");
	if (snprintf(ledger->path, sizeof(ledger->path), "%s/ledger", dir) >=
	    (int)sizeof(ledger->path))
		return rr_err_set(err, ENAMETOOLONG, "the state directory '%s'", dir);
	return open_folder(dir, ledger->writable, ret_folder, err);
}

static int open_ledger(const char *dir, bool shared, bool make, struct ledger **ret,
		       struct rr_err *err)
{
	auto_ledger struct ledger *ledger = calloc(1, sizeof(*ledger));
	rr_autofd int folder = -1;
	int r;

	if (!ledger)
		return rr_err_sys(err, ENOMEM, "the ledger");
	ledger->fd = ledger->leases_fd = ledger->folder_fd = ledger->lock_fd = -1;
	ledger->shared = shared;
	ledger->writable = make;
	r = rr_boot_id(ledger->boot_id);
	if (r < 0)
		return rr_err_sys(err, -r, "read the boot id from /proc/sys/kernel/random/boot_id");
	ledger->boot_tag = rr_crc32c(ledger->boot_id, sizeof(ledger->boot_id));
	r = shared ? open_shared(dir, ledger, err) : open_private(dir, ledger, &folder, err);
	if (r == 0)
		r = open_file(shared ? ledger->folder_fd : folder, ledger, err);
	if (r == 0)
		r = ledger_open_leases(shared ? ledger->folder_fd : folder, ledger, err);
	if (r < 0)
		return r;
	*ret = rr_ptr_take(&ledger);
	return 0;
}

int ledger_open(const char *dir, bool shared, struct ledger **ret, struct rr_err *err)
{
	return open_ledger(dir, shared, true, ret, err);
}

int ledger_open_to_read(const char *dir, bool shared, struct ledger **ret, struct rr_err *err)
{
	return open_ledger(dir, shared, false, ret, err);
}

int ledger_make_shared(const char *dir, struct rr_err *err)
{
	rr_autofd int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW),
		      lock = -1;

	if (folder >= 0)
		lock = openat(folder, "lock",
			      O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (folder < 0 || lock < 0 || fchown(lock, geteuid(), (gid_t)-1) < 0 ||
	    fchmod(lock, 0644) < 0 || fchmod(folder, 01777) < 0)
		return rr_err_sys(err, errno, "prepare '%s' for all users", dir);
	return 0;
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	ledger_forget_others(ledger);
	rr_fd_close(&ledger->leases_fd);
	rr_fd_close(&ledger->lock_fd);
	rr_fd_close(&ledger->folder_fd);
	rr_fd_close(&ledger->fd);
	free(ledger->tickets);
	free(ledger);
}

void ledger_done(struct ledger **slot)
{
	int saved = errno;

	ledger_close(*slot);
	errno = saved;
}

const char *ledger_path(const struct ledger *ledger)
{
	return ledger->path;
}

const char *ledger_mended(const struct ledger *ledger)
{
	return ledger->mended;
}
