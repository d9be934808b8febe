/* SPDX-License-Identifier: MIT */
/*
 * After which ends a job is tried again, and how much more memory it gets after it was killed for
 * want of it. Pure: the words of retry_on and an end in, a verdict out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/report.h"

/* Whether every word is one that is known: an exit code (3), a range of them (10-20), a signal
 * (KILL or SIGKILL), or one of signal, oom, timeout, stalled, failure. 0, or -EINVAL with words
 * that name the bad one. */
rr_checked int retry_on_check(char *const *words, struct rr_err *err);

/* True when that end is one to try again after. Without words: any failure. A failure is any end
 * but success, a cancel, and the codes 126 and 127, which say that trying again is no use. */
bool retry_on_matches(char *const *words, enum exit_reason reason, int code, int signal);

/* The next limit after one that was too low: a fifth more, at least 100 MiB, and no more than
 * total_bytes (0: unknown), which is all there is. */
uint64_t retry_memory(uint64_t bytes, uint64_t total_bytes);
