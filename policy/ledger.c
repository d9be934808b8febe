/* SPDX-License-Identifier: MIT */
/*
 * The protocol, as invariants:
 *
 *  1. The file has its full size, with all blocks allocated, before it has its name. Nothing ever
 *     grows, so a full disk stops no start and no release.
 *  2. Every change is made under one exclusive flock. The descriptor is close-on-exec, no one forks
 *     or waits while holding it, and the kernel drops it with its holder.
 *  3. A record is written by one pwrite that stays inside one page, with its checksum inside. A
 *     kill leaves the old record or the new one; a power cut may leave a torn one, which its
 *     checksum shows.
 *  4. A ticket belongs to the launcher that wrote it, which holds its lease (ledger_lease.c) from
 *     before it is written until it is freed. Others change it only to free it, and only when that
 *     launcher is dead and its leaf is empty.
 *  5. A start is: ticket RUNNING, then token, then (durability=sync) fdatasync, then the clone,
 * then (with the job's pid, where no leaf tells of it) LAUNCH_BEGUN, then the word that lets the
 *     clone call exec. Killed after the first: the dead ticket is freed, nothing was counted. After
 *     the second: freed, and the token found by the ticket's number and taken back, as nothing can
 *     have run before LAUNCH_BEGUN. After that: the token stays. Until the job runs its token does
 *     not age; then (LAUNCH_DONE) it gets that time, so that the window slides over starts as they
 *     happened. Killed before LAUNCH_DONE, who frees the ticket gives it the time of the freeing.
 *  6. Tickets mean nothing in another boot and are dropped there. Tokens outlive it: within a boot
 *     their age is BOOTTIME, across boots wall time, not less than the time since boot, and that
 *     alone when the wall clock has leapt by more than any machine stays off.
 *  7. Entering is: header (the next number), then detail, then ticket. Killed in between, a number
 *     or a detail is lost, which nobody misses.
 *
 * tests/model/ledger.pml is the same for a model checker; its steps are named in comments.
 */
#include "policy/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "policy/ledger_file.h"

/* Longer than this no machine was off: then the wall clock is wrong. */
#define CREDIBLE_NS (365 * 24 * 3600 * RR_NS_PER_S)

struct ledger_ticket *ledger_tickets(struct ledger *ledger, size_t *ret_n)
{
	*ret_n = ledger->n_all;
	return ledger->tickets;
}

const char *ledger_lane_name(const struct ledger *ledger, size_t lane)
{
	return lane < LEDGER_LANES_MAX ? ledger->lanes[lane].name : "";
}

uint64_t ledger_lane_window(const struct ledger *ledger, size_t lane)
{
	return lane < LEDGER_LANES_MAX ? ledger->lanes[lane].window_ns : 0;
}

/* ---- the ages of starts ---- */

/* Tokens of one lane of one file: ours, or another user's. */
struct tokens {
	int fd;
	size_t lane, n; /* its place in that file, and how many */
	uint16_t ours; /* the lane as we number it */
};

static struct tokens own_tokens(const struct ledger *ledger, uint16_t lane)
{
	return (struct tokens){ ledger->fd, lane, ledger->lanes[lane].n_tokens, lane };
}

static int read_tokens(const struct ledger *ledger, const struct tokens *tokens,
		       struct ledger_token **ret, struct rr_err *err)
{
	size_t size = tokens->n * sizeof(struct ledger_token);
	rr_autofree struct ledger_token *room = calloc(1, size + 1);

	if (!room)
		return rr_err_sys(err, ENOMEM, "the ledger");
	if (size > 0 &&
	    pread(tokens->fd, room, size, ledger_token_at(tokens->lane, 0)) != (ssize_t)size)
		return rr_err_sys(err, EIO, "read the ledger '%s'", ledger->path);
	*ret = rr_ptr_take(&room);
	return 0;
}

/* How long ago the start was. A torn token is of a start that never came to run (invariant 5). */
static uint64_t token_age(const struct ledger *ledger, const struct ledger_token *token,
			  uint64_t now_ns, uint64_t now_wall_ns)
{
	uint64_t by_wall;

	if (token->number == 0 || !ledger_is_sound(token, sizeof(*token)))
		return RR_TIME_INF;
	if (token->boot_tag == ledger->boot_tag)
		return now_ns > token->boot_ns ? now_ns - token->boot_ns : 0;
	/* It was before this boot, whatever the wall clock says; and a clock that has leapt ahead
	 * says nothing. */
	by_wall = now_wall_ns > token->wall_ns ? now_wall_ns - token->wall_ns : 0;
	return by_wall > now_ns && by_wall < CREDIBLE_NS ? by_wall : now_ns;
}

/* A start that was allowed but has not happened yet is as young as can be, however long its hooks
 * take. */
static void rejuvenate(const struct ledger *ledger, const struct tokens *tokens,
		       const struct ledger_token *token, uint64_t *ages)
{
	for (size_t i = 0; i < ledger->n_all; i++) {
		const struct ledger_ticket *ticket = &ledger->tickets[i];

		if (ticket->state != TICKET_RUNNING || ticket->lane != tokens->ours ||
		    ticket->launching == LAUNCH_DONE)
			continue;
		for (size_t k = 0; k < tokens->n; k++)
			if (token[k].number == ticket->number && ages[k] != RR_TIME_INF)
				ages[k] = 0;
	}
}

/* Their ages. 0 or -errno with words. */
static int read_ages(const struct ledger *ledger, const struct tokens *tokens, uint64_t now_ns,
		     uint64_t now_wall_ns, uint64_t ret[static LEDGER_TOKENS_MAX],
		     struct rr_err *err)
{
	rr_autofree struct ledger_token *token = NULL;
	int r = read_tokens(ledger, tokens, &token, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < tokens->n; i++)
		ret[i] = token_age(ledger, &token[i], now_ns, now_wall_ns);
	rejuvenate(ledger, tokens, token, ret);
	return 0;
}

/* ---- lanes ---- */

static int save_lane(struct ledger *ledger, size_t lane, struct rr_err *err)
{
	return ledger_write_record(ledger, ledger_lane_at(lane), &ledger->lanes[lane],
				   sizeof(ledger->lanes[lane]), err);
}

static bool lane_is_idle(const struct ledger *ledger, size_t lane, uint64_t now_ns,
			 uint64_t now_wall_ns)
{
	struct tokens tokens = own_tokens(ledger, (uint16_t)lane);
	uint64_t ages[LEDGER_TOKENS_MAX] = { 0 };
	struct rr_err ignored;

	if (ledger->of_others_only[lane])
		return false;
	for (size_t i = 0; i < ledger->n_all; i++)
		if (ledger->tickets[i].state != TICKET_FREE && ledger->tickets[i].lane == lane)
			return false;
	if (read_ages(ledger, &tokens, now_ns, now_wall_ns, ages, &ignored) < 0)
		return false;
	for (size_t i = 0; i < ledger->lanes[lane].n_tokens; i++)
		if (ages[i] < ledger->lanes[lane].window_ns)
			return false;
	return true;
}

/* A lane that was never used, or one whose every token has run out. */
static size_t free_lane(const struct ledger *ledger, uint64_t now_ns, uint64_t now_wall_ns)
{
	for (size_t i = 0; i < LEDGER_LANES_MAX; i++)
		if (!ledger->lanes[i].name[0])
			return i;
	for (size_t i = 0; i < LEDGER_LANES_MAX; i++)
		if (lane_is_idle(ledger, i, now_ns, now_wall_ns))
			return i;
	return LEDGER_LANES_MAX;
}

int ledger_lane(struct ledger *ledger, const char *name, uint64_t now_ns, uint64_t now_wall_ns,
		uint16_t *ret_lane, struct rr_err *err)
{
	struct ledger_lane_record fresh = { .used_wall_ns = now_wall_ns };
	size_t at = 0;

	while (at < LEDGER_LANES_MAX &&
	       (!ledger->lanes[at].name[0] || strcmp(ledger->lanes[at].name, name) != 0))
		at++;
	if (at < LEDGER_LANES_MAX && !ledger->of_others_only[at]) {
		*ret_lane = (uint16_t)at;
		return 0;
	}
	if (at == LEDGER_LANES_MAX)
		at = free_lane(ledger, now_ns, now_wall_ns);
	if (at == LEDGER_LANES_MAX)
		return rr_err_set(err, ENOSPC, "more than %d profiles are in use at once",
				  LEDGER_LANES_MAX);
	(void)snprintf(fresh.name, sizeof(fresh.name), "%s", name);
	ledger->lanes[at] = fresh;
	ledger->of_others_only[at] = false;
	*ret_lane = (uint16_t)at;
	return save_lane(ledger, at, err);
}

/* ---- tickets ---- */

/* A free place, and its lease. One whose lease is held still belongs to a launcher that lives on
 * although its ticket was taken from it. */
static size_t take_place(const struct ledger *ledger, uint8_t *ret_leased)
{
	for (size_t i = 0; i < LEDGER_TICKETS_MAX; i++) {
		int r;

		if (i < ledger->n_own && ledger->tickets[i].state != TICKET_FREE)
			continue;
		r = ledger_take_lease(ledger, i);
		if (r == -EAGAIN)
			continue;
		*ret_leased = r == 1;
		return i;
	}
	return LEDGER_TICKETS_MAX;
}

/* Tickets up to that index in memory, before those of others; the new ones are free. */
static bool make_room(struct ledger *ledger, size_t index)
{
	size_t own = ledger->n_own, more = index + 1 > own ? index + 1 - own : 0;
	struct ledger_ticket *room;

	/* The end may have been trimmed a moment ago. */
	if (ledger->header.n_tickets <= index)
		ledger->header.n_tickets = (uint32_t)index + 1;
	if (more == 0)
		return true;
	room = realloc(ledger->tickets, (ledger->n_all + more) * sizeof(*room));
	if (!room)
		return false;
	memmove(room + own + more, room + own, (ledger->n_all - own) * sizeof(*room));
	memset(room + own, 0, more * sizeof(*room));
	for (size_t i = 0; i < ledger->n_others; i++)
		ledger->others[i].first += more;
	ledger->tickets = room;
	ledger->n_own += more;
	ledger->n_all += more;
	return true;
}

int ledger_add(struct ledger *ledger, const struct ledger_ticket *ticket,
	       const struct ledger_detail *detail, size_t *ret_index, struct rr_err *err)
{
	struct ledger_detail copy = *detail;
	uint64_t number = ledger->header.next_number;
	uint8_t leased = 0;
	size_t index = take_place(ledger, &leased);
	int r;

	if (index == LEDGER_TICKETS_MAX)
		return rr_err_set(err, ENOSPC, "more than %d jobs wait and run at once",
				  LEDGER_TICKETS_MAX);
	ledger->header.next_number++;
	if (!make_room(ledger, index))
		return rr_err_sys(err, ENOMEM, "the ledger");
	/* model: ENTER. Read as free until its record is there: the slot past the old end holds
	 * zeros. */
	r = ledger_write_header(ledger, err);
	if (r == 0)
		r = ledger_save_detail(ledger, index, &copy, err);
	ledger->tickets[index] = *ticket;
	ledger->tickets[index].number = number;
	ledger->tickets[index].leased = leased;
	if (r == 0)
		r = ledger_save(ledger, index, err);
	if (r == 0)
		*ret_index = index;
	return r;
}

int ledger_save(struct ledger *ledger, size_t index, struct rr_err *err)
{
	return ledger_write_record(ledger, ledger_ticket_at(index), &ledger->tickets[index],
				   sizeof(struct ledger_ticket), err);
}

int ledger_save_detail(struct ledger *ledger, size_t index, struct ledger_detail *detail,
		       struct rr_err *err)
{
	return ledger_write_record(ledger, ledger_detail_at(index), detail, sizeof(*detail), err);
}

void ledger_read_detail(const struct ledger *ledger, size_t index, struct ledger_detail *ret)
{
	size_t place = index;
	const struct ledger_other *other = ledger_other_of(ledger, index, &place);

	if (pread(other ? other->fd : ledger->fd, ret, sizeof(*ret), ledger_detail_at(place)) !=
		    (ssize_t)sizeof(*ret) ||
	    !ledger_is_sound(ret, sizeof(*ret)))
		memset(ret, 0, sizeof(*ret));
	ret->name[sizeof(ret->name) - 1] = '\0';
	ret->command[sizeof(ret->command) - 1] = '\0';
	ret->leaf[sizeof(ret->leaf) - 1] = '\0';
}

/* Shrinks what every later lock has to read. */
static int trim_tickets(struct ledger *ledger, struct rr_err *err)
{
	uint32_t n = ledger->header.n_tickets;

	while (n > 0 && ledger->tickets[n - 1].state == TICKET_FREE)
		n--;
	/* Only by halves: a queue that breathes must not cost a header each time. */
	if (n > ledger->header.n_tickets / 2)
		return 0;
	ledger->header.n_tickets = n;
	return ledger_write_header(ledger, err);
}

/* ---- tokens ---- */

static int compare_u64(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* Ages of starts, as many as there are. */
struct ages {
	uint64_t *ns;
	size_t n;
};

static void ages_done(struct ages *ages)
{
	free(ages->ns);
}
#define ages_auto __attribute__((cleanup(ages_done)))

/* Adds those that are within the window. */
static int add_ages(const struct ledger *ledger, const struct tokens *tokens, uint64_t window_ns,
		    uint64_t now_ns, uint64_t now_wall_ns, struct ages *ages)
{
	uint64_t some[LEDGER_TOKENS_MAX] = { 0 }, *room;
	struct rr_err ignored;
	int r = read_ages(ledger, tokens, now_ns, now_wall_ns, some, &ignored);

	if (r < 0)
		return r;
	room = realloc(ages->ns, (ages->n + tokens->n + 1) * sizeof(*room));
	if (!room)
		return -ENOMEM;
	ages->ns = room;
	for (size_t i = 0; i < tokens->n; i++)
		if (some[i] < window_ns)
			room[ages->n++] = some[i];
	return 0;
}

/* Those of our file and, in a shared ledger, of everybody's. */
static int collect_ages(const struct ledger *ledger, uint16_t lane, uint64_t window_ns,
			uint64_t now_ns, uint64_t now_wall_ns, struct ages *ages)
{
	struct tokens own = own_tokens(ledger, lane);
	int r = add_ages(ledger, &own, window_ns, now_ns, now_wall_ns, ages);

	for (size_t i = 0; r == 0 && i < ledger->n_others; i++) {
		const struct ledger_other *other = &ledger->others[i];

		for (size_t k = 0; r == 0 && k < LEDGER_LANES_MAX; k++) {
			struct tokens theirs = { other->fd, k, other->lanes[k].n_tokens, lane };

			if (other->lane_of[k] == lane)
				r = add_ages(ledger, &theirs, window_ns, now_ns, now_wall_ns, ages);
		}
	}
	return r;
}

void ledger_rate(struct ledger *ledger, uint16_t lane, uint64_t limit, uint64_t window_ns,
		 uint64_t now_ns, uint64_t now_wall_ns, uint64_t *ret_count, uint64_t *ret_free_at)
{
	ages_auto struct ages ages = { 0 };
	int r = collect_ages(ledger, lane, window_ns, now_ns, now_wall_ns, &ages);

	*ret_count = limit;
	*ret_free_at = now_ns + RR_NS_PER_S;
	/* Unreadable: not free now, look again soon. The next write will say what is wrong. */
	if (r < 0)
		return;
	*ret_count = ages.n;
	*ret_free_at = now_ns;
	if (ages.n < limit || limit == 0)
		return;
	/* The window has room when the limit-th youngest start has left it. */
	qsort(ages.ns, ages.n, sizeof(ages.ns[0]), compare_u64);
	*ret_free_at = rr_time_add(now_ns, window_ns - ages.ns[limit - 1]);
}

/* A token that counts no more, else a fresh place, else the oldest. */
static size_t token_slot(const struct ledger_lane_record *lane, const uint64_t *ages)
{
	size_t oldest = 0;

	for (size_t i = 0; i < lane->n_tokens; i++) {
		if (ages[i] >= lane->window_ns)
			return i;
		if (ages[i] >= ages[oldest])
			oldest = i;
	}
	return lane->n_tokens < LEDGER_TOKENS_MAX ? lane->n_tokens : oldest;
}

int ledger_take_token(struct ledger *ledger, uint16_t lane, uint64_t number, uint64_t window_ns,
		      uint64_t now_ns, uint64_t now_wall_ns, struct rr_err *err)
{
	uint64_t ages[LEDGER_TOKENS_MAX] = { 0 };
	struct ledger_token token = { .boot_tag = ledger->boot_tag,
				      .number = number,
				      .boot_ns = now_ns,
				      .wall_ns = now_wall_ns };
	struct ledger_lane_record *at = &ledger->lanes[lane];
	struct tokens tokens = own_tokens(ledger, lane);
	size_t slot;
	int r = read_ages(ledger, &tokens, now_ns, now_wall_ns, ages, err);

	if (r < 0)
		return r;
	if (window_ns > at->window_ns)
		at->window_ns = window_ns;
	slot = token_slot(at, ages);
	at->used_wall_ns = now_wall_ns;
	/* The token first: what the lane counts was written by a start of this lane, never by one
	 * that had the lane before. */
	r = ledger_write_record(ledger, ledger_token_at(lane, slot), &token, sizeof(token), err);
	if (slot == at->n_tokens)
		at->n_tokens++;
	return r < 0 ? r : save_lane(ledger, lane, err);
}

int ledger_restamp(struct ledger *ledger, uint16_t lane, uint64_t number, uint64_t now_ns,
		   uint64_t now_wall_ns, struct rr_err *err)
{
	struct tokens own = own_tokens(ledger, lane);
	rr_autofree struct ledger_token *tokens = NULL;
	int r = read_tokens(ledger, &own, &tokens, err);

	for (size_t i = 0; r == 0 && i < ledger->lanes[lane].n_tokens; i++) {
		if (tokens[i].number != number || tokens[i].boot_tag != ledger->boot_tag)
			continue;
		tokens[i].boot_ns = now_ns;
		tokens[i].wall_ns = now_wall_ns;
		r = ledger_write_record(ledger, ledger_token_at(lane, i), &tokens[i],
					sizeof(tokens[i]), err);
	}
	return r;
}

static int refund_token(struct ledger *ledger, uint16_t lane, uint64_t number, struct rr_err *err)
{
	struct tokens own = own_tokens(ledger, lane);
	rr_autofree struct ledger_token *tokens = NULL;
	int r = read_tokens(ledger, &own, &tokens, err);

	for (size_t i = 0; r == 0 && i < ledger->lanes[lane].n_tokens; i++)
		if (tokens[i].number == number && tokens[i].boot_tag == ledger->boot_tag)
			r = ledger_write_free(ledger, ledger_token_at(lane, i), sizeof(tokens[i]),
					      err);
	return r;
}

bool ledger_is_own(const struct ledger *ledger, size_t index)
{
	return index < ledger->n_own;
}

int ledger_remove(struct ledger *ledger, size_t index, bool refund, struct rr_err *err)
{
	struct ledger_ticket *ticket = &ledger->tickets[index];
	int r, freed;

	/* Of another user: he frees it himself, or it stays dead. */
	if (index >= ledger->n_own) {
		ticket->state = TICKET_FREE;
		return 0;
	}
	/* model: REFUND, REAP_REFUND, FREE, REAP_FREE. In this order: a ticket that is gone
	 * tells nobody to give its start back. */
	r = refund ? refund_token(ledger, ticket->lane, ticket->number, err) : 0;
	freed = ledger_write_free(ledger, ledger_ticket_at(index), sizeof(*ticket), err);
	if (freed < 0)
		return freed;
	ledger_drop_lease(ledger, index);
	memset(ticket, 0, sizeof(*ticket));
	return r < 0 ? r : trim_tickets(ledger, err);
}
