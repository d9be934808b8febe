/* SPDX-License-Identifier: MIT */
/* What became of a crowd of launchers, held against what should have. For soak.c. */
#pragma once

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/helpers/soak.h"

#define SOAK_SAID_MAX 5 /* complaints of one kind that are told in full */

struct launcher {
	pid_t pid;
	int status;
	bool ended;
	bool killed; /* by the soak */
	bool suicide; /* to be killed by its own job */
	unsigned priority;
	uint64_t above; /* the newest ticket that was seen before it was started */
};

/* A start, as far as its turn is known. */
struct turn {
	uint64_t number, granted_ns, order;
	uint64_t seen_ns; /* waiting; 0: it never was */
	unsigned priority, launcher;
};

static unsigned soak_failures;

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
	va_list args;

	soak_failures++;
	va_start(args, format);
	(void)printf("FAILED: ");
	(void)vprintf(format, args);
	(void)printf("\n");
	va_end(args);
}

/* Of many of one kind only the first few are told. */
#define complain_some(n, ...)                                                                      \
	do {                                                                                       \
		if ((n)++ < SOAK_SAID_MAX)                                                         \
			complain(__VA_ARGS__);                                                     \
	} while (0)

static int by_grant(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	return x->granted_ns < y->granted_ns ? -1 : x->granted_ns > y->granted_ns;
}

/* Every start whose turn is known. Those of launchers that lived must all be. */
static size_t collect_turns(const struct launcher *launchers, unsigned n,
			    const struct soak_arena *arena, const uint64_t *seen_ns,
			    struct turn *turns)
{
	unsigned unknown = 0;
	size_t count = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct soak_entry *entry = &arena->entries[i];

		if (atomic_load(&entry->starts) == 0)
			continue;
		if (entry->number != 0)
			turns[count++] = (struct turn){
				.number = entry->number,
				.granted_ns = entry->granted_ns,
				.order = entry->order,
				.seen_ns = entry->number < 2 * SOAK_LAUNCHERS_MAX
						   ? seen_ns[entry->number]
						   : 0,
				.priority = launchers[i].priority,
				.launcher = i,
			};
		else if (WIFEXITED(launchers[i].status))
			complain_some(unknown, "the ticket of launcher %u is not in the ledger", i);
	}
	return count;
}

/* True when `a` must have had its turn before `b`: it came earlier and is no lower in priority, or
 * it is higher and was seen to wait before b had its turn. Turns are given under the ledger's lock,
 * so neither has an exception. */
static bool goes_first(const struct turn *a, const struct turn *b)
{
	if (a->number < b->number && a->priority >= b->priority)
		return true;
	return a->priority > b->priority && a->seen_ns != 0 && a->seen_ns < b->granted_ns;
}

static unsigned check_order(const struct turn *turns, size_t n)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			if (turns[i].granted_ns >= turns[j].granted_ns && i != j &&
			    goes_first(&turns[i], &turns[j]))
				complain_some(
					wrong,
					"ticket %llu (priority %u) had the turn before ticket "
					"%llu (priority %u)",
					(unsigned long long)turns[j].number, turns[j].priority,
					(unsigned long long)turns[i].number, turns[i].priority);
	return wrong;
}

/* Numbers follow arrival: of two, the one started after the other's ticket was seen comes later. */
static void check_arrival(const struct turn *turns, size_t n, const struct launcher *launchers)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < n; i++)
		if (turns[i].number <= launchers[turns[i].launcher].above)
			complain_some(wrong,
				      "launcher %u has ticket %llu, but was started after %llu",
				      turns[i].launcher, (unsigned long long)turns[i].number,
				      (unsigned long long)launchers[turns[i].launcher].above);
}

/* By how many a job began later than its turn was. Two that have their turn at nearly the same
 * time may begin in either order; with one slot there are no two. */
static uint64_t check_begins(struct turn *turns, size_t n, unsigned slots)
{
	uint64_t most = 0;

	qsort(turns, n, sizeof(*turns), by_grant);
	for (size_t i = 0; i < n; i++) {
		uint64_t overtaken = 0;

		for (size_t j = i + 1; j < n; j++)
			overtaken += turns[j].order < turns[i].order;
		most = overtaken > most ? overtaken : most;
	}
	if (slots == 1 && most > 0)
		complain("with one slot, %llu jobs began before one whose turn was earlier",
			 (unsigned long long)most);
	return most;
}

static void check_fate(const struct launcher *launcher, const struct soak_entry *entry, unsigned i,
		       unsigned *wrong)
{
	uint32_t starts = atomic_load(&entry->starts), ends = atomic_load(&entry->ends);
	bool may_die = launcher->killed || (launcher->suicide && starts);

	if (starts > 1)
		complain_some(*wrong, "the job of launcher %u ran %u times", i, starts);
	if (WIFSIGNALED(launcher->status) && WTERMSIG(launcher->status) == SIGKILL && may_die)
		return;
	if (!WIFEXITED(launcher->status) || WEXITSTATUS(launcher->status) != 0)
		complain_some(*wrong, "launcher %u ended with wait status %#x", i,
			      (unsigned)launcher->status);
	else if (starts != 1 || ends != 1)
		complain_some(*wrong, "launcher %u ended well, its job began %u and ended %u times",
			      i, starts, ends);
}

static void check_fates(const struct launcher *launchers, unsigned n,
			const struct soak_arena *arena)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < n; i++)
		check_fate(&launchers[i], &arena->entries[i], i, &wrong);
}
