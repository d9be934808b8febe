/* SPDX-License-Identifier: MIT */
/* Our own ticket in the ledger, from entering the queue to freeing the slot. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "policy/ledger.h"
#include "runner/plan.h"

#define TICKET_LOCK_NS (10 * RR_NS_PER_S) /* nobody holds the ledger for longer than a moment */

struct admission {
	struct ledger *ledger;
	size_t index; /* of our ticket */
	int wake_fd;
	uint64_t waited_ns;
	unsigned waited_for; /* enum waited_for bits */
	bool entered; /* our ticket is in the ledger */
	uint64_t reserved_bytes;
};

/* Makes the ticket and its wake-up socket; nothing of it is in the ledger yet. 0 or -errno with
 * words. */
rr_checked int ticket_make(const struct plan *plan, struct admission *admission,
			   struct ledger_ticket *ret, struct rr_err *err);

/* Joins the queue; the ledger is open and locked. The first question is asked under the same lock,
 * so that whoever can start never stands in another's way. 0 or -errno with words. */
rr_checked int ticket_enter(const struct plan *plan, struct admission *admission,
			    struct ledger_ticket *ticket, struct rr_err *err);

/* The try is over, and `plan` is by now of the next one: its ticket, of the new id, takes the place
 * of the old one, whose slot is free. It waits, and stands in no one's way until it asks for a
 * turn. 0, or -errno with words: then ticket_release is due. */
rr_checked int ticket_again(const struct plan *plan, struct admission *admission,
			    struct rr_err *err);

/* Tells the ledger in which leaf the job will be, before anything is in it. 0 or -errno with words.
 */
rr_checked int ticket_placed(struct admission *admission, const char *leaf, struct rr_err *err);

/* The job's process waits to be let go: from here on its start counts, even if we are killed, and
 * where there is no leaf a dead launcher's slot is judged by that process. 0 or -errno with words.
 */
rr_checked int ticket_launching(struct admission *admission, pid_t pid, struct rr_err *err);

/* The job runs: where a rate counts starts, its window begins now. Trouble is not the job's. */
void ticket_started(struct admission *admission, const struct plan *plan);

/* Changes the place among the waiters; the caller looks again. 0 or -errno with words. */
rr_checked int ticket_set_priority(struct admission *admission, uint8_t priority,
				   struct rr_err *err);

/* What changes of a running job when it is steered: others reckon with it. */
struct ticket_facts {
	uint8_t priority;
	bool paused;
	uint8_t pressed; /* enum pressure_step */
	uint64_t memory_cap_bytes; /* 0: none */
	uint64_t memory_bytes; /* reserved still */
	uint32_t cpu_milli; /* the same */
};

/* 0 or -errno with words. */
rr_checked int ticket_read(struct admission *admission, struct ticket_facts *ret,
			   struct rr_err *err);
rr_checked int ticket_change(struct admission *admission, const struct ticket_facts *facts,
			     struct rr_err *err);

/* Lowers the reservation to what the job has not taken yet. */
void ticket_reserve(struct admission *admission, uint64_t bytes);

/* Frees the slot and wakes who is next. `started` false gives the start back to the rate. */
void ticket_release(struct admission *admission, bool started);
