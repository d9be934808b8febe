/* SPDX-License-Identifier: MIT */
/*
 * The order of those who wait, and whose turn it is. Pure: tickets and a clock in, an answer out.
 *
 * Order: priority, risen by one class for every aging_ns that the ticket waited (its launcher
 * writes it down when the time has come), then arrival. Each lane (profile) queues by itself; a cap
 * over all lanes is granted in the same order among those who could go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/ledger.h"

#define QUEUE_NONE SIZE_MAX

enum queue_answer {
	QUEUE_TURN, /* a slot is free and no one who could take it stands before us */
	QUEUE_BEHIND, /* someone stands before us in our lane */
	QUEUE_SLOT, /* first in the lane, which runs as many as it may */
	QUEUE_TOTAL, /* first in the lane, but all lanes together run as many as they may */
};

/* By how many classes the ticket may have risen, and when that will be one more: BOOTTIME, or
 * RR_TIME_INF. */
uint8_t queue_classes(const struct ledger_ticket *ticket, uint64_t now_ns);
uint64_t queue_next_rise_ns(const struct ledger_ticket *ticket, uint64_t now_ns);

/* True when waiting ticket a goes before waiting ticket b. */
bool queue_before(const struct ledger_ticket *a, const struct ledger_ticket *b, uint64_t now_ns);

/* Whether ticket `me` may start as far as order and slots go. *ret_ahead: the waiter directly
 * before us in our lane, or QUEUE_NONE. */
enum queue_answer queue_ask(const struct ledger_ticket *tickets, size_t n, size_t me,
			    uint64_t now_ns, size_t *ret_ahead);

/* True when a slot would be left, in the lane and under the cap over all, after `me` took one. */
bool queue_can_spare(const struct ledger_ticket *tickets, size_t n, size_t me, uint64_t now_ns);

/* The first waiter of a lane, or QUEUE_NONE. */
size_t queue_head(const struct ledger_ticket *tickets, size_t n, uint16_t lane, uint64_t now_ns);

/* The first waiter of every lane, or QUEUE_NONE: one pass over the tickets. */
void queue_heads(const struct ledger_ticket *tickets, size_t n, uint64_t now_ns,
		 size_t ret[static LEDGER_LANES_MAX]);

/* The waiter that comes directly after `mine`, which need not wait itself, in its lane, or
 * QUEUE_NONE. */
size_t queue_behind(const struct ledger_ticket *tickets, size_t n, const struct ledger_ticket *mine,
		    uint64_t now_ns);

/* How many slots are taken: in the lane, and in all. A nested job may go on its outer one's. */
size_t queue_running(const struct ledger_ticket *tickets, size_t n, uint16_t lane);
size_t queue_running_total(const struct ledger_ticket *tickets, size_t n);

/* Position among the waiters of its lane, the head being 1. */
size_t queue_position(const struct ledger_ticket *tickets, size_t n, size_t me, uint64_t now_ns);
