/* SPDX-License-Identifier: MIT */
#include "runner/look.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/procfs.h"
#include "policy/queue.h"
#include "policy/report.h"
#include "policy/reserve.h"
#include "runner/reap.h"
#include "runner/tell.h"
#include "runner/wake.h"

#define REAP_AGAIN_NS (20 * RR_NS_PER_MS)
#define AFTER_AGAIN_NS (500 * RR_NS_PER_MS) /* for a job that cannot be watched */
#define UNSEEN_NS (2 * RR_NS_PER_S) /* how often one looks after what cannot be watched */
#define FALLBACK_NS (30 * RR_NS_PER_S) /* of a head: not all that changes is an event */
#define PASSERS_MAX 32 /* waiters that a head looks at for one that could pass it */

/* ---- watching processes ---- */

void look_away(struct look *look)
{
	for (size_t i = 0; i < look->n_watched; i++)
		rr_fd_close(&look->watched[i]);
	look->n_watched = 0;
}

static void look_again(struct look *look, uint64_t after_ns)
{
	uint64_t at_ns = rr_now_boot_ns() + after_ns;

	if (at_ns < look->next_ns)
		look->next_ns = at_ns;
}

/* Watches the launcher of a ticket. One that died already is found by looking again at once. */
static void watch(struct look *look, const struct ledger_ticket *tickets, size_t index)
{
	const struct ledger_ticket *ticket = &tickets[index];
	int fd = -1;

	if (look->n_watched < WATCHED_MAX && ticket->pid_namespace == look->ticket.pid_namespace)
		fd = rr_pidfd_open(ticket->pid);
	/* Asked after the pidfd was had: then it is of that very process. */
	if (fd == -ESRCH || !ledger_is_alive(look->admission->ledger, index)) {
		/* Dead; or dead, and a child of its that has not come to its exec has the lease. */
		rr_fd_done(&fd);
		look_again(look, ticket->kept ? UNSEEN_NS : REAP_AGAIN_NS);
	} else if (fd >= 0) {
		look->watched[look->n_watched++] = fd;
	} else {
		look_again(look, UNSEEN_NS);
	}
}

static void watch_running(struct look *look, const struct ledger_ticket *tickets, size_t n,
			  bool all_lanes)
{
	uint16_t lane = tickets[look->admission->index].lane;

	for (size_t i = 0; i < n; i++)
		if (tickets[i].state == TICKET_RUNNING && (all_lanes || tickets[i].lane == lane))
			watch(look, tickets, i);
}

/* Heads of other lanes that room is left for: when one dies, it is ours. */
static void watch_rivals(struct look *look, const struct ledger_ticket *tickets, size_t n)
{
	const struct ledger_ticket *mine = &tickets[look->admission->index];
	size_t heads[LEDGER_LANES_MAX];
	uint64_t now_ns = rr_now_boot_ns();

	queue_heads(tickets, n, now_ns, heads);
	for (uint16_t lane = 0; lane < LEDGER_LANES_MAX; lane++)
		if (lane != mine->lane && heads[lane] != QUEUE_NONE &&
		    tickets[heads[lane]].blocked == BLOCKED_NOT &&
		    queue_before(&tickets[heads[lane]], mine, now_ns))
			watch(look, tickets, heads[lane]);
}

/* It ends when its launcher does, and by then is in the history. */
static void watch_dependency(struct look *look)
{
	const struct ledger_ticket *on = &look->after.on;
	int fd = -1;

	if (on->pid_namespace == look->ticket.pid_namespace)
		fd = rr_pidfd_open(on->pid);
	if (fd >= 0 && rr_proc_is(on->pid, on->start_ticks)) {
		look->watched[look->n_watched++] = fd;
		return;
	}
	rr_fd_done(&fd);
	look_again(look, AFTER_AGAIN_NS);
}

/* ---- a look ---- */

/* Behind another: nothing to do until that one leaves, or dies. Whoever leaves wakes the heads, so
 * a wake-up goes astray only across network namespaces. */
static void wait_behind(struct look *look, size_t ahead, const struct ledger_ticket *tickets,
			size_t n)
{
	size_t me = look->admission->index;
	uint64_t now_ns = rr_now_boot_ns();
	size_t before = queue_position(tickets, n, me, now_ns) - 1;

	look->next_ns = RR_TIME_INF;
	if (tickets[ahead].net_namespace != tickets[me].net_namespace)
		look_again(look, UNSEEN_NS);
	/* On a terminal somebody looks at how many are left. */
	if (tell_can_draw())
		look_again(look, FALLBACK_NS);
	watch(look, tickets, ahead);
	(void)snprintf(look->words, sizeof(look->words),
		       "a slot of profile '%s', behind %zu other%s", look->plan->profile, before,
		       before == 1 ? "" : "s");
}

static void blocked_by_queue(struct look *look, enum queue_answer answer, size_t ahead,
			     const struct ledger_ticket *tickets, size_t n)
{
	size_t me = look->admission->index;

	look->reason = WAITED_SLOT;
	if (answer == QUEUE_BEHIND) {
		wait_behind(look, ahead, tickets, n);
		return;
	}
	watch_running(look, tickets, n, answer == QUEUE_TOTAL);
	if (answer == QUEUE_TOTAL)
		watch_rivals(look, tickets, n);
	(void)snprintf(look->words, sizeof(look->words),
		       answer == QUEUE_TOTAL ? "a slot: all profiles together run %u at once"
					     : "a slot: profile '%2$s' runs %1$u at once",
		       answer == QUEUE_TOTAL ? tickets[me].total_max : tickets[me].lane_max,
		       look->plan->profile);
}

/* True when the rate allows a start now. */
static bool rate_allows(struct look *look, const struct ledger_ticket *tickets, size_t n)
{
	uint16_t lane = tickets[look->admission->index].lane;
	const struct settings *settings = &look->plan->settings;
	uint64_t window_ns = settings_integer(settings, SET_RATE_WINDOW);
	uint64_t limit = settings_integer(settings, SET_RATE_LIMIT);
	uint64_t now_ns = rr_now_boot_ns(), count, free_at_ns;
	char window[RR_FORMAT_SIZE], left[RR_FORMAT_SIZE];

	if (!settings_has(settings, SET_RATE_LIMIT))
		return true;
	ledger_rate(look->admission->ledger, lane, limit, window_ns, now_ns, rr_now_wall_ns(),
		    &count, &free_at_ns);
	/* Who passes others leaves them a start. */
	if (count + (look->passing ? 1 : 0) < limit)
		return true;
	look->reason = WAITED_RATE;
	look->earliest_ns = free_at_ns;
	look_again(look, free_at_ns - now_ns);
	/* One that dies before its job began gives its start back. */
	watch_running(look, tickets, n, false);
	(void)snprintf(look->words, sizeof(look->words),
		       "the rate (%llu starts per %s); the next is free in %s",
		       (unsigned long long)limit, rr_format_time(window_ns, window),
		       rr_format_time(free_at_ns - now_ns, left));
	return false;
}

static bool host_allows(struct look *look, const struct ledger_ticket *tickets, size_t n)
{
	char obstacles[480];

	if (gate_has_room(&look->gate, tickets, n))
		return true;
	look->reason = gate_obstacles(&look->gate);
	look_again(look, gate_interval_ns(&look->gate));
	(void)snprintf(look->words, sizeof(look->words), "headroom: %s",
		       gate_words(&look->gate, obstacles, sizeof(obstacles)));
	return false;
}

/* model: TAKE_SLOT, TAKE_TOKEN, TAKE_WAKE. Slot and start in one transaction; the ledger is locked.
 */
static int take_turn(struct look *look, struct ledger_ticket *mine, struct rr_err *err)
{
	struct ledger *ledger = look->admission->ledger;
	const struct settings *settings = &look->plan->settings;
	uint64_t now_ns = rr_now_boot_ns();
	int r;

	mine->state = TICKET_RUNNING;
	mine->started_ns = now_ns;
	mine->blocked = BLOCKED_NOT;
	r = ledger_save(ledger, look->admission->index, err);
	if (r == 0 && settings_has(settings, SET_RATE_LIMIT) && mine->nested != NESTED_SAME)
		r = ledger_take_token(ledger, mine->lane, mine->number,
				      settings_integer(settings, SET_RATE_WINDOW), now_ns,
				      rr_now_wall_ns(), err);
	if (r == 0)
		wake_behind(ledger, look->admission->wake_fd, mine);
	return r;
}

/* Whether waiter `who` of our lane may go before those ahead of it. */
static bool may_pass(const struct look *look, const struct ledger_ticket *tickets, size_t n,
		     size_t who)
{
	uint64_t now_ns = rr_now_boot_ns();

	return queue_can_spare(tickets, n, who, now_ns) &&
	       reserve_may_pass(tickets, n, who, gate_memory_room(&look->gate, tickets, n), now_ns);
}

/* model: PASSER_WAKE. A head that lacks memory wakes one that could go meanwhile: nobody behind it
 * looks by itself. */
static void wake_passer(const struct look *look, const struct ledger_ticket *tickets, size_t n)
{
	size_t me = look->admission->index, tried = 0;

	for (size_t i = 0; i < n && tried < PASSERS_MAX; i++) {
		if (i == me || tickets[i].state != TICKET_WAITING ||
		    tickets[i].lane != tickets[me].lane || tickets[i].memory_cap_bytes == 0)
			continue;
		tried++;
		if (!may_pass(look, tickets, n, i))
			continue;
		wake_one(look->admission->wake_fd, &tickets[i]);
		return;
	}
}

/* model: NOTE_BLOCKED. Tells the heads of other lanes whether we could use what they need. */
static int note_blocked(struct look *look, struct ledger_ticket *mine, uint8_t blocked,
			struct rr_err *err)
{
	int r;

	if (mine->blocked == blocked)
		return 0;
	/* Before it is written, as in ticket_enter. */
	if (mine->blocked == BLOCKED_DEPENDENCY)
		wake_behind(look->admission->ledger, look->admission->wake_fd, mine);
	mine->blocked = blocked;
	r = ledger_save(look->admission->ledger, look->admission->index, err);
	/* model: BLOCKED_WAKE. They need not leave room for us any more. */
	if (r == 0 && (blocked == BLOCKED_RATE || blocked == BLOCKED_RESOURCES))
		wake_other_heads(look->admission->ledger, look->admission->wake_fd, mine->lane);
	return r;
}

/* model: ASK, REAP_AHEAD. Asks everything in turn. LOOK_GO, LOOK_WAIT with reason and words, or
 * -errno. */
static int ask(struct look *look, struct rr_err *err)
{
	struct admission *admission = look->admission;
	struct ledger_ticket *mine;
	enum queue_answer answer;
	size_t n, ahead;
	int r;
	struct ledger_ticket *tickets = ledger_tickets(admission->ledger, &n);

	do
		answer = queue_ask(tickets, n, admission->index, rr_now_boot_ns(), &ahead);
	while (answer == QUEUE_BEHIND && reap_waiter(admission->ledger, ahead));
	mine = &tickets[admission->index];
	look->passing = answer == QUEUE_BEHIND && may_pass(look, tickets, n, admission->index);
	if (answer != QUEUE_TURN && !look->passing) {
		blocked_by_queue(look, answer, ahead, tickets, n);
		return note_blocked(look, mine, BLOCKED_NOT, err);
	}
	/* Inside a job of its own profile it goes on that one's slot, start and headroom. */
	if (mine->nested == NESTED_SAME)
		return LOOK_GO;
	/* Who passes others stands behind one of them all the same. */
	if (look->passing)
		watch(look, tickets, ahead);
	if (!rate_allows(look, tickets, n))
		return note_blocked(look, mine, look->passing ? BLOCKED_NOT : BLOCKED_RATE, err);
	if (host_allows(look, tickets, n))
		return LOOK_GO;
	if (look->passing)
		return note_blocked(look, mine, BLOCKED_NOT, err);
	r = note_blocked(look, mine, BLOCKED_RESOURCES, err);
	if (r == 0 && look->reason == WAITED_MEMORY)
		wake_passer(look, tickets, n);
	return r;
}

/* True when somebody made our ticket vanish: another boot's clean-up, or a hand on the file. */
static bool ticket_is_lost(const struct admission *admission)
{
	size_t n;
	const struct ledger_ticket *tickets = ledger_tickets(admission->ledger, &n);

	return admission->index >= n || tickets[admission->index].pid != getpid();
}

/* Joins the queue at the first look, and sees that we are still in it at every later one. */
static int be_in_queue(struct look *look, struct rr_err *err)
{
	struct admission *admission = look->admission;

	if (!admission->entered)
		return ticket_enter(look->plan, admission, &look->ticket, err);
	if (ticket_is_lost(admission))
		return rr_err_set(err, ESTALE, "our ticket vanished from the ledger '%s'",
				  ledger_path(admission->ledger));
	return 0;
}

/* model: RISE_WAKE, RISE. We have waited long enough to rise. Who was directly behind us is to
 * watch another, and who will be, us: told before it is written, as in ticket_enter. */
static int rise(struct look *look, struct ledger_ticket *mine, struct rr_err *err)
{
	struct admission *admission = look->admission;
	uint64_t now_ns = rr_now_boot_ns();
	uint8_t classes = queue_classes(mine, now_ns);
	uint64_t next_ns = queue_next_rise_ns(mine, now_ns);

	look->rise_ns = next_ns;
	if (classes == mine->risen)
		return 0;
	wake_behind(admission->ledger, admission->wake_fd, mine);
	mine->risen = classes;
	wake_behind(admission->ledger, admission->wake_fd, mine);
	return ledger_save(admission->ledger, admission->index, err);
}

/* A job of our name came before us, which on_overlap has us wait for. */
static void wait_for_other(struct look *look, size_t other)
{
	size_t n;

	watch(look, ledger_tickets(look->admission->ledger, &n), other);
	if (look->overlap.asked > 0 && look->overlap.again_ns < look->next_ns)
		look->next_ns = look->overlap.again_ns;
	look->reason = WAITED_DEPENDENCY;
	(void)snprintf(look->words, sizeof(look->words), "the other job '%s' to end",
		       settings_text(&look->plan->settings, SET_NAME));
}

/* Asks, with the ledger locked; takes the turn when it is ours. `anyway`: on_busy=run takes it
 * whatever stands in the way. */
static int look_locked(struct look *look, bool depends, bool anyway, struct rr_err *err)
{
	struct admission *admission = look->admission;
	struct ledger_ticket *mine;
	enum reap_again again;
	size_t n, other;
	int r;

	if (*ledger_mended(admission->ledger))
		tell("%s: mended", ledger_mended(admission->ledger));
	again = reap_dead(admission->ledger, admission->entered ? admission->index : QUEUE_NONE,
			  look->plan->paths.state);
	if (again != REAP_DONE)
		look_again(look, again == REAP_SOON ? REAP_AGAIN_NS : UNSEEN_NS);
	r = overlap_look(look->plan, admission->ledger,
			 admission->entered ? admission->index : QUEUE_NONE, &look->overlap, &other,
			 err);
	if (r == OVERLAP_SKIP)
		return r;
	if (r == OVERLAP_WAIT && !anyway) {
		wait_for_other(look, other);
		depends = true;
	}
	if (!admission->entered && depends && !anyway)
		look->ticket.blocked = BLOCKED_DEPENDENCY;
	r = be_in_queue(look, err);
	if (r < 0)
		return r;
	mine = &ledger_tickets(admission->ledger, &n)[admission->index];
	r = rise(look, mine, err);
	if (r < 0)
		return r;
	if (depends && !anyway)
		return note_blocked(look, mine, BLOCKED_DEPENDENCY, err);
	r = ask(look, err);
	if (r < 0 || (r == LOOK_WAIT && !anyway))
		return r;
	r = take_turn(look, mine, err);
	return r < 0 ? r : LOOK_GO;
}

int look_for_turn(struct look *look, bool anyway, struct rr_err *err)
{
	int depends, r;

	/* model: LOOK */
	look_away(look);
	look->next_ns = rr_now_boot_ns() + FALLBACK_NS;
	depends = after_look(&look->after, look->plan, look->words, sizeof(look->words), err);
	if (depends < 0 || depends == AFTER_FAILED)
		return depends;
	if (depends) {
		look->reason = WAITED_DEPENDENCY;
		watch_dependency(look);
	} else {
		gate_sample(&look->gate);
	}
	r = ledger_lock(look->admission->ledger, TICKET_LOCK_NS, err);
	if (r != 0)
		return r > 0 ? -EBUSY : r;
	look->rise_ns = RR_TIME_INF;
	r = look_locked(look, depends != 0, anyway, err);
	ledger_unlock(look->admission->ledger);
	if (look->rise_ns < look->next_ns)
		look->next_ns = look->rise_ns;
	return r;
}
