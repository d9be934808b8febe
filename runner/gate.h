/* SPDX-License-Identifier: MIT */
/* The host's headroom as the head of a queue sees it: samples, and the verdict over them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cgroup/hierarchy.h"
#include "cgroup/host.h"
#include "policy/headroom.h"
#include "policy/ledger.h"
#include "runner/plan.h"

struct gate {
	struct cg_hierarchy hierarchy;
	struct headroom_limits limits;
	const struct plan *plan;
	bool sampled, judged;
	struct host_sample before, now;
	double cpu_percent; /* the newest that two samples gave; negative: none yet */
	struct headroom_reading reading;
	struct headroom_verdict verdict;
};

void gate_open(const struct plan *plan, struct gate *ret);

/* Reads the host. */
void gate_sample(struct gate *gate);

/* The verdict over the newest sample and what running tickets have reserved. True: there is room.
 */
bool gate_has_room(struct gate *gate, const struct ledger_ticket *tickets, size_t n);

/* enum waited_for bits of what is in the way, and words for people. */
unsigned gate_obstacles(const struct gate *gate);
const char *gate_words(const struct gate *gate, char *buf, size_t size);

/* -ERANGE with words when what the job reserves can never be free; after a sample. */
rr_checked int gate_check_reserve(const struct gate *gate, struct rr_err *err);

/* See reserve_room. */
uint64_t gate_memory_room(const struct gate *gate, const struct ledger_ticket *tickets, size_t n);

/* False while only this moment's runnable threads speak of the CPUs, and they speak against us:
 * then another sample, gate_interval_ns later, is to tell. */
bool gate_is_sure(const struct gate *gate);

/* After this long it is worth sampling again. */
uint64_t gate_interval_ns(const struct gate *gate);
