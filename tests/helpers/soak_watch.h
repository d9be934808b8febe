/* SPDX-License-Identifier: MIT */
/* A soak as it goes: the ledger at a glance, and whether what should happen does. For soak.c. */
#pragma once

#include <signal.h>

#include "tests/helpers/soak.h"
#include "tests/helpers/soak_verdict.h"

#define MS UINT64_C(1000000)
#define LOOK_MOST_NS (50 * MS) /* of a spell, by one look */

/* The ledger at a glance. */
struct view {
	struct ledger_ticket tickets[LEDGER_TICKETS_MAX];
	size_t n;
	unsigned waiting, running; /* with a launcher that lives */
	unsigned dead; /* had a slot */
	uint64_t newest; /* number */
};

/* For how long something has been so, and the longest that it was. */
struct spell {
	uint64_t looked_ns, lasted_ns, longest_ns;
};

struct watch {
	struct view view;
	const char *ledger_path;
	int ledger_fd, arena_fd;
	struct soak_arena *arena;
	unsigned slots;
	uint64_t stall_ns; /* as long may a spell be */
	struct spell no_start, slot_dead;
	uint64_t last_starts;
	unsigned looks, full_looks; /* while somebody waited */
	uint64_t seen_ns[2 * SOAK_LAUNCHERS_MAX]; /* by ticket: when it was first seen to wait */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

/* On the clock of the ledger. */
static uint64_t boot_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

static void note_waiter(struct watch *watch, const struct ledger_ticket *ticket, uint64_t when_ns)
{
	if (ticket->state == TICKET_WAITING && ticket->number < 2 * SOAK_LAUNCHERS_MAX &&
	    watch->seen_ns[ticket->number] == 0)
		watch->seen_ns[ticket->number] = when_ns;
}

/* Without its lock: a ticket may be seen as it changes, which is no matter for what must last. */
static void look_at_ledger(struct watch *watch)
{
	struct view *view = &watch->view;
	struct ledger_header header;
	int fd = watch->ledger_fd;
	uint64_t read_ns;

	if (fd < 0)
		fd = watch->ledger_fd = open(watch->ledger_path, O_RDONLY | O_CLOEXEC);
	view->n = view->waiting = view->running = view->dead = 0;
	if (fd < 0 || pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    header.n_tickets > LEDGER_TICKETS_MAX ||
	    !soak_read_tickets(fd, 0, view->tickets, header.n_tickets))
		return;
	read_ns = boot_ns();
	view->n = header.n_tickets;
	view->newest = header.next_number - 1;
	for (size_t i = 0; i < view->n; i++) {
		const struct ledger_ticket *ticket = &view->tickets[i];
		bool alive = ticket->state != TICKET_FREE && kill(ticket->pid, 0) == 0;

		note_waiter(watch, ticket, read_ns);
		view->waiting += alive && ticket->state == TICKET_WAITING;
		view->running += alive && ticket->state == TICKET_RUNNING;
		view->dead += !alive && ticket->state == TICKET_RUNNING;
	}
}

static unsigned places_held(const struct watch *watch)
{
	unsigned held = 0;

	for (unsigned i = 0; i < watch->slots; i++)
		held += soak_lock(watch->arena_fd, F_OFD_GETLK, SOAK_PLACES_AT + (off_t)i, F_WRLCK);
	return held;
}

/* Between two looks that are far apart the whole machine may have stood still. */
static void spell(struct spell *spell, bool lasts)
{
	uint64_t now = now_ns(), gap = now - spell->looked_ns;

	spell->lasted_ns = lasts ? spell->lasted_ns + (gap < LOOK_MOST_NS ? gap : LOOK_MOST_NS) : 0;
	spell->looked_ns = now;
	if (spell->lasted_ns > spell->longest_ns)
		spell->longest_ns = spell->lasted_ns;
}

/* False when for long a slot is free and somebody waits, and yet no job begins; or when the slot of
 * one that died is not given to another. While a job outlives its launcher its place is held. */
static bool is_moving(struct watch *watch)
{
	uint64_t starts = atomic_load(&watch->arena->starts);
	const struct view *view = &watch->view;
	bool could = view->waiting > 0 && places_held(watch) < watch->slots;

	watch->looks += view->waiting > 0;
	watch->full_looks += view->waiting > 0 && view->running == watch->slots;
	spell(&watch->no_start, could && starts == watch->last_starts);
	spell(&watch->slot_dead, could && view->dead > 0);
	watch->last_starts = starts;
	return watch->no_start.longest_ns <= watch->stall_ns &&
	       watch->slot_dead.longest_ns <= watch->stall_ns;
}

static void tell_ticket(const struct ledger_ticket *ticket, const char *does)
{
	(void)printf("  ticket %llu %s: pid %d, %s\n", (unsigned long long)ticket->number, does,
		     ticket->pid, kill(ticket->pid, 0) == 0 ? "alive" : "dead");
}

static bool goes_before(const struct ledger_ticket *a, const struct ledger_ticket *b)
{
	return a->priority != b->priority ? a->priority > b->priority : a->number < b->number;
}

static void tell_stall(const struct watch *watch)
{
	const struct view *view = &watch->view;
	const struct ledger_ticket *head = NULL;

	complain("%s for more than %llu ms: %u wait; of %u slots %u are the living's, %u the "
		 "dead's",
		 watch->no_start.longest_ns > watch->stall_ns ? "a slot is free and no job begins"
							      : "a dead one's slot is kept",
		 (unsigned long long)(watch->stall_ns / MS), view->waiting, watch->slots,
		 view->running, view->dead);
	for (size_t i = 0; i < view->n; i++) {
		const struct ledger_ticket *ticket = &view->tickets[i];

		if (ticket->state == TICKET_RUNNING)
			tell_ticket(ticket, "has a slot");
		if (ticket->state == TICKET_WAITING && (!head || goes_before(ticket, head)))
			head = ticket;
	}
	if (head)
		tell_ticket(head, "is the first to wait");
}
