/* SPDX-License-Identifier: MIT */
#include "runner/reap.h"

#include <errno.h>
#include <signal.h>

#include "base/fd.h"
#include "base/procfs.h"
#include "cgroup/backend.h"
#include "cgroup/tree.h"
#include "policy/queue.h"
#include "runner/lost.h"

/* True while something of the job in that leaf may still be there; it has been killed then. */
static bool leaf_is_dying(const char *leaf)
{
	int populated = placement_is_leaf_path(leaf) ? cg_populated(leaf) : -ENOENT;

	if (populated == 0)
		rr_ignore(placement_reap_leaf(leaf)); /* it is empty, which is what counts */
	if (populated == 0 || populated == -ENOENT || populated == -ENODEV)
		return false;
	rr_ignore(leaf_kill(leaf)); /* the next look sees whether it did */
	return true;
}

/* Without a leaf the job's first process dies with its launcher (PDEATHSIG); this is for one that
 * escaped that, and for what it has started. */
static bool job_is_dying(const struct ledger_ticket *ticket, const struct ledger_detail *detail)
{
	bool dying = tree_kill_orphans(ticket->id);
	rr_autofd int pidfd = -1;

	if (detail->job_pid <= 0 || rr_proc_is_gone(detail->job_pid, detail->job_start_ticks))
		return dying;
	pidfd = rr_pidfd_open(detail->job_pid);
	/* Looked at again, as the pidfd could be of a successor of that pid. */
	if (rr_proc_is(detail->job_pid, detail->job_start_ticks))
		rr_ignore(rr_pidfd_signal(pidfd, detail->job_pid, SIGKILL));
	return true;
}

/* model: REAP_RUNNING. A running ticket. True when it could not be freed yet. */
static bool reap_one(struct ledger *ledger, size_t index, const char *state_dir)
{
	size_t n;
	const struct ledger_ticket *ticket = &ledger_tickets(ledger, &n)[index];
	struct ledger_detail detail;
	struct rr_err err;

	ledger_read_detail(ledger, index, &detail);
	if (detail.leaf[0] ? leaf_is_dying(detail.leaf) : job_is_dying(ticket, &detail))
		return true;
	/* Before the ticket goes: killed in between, the next one finds the record, and no other.
	 */
	if (ticket->launching >= LAUNCH_BEGUN && ledger_is_own(ledger, index) &&
	    lost_record(ledger, ticket, &detail, state_dir) == -EBUSY)
		return true;
	/* model: REAP_RESTAMP. It may have started just now, however long ago that was allowed. */
	if (ticket->launching == LAUNCH_BEGUN && ledger_is_own(ledger, index))
		rr_ignore(ledger_restamp(ledger, ticket->lane, ticket->number, rr_now_boot_ns(),
					 rr_now_wall_ns(), &err));
	/* Before LAUNCH_BEGUN nothing can have run: the start is given back. A write that fails
	 * leaves the ticket for the next one to find. */
	rr_ignore(ledger_remove(ledger, index, ticket->launching < LAUNCH_BEGUN, &err));
	return false;
}

bool reap_waiter(struct ledger *ledger, size_t index)
{
	struct rr_err ignored;

	return !ledger_is_alive(ledger, index) &&
	       ledger_remove(ledger, index, false, &ignored) == 0;
}

/* model: REAP_HEADS. A dead head would keep a slot from those behind it; who stands further back is
 * found by the one behind it. */
static void reap_heads(struct ledger *ledger, size_t mine)
{
	size_t n, heads[LEDGER_LANES_MAX];
	bool freed;

	do {
		const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

		freed = false;
		queue_heads(tickets, n, rr_now_boot_ns(), heads);
		for (size_t lane = 0; lane < LEDGER_LANES_MAX; lane++)
			if (heads[lane] != QUEUE_NONE && heads[lane] != mine)
				freed |= reap_waiter(ledger, heads[lane]);
	} while (freed);
}

bool reap_dead(struct ledger *ledger, size_t mine, const char *state_dir)
{
	bool again = false;
	size_t n;
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

	for (size_t i = n; i > 0; i--)
		if (tickets[i - 1].state == TICKET_RUNNING && i - 1 != mine &&
		    !ledger_is_alive(ledger, i - 1))
			again |= reap_one(ledger, i - 1, state_dir);
	reap_heads(ledger, mine);
	return again;
}
