/* SPDX-License-Identifier: MIT */
/* --after and --after-any: whether the jobs that we are to follow have ended, and how. */
#pragma once

#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "policy/ledger.h"
#include "runner/plan.h"

struct after {
	bool done; /* all of them have ended as we need it */
	struct ledger_ticket on; /* of the one that is waited for */
};

/* Outcomes beside 0 (go on) and -errno (-ENOENT: there never was such a job). */
enum {
	AFTER_WAIT = 16, /* the words say for which */
	AFTER_FAILED, /* the error's words say which one failed */
};

/* Looks in the ledger for jobs that wait or run, and in the history for those that ended. */
rr_checked int after_look(struct after *after, const struct plan *plan, char *words, size_t size,
			  struct rr_err *err);
