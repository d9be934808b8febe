/* SPDX-License-Identifier: MIT */
/*
 * A file that is cut short, overwritten or has rotten bits: made sound again in place, so that it
 * stays the file that everybody locks. Only while nobody holds a lease: whoever runs or waits has a
 * ticket that must not be lost. The tickets all go then (their launchers are dead); lanes and
 * tokens that are sound stay, so that starts which count go on counting.
 *
 * Killed in the middle, the file is still damaged or already sound: both are right.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/ledger_file.h"

static int fail(const struct ledger *ledger, int errnum, struct rr_err *err)
{
	return rr_err_sys(err, errnum, "mend the damaged ledger '%s'", ledger->path);
}

/* The full size, all of it allocated, whatever is in it. */
static int mend_size(const struct ledger *ledger, struct rr_err *err)
{
	struct stat st;
	int r;

	if (fstat(ledger->fd, &st) < 0)
		return fail(ledger, errno, err);
	if ((size_t)st.st_size > LEDGER_FILE_SIZE && ftruncate(ledger->fd, LEDGER_FILE_SIZE) < 0)
		return fail(ledger, errno, err);
	r = posix_fallocate(ledger->fd, 0, LEDGER_FILE_SIZE);
	return r == 0 ? 0 : fail(ledger, r, err);
}

/* True when the lane's record is of use. */
static bool is_good_lane(const struct ledger_lane_record *lane)
{
	return ledger_is_sound(lane, sizeof(*lane)) && lane->n_tokens <= LEDGER_TOKENS_MAX;
}

static int mend_lanes(struct ledger *ledger, size_t *ret_lost, struct rr_err *err)
{
	int r = ledger_read_span(ledger, ledger_lane_at(0), ledger->lanes, sizeof(ledger->lanes),
				 err);

	*ret_lost = 0;
	for (size_t i = 0; r == 0 && i < LEDGER_LANES_MAX; i++) {
		struct ledger_lane_record *lane = &ledger->lanes[i];

		if (ledger_is_free(lane, sizeof(*lane)) || is_good_lane(lane))
			continue;
		++*ret_lost;
		memset(lane, 0, sizeof(*lane));
		r = ledger_write_free(ledger, ledger_lane_at(i), sizeof(*lane), err);
	}
	return r;
}

static int mend_tickets(struct ledger *ledger, struct rr_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < LEDGER_TICKETS_MAX; i++)
		r = ledger_write_free(ledger, ledger_ticket_at(i), sizeof(struct ledger_ticket),
				      err);
	return r;
}

/* Above every number that was ever given: no token may be taken for that of a new ticket. */
static uint64_t next_number(const struct ledger *ledger)
{
	uint64_t highest = 0;
	struct ledger_token token;
	struct rr_err ignored;

	for (size_t lane = 0; lane < LEDGER_LANES_MAX; lane++)
		for (size_t i = 0; i < ledger->lanes[lane].n_tokens; i++)
			if (ledger_read_span(ledger, ledger_token_at(lane, i), &token,
					     sizeof(token), &ignored) == 0 &&
			    ledger_is_sound(&token, sizeof(token)) && token.number > highest &&
			    token.number < LEDGER_NUMBER_MAX - 1)
				highest = token.number;
	return highest + 1;
}

/* Everything but the lanes begins anew; the header last, as what makes the file sound. */
static int mend(struct ledger *ledger, size_t *ret_lost, struct rr_err *err)
{
	int r = mend_size(ledger, err);

	if (r == 0)
		r = mend_lanes(ledger, ret_lost, err);
	if (r == 0)
		r = mend_tickets(ledger, err);
	if (r < 0)
		return r;
	ledger_fill_header(ledger, next_number(ledger));
	r = ledger_write_header(ledger, err);
	return r < 0 ? r : ledger_sync(ledger, err);
}

int ledger_mend(struct ledger *ledger, struct rr_err *err)
{
	size_t lost = 0, used = strlen(err->text);
	int r, held = ledger_find_lease(ledger, LEDGER_ANY_LEASE);

	if (!ledger->writable || held != 0) {
		(void)snprintf(err->text + used, sizeof(err->text) - used,
			       held > 0	  ? ": it is mended when no resrun uses it any more"
			       : held < 0 ? ": when no resrun runs, remove it"
					  : ": the next resrun that starts mends it");
		return -EBADMSG;
	}
	(void)snprintf(ledger->mended, sizeof(ledger->mended), "%.*s",
		       (int)sizeof(ledger->mended) - 1, err->text);
	r = mend(ledger, &lost, err);
	used = strlen(ledger->mended);
	(void)snprintf(ledger->mended + used, sizeof(ledger->mended) - used, "%s",
		       lost ? "; of some profiles the starts that count are lost" : "");
	return r;
}
