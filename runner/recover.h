/* SPDX-License-Identifier: MIT */
/* Clears away what killed launchers left: what every start does in passing, and --recover alone. */
#pragma once

#include "base/err.h"
#include "runner/options.h"

/* --recover: frees the slots of dead launchers, when what is left of their jobs has been ended, and
 * wakes who waits for them. 0 or -errno with words. */
rr_checked int recover_alone(const struct request *request, struct rr_err *err);
