/* SPDX-License-Identifier: MIT */
/* --detach: the caller gets the job id back at once, the job its own session and a log. */
#pragma once

#include "runner/plan.h"

/* Outcomes: 0 in the process that goes on, DETACH_PARENT in the one that is done. */
enum { DETACH_PARENT = 1 };

/* 0, DETACH_PARENT (the id is on stdout), or -errno with words. */
rr_checked int detach(const struct plan *plan, struct rr_err *err);
