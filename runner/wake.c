/* SPDX-License-Identifier: MIT */
#include "runner/wake.h"

#include "base/message.h"
#include "policy/queue.h"

_Static_assert(MESSAGE_NAME_SIZE == LEDGER_WAKE_SIZE, "a ticket holds the name");

int wake_open(int *ret_fd, char name[LEDGER_WAKE_SIZE], struct rr_err *err)
{
	int r = message_open(ret_fd, name);

	return r < 0 ? rr_err_sys(err, -r, "make a wake-up socket") : 0;
}

void wake_one(int from_fd, const struct ledger_ticket *ticket)
{
	/* A waiter that is just dying is passed over by the one behind it, which watches it. */
	rr_ignore(message_send(from_fd, ticket->wake, "", 1));
}

void wake_other_heads(struct ledger *ledger, int from_fd, uint16_t lane)
{
	size_t n, heads[LEDGER_LANES_MAX];
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

	queue_heads(tickets, n, rr_now_boot_ns(), heads);
	for (uint16_t i = 0; i < LEDGER_LANES_MAX; i++)
		if (i != lane && heads[i] != QUEUE_NONE)
			wake_one(from_fd, &tickets[heads[i]]);
}

void wake_all_heads(struct ledger *ledger, int from_fd)
{
	wake_other_heads(ledger, from_fd, LEDGER_LANES_MAX);
}

void wake_behind(struct ledger *ledger, int from_fd, const struct ledger_ticket *mine)
{
	size_t n, behind;
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

	behind = queue_behind(tickets, n, mine, rr_now_boot_ns());
	if (behind != QUEUE_NONE)
		wake_one(from_fd, &tickets[behind]);
}
