/* SPDX-License-Identifier: MIT */
/*
 * Removes what is old, or too much, from a directory tree without ever harming: nothing outside the
 * tree, nothing of others, nothing in use, nothing young, however the tree changes meanwhile.
 * Whatever cannot be shown to be safe to remove stays, is counted, and is left to a later run.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* What became of an entry. */
enum sweep_verdict {
	SWEEP_REMOVED, /* or would be, in a dry run */
	SWEEP_YOUNG, /* touched too recently; for a directory also: something in it stays */
	SWEEP_KEPT, /* a keep glob, or a file with the sticky bit */
	SWEEP_LOCKED, /* someone holds a lock on it; what is in a locked directory is not looked at
		       */
	SWEEP_OPEN, /* open, mapped, run, stood in, or a bound socket */
	SWEEP_FOREIGN, /* belongs to another user */
	SWEEP_MOUNT, /* something is mounted there */
	SWEEP_ERROR, /* could not be looked at or removed */
	SWEEP_VERDICTS,
};

struct sweep_seen {
	const char *path; /* below the swept directory; may hold any byte but NUL, and be long */
	uint64_t bytes; /* allocated */
	uint64_t touched_wall_ns;
	enum sweep_verdict verdict;
	int error; /* errno of SWEEP_ERROR */
	bool is_dir;
};

struct sweep_rules {
	uint64_t age_ns; /* remove what nobody touched for so long; RR_TIME_INF: nothing by age.
			  * 0 is refused: rules that were never filled in must not remove all */
	uint64_t max_bytes; /* if > 0: then the oldest files first, until the tree fits */
	uint64_t fresh_ns; /* max_bytes never takes what was touched within this */
	uint64_t time_limit_ns; /* stop after this; the rest is for the next run. 0: no limit */
	uint64_t now_wall_ns; /* the time from which ages are counted; 0: the clock's */
	const char *const *keep; /* globs of a name or of a path below the root; ends with NULL */
	const char *const *spare; /* directories that must not be, or lie in, the swept one */
	bool dry_run;
	bool vouched; /* needed by root: a root-owned config names this directory */
	/* Told of each entry, a directory after what is in it; false stops the sweep. Optional. */
	bool (*seen)(void *arg, const struct sweep_seen *seen);
	void *arg;
};

struct sweep_result {
	uint64_t files, dirs, bytes; /* removed, or would be; bytes as given back to the disk */
	uint64_t left, left_bytes; /* entries that stay, for whatever reason, as far as seen */
	uint64_t count[SWEEP_VERDICTS]; /* entries by verdict: count[SWEEP_LOCKED] and so on */
	bool complete; /* the whole tree was gone through; else a later run goes on */
	bool blind; /* /proc did not tell what is open: only locks and leases protected it */
};

enum sweep_outcome {
	SWEEP_DONE = 0,
	SWEEP_BUSY, /* someone holds a lock on the directory: nothing was done */
	SWEEP_LEFT, /* time was up, or some of it cannot be removed: err says what */
};

/*
 * Refuses, with path, reason and remedy, what must not be swept: an empty or relative path, "." or
 * "..", a link anywhere in it, "/" and what lies directly below, system directories, a mount root,
 * a home directory or what holds one, a working copy (.git), a directory of someone else (root: one
 * that is not vouched for), one that others can write to without sticky bit, or can put another one
 * in place of; and an age of 0. 0 or -errno.
 */
rr_checked int sweep_check_root(const char *path, const struct sweep_rules *rules,
				struct rr_err *err);

/*
 * Checks the root and sweeps below it; the directory itself stays. Only what belongs to the owner
 * of the directory is ever removed; root acts with that owner's file rights. 0, SWEEP_BUSY, or
 * -errno; with 0 and count[SWEEP_ERROR] > 0, err holds the words of the first error. The process
 * may get SIGURG (ignored by default) when someone opens a file that is being removed.
 */
rr_checked int sweep_run(const char *path, const struct sweep_rules *rules,
			 struct sweep_result *ret, struct rr_err *err);

/*
 * Removes the private directory `name` of this user below the open directory dirfd, and all that is
 * in it: of any age and owner, locked or open or not, but nothing that is mounted there. Gone
 * already is done. Goes on until it is gone, nothing more can be removed, or the time (0: no limit)
 * is up. 0, SWEEP_LEFT, or -errno.
 */
rr_checked int sweep_remove_tree(int dirfd, const char *name, uint64_t time_limit_ns,
				 struct rr_err *err);

/*
 * Adds up what the directory `name` below dirfd and everything in it occupies; no locks are taken,
 * nothing is crossed, what cannot be read is passed over. 0, SWEEP_LEFT with what was added up when
 * the time (0: no limit) was up, or -errno.
 */
rr_checked int sweep_measure(int dirfd, const char *name, uint64_t time_limit_ns,
			     uint64_t *ret_bytes, struct rr_err *err);
