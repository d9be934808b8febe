/* SPDX-License-Identifier: MIT */
/*
 * The ledger's file: its layout, how it is made, opened, locked and read. For ledger*.c only.
 */
#pragma once

#include <limits.h>

#include "policy/ledger.h"

#define LEDGER_MAGIC "RESRUNL1"
#define LEDGER_PAGE 4096
/* No ledger gives so many numbers: one that says it did is damaged, and of others less is believed,
 * so that they cannot bring ours to its end. */
#define LEDGER_NUMBER_MAX (UINT64_C(1) << 62)
#define LEDGER_OTHERS_NUMBER_MAX (UINT64_C(1) << 48)

struct ledger_header {
	uint32_t crc;
	uint32_t n_tickets; /* every ticket in use is below this index */
	char magic[8];
	uint8_t boot_id[RR_BOOT_ID_SIZE];
	uint64_t next_number;
	uint32_t tickets_max, lanes_max, tokens_max;
	uint32_t pad;
};

struct ledger_lane_record {
	uint32_t crc;
	uint32_t n_tokens; /* every token in use is below this index */
	uint64_t window_ns; /* the longest window a token may count in */
	uint64_t used_wall_ns;
	char name[LEDGER_LANE_NAME_SIZE];
	uint8_t pad[56];
};
_Static_assert(sizeof(struct ledger_lane_record) == 128, "lanes never cross a page");

struct ledger_token {
	uint32_t crc;
	uint32_t boot_tag;
	uint64_t number; /* of the ticket that started; 0: free */
	uint64_t boot_ns;
	uint64_t wall_ns;
};
_Static_assert(sizeof(struct ledger_token) == 32, "tokens never cross a page");

#define LEDGER_LANES_AT LEDGER_PAGE
#define LEDGER_TICKETS_AT (LEDGER_LANES_AT + LEDGER_LANES_MAX * sizeof(struct ledger_lane_record))
#define LEDGER_DETAILS_AT (LEDGER_TICKETS_AT + LEDGER_TICKETS_MAX * sizeof(struct ledger_ticket))
#define LEDGER_TOKENS_AT (LEDGER_DETAILS_AT + LEDGER_TICKETS_MAX * sizeof(struct ledger_detail))
#define LEDGER_FILE_SIZE                                                                           \
	(LEDGER_TOKENS_AT + LEDGER_LANES_MAX * LEDGER_TOKENS_MAX * sizeof(struct ledger_token))

/* Another user's part of a ledger that all share. */
struct ledger_other {
	uid_t uid;
	int fd, leases_fd;
	size_t first; /* of its tickets, in ledger->tickets */
	uint32_t n_tickets;
	struct ledger_lane_record lanes[LEDGER_LANES_MAX];
	uint8_t lane_of[LEDGER_LANES_MAX]; /* its lanes' places among ours; LEDGER_LANES_MAX: none
					    */
};

struct ledger {
	int fd; /* -1: none of ours in a shared one, and we only look */
	int leases_fd; /* -1: there is no such file yet, and we only look */
	int folder_fd; /* of a shared one */
	int lock_fd; /* of a shared one; else -1, and fd is locked */
	bool shared; /* one file for all users */
	bool writable; /* false: opened only to look */
	bool locked;
	char path[PATH_MAX];
	char leases_name[48];
	uint8_t boot_id[RR_BOOT_ID_SIZE];
	uint32_t boot_tag;
	struct ledger_header header;
	struct ledger_lane_record lanes[LEDGER_LANES_MAX];
	struct ledger_ticket *tickets; /* n_own of our file, then those of others */
	size_t n_own, n_all;
	struct ledger_other *others;
	size_t n_others;
	bool of_others_only[LEDGER_LANES_MAX]; /* has a name here, but no record in our file */
	char mended[160];
};

/* Sets the record's checksum and writes it, in one write that stays inside one page. */
rr_checked int ledger_write_record(struct ledger *ledger, off_t at, void *record, size_t size,
				   struct rr_err *err);
/* Writes zeros: a free record. */
rr_checked int ledger_write_free(struct ledger *ledger, off_t at, size_t size, struct rr_err *err);
rr_checked int ledger_read_span(const struct ledger *ledger, off_t at, void *data, size_t size,
				struct rr_err *err);
/* An empty ledger's header, in memory. */
void ledger_fill_header(struct ledger *ledger, uint64_t next_number);
rr_checked int ledger_write_header(struct ledger *ledger, struct rr_err *err);
/* True when the record's checksum fits. */
bool ledger_is_sound(const void *record, size_t size);
/* True when it can be believed. */
bool ledger_is_sane_ticket(const struct ledger_ticket *ticket);
/* True when it is all zeros. */
bool ledger_is_free(const void *record, size_t size);

/* Reads header, lanes and tickets, and drops those of another boot; the ledger is locked. 0,
 * -EBADMSG when it is damaged, or -errno, with words. */
rr_checked int ledger_read_all(struct ledger *ledger, struct rr_err *err);

/* ---- ledger_lease.c ---- */

/* Opens, and for a writer makes, the file of leases. 0 or -errno with words. */
rr_checked int ledger_open_leases(int folder, struct ledger *ledger, struct rr_err *err);
/* Takes the lease of that ticket for as long as we live. 1: taken; 0: this file system has none;
 * -EAGAIN: somebody else holds it. */
rr_checked int ledger_take_lease(const struct ledger *ledger, size_t index);
void ledger_drop_lease(const struct ledger *ledger, size_t index);
#define LEDGER_ANY_LEASE SIZE_MAX
/* Whether somebody else holds it, or any at all of our file: 1, 0, or -errno. */
rr_checked int ledger_find_lease(const struct ledger *ledger, size_t index);

/* ---- ledger_others.c ---- */

/* Reads what other users' files say, after our own was read. 0 or -errno with words. */
rr_checked int ledger_read_others(struct ledger *ledger, struct rr_err *err);
void ledger_forget_others(struct ledger *ledger);
/* Whose ticket that is, and its place in that file; NULL for one of our own. */
const struct ledger_other *ledger_other_of(const struct ledger *ledger, size_t index,
					   size_t *ret_index);

/* ---- ledger_mend.c ---- */

/* Makes a damaged file sound again, when nobody alive can have a ticket in it; called under the
 * lock. What is lost is said in ledger->mended. 0, or -errno with words that add to `err`, which
 * says what is damaged. */
rr_checked int ledger_mend(struct ledger *ledger, struct rr_err *err);

static inline off_t ledger_ticket_at(size_t index)
{
	return (off_t)(LEDGER_TICKETS_AT + index * sizeof(struct ledger_ticket));
}

static inline off_t ledger_detail_at(size_t index)
{
	return (off_t)(LEDGER_DETAILS_AT + index * sizeof(struct ledger_detail));
}

static inline off_t ledger_lane_at(size_t lane)
{
	return (off_t)(LEDGER_LANES_AT + lane * sizeof(struct ledger_lane_record));
}

static inline off_t ledger_token_at(size_t lane, size_t index)
{
	return (off_t)(LEDGER_TOKENS_AT +
		       (lane * LEDGER_TOKENS_MAX + index) * sizeof(struct ledger_token));
}
