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
