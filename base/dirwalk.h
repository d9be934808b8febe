/* SPDX-License-Identifier: MIT */
/*
 * Walks a directory tree by descriptors: iterative, never through a link, never into another
 * mount, with a fixed number of descriptors however deep the tree is. It decides nothing: the
 * visitor is shown one pinned entry after the other and says which directories to enter.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/inode.h"

/* Open directories kept at once, the root included; deeper ones are reopened through "..". */
#define DIRWALK_OPEN 12
/* Beyond these a directory is not entered: memory stays bounded whatever the tree looks like. */
#define DIRWALK_MAX_DEPTH (1U << 20)
#define DIRWALK_MAX_PATH (64U << 20)
#define DIRWALK_SHOWN_SIZE 304

enum dirwalk_event {
	DIRWALK_END = 0,
	DIRWALK_ENTRY, /* an entry of the current directory; entry.fd pins it (O_PATH) */
	DIRWALK_LEAVING, /* a directory was read to its end; entry.fd is open on it */
	DIRWALK_MOUNT, /* something is mounted there, or a subvolume begins: only its name is known
			*/
	DIRWALK_FAILED, /* entry.path cannot be looked at or read on: entry.error */
	DIRWALK_LOST, /* entry.path was moved away under us: the walk goes on above it */
};

enum dirwalk_entered {
	DIRWALK_ENTERED = 0,
	DIRWALK_LOCKED, /* someone holds a BSD lock on it */
	DIRWALK_REFUSED, /* cannot be opened: entry.error */
	DIRWALK_TOO_DEEP, /* beyond DIRWALK_MAX_DEPTH or DIRWALK_MAX_PATH */
};

enum dirwalk_flags {
	DIRWALK_LOCK = 1, /* hold a shared BSD lock on each directory while it is walked */
	DIRWALK_FORCE = 2, /* give ourselves access (chmod u+rwx) to directories that deny it */
};

/* The thing shown; all of it is the walk's and is good until the next call. */
struct dirwalk_entry {
	int dirfd; /* the directory that holds `name` */
	const char *name; /* NULL when no entry but the directory itself is meant */
	const char *path; /* from the root of the walk; "" is the root */
	int fd;
	int error;
	struct inode st; /* LEAVING: as it was when the directory was entered */
};

/* One directory on the way down, kept small: a deep tree has a hundred thousand of them. */
struct dirwalk_level {
	uint64_t ino;
	uint64_t birth_ns;
	uint64_t newest_ns;
	int64_t cookie; /* where reading goes on after it was closed and reopened */
	uint32_t left; /* the visitor's: how much will stay in it, and how much was taken out */
	uint32_t taken;
	uint32_t name_at;
	uint32_t blocks;
	uid_t uid;
	mode_t mode;
};

struct dirwalk {
	struct dirwalk_entry entry;
	struct dirwalk_level *levels;
	size_t depth; /* levels in use; the current directory is the last */
	struct inode root;

	/* Private. */
	struct dirwalk_slot *slots;
	char *path;
	size_t path_used, path_room, level_room;
	uint64_t above_root_ino, verify_ns;
	unsigned flags;
	int pin;
	bool leaving, without_openat2;
};

/* Starts a walk of the directory rootfd, which stays the caller's and is not locked. On failure
 * there is nothing to release. 0 or -errno. */
rr_checked int dirwalk_start(struct dirwalk *ret, int rootfd, unsigned flags);

/* Goes to the next thing and fills walk->entry. A dirwalk_event, or -errno when the walk is lost.*/
rr_checked int dirwalk_next(struct dirwalk *walk);

/* Enters the directory that the last DIRWALK_ENTRY showed. A dirwalk_entered, or -errno. */
rr_checked int dirwalk_enter(struct dirwalk *walk);

/* The level of the directory that holds the current entry. */
struct dirwalk_level *dirwalk_parent(struct dirwalk *walk);

/* The current path as it can be shown to people: the end of it, when it is long, and no control
 * characters, which could speak to a terminal. */
const char *dirwalk_shown(const struct dirwalk *walk, char buf[static DIRWALK_SHOWN_SIZE]);

void dirwalk_done(struct dirwalk *walk);
#define dirwalk_auto __attribute__((cleanup(dirwalk_done)))
