/* SPDX-License-Identifier: MIT */
/*
 * The memory of one key: a file of a fixed size below STATE/learned, with a ring of its last runs.
 * Reading and adding cost the same however long the key has been in use.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "policy/learn.h"

#define LEARN_KEY_MAX 255

/* The key of runs that were given none: their profile, and the name of their program. */
void learn_usual_key(const char *profile, const char *program, char *buf, size_t size);

/* The runs of a key, oldest first; none when the key is new. 0, or -errno with words: what is there
 * cannot be used, and nothing is known then. */
rr_checked int learn_read(const char *state_dir, const char *key,
			  struct learn_run ret[static LEARN_RUNS_MAX], size_t *ret_n,
			  struct rr_err *err);

/* Whether the file of that name below dirfd, which is STATE/learned, can be used: it is whole, of
 * this version, and of the key that its name is for. */
bool learn_is_usable(int dirfd, const char *name);

/* Outcome of learn_add beside 0: it is the first run of its key. */
#define LEARN_NEW_KEY 1

/* Adds a run. A file that is not sound is made anew. 0, LEARN_NEW_KEY, or -errno with words. */
rr_checked int learn_add(const char *state_dir, const char *key, const struct learn_run *run,
			 struct rr_err *err);
