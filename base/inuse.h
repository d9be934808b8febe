/* SPDX-License-Identifier: MIT */
/*
 * Which files are in use: what processes hold open, have mapped, run or stand in, as far as we may
 * look into them, and which sockets are bound. A set filled by scans of /proc; it only grows, so
 * that a thing once seen in use counts as in use.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct inuse_key {
	uint64_t dev;
	uint64_t ino;
};

struct inuse {
	struct inuse_key *keys; /* open addressing; {0, 0} is free */
	size_t room, used;
	bool sockets_known;
};

enum inuse_scanned {
	INUSE_SCANNED = 0,
	INUSE_BLIND, /* there is no /proc to look at, or the time was up: the set may lack things */
};

/*
 * Adds what is in use now. Mapped files whose path lies below the directory `below` (absolute) are
 * looked up by path as well, because /proc/PID/maps shows another device than stat does on btrfs
 * and overlayfs. Only the first scan looks at this process too: later ones would find what the
 * caller opened for its own work. Stops at deadline_ns (BOOTTIME). An inuse_scanned, or -ENOMEM.
 */
rr_checked int inuse_scan(struct inuse *set, const char *below, uint64_t deadline_ns);

bool inuse_has(const struct inuse *set, uint64_t dev, uint64_t ino);

/* True when some socket is bound to a path with this base name, or when that cannot be known. */
bool inuse_has_socket(const struct inuse *set, const char *name);

void inuse_done(struct inuse *set);
