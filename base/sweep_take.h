/* SPDX-License-Identifier: MIT */
/*
 * Removes one thing that a sweep has found old, unless someone uses it: the last questions, asked
 * of the pinned inode, and the removal that cannot hit another one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/dirwalk.h"
#include "base/err.h"
#include "base/inuse.h"
#include "base/sweep.h"

/* Next to sweep_verdict: somebody else removed it first. */
#define SWEEP_GONE SWEEP_VERDICTS

struct sweep_take {
	uint64_t salt, serial; /* of the hidden names */
	bool direct; /* names cannot, or are not to, be moved aside in this tree */
	bool dry_run;
};

/* Prepares for the tree of the open directory rootfd. */
void sweep_take_start(struct sweep_take *take, int rootfd, bool dry_run);

/* Removes (or, in a dry run, would remove) what the entry pins, which is no directory. A
 * sweep_verdict or SWEEP_GONE; with SWEEP_ERROR *ret_error is the errno. */
rr_checked int sweep_take_file(struct sweep_take *take, const struct inuse *inuse,
			       const struct dirwalk_entry *entry, int *ret_error);

/* The same for a directory that was read to its end and in which nothing stays. */
rr_checked int sweep_take_dir(const struct sweep_take *take, const struct inuse *inuse,
			      const struct dirwalk_entry *entry, int *ret_error);
