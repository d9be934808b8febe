/* SPDX-License-Identifier: MIT */
#include "runner/wake.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "policy/queue.h"

int wake_open(int *ret_fd, char name[LEDGER_WAKE_SIZE], struct rr_err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(address);
	rr_autofd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return rr_err_sys(err, errno, "make a wake-up socket");
	memset(name, 0, LEDGER_WAKE_SIZE);
	length -= offsetof(struct sockaddr_un, sun_path) + 1;
	memcpy(name, address.sun_path + 1, length < LEDGER_WAKE_SIZE ? length : LEDGER_WAKE_SIZE);
	*ret_fd = rr_fd_take(&fd);
	return 0;
}

void wake_one(int from_fd, const struct ledger_ticket *ticket)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strnlen(ticket->wake, LEDGER_WAKE_SIZE);

	memcpy(address.sun_path + 1, ticket->wake, length);
	/* A waiter that is just dying is passed over by the one behind it, which watches it. */
	(void)sendto(from_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length));
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

void wake_drain(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, MSG_DONTWAIT) > 0)
		;
}
