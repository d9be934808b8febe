/* SPDX-License-Identifier: MIT */
/* A job that is over, found by the index of the history. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

/* The record of the job that is meant: by its whole id, else by its name, of which the newest
 * counts, else, with `prefix`, by the beginning of its id. *ret is the caller's; NULL: there is
 * none. 0; -EINVAL with words when several are meant; or -errno with words. */
rr_checked int ended_find(const char *state_dir, const char *wanted, bool prefix, json_t **ret,
			  struct rr_err *err);

/* By which all tries of its job are one; borrowed. NULL for no record. */
const char *ended_first_id(const json_t *record);

/* The record that tells how the job ended whose first try had that id: that of its last try which
 * was run, or canceled. As ended_find. */
rr_checked int ended_find_last(const char *state_dir, const char *first_id, json_t **ret,
			       struct rr_err *err);
