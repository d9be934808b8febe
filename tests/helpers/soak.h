/* SPDX-License-Identifier: MIT */
/*
 * What the soak (soak.c) and its jobs (soak-job.c) share: a mapped file, the arena, in which the
 * jobs note what they see, and byte locks on it.
 *
 * How many jobs run at once is counted by the jobs themselves, and a job may be killed at any
 * moment: so the count must be one that the kernel takes it out of. Every job holds a lock on one
 * byte of the arena, a place, from its first lines to its death; it takes the lowest that is free.
 * With at most k jobs at a time none ever finds the first k places held: whoever passes a held
 * place leaves its holder behind, so at most k - i jobs are at place i or beyond it. A job at
 * place k or beyond therefore proves that more than k were alive at one moment, and the highest
 * place ever taken is how many ran at once. Nothing of resrun's is in this: it knows nothing of
 * the file.
 *
 * When it was whose turn is read from the ledger itself: nothing else tells a ticket's number.
 */
#pragma once

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "policy/ledger_file.h"

#define SOAK_LAUNCHERS_MAX 4000
#define SOAK_PLACES_MAX 64

/* Locks need no bytes: these lie beyond the end. */
#define SOAK_PLACES_AT (1 << 24)
#define SOAK_GATE_AT (SOAK_PLACES_AT + SOAK_PLACES_MAX)

/* What one launcher's job notes. */
struct soak_entry {
	_Atomic uint32_t starts, ends;
	uint64_t order; /* of this start among all, as the jobs drew it */
	uint64_t number, granted_ns; /* of its launcher's ticket; 0: it was gone already */
};

struct soak_arena {
	int32_t soak_pid; /* who adopts a job whose launcher was killed */
	_Atomic uint64_t starts;
	_Atomic uint32_t most; /* at once */
	struct soak_entry entries[SOAK_LAUNCHERS_MAX];
};

static inline struct soak_arena *soak_map(int fd)
{
	void *arena =
		mmap(NULL, sizeof(struct soak_arena), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return arena == MAP_FAILED ? NULL : arena;
}

/* A lock of the open file, which goes with its last descriptor. `command` is one of F_OFD_*; true
 * when it succeeded, for F_OFD_GETLK when the byte is held by another. */
static inline bool soak_lock(int fd, int command, off_t at, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

	if (fcntl(fd, command, &lock) < 0)
		return false;
	return command != F_OFD_GETLK || lock.l_type != F_UNLCK;
}

static inline void soak_sleep_us(long us)
{
	struct timespec rest = { us / 1000000, us % 1000000 * 1000 };

	while (us > 0 && nanosleep(&rest, &rest) < 0)
		;
}

/* Reads n tickets without the lock: one may be caught while it changes. */
static inline bool soak_read_tickets(int ledger_fd, size_t first, struct ledger_ticket *tickets,
				     size_t n)
{
	ssize_t size = (ssize_t)(n * sizeof(*tickets));

	return pread(ledger_fd, tickets, (size_t)size, ledger_ticket_at(first)) == size;
}
