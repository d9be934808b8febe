/* SPDX-License-Identifier: MIT */
/*
 * Memory and CPUs that jobs were promised but have not taken yet, and, because of that, who may
 * pass whom: a small job goes before a large one that waits for memory only when it cannot delay
 * that (conservative backfill). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/headroom.h"
#include "policy/ledger.h"

#define RESERVE_CPU_NS (3 * RR_NS_PER_S) /* by then a job's CPU use shows in the samples */
#define RESERVE_MEMORY_NS (60 * RR_NS_PER_S) /* by then a job has grown or never will */
#define RESERVE_JOBS_MAX 12 /* with more jobs around, nobody passes anybody */

/* What jobs that run have not taken yet. */
struct headroom_reserved reserve_sum(const struct ledger_ticket *tickets, size_t n,
				     uint64_t now_ns);

/* The memory that all jobs together may have: what the threshold leaves of the machine, less what
 * others than our jobs use. 0 when a job that runs has no cap, so that its use says nothing. */
uint64_t reserve_room(const struct headroom_reading *reading, double threshold_percent,
		      const struct ledger_ticket *tickets, size_t n);

/* Whether waiter `me` could start now without delaying anybody before it in its lane: in whatever
 * order the jobs that run will end, each of those finds the room it needs just as soon with us as
 * without us. Only for jobs with a cap on memory and CPUs. */
bool reserve_may_pass(const struct ledger_ticket *tickets, size_t n, size_t me, uint64_t room_bytes,
		      uint64_t now_ns);
