/* SPDX-License-Identifier: MIT */
/*
 * A look at whether it is our turn: lock, free what the dead left, ask in order (queue, slot, rate,
 * headroom), and, if all say yes, take slot and start in the same transaction. If not, the look
 * leaves what to sleep on: when to look again, and the processes whose death may change the answer
 * (the waiter directly before us or, for a head, those that run). Who leaves, and who starts, wakes
 * whoever comes next.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "runner/after.h"
#include "runner/gate.h"
#include "runner/overlap.h"
#include "runner/plan.h"
#include "runner/ticket.h"

#define WATCHED_MAX 64 /* processes that one waiter watches */

struct look {
	const struct plan *plan;
	struct admission *admission;
	struct ledger_ticket ticket; /* as it is to enter */
	struct gate gate;
	struct after after;
	struct overlap overlap;

	/* What the last one found. */
	unsigned reason; /* enum waited_for bits */
	char words[640]; /* the same for people */
	bool passing; /* those before it, as it cannot delay them */
	uint64_t next_ns; /* BOOTTIME */
	uint64_t earliest_ns; /* BOOTTIME: there is no start before; 0: not known */
	uint64_t rise_ns; /* BOOTTIME: when we rise by a priority */
	int watched[WATCHED_MAX]; /* pidfds */
	size_t n_watched;
};

enum { LOOK_WAIT, LOOK_GO };

/* LOOK_GO: the turn is taken, and its start counted. LOOK_WAIT; AFTER_FAILED or
 * OVERLAP_SKIP with words; or -errno with words. `anyway`: take it whatever stands in the way
 * (on_busy=run). */
rr_checked int look_for_turn(struct look *look, bool anyway, struct rr_err *err);

/* Ends the watching. */
void look_away(struct look *look);
