/* SPDX-License-Identifier: MIT */
/*
 * Waits for a turn: a slot and a start of the rate from the ledger, headroom from the host. The
 * wait is by events: only the head of a queue looks at the host, every other waiter sleeps until
 * the one before it goes or it is woken.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "runner/plan.h"
#include "runner/signals.h"
#include "runner/ticket.h"

/* For --dry-run: what would be waited for at this moment. Looks only. */
void admit_print(const struct plan *plan, FILE *out);

/* Outcomes beside 0. In each of them, as in an error, our ticket stays until ticket_release. */
enum {
	ADMIT_BUSY = 1, /* not in time; the words say what it waited for */
	ADMIT_INTERRUPTED, /* a signal came: *ret_signal */
	ADMIT_CANCELED, /* resrunctl has asked for its end */
	ADMIT_OVERLAP, /* on_overlap=skip: one of our name is there; the words say which */
	ADMIT_DEPENDENCY, /* a job that we were to come after has failed; the words name it */
};

/* `ret`: none yet, or what ticket_again has made of it. Waits at most max_wait. 0: the ticket is
 * RUNNING and its start is counted. */
rr_checked int admit(const struct plan *plan, const struct signals *signals, struct admission *ret,
		     int *ret_signal, struct rr_err *err);
