/* SPDX-License-Identifier: MIT */
#include "policy/queue.h"

#include "policy/settings.h"

uint8_t queue_classes(const struct ledger_ticket *ticket, uint64_t now_ns)
{
	uint64_t waited_ns = now_ns > ticket->entered_ns ? now_ns - ticket->entered_ns : 0;
	uint64_t classes = ticket->aging_ns ? waited_ns / ticket->aging_ns : 0;

	return classes < PRIORITY_CRITICAL ? (uint8_t)classes : PRIORITY_CRITICAL;
}

uint64_t queue_next_rise_ns(const struct ledger_ticket *ticket, uint64_t now_ns)
{
	uint8_t classes = queue_classes(ticket, now_ns);

	if (ticket->aging_ns == 0 || ticket->priority + classes >= PRIORITY_CRITICAL)
		return RR_TIME_INF;
	return rr_time_add(ticket->entered_ns, (classes + 1) * ticket->aging_ns);
}

/* What the ledger says counts, so that the order never changes unseen; the clock only bounds it. */
static uint64_t rank(const struct ledger_ticket *ticket, uint64_t now_ns)
{
	uint64_t classes = queue_classes(ticket, now_ns);
	uint64_t risen = ticket->priority + (classes < ticket->risen ? classes : ticket->risen);

	return risen < PRIORITY_CRITICAL ? risen : PRIORITY_CRITICAL;
}

bool queue_before(const struct ledger_ticket *a, const struct ledger_ticket *b, uint64_t now_ns)
{
	uint64_t rank_a = rank(a, now_ns), rank_b = rank(b, now_ns);

	return rank_a != rank_b ? rank_a > rank_b : a->number < b->number;
}

/* Waits, and for nothing but its turn. */
static bool is_queued(const struct ledger_ticket *ticket)
{
	return ticket->state == TICKET_WAITING && ticket->blocked != BLOCKED_DEPENDENCY;
}

void queue_heads(const struct ledger_ticket *tickets, size_t n, uint64_t now_ns,
		 size_t ret[static LEDGER_LANES_MAX])
{
	for (size_t lane = 0; lane < LEDGER_LANES_MAX; lane++)
		ret[lane] = QUEUE_NONE;
	for (size_t i = 0; i < n; i++) {
		size_t *head = &ret[tickets[i].lane];

		if (is_queued(&tickets[i]) &&
		    (*head == QUEUE_NONE || queue_before(&tickets[i], &tickets[*head], now_ns)))
			*head = i;
	}
}

size_t queue_head(const struct ledger_ticket *tickets, size_t n, uint16_t lane, uint64_t now_ns)
{
	size_t heads[LEDGER_LANES_MAX];

	queue_heads(tickets, n, now_ns, heads);
	return heads[lane];
}

size_t queue_running(const struct ledger_ticket *tickets, size_t n, uint16_t lane)
{
	size_t running = 0;

	for (size_t i = 0; i < n; i++)
		running += tickets[i].state == TICKET_RUNNING && tickets[i].lane == lane &&
			   tickets[i].nested != NESTED_SAME;
	return running;
}

size_t queue_running_total(const struct ledger_ticket *tickets, size_t n)
{
	size_t running = 0;

	for (size_t i = 0; i < n; i++)
		running += tickets[i].state == TICKET_RUNNING && tickets[i].nested == NESTED_NOT;
	return running;
}

/* True for another waiter of our lane that goes before us. */
static bool is_ahead(const struct ledger_ticket *tickets, size_t other, size_t me, uint64_t now_ns)
{
	return other != me && is_queued(&tickets[other]) &&
	       tickets[other].lane == tickets[me].lane &&
	       queue_before(&tickets[other], &tickets[me], now_ns);
}

size_t queue_position(const struct ledger_ticket *tickets, size_t n, size_t me, uint64_t now_ns)
{
	size_t position = 1;

	for (size_t i = 0; i < n; i++)
		position += is_ahead(tickets, i, me, now_ns);
	return position;
}

/* The last of those before us in our lane. */
static size_t directly_ahead(const struct ledger_ticket *tickets, size_t n, size_t me,
			     uint64_t now_ns)
{
	size_t ahead = QUEUE_NONE;

	for (size_t i = 0; i < n; i++) {
		if (!is_ahead(tickets, i, me, now_ns))
			continue;
		if (ahead == QUEUE_NONE || queue_before(&tickets[ahead], &tickets[i], now_ns))
			ahead = i;
	}
	return ahead;
}

size_t queue_behind(const struct ledger_ticket *tickets, size_t n, const struct ledger_ticket *mine,
		    uint64_t now_ns)
{
	size_t behind = QUEUE_NONE;

	for (size_t i = 0; i < n; i++) {
		const struct ledger_ticket *other = &tickets[i];

		if (other == mine || !is_queued(other) || other->lane != mine->lane ||
		    queue_before(other, mine, now_ns))
			continue;
		if (behind == QUEUE_NONE || queue_before(other, &tickets[behind], now_ns))
			behind = i;
	}
	return behind;
}

/* Heads of other lanes that stand before us and could start, were there room under the cap. */
static size_t rivals(const struct ledger_ticket *tickets, size_t n, size_t me, uint64_t now_ns)
{
	size_t heads[LEDGER_LANES_MAX], count = 0, running = queue_running_total(tickets, n);

	queue_heads(tickets, n, now_ns, heads);
	for (uint16_t lane = 0; lane < LEDGER_LANES_MAX; lane++) {
		const struct ledger_ticket *other;

		if (heads[lane] == QUEUE_NONE || lane == tickets[me].lane)
			continue;
		other = &tickets[heads[lane]];
		if (other->blocked != BLOCKED_NOT || !queue_before(other, &tickets[me], now_ns))
			continue;
		count += queue_running(tickets, n, lane) < other->lane_max &&
			 (other->total_max == 0 || running < other->total_max);
	}
	return count;
}

enum queue_answer queue_ask(const struct ledger_ticket *tickets, size_t n, size_t me,
			    uint64_t now_ns, size_t *ret_ahead)
{
	const struct ledger_ticket *mine = &tickets[me];
	size_t taken;

	*ret_ahead = QUEUE_NONE;
	if (mine->nested == NESTED_SAME)
		return QUEUE_TURN;
	*ret_ahead = directly_ahead(tickets, n, me, now_ns);
	if (*ret_ahead != QUEUE_NONE)
		return QUEUE_BEHIND;
	if (queue_running(tickets, n, mine->lane) >= mine->lane_max)
		return QUEUE_SLOT;
	if (mine->total_max == 0 || mine->nested != NESTED_NOT)
		return QUEUE_TURN;
	taken = queue_running_total(tickets, n) + rivals(tickets, n, me, now_ns);
	return taken < mine->total_max ? QUEUE_TURN : QUEUE_TOTAL;
}

bool queue_can_spare(const struct ledger_ticket *tickets, size_t n, size_t me, uint64_t now_ns)
{
	const struct ledger_ticket *mine = &tickets[me];
	size_t taken = queue_running_total(tickets, n) + rivals(tickets, n, me, now_ns);

	return mine->nested == NESTED_NOT &&
	       queue_running(tickets, n, mine->lane) + 2 <= mine->lane_max &&
	       (mine->total_max == 0 || taken + 2 <= mine->total_max);
}
