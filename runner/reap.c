/* SPDX-License-Identifier: MIT */
#include "runner/reap.h"

#include <errno.h>
#include <signal.h>

#include "base/fd.h"
#include "base/procfs.h"
#include "cgroup/affinity.h"
#include "cgroup/backend.h"
#include "cgroup/hook_leaf.h"
#include "cgroup/own_limits.h"
#include "cgroup/tree.h"
#include "policy/pressure.h"
#include "policy/queue.h"
#include "runner/lost.h"

/* Whether something that the job's hooks have left may still be there; it has been killed then. */
static bool end_hooks(const char *leaf)
{
	char path[CG_PATH_MAX];
	int populated;

	hook_leaf_path(leaf, path);
	populated = path[0] ? cg_populated(path) : -ENOENT;
	if (populated == 1)
		rr_ignore(leaf_kill(path)); /* the next look sees whether it did */
	if (populated == 0)
		rr_ignore(placement_reap_leaf(path)); /* it is empty, which is what counts */
	return populated == 1;
}

/* Whether something of the job in that leaf may still be there; it has been killed then, unless it
 * is to be kept: with what its hooks have left, as that may be there for it. */
static enum reap_again look_at_leaf(const char *leaf, bool kept)
{
	bool ours = placement_is_leaf_path(leaf), hooks;
	int populated = ours ? cg_populated(leaf) : -ENOENT;
	bool gone = populated == 0 || populated == -ENOENT || populated == -ENODEV;

	if (!gone && kept)
		return REAP_LATER;
	hooks = ours && end_hooks(leaf);
	if (!gone)
		rr_ignore(leaf_kill(leaf)); /* the next look sees whether it did */
	if (!gone || hooks)
		return REAP_SOON;
	if (populated == 0)
		rr_ignore(placement_reap_leaf(leaf)); /* it is empty, which is what counts */
	return REAP_DONE;
}

/* Without a leaf the job's first process dies with its launcher (PDEATHSIG); this is for one that
 * escaped that, and for what it has started. One that is kept is as long there as its first process
 * is. */
static enum reap_again look_at_job(const struct ledger_ticket *ticket,
				   const struct ledger_detail *detail)
{
	bool gone =
		detail->job_pid <= 0 || rr_proc_is_gone(detail->job_pid, detail->job_start_ticks);
	rr_autofd int pidfd = -1;

	if (ticket->kept)
		return gone ? REAP_DONE : REAP_LATER;
	if (tree_kill_orphans(ticket->id) && gone)
		return REAP_SOON;
	if (gone)
		return REAP_DONE;
	pidfd = rr_pidfd_open(detail->job_pid);
	/* Looked at again, as the pidfd could be of a successor of that pid. */
	if (rr_proc_is(detail->job_pid, detail->job_start_ticks))
		rr_ignore(rr_pidfd_signal(pidfd, detail->job_pid, SIGKILL));
	return REAP_SOON;
}

/* Nobody is there any more to have a process go on, or to give it back its CPUs. */
static void free_process(pid_t pid, int pidfd, void *arg)
{
	const struct ledger_ticket *ticket = arg;

	/* Whoever has stopped it: of that nothing is known for certain. */
	rr_ignore(rr_pidfd_signal(pidfd, pid, SIGCONT)); /* gone already */
	if (ticket->pressed != PRESSURE_NONE)
		affinity_hold_process(pid, ticket->cpu_milli / 1000);
}

/* Its launcher has died while the job stood still, or gave way to others, or may have: it goes on
 * as if that launcher had undone it. Once: what is done to it later is somebody else's doing. */
static void let_go(struct ledger *ledger, size_t index, const struct ledger_detail *detail)
{
	size_t n;
	struct ledger_ticket *ticket = &ledger_tickets(ledger, &n)[index];
	struct rr_err ignored;

	if (ticket->kept != KEPT || !ledger_is_own(ledger, index))
		return;
	if (detail->leaf[0])
		own_limits_put_back(detail->leaf);
	else
		(void)tree_each_of_job(ticket->id, free_process, ticket);
	ticket->kept = KEPT_ALONE;
	ticket->paused = 0;
	ticket->pressed = PRESSURE_NONE;
	rr_ignore(ledger_save(ledger, index, &ignored)); /* done again at the next look */
}

/* model: REAP_RUNNING. A running ticket; freed unless something is to be looked at again. */
static enum reap_again reap_one(struct ledger *ledger, size_t index, const char *state_dir)
{
	size_t n;
	const struct ledger_ticket *ticket = &ledger_tickets(ledger, &n)[index];
	struct ledger_detail detail;
	enum reap_again again;
	struct rr_err err;

	ledger_read_detail(ledger, index, &detail);
	again = detail.leaf[0] ? look_at_leaf(detail.leaf, ticket->kept)
			       : look_at_job(ticket, &detail);
	if (again == REAP_LATER)
		let_go(ledger, index, &detail);
	if (again != REAP_DONE)
		return again;
	/* Before the ticket goes: killed in between, the next one finds the record, and no other.
	 */
	if (ticket->launching >= LAUNCH_BEGUN && ledger_is_own(ledger, index) &&
	    lost_record(ledger, ticket, &detail, state_dir) == -EBUSY)
		return REAP_SOON;
	/* model: REAP_RESTAMP. It may have started just now, however long ago that was allowed. */
	if (ticket->launching == LAUNCH_BEGUN && ledger_is_own(ledger, index))
		rr_ignore(ledger_restamp(ledger, ticket->lane, ticket->number, rr_now_boot_ns(),
					 rr_now_wall_ns(), &err));
	/* Before LAUNCH_BEGUN nothing can have run: the start is given back. A write that fails
	 * leaves the ticket for the next one to find. */
	rr_ignore(ledger_remove(ledger, index, ticket->launching < LAUNCH_BEGUN, &err));
	return REAP_DONE;
}

bool reap_waiter(struct ledger *ledger, size_t index)
{
	struct rr_err ignored;

	return !ledger_is_alive(ledger, index) &&
	       ledger_remove(ledger, index, false, &ignored) == 0;
}

/* Between two tries, or before those that it depends on have ended, it stands in no one's way:
 * nobody would come upon it when it is dead. */
static bool is_unseen(const struct ledger_ticket *ticket)
{
	return ticket->state == TICKET_WAITING && ticket->blocked == BLOCKED_DEPENDENCY;
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

enum reap_again reap_dead(struct ledger *ledger, size_t mine, const char *state_dir)
{
	enum reap_again most = REAP_DONE;
	size_t n;
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

	for (size_t i = n; i > 0; i--) {
		enum reap_again again = REAP_DONE;
		const struct ledger_ticket *ticket = &tickets[i - 1];

		if (i - 1 == mine)
			continue;
		if (is_unseen(ticket))
			(void)reap_waiter(ledger, i - 1);
		else if (ticket->state == TICKET_RUNNING && !ledger_is_alive(ledger, i - 1))
			again = reap_one(ledger, i - 1, state_dir);
		if (again > most)
			most = again;
	}
	reap_heads(ledger, mine);
	return most;
}
