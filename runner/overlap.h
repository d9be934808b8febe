/* SPDX-License-Identifier: MIT */
/* --on-overlap: what becomes of a job when one of the same --name waits or runs already. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "policy/ledger.h"
#include "runner/plan.h"

/* Outcomes beside 0: nothing stands in the way. */
enum {
	OVERLAP_WAIT = 32, /* for the ticket at *ret_index to go */
	OVERLAP_SKIP, /* the words say what for */
};

/* on_overlap=replace: what was asked of others. All zero at first. */
struct overlap {
	uint64_t asked; /* tickets up to this number were asked to end */
	uint64_t again_ns; /* BOOTTIME: those that are still there then are told once more */
};

/* Looks, with the ledger locked, for a job of our name that came before us; our own ticket is
 * `mine`, or QUEUE_NONE when it is still to come. So of any number that start at once the first
 * goes on. With on_overlap=replace each is asked to end, and, when our kill_after has passed, told
 * so again, which ends what did not heed it. */
int overlap_look(const struct plan *plan, struct ledger *ledger, size_t mine,
		 struct overlap *overlap, size_t *ret_index, struct rr_err *err);
