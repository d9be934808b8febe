/* SPDX-License-Identifier: MIT */
#include "runner/ticket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/procfs.h"
#include "policy/queue.h"
#include "runner/reap.h"
#include "runner/tell.h"
#include "runner/wake.h"

static void fill_detail(const struct plan *plan, struct ledger_detail *detail)
{
	const char *name = settings_text(&plan->settings, SET_NAME);
	size_t used = 0;

	(void)snprintf(detail->name, sizeof(detail->name), "%s", name ? name : "");
	for (char *const *arg = plan->command; *arg && used < sizeof(detail->command); arg++)
		used += (size_t)snprintf(detail->command + used, sizeof(detail->command) - used,
					 "%s%s", used ? " " : "", *arg);
	if (plan->attempt > 1) {
		memcpy(detail->first_id, plan->first_id, sizeof(plan->first_id));
		detail->attempt = plan->attempt;
	}
}

static void fill_ticket(const struct plan *plan, struct ledger_ticket *ticket)
{
	const struct settings *settings = &plan->settings;

	ticket->state = TICKET_WAITING;
	ticket->priority = (uint8_t)settings_integer(settings, SET_PRIORITY);
	(void)snprintf(ticket->id, sizeof(ticket->id), "%s", plan->job_id);
	ticket->pid = getpid();
	ticket->uid = geteuid();
	ticket->pid_namespace = rr_namespace("pid");
	ticket->net_namespace = (uint32_t)rr_namespace("net");
	ticket->entered_ns = rr_now_boot_ns();
	ticket->aging_ns = settings_integer(settings, SET_PRIORITY_AGING);
	ticket->memory_bytes = plan->reserve_bytes;
	ticket->reserve_first = plan->reserve_first;
	ticket->memory_cap_bytes = plan->limits.v[LIMIT_MEMORY].amount;
	if (plan->limits.v[LIMIT_CPUS].asked)
		ticket->cpu_milli = (uint32_t)(1000 * plan->limits.v[LIMIT_CPUS].cpus);
	ticket->kept =
		settings_integer(settings, SET_ON_LAUNCHER_DEATH) == DEATH_KEEP ? KEPT : KEPT_NOT;
	ticket->lane_max = (uint32_t)settings_integer(settings, SET_MAX_CONCURRENT);
	ticket->total_max = settings_has(settings, SET_TOTAL_CONCURRENT)
				    ? (uint32_t)settings_integer(settings, SET_TOTAL_CONCURRENT)
				    : 0;
}

/* Whether we run inside another resrun's job; the ledger is locked and our lane known. */
static uint8_t find_nesting(struct ledger *ledger, uint16_t lane)
{
	const char *outer = getenv("RESRUN_JOB_ID");
	size_t n;
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

	/* The environment only says where to look: the outer launcher must be our ancestor. */
	for (size_t i = 0; outer && i < n; i++)
		if (tickets[i].state == TICKET_RUNNING && strcmp(tickets[i].id, outer) == 0 &&
		    rr_proc_descends(getpid(), tickets[i].pid))
			return tickets[i].lane == lane ? NESTED_SAME : NESTED_OTHER;
	return NESTED_NOT;
}

_Static_assert(PLAN_ID_LENGTH + 2 == LEDGER_FIRST_SIZE, "see ledger_first_id");

int ticket_make(const struct plan *plan, struct admission *admission, struct ledger_ticket *ret,
		struct rr_err *err)
{
	struct ledger_ticket ticket = { 0 };
	int r;

	fill_ticket(plan, &ticket);
	r = rr_proc_start_ticks(getpid(), &ticket.start_ticks);
	if (r < 0)
		return rr_err_sys(err, -r, "read /proc/self/stat");
	r = wake_open(&admission->wake_fd, ticket.wake, err);
	if (r < 0)
		return r;
	admission->reserved_bytes = ticket.memory_bytes;
	*ret = ticket;
	return 0;
}

int ticket_enter(const struct plan *plan, struct admission *admission, struct ledger_ticket *ticket,
		 struct rr_err *err)
{
	struct ledger_detail detail = { 0 };
	int r = ledger_lane(admission->ledger, plan->profile, rr_now_boot_ns(), rr_now_wall_ns(),
			    &ticket->lane, err);

	if (r < 0)
		return r;
	fill_detail(plan, &detail);
	ticket->nested = find_nesting(admission->ledger, ticket->lane);
	/* model: ENTER_WAKE. Who will be directly behind us shall watch us, not the one before us.
	 * It is told before we stand there: killed in between, we would be watched by nobody. It
	 * looks when we have unlocked. */
	ticket->number = UINT64_MAX;
	if (ticket->blocked != BLOCKED_DEPENDENCY)
		wake_behind(admission->ledger, admission->wake_fd, ticket);
	r = ledger_add(admission->ledger, ticket, &detail, &admission->index, err);
	admission->entered = r == 0;
	return r;
}

static struct ledger_ticket *my_ticket(const struct admission *admission)
{
	size_t n;
	struct ledger_ticket *tickets = ledger_tickets(admission->ledger, &n);

	return admission->index < n && tickets[admission->index].pid == getpid()
		       ? &tickets[admission->index]
		       : NULL;
}

/* Locks the ledger and finds our ticket. NULL with words: then it is not locked. */
static struct ledger_ticket *lock_mine(struct admission *admission, struct rr_err *err)
{
	struct ledger_ticket *mine;

	if (ledger_lock(admission->ledger, TICKET_LOCK_NS, err) != 0)
		return NULL;
	mine = my_ticket(admission);
	if (mine)
		return mine;
	ledger_unlock(admission->ledger);
	(void)rr_err_set(err, ESTALE, "our ticket vanished from the ledger '%s'",
			 ledger_path(admission->ledger));
	return NULL;
}

/* The new one stands before the old one goes, under one lock: nobody sees the job without one.
 * Killed in between, both are a dead launcher's, and the end of the try that is over is on record.
 */
static int swap_tickets(const struct plan *plan, struct admission *admission,
			struct ledger_ticket *fresh, const struct ledger_ticket *old,
			struct rr_err *err)
{
	struct ledger_detail detail = { 0 };
	size_t left = admission->index;
	int r;

	fresh->start_ticks = old->start_ticks;
	memcpy(fresh->wake, old->wake, sizeof(fresh->wake));
	fresh->lane = old->lane;
	fresh->nested = old->nested;
	fresh->blocked = BLOCKED_DEPENDENCY;
	fill_detail(plan, &detail);
	r = ledger_add(admission->ledger, fresh, &detail, &admission->index, err);
	if (r < 0)
		return r;
	r = ledger_remove(admission->ledger, left, false, err);
	wake_all_heads(admission->ledger, admission->wake_fd);
	return r;
}

/* model: RELEASE, RELEASE_WAKE, then ARRIVE and ENTER as one that depends, with none in between. */
int ticket_again(const struct plan *plan, struct admission *admission, struct rr_err *err)
{
	const struct ledger_ticket *mine = lock_mine(admission, err);
	struct ledger_ticket fresh = { 0 }, old;
	int r;

	if (!mine)
		return -ESTALE;
	old = *mine;
	fill_ticket(plan, &fresh);
	r = swap_tickets(plan, admission, &fresh, &old, err);
	ledger_unlock(admission->ledger);
	if (r < 0)
		return r;
	admission->reserved_bytes = fresh.memory_bytes;
	admission->waited_ns = 0;
	admission->waited_for = 0;
	return 0;
}

int ticket_placed(struct admission *admission, const char *leaf, struct rr_err *err)
{
	struct ledger_detail detail;
	int r;

	if (strlen(leaf) >= sizeof(detail.leaf))
		return rr_err_set(err, ENAMETOOLONG, "the cgroup '%s'", leaf);
	if (!lock_mine(admission, err))
		return -ESTALE;
	ledger_read_detail(admission->ledger, admission->index, &detail);
	(void)snprintf(detail.leaf, sizeof(detail.leaf), "%s", leaf);
	r = ledger_save_detail(admission->ledger, admission->index, &detail, err);
	ledger_unlock(admission->ledger);
	return r;
}

/* model: LAUNCH_BEGIN. One transaction: from here on the job can be found, and its start counts. */
int ticket_launching(struct admission *admission, pid_t pid, struct rr_err *err)
{
	struct ledger_ticket *mine = lock_mine(admission, err);
	struct ledger_detail detail;
	int r = 0;

	if (!mine)
		return -ESTALE;
	mine->launching = LAUNCH_BEGUN;
	ledger_read_detail(admission->ledger, admission->index, &detail);
	/* A leaf tells better than a pid whether anything of the job lives. */
	if (!detail.leaf[0]) {
		detail.job_pid = pid;
		r = rr_proc_start_ticks(pid, &detail.job_start_ticks);
		if (r < 0)
			r = rr_err_sys(err, -r, "read /proc/%d/stat", (int)pid);
		else
			r = ledger_save_detail(admission->ledger, admission->index, &detail, err);
	}
	if (r == 0)
		r = ledger_save(admission->ledger, admission->index, err);
	ledger_unlock(admission->ledger);
	return r;
}

void ticket_started(struct admission *admission, const struct plan *plan)
{
	struct ledger_ticket *mine;
	struct rr_err ignored;

	if (!settings_has(&plan->settings, SET_RATE_LIMIT))
		return;
	mine = lock_mine(admission, &ignored);
	if (!mine)
		return;
	/* model: RESTAMP, LAUNCH_DONE */
	if (ledger_restamp(admission->ledger, mine->lane, mine->number, rr_now_boot_ns(),
			   rr_now_wall_ns(), &ignored) == 0) {
		mine->launching = LAUNCH_DONE;
		rr_ignore(ledger_save(admission->ledger, admission->index, &ignored));
	}
	ledger_unlock(admission->ledger);
}

/* Who was directly behind us is to watch another, and who will be, us: as in look.c's rise(). */
int ticket_set_priority(struct admission *admission, uint8_t priority, struct rr_err *err)
{
	struct ledger_ticket *mine = lock_mine(admission, err);
	int r;

	if (!mine)
		return -ESTALE;
	wake_behind(admission->ledger, admission->wake_fd, mine);
	mine->priority = priority;
	wake_behind(admission->ledger, admission->wake_fd, mine);
	r = ledger_save(admission->ledger, admission->index, err);
	ledger_unlock(admission->ledger);
	return r;
}

int ticket_read(struct admission *admission, struct ticket_facts *ret, struct rr_err *err)
{
	const struct ledger_ticket *mine = lock_mine(admission, err);

	if (!mine)
		return -ESTALE;
	*ret = (struct ticket_facts){ .priority = mine->priority,
				      .paused = mine->paused,
				      .pressed = mine->pressed,
				      .memory_cap_bytes = mine->memory_cap_bytes,
				      .memory_bytes = mine->memory_bytes,
				      .cpu_milli = mine->cpu_milli };
	ledger_unlock(admission->ledger);
	return 0;
}

int ticket_change(struct admission *admission, const struct ticket_facts *facts, struct rr_err *err)
{
	struct ledger_ticket *mine = lock_mine(admission, err);
	int r;

	if (!mine)
		return -ESTALE;
	mine->priority = facts->priority;
	mine->paused = facts->paused;
	mine->pressed = facts->pressed & 0x7f;
	mine->memory_cap_bytes = facts->memory_cap_bytes;
	mine->memory_bytes = facts->memory_bytes;
	mine->cpu_milli = facts->cpu_milli;
	r = ledger_save(admission->ledger, admission->index, err);
	if (r == 0)
		admission->reserved_bytes = facts->memory_bytes;
	ledger_unlock(admission->ledger);
	return r;
}

void ticket_reserve(struct admission *admission, uint64_t bytes)
{
	struct ledger_ticket *mine;
	struct rr_err ignored;

	if (bytes >= admission->reserved_bytes)
		return;
	admission->reserved_bytes = bytes;
	if (ledger_lock(admission->ledger, TICKET_LOCK_NS, &ignored) != 0)
		return;
	mine = my_ticket(admission);
	if (mine) {
		mine->memory_bytes = bytes;
		/* The next sample tries again. */
		rr_ignore(ledger_save(admission->ledger, admission->index, &ignored));
	}
	ledger_unlock(admission->ledger);
}

/* model: RELEASE, RELEASE_WAKE, EXIT */
void ticket_release(struct admission *admission, bool started)
{
	struct ledger_ticket *mine;
	struct rr_err err;

	if (!admission->ledger)
		return;
	int r = admission->entered ? ledger_lock(admission->ledger, TICKET_LOCK_NS, &err) : 0;

	mine = admission->entered && r == 0 ? my_ticket(admission) : NULL;
	if (mine) {
		bool refund = mine->state == TICKET_RUNNING && !started;
		struct ledger_ticket left = *mine;

		r = ledger_remove(admission->ledger, admission->index, refund, &err);
		wake_all_heads(admission->ledger, admission->wake_fd);
		if (left.state == TICKET_WAITING)
			wake_behind(admission->ledger, admission->wake_fd, &left);
	}
	ledger_unlock(admission->ledger);
	/* Our death frees what a full queue or a broken file keeps us from freeing. */
	if (r != 0)
		tell_error("%s", err.text);
	rr_fd_close(&admission->wake_fd);
	ledger_close(admission->ledger);
	admission->ledger = NULL;
}
