/* SPDX-License-Identifier: MIT */
#include "base/inode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"

#define BLOCK_BYTES 512
#define PROC_NAME_SIZE 64

static uint64_t stamp_ns(int64_t seconds, uint32_t ns)
{
	return seconds < 0 ? 0 : (uint64_t)seconds * RR_NS_PER_S + ns;
}

static uint64_t newer(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* For a kernel or a filter without statx: no birth time then, and the mount id is in /proc. */
static int look_by_stat(int dirfd, const char *name, int flags, struct inode *ret)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, flags) < 0)
		return -errno;
	*ret = (struct inode){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.links = st.st_nlink,
		.bytes = (uint64_t)st.st_blocks * BLOCK_BYTES,
		.modified_ns = stamp_ns(st.st_mtim.tv_sec, (uint32_t)st.st_mtim.tv_nsec),
		.uid = st.st_uid,
		.gid = st.st_gid,
		.mode = st.st_mode,
	};
	ret->newest_ns =
		newer(ret->modified_ns, stamp_ns(st.st_atim.tv_sec, (uint32_t)st.st_atim.tv_nsec));
	/* A directory's ctime is ours: a sweep changes it by removing what is inside. */
	if (!S_ISDIR(st.st_mode))
		ret->newest_ns = newer(ret->newest_ns,
				       stamp_ns(st.st_ctim.tv_sec, (uint32_t)st.st_ctim.tv_nsec));
	return 0;
}

static void from_statx(const struct statx *st, struct inode *ret)
{
	*ret = (struct inode){
		.dev = makedev(st->stx_dev_major, st->stx_dev_minor),
		.ino = st->stx_ino,
		.mount = st->stx_mask & STATX_MNT_ID ? st->stx_mnt_id : 0,
		.links = st->stx_nlink,
		.bytes = st->stx_blocks * BLOCK_BYTES,
		.modified_ns = stamp_ns(st->stx_mtime.tv_sec, st->stx_mtime.tv_nsec),
		.uid = st->stx_uid,
		.gid = st->stx_gid,
		.mode = st->stx_mode,
	};
	if (st->stx_mask & STATX_BTIME)
		ret->birth_ns = stamp_ns(st->stx_btime.tv_sec, st->stx_btime.tv_nsec);
	ret->newest_ns = newer(newer(ret->birth_ns, ret->modified_ns),
			       stamp_ns(st->stx_atime.tv_sec, st->stx_atime.tv_nsec));
	/* As above. */
	if (!S_ISDIR(st->stx_mode))
		ret->newest_ns = newer(ret->newest_ns,
				       stamp_ns(st->stx_ctime.tv_sec, st->stx_ctime.tv_nsec));
}

static int look(int dirfd, const char *name, int flags, struct inode *ret)
{
	struct statx st;

	if (statx(dirfd, name, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &st) < 0) {
		if (errno != ENOSYS && errno != EPERM)
			return -errno;
		return look_by_stat(dirfd, name, flags, ret);
	}
	from_statx(&st, ret);
	return 0;
}

int inode_look_at(int dirfd, const char *name, struct inode *ret)
{
	return look(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, ret);
}

/* The line "mnt_id:\tN" of /proc/self/fdinfo; 0 when it cannot be had. */
static uint64_t mount_from_proc(int fd)
{
	char name[PROC_NAME_SIZE], text[512];
	uint64_t mount = 0;
	char *at;

	(void)snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	if (rr_read_at(AT_FDCWD, name, text, sizeof(text)) <= 0)
		return 0;
	at = strstr(text, "mnt_id:\t");
	if (!at)
		return 0;
	at += strlen("mnt_id:\t");
	at[strcspn(at, "\n")] = '\0';
	return rr_parse_u64(at, &mount) == 0 ? mount : 0;
}

int inode_look(int fd, struct inode *ret)
{
	int r = look(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, ret);

	if (r == 0 && ret->mount == 0)
		ret->mount = mount_from_proc(fd);
	return r;
}

uint64_t inode_share(const struct inode *st)
{
	return S_ISDIR(st->mode) || st->links == 0 ? st->bytes : st->bytes / st->links;
}

bool inode_is_same(const struct inode *a, const struct inode *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->birth_ns == b->birth_ns &&
	       (a->mode & S_IFMT) == (b->mode & S_IFMT);
}

int inode_open_dir(int fd, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int dir = openat(fd, name, flags | O_NOATIME);

	/* Looking must not make it young; but it needs ownership, which a user namespace may
	 * hide.*/
	if (dir < 0 && errno == EPERM)
		dir = openat(fd, name, flags);
	return dir;
}

bool inode_lock_dir(int fd)
{
	/* All of it first, as any lock of someone else protects, a shared one too; then no more
	 * than a share, so that its user can take his own meanwhile. A file system without locks
	 * has no locked directories. */
	return (flock(fd, LOCK_EX | LOCK_NB) == 0 && flock(fd, LOCK_SH | LOCK_NB) == 0) ||
	       errno != EWOULDBLOCK;
}

void inode_give_access(int pin, mode_t mode)
{
	char name[PROC_NAME_SIZE];

	if ((mode & S_IRWXU) == S_IRWXU)
		return;
	/* By way of the pin: a chmod by name could hit something else by now. */
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", pin);
	/* When it fails, so will what it was for, and that is reported. */
	rr_ignore(chmod(name, (mode | S_IRWXU) & ALLPERMS));
}
