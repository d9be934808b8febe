/* SPDX-License-Identifier: MIT */
/*
 * The wake-up channel of waiters: who leaves a queue, or starts, wakes whoever comes next. What
 * resrunctl asks of a launcher comes to the same socket (runner/steer.h), which also empties it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/ledger.h"

/* A socket of our own to be woken by, and its name for our ticket: abstract and bound by the kernel
 * to five hex digits, so that no file is left behind. 0 or -errno with words. */
rr_checked int wake_open(int *ret_fd, char name[LEDGER_WAKE_SIZE], struct rr_err *err);

/* Wakes the head of every lane: what one leaves, the head of another may have waited for. Called
 * with the ledger locked. A waiter that is just dying is passed over by the one behind it, which
 * watches it. */
void wake_all_heads(struct ledger *ledger, int from_fd);

/* Wakes the heads of all lanes but that one. */
void wake_other_heads(struct ledger *ledger, int from_fd, uint16_t lane);

/* Wakes the waiter directly behind that place. Each waiter watches the one directly before it: so
 * whoever comes to stand between two, or leaves from there, tells the one behind. */
void wake_behind(struct ledger *ledger, int from_fd, const struct ledger_ticket *mine);

/* Wakes one waiter. */
void wake_one(int from_fd, const struct ledger_ticket *ticket);
