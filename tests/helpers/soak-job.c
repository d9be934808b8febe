/* SPDX-License-Identifier: MIT */
/*
 * soak-job ARENA LEDGER INDEX US [KILL_US]: the job of a soak (soak.h). Notes its start, its turn
 * and its end in entry INDEX of the arena, and lasts for so long; with US = "gate" until the soak
 * opens the gate. After KILL_US of it, it kills its launcher.
 */
#include <signal.h>
#include <stdlib.h>

#include "tests/helpers/soak.h"

#define TICKETS_AT_A_TIME 64

static bool same_id(const struct ledger_ticket *ticket, const char *id)
{
	return strncmp(ticket->id, id, sizeof(ticket->id)) == 0;
}

/* Our launcher's ticket: it has its slot, so it stays as it is while the launcher lives. */
static void note_turn(const char *ledger, struct soak_entry *entry)
{
	int fd = open(ledger, O_RDONLY | O_CLOEXEC);
	const char *id = getenv("RESRUN_JOB_ID");
	struct ledger_ticket tickets[TICKETS_AT_A_TIME];

	for (size_t at = 0; id && fd >= 0 && at < LEDGER_TICKETS_MAX; at += TICKETS_AT_A_TIME) {
		if (!soak_read_tickets(fd, at, tickets, TICKETS_AT_A_TIME))
			break;
		for (size_t i = 0; i < TICKETS_AT_A_TIME; i++)
			if (tickets[i].state == TICKET_RUNNING && same_id(&tickets[i], id)) {
				entry->number = tickets[i].number;
				entry->granted_ns = tickets[i].started_ns;
				return;
			}
	}
}

/* How many are here with us, in the sense of soak.h. */
static uint32_t take_place(int fd)
{
	uint32_t place = 0;

	while (place < SOAK_PLACES_MAX &&
	       !soak_lock(fd, F_OFD_SETLK, SOAK_PLACES_AT + (off_t)place, F_WRLCK))
		place++;
	return place + 1;
}

static void note_most(struct soak_arena *arena, uint32_t here)
{
	uint32_t most = atomic_load(&arena->most);

	while (here > most && !atomic_compare_exchange_weak(&arena->most, &most, here))
		;
}

/* One that is dead already has left us to the soak. */
static void kill_launcher(const struct soak_arena *arena)
{
	pid_t parent = getppid();

	if (parent != arena->soak_pid)
		(void)kill(parent, SIGKILL);
}

int main(int argc, char **argv)
{
	int fd = argc > 4 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
	struct soak_arena *arena = fd >= 0 ? soak_map(fd) : NULL;
	struct soak_entry *entry;
	long us, kill_us;

	if (!arena)
		return 125;
	note_most(arena, take_place(fd));
	entry = &arena->entries[strtoul(argv[3], NULL, 10) % SOAK_LAUNCHERS_MAX];
	entry->order = atomic_fetch_add(&arena->starts, 1);
	note_turn(argv[2], entry);
	(void)atomic_fetch_add(&entry->starts, 1);
	if (strcmp(argv[4], "gate") == 0)
		(void)soak_lock(fd, F_OFD_SETLKW, SOAK_GATE_AT, F_RDLCK);
	us = strtol(argv[4], NULL, 10);
	kill_us = argc > 5 ? strtol(argv[5], NULL, 10) : -1;
	if (kill_us >= 0) {
		soak_sleep_us(kill_us);
		kill_launcher(arena);
	}
	soak_sleep_us(us - (kill_us > 0 ? kill_us : 0));
	(void)atomic_fetch_add(&entry->ends, 1);
	/* The place is given up by dying, not before. */
	return 0;
}
