/* SPDX-License-Identifier: MIT */
/*
 * The files of the history: `history`, which is appended to, and `history.1`, `history.2`..., which
 * it became when it had grown large or old; the larger number is the newer. A part keeps its number
 * for ever: that of `history` is the one it will get.
 */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HISTORY_PARTS_MAX 100000

struct history_parts {
	uint64_t *numbers; /* rising; the last is that of `history` */
	size_t n;
	int current_fd; /* `history`, open to read; -1: there is none */
};

/* Finds the parts. history_parts_free is due in either case. 0 or -errno. */
rr_checked int history_parts_find(const char *state_dir, struct history_parts *ret);
void history_parts_free(struct history_parts *parts);

/* Opens part i to read. *ret_fd is the caller's, or -1 for a `history` that is not there. 0 or
 * -errno; path: its name, for words. */
rr_checked int history_part_open(const char *state_dir, const struct history_parts *parts, size_t i,
				 char path[static PATH_MAX], int *ret_fd);

/* Sets `history` aside under the next number, when it is that large or its first record ended that
 * long ago, and removes parts whose last record is older. RR_TIME_INF: no age is too much. 0 or
 * -errno with words. */
rr_checked int history_rotate(const char *state_dir, uint64_t size_bytes, uint64_t age_ns,
			      uint64_t now_wall_ns, struct rr_err *err);
