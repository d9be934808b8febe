/* SPDX-License-Identifier: MIT */
/* Where --report and --log write to: "-" is stderr, "fd:N" a descriptor of the caller's, else a
 * file. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* A descriptor of its own for the target, close-on-exec. `flags`: O_APPEND or O_TRUNC, for a file.
 * 0 or -errno with words. */
rr_checked int output_open(const char *target, int flags, int *ret_fd, struct rr_err *err);

/* Written to as it is: no file that could be replaced or set aside. */
bool output_is_stream(const char *target);
