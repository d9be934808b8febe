/* SPDX-License-Identifier: MIT */
/*
 * A file is taken in these steps, each of which can still let it go:
 *
 * open   by way of the pin, so that it cannot be a FIFO or a device put there meanwhile
 * lock   exclusive BSD lock without waiting, and a look for POSIX locks: nobody else has one
 * scan   nobody was seen in /proc who has it open, mapped, or stands in it
 * lease  a write lease: the kernel grants it only while no one else has the file open or mapped,
 *        in whatever container, and whoever opens it from now on waits until we are done
 * move   aside, in the same directory, to a name that nobody knows: what was moved is ours alone
 * look   is it the pinned inode, unchanged, its lease not called back? If not: back with it
 * unlink
 *
 * Where the file system knows no leases (network, FUSE), /proc and the locks have to do. Where
 * names cannot be moved aside (no RENAME_NOREPLACE), or that would cost a copy (overlayfs), the
 * name is looked at again right before the unlink; a rename onto it in the microsecond between is
 * lost.
 */
#include "base/sweep_take.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define HIDDEN_SIZE 64

void sweep_take_start(struct sweep_take *take, int rootfd, bool dry_run)
{
	struct statfs fs;

	*take = (struct sweep_take){ .dry_run = dry_run };
	/* Renaming a file of a lower layer copies all of it first. */
	take->direct = fstatfs(rootfd, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC;
	if (getrandom(&take->salt, sizeof(take->salt), GRND_NONBLOCK) != sizeof(take->salt))
		take->salt = rr_now_boot_ns();
}

static int fail(int error, int *ret_error)
{
	*ret_error = error;
	return error == ENOENT ? SWEEP_GONE : SWEEP_ERROR;
}

/* ---- is it in use ---- */

/* Opens the pinned regular file. *ret_fd stays -1 when its mode denies us: then no one without
 * privileges could open it either, and who had it open before was found in /proc. */
static int open_pinned(const struct dirwalk_entry *entry, int *ret_fd, int *ret_error)
{
	int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	rr_autofd int fd = -1;
	struct inode st;
	char name[64];

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", entry->fd);
	fd = open(name, flags);
	if (fd < 0 && errno == ENOENT)
		fd = openat(entry->dirfd, entry->name, flags | O_NOFOLLOW);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return SWEEP_REMOVED;
	if (fd < 0 && errno == EWOULDBLOCK)
		return SWEEP_OPEN; /* a lease is held on it */
	if (fd < 0)
		return fail(errno, ret_error);
	if (inode_look(fd, &st) < 0 || !inode_is_same(&st, &entry->st))
		return SWEEP_YOUNG;
	*ret_fd = rr_fd_take(&fd);
	return SWEEP_REMOVED;
}

static bool has_locks(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return true;
	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* True when the kernel says that someone else has it open. A lease that is called back sends a
 * signal: SIGURG, which nobody dies of, in place of SIGIO, which kills. */
static bool is_open_elsewhere(int fd)
{
	if (fcntl(fd, F_SETSIG, SIGURG) < 0)
		return false;
	return fcntl(fd, F_SETLEASE, F_WRLCK) < 0 && errno == EAGAIN;
}

/* True when we held the lease and somebody now waits to open the file. */
static bool is_called_back(int fd)
{
	return fd >= 0 && fcntl(fd, F_GETLEASE) == F_RDLCK;
}

static bool is_seen_in_use(const struct inuse *inuse, const struct dirwalk_entry *entry)
{
	return inuse_has(inuse, entry->st.dev, entry->st.ino) ||
	       (S_ISSOCK(entry->st.mode) && inuse_has_socket(inuse, entry->name));
}

/* SWEEP_REMOVED when nobody uses it; *ret_fd then holds lock and lease, if there can be any. */
static int claim(const struct inuse *inuse, const struct dirwalk_entry *entry, int *ret_fd,
		 int *ret_error)
{
	int verdict = SWEEP_REMOVED;
	struct inode st;

	if (S_ISREG(entry->st.mode))
		verdict = open_pinned(entry, ret_fd, ret_error);
	if (verdict != SWEEP_REMOVED)
		return verdict;
	if (*ret_fd >= 0 && has_locks(*ret_fd))
		return SWEEP_LOCKED;
	if (is_seen_in_use(inuse, entry) || (*ret_fd >= 0 && is_open_elsewhere(*ret_fd)))
		return SWEEP_OPEN;
	/* Used and closed again while we asked. */
	if (inode_look(entry->fd, &st) < 0 || st.newest_ns != entry->st.newest_ns)
		return SWEEP_YOUNG;
	return SWEEP_REMOVED;
}

/* ---- removing it ---- */

/* The ctime says nothing: moving the name aside has changed it. */
static bool is_unchanged(int dirfd, const char *name, const struct inode *was)
{
	struct inode st;

	return inode_look_at(dirfd, name, &st) == 0 && inode_is_same(&st, was) &&
	       st.modified_ns == was->modified_ns;
}

static int unlink_direct(const struct dirwalk_entry *entry, int *ret_error)
{
	if (!is_unchanged(entry->dirfd, entry->name, &entry->st))
		return SWEEP_YOUNG;
	if (unlinkat(entry->dirfd, entry->name, 0) < 0)
		return fail(errno, ret_error);
	return SWEEP_REMOVED;
}

/* When yet another file has taken the name, both stay, ours hidden, and that is an error. */
static int put_back(const struct dirwalk_entry *entry, const char *hidden, int verdict,
		    int *ret_error)
{
	if (renameat2(entry->dirfd, hidden, entry->dirfd, entry->name, RENAME_NOREPLACE) < 0)
		return fail(errno, ret_error);
	return verdict;
}

static int unlink_aside(struct sweep_take *take, const struct dirwalk_entry *entry, int claimed,
			int *ret_error)
{
	char hidden[HIDDEN_SIZE];

	(void)snprintf(hidden, sizeof(hidden), ".resrun-sweep-%016llx-%llu",
		       (unsigned long long)take->salt, (unsigned long long)take->serial++);
	if (renameat2(entry->dirfd, entry->name, entry->dirfd, hidden, RENAME_NOREPLACE) < 0) {
		if (errno == ENOENT)
			return SWEEP_GONE;
		take->direct = errno == EINVAL || errno == ENOSYS;
		return unlink_direct(entry, ret_error);
	}
	if (!is_unchanged(entry->dirfd, hidden, &entry->st))
		return put_back(entry, hidden, SWEEP_YOUNG, ret_error);
	if (is_called_back(claimed))
		return put_back(entry, hidden, SWEEP_OPEN, ret_error);
	if (unlinkat(entry->dirfd, hidden, 0) < 0) {
		*ret_error = errno;
		return put_back(entry, hidden, SWEEP_ERROR, ret_error);
	}
	return SWEEP_REMOVED;
}

int sweep_take_file(struct sweep_take *take, const struct inuse *inuse,
		    const struct dirwalk_entry *entry, int *ret_error)
{
	rr_autofd int claimed = -1; /* holds lock and lease until the file is gone */
	int verdict = claim(inuse, entry, &claimed, ret_error);

	if (verdict != SWEEP_REMOVED || take->dry_run)
		return verdict;
	if (take->direct)
		return unlink_direct(entry, ret_error);
	return unlink_aside(take, entry, claimed, ret_error);
}

int sweep_take_dir(const struct sweep_take *take, const struct inuse *inuse,
		   const struct dirwalk_entry *entry, int *ret_error)
{
	struct inode st;

	if (inuse_has(inuse, entry->st.dev, entry->st.ino))
		return SWEEP_OPEN;
	if (take->dry_run)
		return SWEEP_REMOVED;
	if (inode_look_at(entry->dirfd, entry->name, &st) < 0 || !inode_is_same(&st, &entry->st))
		return SWEEP_GONE;
	if (unlinkat(entry->dirfd, entry->name, AT_REMOVEDIR) == 0)
		return SWEEP_REMOVED;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return SWEEP_YOUNG; /* something new is in it */
	return fail(errno, ret_error);
}
