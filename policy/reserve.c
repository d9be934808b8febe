/* SPDX-License-Identifier: MIT */
#include "policy/reserve.h"

#include "policy/queue.h"

struct headroom_reserved reserve_sum(const struct ledger_ticket *tickets, size_t n, uint64_t now_ns)
{
	struct headroom_reserved sum = { 0 };

	for (size_t i = 0; i < n; i++) {
		uint64_t age_ns = now_ns - tickets[i].started_ns;

		if (tickets[i].state != TICKET_RUNNING)
			continue;
		if (age_ns < RESERVE_MEMORY_NS)
			sum.memory_bytes += tickets[i].memory_bytes;
		if (age_ns < RESERVE_CPU_NS)
			sum.cpus += tickets[i].cpu_milli / 1000.0;
	}
	return sum;
}

uint64_t reserve_room(const struct headroom_reading *reading, double threshold_percent,
		      const struct ledger_ticket *tickets, size_t n)
{
	double below = (threshold_percent - HEADROOM_HYSTERESIS_PERCENT) / 100;
	uint64_t used = reading->room.memory_total_bytes - reading->room.memory_available_bytes,
		 ours = 0;
	uint64_t most =
		below > 0 ? (uint64_t)(below * (double)reading->room.memory_total_bytes) : 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t cap = tickets[i].memory_cap_bytes, left = tickets[i].memory_bytes;

		if (tickets[i].state != TICKET_RUNNING)
			continue;
		if (cap == 0)
			return 0;
		ours += cap > left ? cap - left : 0;
	}
	used = used > ours ? used - ours : 0;
	return most > used ? most - used : 0;
}

/* The jobs that may be there when one that waits looks for room. */
struct crowd {
	uint64_t bytes[RESERVE_JOBS_MAX];
	size_t n;
};

static uint64_t sum_of(const struct crowd *crowd, unsigned subset)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < crowd->n; i++)
		if (subset & 1U << i)
			sum += crowd->bytes[i];
	return sum;
}

/* True when, whoever of the crowd is still there, need finds room with us if it does without. */
static bool is_never_delayed(const struct crowd *crowd, uint64_t need, uint64_t ours, uint64_t room)
{
	for (unsigned subset = 0; subset < 1U << crowd->n; subset++) {
		uint64_t with_need = sum_of(crowd, subset) + need;

		if (with_need <= room && with_need + ours > room)
			return false;
	}
	return true;
}

static bool add_running(const struct ledger_ticket *tickets, size_t n, struct crowd *crowd)
{
	for (size_t i = 0; i < n; i++) {
		if (tickets[i].state != TICKET_RUNNING)
			continue;
		if (crowd->n == RESERVE_JOBS_MAX || tickets[i].memory_cap_bytes == 0)
			return false;
		crowd->bytes[crowd->n++] = tickets[i].memory_cap_bytes;
	}
	return true;
}

/* Those of our lane that stand before us, in their order. False when they are too many. */
static bool find_before(const struct ledger_ticket *tickets, size_t n, size_t me, uint64_t now_ns,
			const struct ledger_ticket *ret[static RESERVE_JOBS_MAX], size_t *ret_n)
{
	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct ledger_ticket *other = &tickets[i];
		size_t at = *ret_n;

		if (i == me || other->state != TICKET_WAITING || other->lane != tickets[me].lane ||
		    other->blocked == BLOCKED_DEPENDENCY ||
		    !queue_before(other, &tickets[me], now_ns))
			continue;
		if (*ret_n == RESERVE_JOBS_MAX)
			return false;
		for (; at > 0 && queue_before(other, ret[at - 1], now_ns); at--)
			ret[at] = ret[at - 1];
		ret[at] = other;
		++*ret_n;
	}
	return true;
}

bool reserve_may_pass(const struct ledger_ticket *tickets, size_t n, size_t me, uint64_t room_bytes,
		      uint64_t now_ns)
{
	const struct ledger_ticket *mine = &tickets[me], *before[RESERVE_JOBS_MAX];
	struct crowd crowd = { .n = 0 };
	size_t ahead;

	if (mine->memory_cap_bytes == 0 || mine->cpu_milli == 0 ||
	    !find_before(tickets, n, me, now_ns, before, &ahead) || ahead == 0 ||
	    before[0]->blocked != BLOCKED_RESOURCES || !add_running(tickets, n, &crowd))
		return false;
	for (size_t k = 0; k < ahead; k++) {
		if (before[k]->memory_cap_bytes == 0 || crowd.n == RESERVE_JOBS_MAX ||
		    !is_never_delayed(&crowd,
				      before[k]->reserve_first ? before[k]->memory_bytes : 0,
				      mine->memory_cap_bytes, room_bytes))
			return false;
		/* By the next one's turn it may run, or have ended. */
		crowd.bytes[crowd.n++] = before[k]->memory_cap_bytes;
	}
	return true;
}
