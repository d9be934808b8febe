/* SPDX-License-Identifier: MIT */
#include "runner/overlap.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "policy/queue.h"
#include "runner/tell.h"

/* A slot that a dead launcher has not left yet is its job's. */
static bool is_there(const struct ledger *ledger, const struct ledger_ticket *ticket, size_t index)
{
	return ticket->state == TICKET_RUNNING ||
	       (ticket->state == TICKET_WAITING && ledger_is_alive(ledger, index));
}

/* Its launcher passes TERM on to the job, and ends when that has; one that waits just goes. */
static void ask_to_end(const struct ledger_ticket *ticket)
{
	rr_autofd int pidfd = -1;

	if (ticket->pid_namespace != rr_namespace("pid"))
		return;
	pidfd = rr_pidfd_open(ticket->pid);
	/* Looked at when it is pinned: it could be of a successor of that pid. */
	if (!rr_proc_is(ticket->pid, ticket->start_ticks))
		return;
	tell_more("asking job %s of the same name to end (on_overlap=replace)", ticket->id);
	rr_ignore(rr_pidfd_signal(pidfd, ticket->pid, SIGTERM)); /* gone is as good */
}

int overlap_look(const struct plan *plan, struct ledger *ledger, size_t mine,
		 struct overlap *overlap, size_t *ret_index, struct rr_err *err)
{
	uint64_t choice = settings_integer(&plan->settings, SET_ON_OVERLAP),
		 highest = overlap->asked;
	const char *name = settings_text(&plan->settings, SET_NAME);
	uint64_t now_ns = rr_now_boot_ns();
	bool again = highest > 0 && now_ns >= overlap->again_ns;
	struct ledger_detail detail;
	size_t n;
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);
	int r = 0;

	if (choice == ON_OVERLAP_ALLOW || !name)
		return 0;
	/* Its first try has replaced what was there: this one came since, and is the newer. */
	if (choice == ON_OVERLAP_REPLACE && plan->attempt > 1)
		choice = ON_OVERLAP_SKIP;
	for (size_t i = 0; i < n; i++) {
		const struct ledger_ticket *ticket = &tickets[i];

		if (i == mine || ticket->uid != geteuid() || !is_there(ledger, ticket, i) ||
		    (mine != QUEUE_NONE && ticket->number > tickets[mine].number))
			continue;
		ledger_read_detail(ledger, i, &detail);
		if (strncmp(detail.name, name, sizeof(detail.name) - 1) != 0)
			continue;
		*ret_index = i;
		r = OVERLAP_WAIT;
		if (choice == ON_OVERLAP_SKIP) {
			(void)rr_err_set(err, EBUSY, "job %s of the name '%s' is there already",
					 ticket->id, name);
			return OVERLAP_SKIP;
		}
		if (choice == ON_OVERLAP_REPLACE && (again || ticket->number > overlap->asked))
			ask_to_end(ticket);
		if (ticket->number > highest)
			highest = ticket->number;
	}
	if (choice != ON_OVERLAP_REPLACE)
		return r;
	if (again || highest > overlap->asked)
		overlap->again_ns =
			rr_time_add(now_ns, settings_integer(&plan->settings, SET_KILL_AFTER));
	overlap->asked = highest;
	return r;
}
