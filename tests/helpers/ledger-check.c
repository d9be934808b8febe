/* SPDX-License-Identifier: MIT */
/*
 * ledger-check [OPTION]... DIR: reads DIR/ledger (or the file DIR), says in words what is wrong
 * with it, and exits 0 or 1 (2: wrong usage). A second opinion on the file: it has its own idea of
 * the layout, its own checksum and its own test of who is alive, and shares nothing with the code
 * that it judges. What it asserts is the protocol at the head of policy/ledger.c; unused bytes of
 * records are not looked at, so that new fields may move in there.
 *
 *   --dump          print the records as well, one a line
 *   --lane NAME     --starts, --limit and --window look at this lane only
 *   --starts N[-M]  so many starts are counted (of all lanes, unless --lane)
 *   --limit N       no window of the lane holds more starts than this
 *   --window S      a window of so many seconds, instead of the lane's own
 *   --lane-max N    at most so many run in a lane, whatever the tickets say
 *   --total-max N   at most so many run in all
 *   --waiting N     so many wait
 *   --running N     so many run
 *   --reaped        no ticket of a dead launcher is left whose job is gone
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/helpers/ledger_look.h"

static bool tickets_count; /* they are of this boot */
static uint64_t next_number;
static uint32_t n_tickets;

static struct {
	bool dump, reaped;
	const char *lane;
	long starts_from, starts_to, limit, lane_max, total_max, waiting, running;
	uint64_t window_ns;
} want = { .starts_from = -1,
	   .limit = -1,
	   .lane_max = -1,
	   .total_max = -1,
	   .waiting = -1,
	   .running = -1 };

static bool check_header(void)
{
	const uint8_t *header = file + HEADER_AT;

	if (memcmp(header + H_MAGIC, "RESRUNL1", 8) != 0) {
		wrong("the header has another magic");
		return false;
	}
	if (!is_sound(header, HEADER_SIZE)) {
		wrong("the header's checksum is wrong");
		return false;
	}
	n_tickets = u32(header + H_N_TICKETS);
	next_number = u64(header + H_NEXT);
	if (n_tickets > TICKETS) {
		wrong("the header counts %u tickets of %d", n_tickets, TICKETS);
		return false;
	}
	if (u32(header + H_TICKETS_MAX) != TICKETS || u32(header + H_LANES_MAX) != LANES ||
	    u32(header + H_TOKENS_MAX) != TOKENS)
		wrong("the header states other sizes than ours");
	if (next_number == 0)
		wrong("the next number is 0");
	tickets_count = memcmp(header + H_BOOT, boot_id, sizeof(boot_id)) == 0;
	if (want.dump)
		(void)printf("header n_tickets=%u next=%llu boot=%s\n", n_tickets,
			     (unsigned long long)next_number, tickets_count ? "this" : "another");
	return true;
}

/* ---- lanes ---- */

static void check_lane(size_t lane)
{
	const uint8_t *record = lane_at(lane);
	uint32_t n = u32(record + L_N_TOKENS);

	if (!is_sound(record, LANE_SIZE)) {
		wrong("lane %zu: the checksum is wrong", lane);
		return;
	}
	if (!record[L_NAME] || !is_text(record + L_NAME, L_NAME_SIZE)) {
		wrong("lane %zu has no proper name", lane);
		file[LANES_AT + lane * LANE_SIZE + L_NAME + L_NAME_SIZE - 1] = '\0';
		return;
	}
	for (size_t i = 0; i < lane; i++)
		if (strncmp(lane_name(i), lane_name(lane), L_NAME_SIZE) == 0)
			wrong("lanes %zu and %zu are both called '%s'", i, lane, lane_name(lane));
	if (n > TOKENS)
		wrong("lane '%s' counts %u starts of %d", lane_name(lane), n, TOKENS);
	if (n > 0 && u64(record + L_WINDOW) == 0)
		wrong("lane '%s' counts starts, but has no window", lane_name(lane));
	if (want.dump)
		(void)printf("lane %zu name=%s tokens=%u window=%.3f\n", lane, lane_name(lane), n,
			     (double)u64(record + L_WINDOW) / 1e9);
}

static bool lane_is_used(size_t lane)
{
	return !is_zero(lane_at(lane), LANE_SIZE);
}

/* ---- tickets ---- */

static bool in_use(size_t index)
{
	return tickets_count && index < n_tickets && ticket_at(index)[T_STATE] != FREE;
}

static void check_fields(size_t index)
{
	const uint8_t *ticket = ticket_at(index);
	uint64_t number = u64(ticket + T_NUMBER);

	if (number == 0 || number >= next_number)
		wrong("ticket %zu: its number %llu is not below the next, %llu", index,
		      (unsigned long long)number, (unsigned long long)next_number);
	if (!ticket[T_ID] || !is_text(ticket + T_ID, T_ID_SIZE))
		wrong("ticket %zu has no proper id", index);
	if ((int32_t)u32(ticket + T_PID) <= 0 || u64(ticket + T_START_TICKS) == 0 ||
	    (u64(ticket + T_NAMESPACE) == 0 && !ticket[T_LEASED]))
		wrong("ticket %zu does not say which process is its launcher", index);
	if (ticket[T_PRIORITY] > 3 || ticket[T_BLOCKED] > 3 || ticket[T_NESTED] > NESTED_SAME ||
	    ticket[T_LAUNCHING] > LAUNCH_DONE)
		wrong("ticket %zu: a field is out of its range", index);
	if (u32(ticket + T_LANE_MAX) == 0)
		wrong("ticket %zu lets none run in its lane", index);
	if (u64(ticket + T_ENTERED) == 0 || u64(ticket + T_ENTERED) > now_ns)
		wrong("ticket %zu entered at no time that has been", index);
	if (u16(ticket + T_LANE) >= LANES || !lane_is_used(u16(ticket + T_LANE)))
		wrong("ticket %zu is in lane %u, which does not exist", index,
		      u16(ticket + T_LANE));
}

/* What a state implies; `launching` is set only once the start is taken and counted. */
static void check_state(size_t index)
{
	const uint8_t *ticket = ticket_at(index);
	uint64_t started = u64(ticket + T_STARTED);

	if (ticket[T_STATE] > RUNNING)
		wrong("ticket %zu is in state %u", index, ticket[T_STATE]);
	if (ticket[T_STATE] == WAITING && ticket[T_LAUNCHING])
		wrong("ticket %zu waits and is launching", index);
	if (ticket[T_STATE] == WAITING && started)
		wrong("ticket %zu waits and has started", index);
	if (ticket[T_STATE] != RUNNING)
		return;
	if (started < u64(ticket + T_ENTERED) || started > now_ns)
		wrong("ticket %zu runs, but started at no time since it entered", index);
	if (ticket[T_BLOCKED])
		wrong("ticket %zu runs and is blocked", index);
}

static void check_detail(size_t index)
{
	const uint8_t *detail = detail_at(index);

	if (!is_sound(detail, DETAIL_SIZE)) {
		wrong("ticket %zu: the checksum of its detail is wrong", index);
		return;
	}
	if (!is_text(detail + D_NAME, D_NAME_SIZE) ||
	    !is_text(detail + D_COMMAND, D_COMMAND_SIZE) ||
	    !is_text(detail + D_FIRST, D_FIRST_SIZE) || !is_text(detail + D_LEAF, D_LEAF_SIZE))
		wrong("ticket %zu: a text of its detail has no end", index);
	if (detail[D_LEAF] && detail[D_LEAF] != '/')
		wrong("ticket %zu: its leaf is no absolute path", index);
}

static void dump_ticket(size_t index)
{
	static const char *const states[] = { "free", "waiting", "running" };
	const uint8_t *ticket = ticket_at(index);
	bool foreign = u64(ticket + T_NAMESPACE) != namespace;

	(void)printf("ticket %zu number=%llu state=%s lane=%s priority=%u blocked=%u nested=%u "
		     "launching=%u pid=%d launcher=%s job=%s id=%.*s\n",
		     index, (unsigned long long)u64(ticket + T_NUMBER),
		     ticket[T_STATE] <= RUNNING ? states[ticket[T_STATE]] : "?",
		     u16(ticket + T_LANE) < LANES ? lane_name(u16(ticket + T_LANE)) : "?",
		     ticket[T_PRIORITY], ticket[T_BLOCKED], ticket[T_NESTED], ticket[T_LAUNCHING],
		     (int)u32(ticket + T_PID),
		     foreign		      ? "foreign"
		     : launcher_lives(ticket) ? "alive"
					      : "dead",
		     job_lives(index) ? "alive" : "gone", T_ID_SIZE, (const char *)ticket + T_ID);
}

static void check_ticket(size_t index)
{
	const uint8_t *ticket = ticket_at(index);

	if (!is_sound(ticket, TICKET_SIZE)) {
		wrong("ticket %zu: the checksum is wrong", index);
		return;
	}
	if (ticket[T_STATE] == FREE) {
		wrong("ticket %zu is free, but not empty", index);
		return;
	}
	check_fields(index);
	check_state(index);
	check_detail(index);
	for (size_t i = 0; i < index; i++)
		if (in_use(i) && u64(ticket_at(i) + T_NUMBER) == u64(ticket + T_NUMBER))
			wrong("tickets %zu and %zu have the same number", i, index);
	if (want.reaped && is_dead(ticket) && !(ticket[T_STATE] == RUNNING && job_lives(index)))
		wrong("ticket %zu is a dead launcher's, its job is gone, and nobody freed it",
		      index);
	if (want.dump)
		dump_ticket(index);
}

static void check_tickets(void)
{
	for (size_t i = 0; i < TICKETS; i++) {
		if (is_zero(ticket_at(i), TICKET_SIZE))
			continue;
		/* Of another boot: whoever comes first drops them unread. */
		if (!tickets_count)
			continue;
		if (i >= n_tickets)
			wrong("ticket %zu is in use, but the header counts only %u", i, n_tickets);
		else
			check_ticket(i);
	}
}

/* ---- slots ---- */

static bool started_before(const uint8_t *a, const uint8_t *b)
{
	uint64_t at_a = u64(a + T_STARTED), at_b = u64(b + T_STARTED);

	return at_a != at_b ? at_a < at_b : u64(a + T_NUMBER) <= u64(b + T_NUMBER);
}

/* Those that still run and had started by then ran beside it: the slots that it had to leave room
 * for. A start by on_busy=run is not bound by this; who checks must know whether there are such. */
static void check_slots_of(size_t index)
{
	const uint8_t *ticket = ticket_at(index);
	uint32_t in_lane = 0, in_all = 0;

	for (size_t i = 0; i < n_tickets; i++) {
		const uint8_t *other = ticket_at(i);

		if (!in_use(i) || other[T_STATE] != RUNNING || !started_before(other, ticket))
			continue;
		in_lane += u16(other + T_LANE) == u16(ticket + T_LANE) &&
			   other[T_NESTED] != NESTED_SAME;
		in_all += other[T_NESTED] == NESTED_NOT;
	}
	if (ticket[T_NESTED] != NESTED_SAME && in_lane > u32(ticket + T_LANE_MAX))
		wrong("ticket %zu started as number %u of its lane, which may run %u", index,
		      in_lane, u32(ticket + T_LANE_MAX));
	if (ticket[T_NESTED] == NESTED_NOT && u32(ticket + T_TOTAL_MAX) &&
	    in_all > u32(ticket + T_TOTAL_MAX))
		wrong("ticket %zu started as number %u of all, of which %u may run", index, in_all,
		      u32(ticket + T_TOTAL_MAX));
}

static long count_tickets(int state, int lane, int least_nested)
{
	long n = 0;

	for (size_t i = 0; i < n_tickets; i++)
		n += in_use(i) && ticket_at(i)[T_STATE] == state &&
		     (lane < 0 || u16(ticket_at(i) + T_LANE) == lane) &&
		     ticket_at(i)[T_NESTED] < least_nested;
	return n;
}

static void check_slots(void)
{
	long waiting = count_tickets(WAITING, -1, NESTED_SAME + 1);
	long running = count_tickets(RUNNING, -1, NESTED_SAME + 1);

	for (size_t i = 0; i < n_tickets; i++)
		if (in_use(i) && ticket_at(i)[T_STATE] == RUNNING)
			check_slots_of(i);
	for (int lane = 0; lane < LANES && want.lane_max >= 0; lane++)
		if (count_tickets(RUNNING, lane, NESTED_SAME) > want.lane_max)
			wrong("%ld run in lane '%s'", count_tickets(RUNNING, lane, NESTED_SAME),
			      lane_name((size_t)lane));
	if (want.total_max >= 0 && count_tickets(RUNNING, -1, NESTED_OTHER) > want.total_max)
		wrong("%ld run in all", count_tickets(RUNNING, -1, NESTED_OTHER));
	if (want.waiting >= 0 && waiting != want.waiting)
		wrong("%ld wait instead of %ld", waiting, want.waiting);
	if (want.running >= 0 && running != want.running)
		wrong("%ld run instead of %ld", running, want.running);
}

/* ---- starts ---- */

static const uint8_t *ticket_of(uint64_t number)
{
	for (size_t i = 0; i < n_tickets; i++)
		if (in_use(i) && u64(ticket_at(i) + T_NUMBER) == number)
			return ticket_at(i);
	return NULL;
}

/* It will be given back by whoever frees the ticket: nothing can have run. */
static bool is_returned(const uint8_t *token)
{
	const uint8_t *ticket = ticket_of(u64(token + K_NUMBER));

	return u32(token + K_BOOT_TAG) == boot_tag && ticket && !ticket[T_LAUNCHING] &&
	       is_dead(ticket);
}

static bool is_counted(size_t lane, size_t index)
{
	const uint8_t *token = token_at(lane, index);

	return !is_zero(token, TOKEN_SIZE) && is_sound(token, TOKEN_SIZE);
}

static void check_token(size_t lane, size_t index)
{
	const uint8_t *token = token_at(lane, index), *ticket = ticket_of(u64(token + K_NUMBER));
	uint64_t number = u64(token + K_NUMBER);

	if (number == 0 || number >= next_number)
		wrong("lane '%s': start %zu is of number %llu, which nobody had", lane_name(lane),
		      index, (unsigned long long)number);
	if (u64(token + K_WALL_NS) == 0)
		wrong("lane '%s': start %zu has no time", lane_name(lane), index);
	if (u32(token + K_BOOT_TAG) == boot_tag && u64(token + K_BOOT_NS) > now_ns)
		wrong("lane '%s': start %zu is still to come", lane_name(lane), index);
	for (size_t i = 0; i < index; i++)
		if (is_counted(lane, i) && u64(token_at(lane, i) + K_NUMBER) == number)
			wrong("lane '%s': starts %zu and %zu are of the same ticket",
			      lane_name(lane), i, index);
	/* The ticket is RUNNING before its start is counted. */
	if (ticket && ticket[T_STATE] == WAITING)
		wrong("lane '%s': start %zu is of a ticket that waits", lane_name(lane), index);
	if (ticket && u16(ticket + T_LANE) != lane)
		wrong("lane '%s': start %zu is of a ticket of another lane", lane_name(lane),
		      index);
	if (want.dump)
		(void)printf("start lane=%s slot=%zu number=%llu ago=%.3f%s\n", lane_name(lane),
			     index, (unsigned long long)number,
			     (double)(now_ns - u64(token + K_BOOT_NS)) / 1e9,
			     is_returned(token) ? " returned" : "");
}

/* Starts in the window that ends with this one. Only of this boot: there they have one clock. */
static long count_in_window(size_t lane, size_t last, uint64_t window_ns)
{
	uint64_t end = u64(token_at(lane, last) + K_BOOT_NS);
	long n = 0;

	for (size_t i = 0; i < lane_tokens(lane); i++) {
		uint64_t at = u64(token_at(lane, i) + K_BOOT_NS);

		n += is_counted(lane, i) && u32(token_at(lane, i) + K_BOOT_TAG) == boot_tag &&
		     at <= end && end - at < window_ns;
	}
	return n;
}

static void check_rate(size_t lane)
{
	uint64_t own_ns = u64(lane_at(lane) + L_WINDOW);
	uint64_t window_ns = want.window_ns ? want.window_ns : own_ns;

	for (size_t i = 0; i < lane_tokens(lane); i++)
		if (is_counted(lane, i) && u32(token_at(lane, i) + K_BOOT_TAG) == boot_tag &&
		    count_in_window(lane, i, window_ns) > want.limit)
			wrong("lane '%s': the window up to start %zu holds %ld starts",
			      lane_name(lane), i, count_in_window(lane, i, window_ns));
}

/* How many starts of the lane count. */
static long check_tokens(size_t lane)
{
	size_t n = lane_is_used(lane) ? lane_tokens(lane) : 0;
	long counted = 0;

	for (size_t i = 0; i < TOKENS; i++) {
		if (is_zero(token_at(lane, i), TOKEN_SIZE))
			continue;
		if (!is_sound(token_at(lane, i), TOKEN_SIZE)) {
			wrong("lane %zu: the checksum of start %zu is wrong", lane, i);
			continue;
		}
		/* Past the end: written by one that was killed before the lane counted it. */
		if (i >= n)
			continue;
		check_token(lane, i);
		counted += !is_returned(token_at(lane, i));
	}
	return counted;
}

static void check_starts(void)
{
	long counted = 0;

	for (size_t lane = 0; lane < LANES; lane++) {
		bool asked = !want.lane || strncmp(lane_name(lane), want.lane, L_NAME_SIZE) == 0;
		long n = check_tokens(lane);

		counted += asked ? n : 0;
		if (asked && lane_is_used(lane) && want.limit >= 0)
			check_rate(lane);
	}
	if (want.starts_from >= 0 && (counted < want.starts_from || counted > want.starts_to))
		wrong("%ld starts are counted; expected: %ld to %ld", counted, want.starts_from,
		      want.starts_to);
}

/* ---- options ---- */

static _Noreturn void usage(void)
{
	(void)fputs("usage: ledger-check [OPTION]... DIR (its head comment has the options)\n",
		    stderr);
	exit(2);
}

static long number(const char *text, char **ret_end)
{
	long value = strtol(text, ret_end, 10);

	if (*ret_end == text || value < 0)
		usage();
	return value;
}

static long whole_number(const char *text)
{
	char *end;
	long value = number(text, &end);

	if (*end)
		usage();
	return value;
}

static void set_starts(const char *text)
{
	char *end;

	want.starts_from = number(text, &end);
	want.starts_to = *end == '-' ? whole_number(end + 1) : want.starts_from;
	if (*end && *end != '-')
		usage();
}

static void set_option(int option, const char *value)
{
	switch (option) {
	case 'd':
		want.dump = true;
		break;
	case 'a':
		want.reaped = true;
		break;
	case 'n':
		want.lane = value;
		break;
	case 's':
		set_starts(value);
		break;
	case 'l':
		want.limit = whole_number(value);
		break;
	case 'w':
		want.window_ns = (uint64_t)(strtod(value, NULL) * 1e9);
		break;
	case 'm':
		want.lane_max = whole_number(value);
		break;
	case 't':
		want.total_max = whole_number(value);
		break;
	case 'q':
		want.waiting = whole_number(value);
		break;
	case 'r':
		want.running = whole_number(value);
		break;
	default:
		usage();
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dump", no_argument, NULL, 'd' },
		{ "reaped", no_argument, NULL, 'a' },
		{ "lane", required_argument, NULL, 'n' },
		{ "starts", required_argument, NULL, 's' },
		{ "limit", required_argument, NULL, 'l' },
		{ "window", required_argument, NULL, 'w' },
		{ "lane-max", required_argument, NULL, 'm' },
		{ "total-max", required_argument, NULL, 't' },
		{ "waiting", required_argument, NULL, 'q' },
		{ "running", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		set_option(option, optarg);
	if (optind + 1 != argc)
		usage();
	if (!read_file(argv[optind]))
		return 1;
	/* After the reading: no record can be younger than this. */
	learn_world();
	if (!check_header())
		return 1;
	for (size_t lane = 0; lane < LANES; lane++)
		if (lane_is_used(lane))
			check_lane(lane);
	check_tickets();
	check_slots();
	check_starts();
	return problems ? 1 : 0;
}
