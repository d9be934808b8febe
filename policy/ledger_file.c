/* SPDX-License-Identifier: MIT */
/* The records of the ledger's file: how each is written, told sound, and read. */
#include "policy/ledger_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/fd.h"

#define RECORD_MAX 512 /* the largest record */

/* Records start with their checksum: it covers what follows it. */
static uint32_t record_crc(const void *record, size_t size)
{
	uint32_t crc = rr_crc32c((const char *)record + sizeof(uint32_t), size - sizeof(uint32_t));

	/* A record of zeros is a free one, and must not look like one with a good checksum of 0. */
	return crc ? crc : 1;
}

static int write_span(struct ledger *ledger, off_t at, const void *data, size_t size,
		      struct rr_err *err)
{
	ssize_t n;

	do
		n = pwrite(ledger->fd, data, size, at);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)size)
		return 0;
	return rr_err_sys(err, n < 0 ? errno : EIO, "write the ledger '%s'", ledger->path);
}

int ledger_write_record(struct ledger *ledger, off_t at, void *record, size_t size,
			struct rr_err *err)
{
	uint32_t crc = record_crc(record, size);

	memcpy(record, &crc, sizeof(crc));
	return write_span(ledger, at, record, size, err);
}

int ledger_write_free(struct ledger *ledger, off_t at, size_t size, struct rr_err *err)
{
	static const char zeros[RECORD_MAX];

	return write_span(ledger, at, zeros, size, err);
}

int ledger_read_span(const struct ledger *ledger, off_t at, void *data, size_t size,
		     struct rr_err *err)
{
	char *to = data;

	while (size > 0) {
		ssize_t n = pread(ledger->fd, to, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rr_err_sys(err, errno, "read the ledger '%s'", ledger->path);
		if (n == 0)
			return rr_err_set(err, EIO, "the ledger '%s' is cut short", ledger->path);
		to += n;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

bool ledger_is_free(const void *record, size_t size)
{
	const uint8_t *at = record;

	return at[0] == 0 && memcmp(at, at + 1, size - 1) == 0;
}

bool ledger_is_sound(const void *record, size_t size)
{
	uint32_t crc;

	memcpy(&crc, record, sizeof(crc));
	return crc == record_crc(record, size);
}

int ledger_write_header(struct ledger *ledger, struct rr_err *err)
{
	return ledger_write_record(ledger, 0, &ledger->header, sizeof(ledger->header), err);
}

void ledger_fill_header(struct ledger *ledger, uint64_t next_number)
{
	ledger->header = (struct ledger_header){ .next_number = next_number,
						 .tickets_max = LEDGER_TICKETS_MAX,
						 .lanes_max = LEDGER_LANES_MAX,
						 .tokens_max = LEDGER_TOKENS_MAX };
	memcpy(ledger->header.magic, LEDGER_MAGIC, sizeof(ledger->header.magic));
	memcpy(ledger->header.boot_id, ledger->boot_id, sizeof(ledger->header.boot_id));
}

/* ---- reading ---- */

/* What is damaged: ledger_lock tries to mend it, and adds to the words what became of that. */
static int damaged(const struct ledger *ledger, const char *what, struct rr_err *err)
{
	return rr_err_set(err, EBADMSG, "the ledger '%s' is damaged (%s)", ledger->path, what);
}

static int check_size(const struct ledger *ledger, struct rr_err *err)
{
	struct stat st;

	if (fstat(ledger->fd, &st) < 0)
		return rr_err_sys(err, errno, "'%s'", ledger->path);
	return (size_t)st.st_size == LEDGER_FILE_SIZE ? 0 : damaged(ledger, "its size", err);
}

/* A sound header of another version is not damage, and not ours to mend. */
static int check_header(const struct ledger *ledger, struct rr_err *err)
{
	const struct ledger_header *header = &ledger->header;

	if (!ledger_is_sound(header, sizeof(*header)) ||
	    memcmp(header->magic, LEDGER_MAGIC, sizeof(header->magic) - 1) != 0)
		return damaged(ledger, "its header", err);
	if (memcmp(header->magic, LEDGER_MAGIC, sizeof(header->magic)) != 0 ||
	    header->tickets_max != LEDGER_TICKETS_MAX || header->lanes_max != LEDGER_LANES_MAX ||
	    header->tokens_max != LEDGER_TOKENS_MAX)
		return rr_err_set(err, EPROTO,
				  "the ledger '%s' is of another version of resrun: when none of "
				  "that version runs any more, remove it",
				  ledger->path);
	return header->n_tickets <= LEDGER_TICKETS_MAX && header->next_number > 0 &&
			       header->next_number < LEDGER_NUMBER_MAX
		       ? 0
		       : damaged(ledger, "its header", err);
}

/* Another boot: no launcher of the old one is alive. Its tickets are dropped unread, as a power cut
 * may have torn them. */
static int drop_old_boot(struct ledger *ledger, struct rr_err *err)
{
	size_t n = ledger->header.n_tickets;

	ledger->header.n_tickets = 0;
	if (!ledger->writable)
		return 0;
	for (size_t i = 0; i < n; i++) {
		int r = ledger_write_free(ledger, ledger_ticket_at(i), sizeof(struct ledger_ticket),
					  err);

		if (r < 0)
			return r;
	}
	memcpy(ledger->header.boot_id, ledger->boot_id, sizeof(ledger->boot_id));
	return ledger_write_header(ledger, err);
}

bool ledger_is_sane_ticket(const struct ledger_ticket *ticket)
{
	return ledger_is_sound(ticket, sizeof(*ticket)) && ticket->lane < LEDGER_LANES_MAX &&
	       ticket->state <= TICKET_RUNNING && ticket->priority <= 3 &&
	       ticket->nested <= NESTED_SAME;
}

/* A ticket that says nothing any more: only of a dead launcher can it be let go. */
static int bury_ticket(struct ledger *ledger, size_t index, struct rr_err *err)
{
	if (!ledger->writable || ledger_find_lease(ledger, index) != 0)
		return damaged(ledger, "a ticket", err);
	memset(&ledger->tickets[index], 0, sizeof(ledger->tickets[index]));
	(void)snprintf(ledger->mended, sizeof(ledger->mended), "a ticket");
	return ledger_write_free(ledger, ledger_ticket_at(index), sizeof(struct ledger_ticket),
				 err);
}

static int read_tickets(struct ledger *ledger, struct rr_err *err)
{
	size_t n = ledger->header.n_tickets;
	struct ledger_ticket *room = realloc(ledger->tickets, (n + 1) * sizeof(*room));
	int r;

	if (!room)
		return rr_err_sys(err, ENOMEM, "the ledger");
	ledger->tickets = room;
	ledger->n_own = ledger->n_all = n;
	r = ledger_read_span(ledger, ledger_ticket_at(0), room, n * sizeof(*room), err);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (ledger_is_free(&room[i], sizeof(room[i])))
			continue;
		if (!ledger_is_sane_ticket(&room[i]))
			r = bury_ticket(ledger, i, err);
		room[i].id[LEDGER_ID_SIZE - 1] = '\0';
	}
	return r;
}

static int read_lanes(struct ledger *ledger, struct rr_err *err)
{
	int r = ledger_read_span(ledger, ledger_lane_at(0), ledger->lanes, sizeof(ledger->lanes),
				 err);

	for (size_t i = 0; i < LEDGER_LANES_MAX && r == 0; i++) {
		struct ledger_lane_record *lane = &ledger->lanes[i];

		if (ledger_is_free(lane, sizeof(*lane)))
			continue;
		if (!ledger_is_sound(lane, sizeof(*lane)) || lane->n_tokens > LEDGER_TOKENS_MAX)
			r = damaged(ledger, "a lane", err);
		lane->name[LEDGER_LANE_NAME_SIZE - 1] = '\0';
	}
	return r;
}

static int read_own(struct ledger *ledger, struct rr_err *err)
{
	int r = check_size(ledger, err);

	if (r == 0)
		r = ledger_read_span(ledger, 0, &ledger->header, sizeof(ledger->header), err);
	if (r == 0)
		r = check_header(ledger, err);
	if (r == 0)
		r = read_lanes(ledger, err);
	if (r == 0 && memcmp(ledger->header.boot_id, ledger->boot_id, sizeof(ledger->boot_id)) != 0)
		r = drop_old_boot(ledger, err);
	return r < 0 ? r : read_tickets(ledger, err);
}

int ledger_read_all(struct ledger *ledger, struct rr_err *err)
{
	int r = 0;

	ledger->n_own = ledger->n_all = 0;
	if (ledger->fd >= 0)
		r = read_own(ledger, err);
	else
		memset(ledger->lanes, 0, sizeof(ledger->lanes));
	return r == 0 && ledger->shared ? ledger_read_others(ledger, err) : r;
}

int ledger_sync(struct ledger *ledger, struct rr_err *err)
{
	/* Never tried again: after a failed fsync the kernel may call lost pages clean. */
	if (fdatasync(ledger->fd) < 0)
		return rr_err_sys(err, errno, "bring the ledger '%s' to disk", ledger->path);
	return 0;
}
