/* SPDX-License-Identifier: MIT */
/*
 * Words for a failure, owned by the caller, so that an error path allocates nothing.
 *
 * The rule of the whole tree: a function returns 0 when it did what it says; a negative errno when
 * the operation is lost (passed up unchanged, never compared when it came from our own code); a
 * positive, documented number for an outcome its caller must handle. The words are written once,
 * where the failure was seen; they are printed once, at the top.
 */
#pragma once

#include <stdarg.h>

#define RR_ERR_TEXT_MAX 1024

#define rr_checked __attribute__((warn_unused_result))
#define rr_printf(fmt, args) __attribute__((format(printf, fmt, args)))

struct rr_err {
	char text[RR_ERR_TEXT_MAX];
};

/* For a result that may be ignored: say why beside it. (A cast to void does not satisfy gcc.) */
static inline void rr_ignore(long result)
{
	(void)result;
}

/* Writes the words; returns -code. For failures that no system call reported. */
rr_printf(3, 4) int rr_err_set(struct rr_err *err, int code, const char *fmt, ...);

/* Writes the words, then ": " and strerror(errnum); returns -errnum. */
rr_printf(3, 4) int rr_err_sys(struct rr_err *err, int errnum, const char *fmt, ...);

/* Puts words and ": " in front of what is already there. */
rr_printf(2, 3) void rr_err_prefix(struct rr_err *err, const char *fmt, ...);
