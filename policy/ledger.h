/* SPDX-License-Identifier: MIT */
/*
 * The ledger: who runs, who waits and in what order, and which starts count against a rate. One
 * preallocated file of fixed-size, checksummed records behind one short lock. This module keeps the
 * file; the order of waiters is queue.h's, the reasons to wait are the admit stage's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"

#define LEDGER_TICKETS_MAX 4096 /* waiting and running together */
#define LEDGER_LANES_MAX 64 /* profiles with a ticket or a counted start */
#define LEDGER_TOKENS_MAX 1024 /* starts per lane that a rate can count */
#define LEDGER_ID_SIZE 16
#define LEDGER_LANE_NAME_SIZE 48
#define LEDGER_WAKE_SIZE 8
#define LEDGER_NAME_SIZE 64
#define LEDGER_COMMAND_SIZE 144
#define LEDGER_FIRST_SIZE 12
#define LEDGER_LEAF_SIZE 272

enum ticket_state { TICKET_FREE, TICKET_WAITING, TICKET_RUNNING };

/* What a head of a queue waits for, told to the others: they may pass it if it cannot use what
 * they need. */
enum ticket_blocked {
	BLOCKED_NOT,
	BLOCKED_RATE,
	BLOCKED_RESOURCES,
	BLOCKED_DEPENDENCY, /* stands in no one's way until the jobs before it have ended */
};

/* How far a RUNNING ticket has come. Its token counts as fresh until LAUNCH_DONE, which gives it
 * its time. */
enum ticket_launching {
	LAUNCH_NOT, /* hooks and preparation: nothing of the job has run */
	LAUNCH_BEGUN, /* from just before the job is let go: the token may be spent */
	LAUNCH_DONE,
};

/* A resrun inside a resrun must not wait for the slot that holds itself. */
enum ticket_nested {
	NESTED_NOT,
	NESTED_OTHER, /* in a job of another lane: takes a slot of its lane, none of the total */
	NESTED_SAME, /* in a job of its own lane: goes on that one's slot and start */
};

/* Whether a running job outlives its launcher. */
enum ticket_kept {
	KEPT_NOT,
	KEPT,
	KEPT_ALONE, /* its launcher is dead, and what that did to it for a while is undone */
};

/* One launcher. On disk as it is in memory; written whole, never crossing a page. */
struct ledger_ticket {
	uint32_t crc;
	uint8_t state;
	uint8_t priority;
	uint8_t blocked;
	uint8_t launching; /* enum ticket_launching */
	uint64_t number; /* arrival: grows by one, never used twice */
	char id[LEDGER_ID_SIZE];
	int32_t pid;
	uint32_t uid;
	uint64_t start_ticks;
	uint64_t pid_namespace;
	uint64_t entered_ns; /* BOOTTIME */
	uint64_t started_ns; /* BOOTTIME, when running */
	uint64_t memory_bytes; /* reserved; once running, what it has not taken of that */
	uint32_t cpu_milli; /* the same, in thousandths of a CPU */
	uint16_t lane;
	char wake[LEDGER_WAKE_SIZE]; /* abstract address of the waiter's socket */
	uint8_t nested; /* enum ticket_nested */
	uint8_t leased; /* its launcher holds a lease, by which its life is judged */
	uint32_t lane_max; /* the launcher's own max_concurrent */
	uint32_t total_max; /* and its cap over all profiles; 0: none */
	uint32_t net_namespace; /* wake-ups do not leave it */
	uint8_t reserve_first; /* waiting: memory_bytes must be free before it starts */
	uint8_t risen; /* by so many priorities, as it has waited long; never more than aging_ns
			  allows */
	uint8_t paused : 1; /* running: it stands still, and goes on with what it has */
	uint8_t pressed : 7; /* running: enum pressure_step by which it gives way to others */
	uint8_t kept; /* enum ticket_kept */
	uint64_t aging_ns; /* it rises by one priority for each of these that it waits; 0: never */
	uint64_t memory_cap_bytes; /* its limit; 0: none */
};
_Static_assert(sizeof(struct ledger_ticket) == 128, "a ticket fills an eighth of a KiB");

/* What is only read to show a job or to judge a dead launcher's. */
struct ledger_detail {
	uint32_t crc;
	int32_t job_pid; /* of the job itself, where no leaf tells whether it lives */
	uint64_t job_start_ticks;
	char name[LEDGER_NAME_SIZE];
	char command[LEDGER_COMMAND_SIZE];
	char first_id[LEDGER_FIRST_SIZE]; /* of a further try: id of the first; see ledger_first_id
					   */
	uint32_t attempt; /* of a further try: 2 and on; else 0 */
	char leaf[LEDGER_LEAF_SIZE]; /* absolute directory; empty: not placed yet, or no cgroup */
};
_Static_assert(sizeof(struct ledger_detail) == 512, "a detail fills half a KiB");

struct ledger;

/* Opens, and if need be makes, DIR/ledger and DIR/leases. `shared`: our own part of a ledger for
 * all users, in a directory that root has prepared; of the others' tickets only copies are seen. 0
 * or -errno with words naming the file and the remedy. */
rr_checked int ledger_open(const char *dir, bool shared, struct ledger **ret, struct rr_err *err);
/* Opens it only to look: it is not made, and never written. -ENOENT when there is none. */
rr_checked int ledger_open_to_read(const char *dir, bool shared, struct ledger **ret,
				   struct rr_err *err);
/* Prepares a directory, which is ours, for a ledger that all users share. 0 or -errno with words.
 */
rr_checked int ledger_make_shared(const char *dir, struct rr_err *err);
void ledger_close(struct ledger *ledger);
void ledger_done(struct ledger **slot);
#define auto_ledger __attribute__((cleanup(ledger_done)))
const char *ledger_path(const struct ledger *ledger);

/* Outcome of ledger_lock beside 0: not had in time; the words name the holder where known. */
#define LEDGER_HELD 1

/* Takes the lock, waiting at most wait_ns, and reads the records. Everything below is called under
 * it, and it is never held across a wait or a fork. 0, LEDGER_HELD, or -errno with words. */
rr_checked int ledger_lock(struct ledger *ledger, uint64_t wait_ns, struct rr_err *err);
void ledger_unlock(struct ledger *ledger);

/* What was found damaged and mended by the last ledger_lock, in words; "" when nothing was. */
const char *ledger_mended(const struct ledger *ledger);

/* The tickets as read: indices 0 to *ret_n - 1, free ones among them. Valid until unlock. */
struct ledger_ticket *ledger_tickets(struct ledger *ledger, size_t *ret_n);
const char *ledger_lane_name(const struct ledger *ledger, size_t lane);

/* The lane of that name, made when it is new. 0 or -errno with words (LEDGER_LANES_MAX). */
rr_checked int ledger_lane(struct ledger *ledger, const char *name, uint64_t now_ns,
			   uint64_t now_wall_ns, uint16_t *ret_lane, struct rr_err *err);

/* False when the ticket's launcher is dead, whoever and wherever it was. Not to be asked of our own
 * tickets. */
bool ledger_is_alive(const struct ledger *ledger, size_t index);

/* Adds a ticket, which lives until it is removed or this process dies; number, lease and crc are
 * set here. 0 or -errno with words (LEDGER_TICKETS_MAX). */
rr_checked int ledger_add(struct ledger *ledger, const struct ledger_ticket *ticket,
			  const struct ledger_detail *detail, size_t *ret_index,
			  struct rr_err *err);

/* When a job of another user's last came, was changed or went, by the clock on the wall; 0: as far
 * as is known never. Under the lock. */
uint64_t ledger_others_wall_ns(const struct ledger *ledger);

/* Writes ticket `index` back after a change in place. 0 or -errno with words. */
rr_checked int ledger_save(struct ledger *ledger, size_t index, struct rr_err *err);
rr_checked int ledger_save_detail(struct ledger *ledger, size_t index, struct ledger_detail *detail,
				  struct rr_err *err);
/* An unreadable or torn detail is given as all zero: it decides nothing by itself. */
void ledger_read_detail(const struct ledger *ledger, size_t index, struct ledger_detail *ret);

/* The id by which all tries of the ticket's job are one: that of the first. Borrowed of both. */
const char *ledger_first_id(const struct ledger_ticket *ticket, const struct ledger_detail *detail);
/* 1 for the first try. */
unsigned ledger_attempt(const struct ledger_detail *detail);

/* Frees the ticket, and first gives back the token of a start that never happened. */
rr_checked int ledger_remove(struct ledger *ledger, size_t index, bool refund, struct rr_err *err);

/* Starts of the lane that count at now_ns, and when the next one may be: now_ns, or the moment at
 * which the window has room again. BOOTTIME. */
void ledger_rate(struct ledger *ledger, uint16_t lane, uint64_t limit, uint64_t window_ns,
		 uint64_t now_ns, uint64_t now_wall_ns, uint64_t *ret_count, uint64_t *ret_free_at);

/* Records the start of ticket `number`. 0 or -errno with words. */
rr_checked int ledger_take_token(struct ledger *ledger, uint16_t lane, uint64_t number,
				 uint64_t window_ns, uint64_t now_ns, uint64_t now_wall_ns,
				 struct rr_err *err);

/* Sets the token's time to now: a start counts from when it happened, not from when it was allowed.
 * 0 or -errno with words. */
rr_checked int ledger_restamp(struct ledger *ledger, uint16_t lane, uint64_t number,
			      uint64_t now_ns, uint64_t now_wall_ns, struct rr_err *err);

/* False for a ticket in the file of another user, which we can only look at. */
bool ledger_is_own(const struct ledger *ledger, size_t index);

/* The window that the lane's tokens are kept for; 0 when it has counted no start. */
uint64_t ledger_lane_window(const struct ledger *ledger, size_t lane);

/* Brings what was written to disk; may be called without the lock. 0 or -errno with words. */
rr_checked int ledger_sync(struct ledger *ledger, struct rr_err *err);
