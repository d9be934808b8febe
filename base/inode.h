/* SPDX-License-Identifier: MIT */
/*
 * What one look at one inode tells: who it is, whose it is, how old and how large; and how to open
 * and lock a directory. Nothing here follows a link, triggers an automount or makes a thing younger
 * by looking at it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* A time that the file system does not keep is 0. */
struct inode {
	uint64_t dev;
	uint64_t ino;
	uint64_t mount; /* id of the mount it was reached through, 0 when unknown */
	uint64_t links;
	uint64_t bytes; /* allocated, not apparent: what its removal gives back */
	uint64_t birth_ns;
	uint64_t modified_ns;
	uint64_t newest_ns; /* of atime, mtime, btime and, unless it is a directory, ctime */
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/* Looks at an open descriptor, or at `name` below dirfd without following it. 0 or -errno. */
rr_checked int inode_look(int fd, struct inode *ret);
rr_checked int inode_look_at(int dirfd, const char *name, struct inode *ret);

/* The bytes that one of its names stands for: other hard links of a file have their share. */
uint64_t inode_share(const struct inode *st);

/* True when both are the same inode, and not another one that was given its number later. */
bool inode_is_same(const struct inode *a, const struct inode *b);

/* Opens the directory `name` below fd (which may be O_PATH) for reading, leaving its access time
 * alone where the kernel lets us. As open(): a descriptor, or -1 and errno. */
rr_checked int inode_open_dir(int fd, const char *name);

/* Takes a shared BSD lock on an open directory; false when anyone else holds one of any kind. */
bool inode_lock_dir(int fd);

/* Gives the owner of the directory that `pin` (O_PATH) holds all rights to it, if `mode` lacks
 * one.*/
void inode_give_access(int pin, mode_t mode);
