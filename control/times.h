/* SPDX-License-Identifier: MIT */
/* Moments on the command line of a verb. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* "2h" (ago), "2026-01-31" or "2026-01-31T12:00:00Z". 0, or -errno with words that begin with the
 * option. */
rr_checked int times_parse(const char *option, const char *text, uint64_t *ret_wall_ns,
			   struct rr_err *err);
