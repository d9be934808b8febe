/* SPDX-License-Identifier: MIT */
/*
 * Text to numbers and back: the only place that does. Every parser takes the whole text or nothing
 * and answers 0, -EINVAL (not of that form) or -ERANGE (too large), leaving its output untouched.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define RR_FORMAT_SIZE 32

rr_checked int rr_parse_u64(const char *text, uint64_t *ret);

/* "1.5": digits, at most one point; no sign, no exponent. */
rr_checked int rr_parse_decimal(const char *text, double *ret);

/* "85", "85.0" or "85%": 0 to 100. */
rr_checked int rr_parse_percent(const char *text, double *ret);

/* "512M", "4G", "1.5g", "100": bytes, 1024-based; K M G T P, an optional "iB" or "B". */
rr_checked int rr_parse_bytes(const char *text, uint64_t *ret_bytes);

/* "90", "90s", "5m", "1h30m", "250ms", "2d", "3600.0", "inf" (RR_TIME_INF). */
rr_checked int rr_parse_time(const char *text, uint64_t *ret_ns);

/* "3/60s": a count and a window. */
rr_checked int rr_parse_rate(const char *text, uint64_t *ret_count, uint64_t *ret_window_ns);

/* yes/no, true/false, on/off, 1/0. */
rr_checked int rr_parse_bool(const char *text, bool *ret);

/* What follows the last slash of a path, or all of it; points into it. */
const char *rr_base_name(const char *path);

/* "1.5G", "312M", "17": a size that a person can read and rr_parse_bytes can read back. */
const char *rr_format_bytes(uint64_t bytes, char buf[static RR_FORMAT_SIZE]);

/* "1h30m", "5m", "12s", "0.4s", "inf". */
const char *rr_format_time(uint64_t ns, char buf[static RR_FORMAT_SIZE]);
