/* SPDX-License-Identifier: MIT */
/*
 * What is learned does not grow for ever: keys that have not been run for long go, and, when there
 * are too many, those that were not for longest.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define LEARN_KEEP_NS (UINT64_C(400) * 86400 * 1000000000) /* what runs once a year stays known */
#define LEARN_KEYS_MAX 10000 /* files of 8 KiB */
#define LEARN_FORGET_INTERVAL_NS (UINT64_C(86400) * 1000000000) /* not at each new key */

/* Forgets the keys that were last run more than keep_ns ago, and then the oldest of those above
 * keys_max. *ret_n: how many. 0 or -errno with words. */
rr_checked int learn_forget(const char *state_dir, uint64_t keep_ns, size_t keys_max,
			    uint64_t now_wall_ns, size_t *ret_n, struct rr_err *err);

/* The same by the figures above, if that was not done within the interval, and nobody else is at
 * it. For when a key has come: only then does it grow. 0 or -errno with words. */
rr_checked int learn_forget_when_due(const char *state_dir, uint64_t now_wall_ns,
				     struct rr_err *err);
