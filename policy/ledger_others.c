/* SPDX-License-Identifier: MIT */
/*
 * One ledger for all users of a host (scope=host), of which each can write only his own part: every
 * user has a file of his own in a directory of root's that is sticky, and all read all of them
 * under one lock, a file of root's. So nobody can harm what others wrote; who writes nonsense into
 * his own file is not believed; who holds the lock holds up others no longer than they are willing
 * to wait.
 *
 * The tickets of others stand behind our own in memory, with the numbers of our lanes; they can be
 * looked at, but what is done to them is done to the copy only.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "policy/ledger_file.h"

#define NAMES_MAX 4096 /* in the directory; beyond that somebody plays games */
#define OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

void ledger_forget_others(struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->n_others; i++) {
		rr_fd_close(&ledger->others[i].fd);
		rr_fd_close(&ledger->others[i].leases_fd);
	}
	free(rr_ptr_take(&ledger->others));
	ledger->n_others = 0;
}

const struct ledger_other *ledger_other_of(const struct ledger *ledger, size_t index,
					   size_t *ret_index)
{
	for (size_t i = 0; i < ledger->n_others; i++) {
		const struct ledger_other *other = &ledger->others[i];

		if (index >= other->first && index < other->first + other->n_tickets) {
			*ret_index = index - other->first;
			return other;
		}
	}
	return NULL;
}

/* Nobody but its user writes to a part, and that user does so for jobs only. */
uint64_t ledger_others_wall_ns(const struct ledger *ledger)
{
	uint64_t last_ns = 0;

	for (size_t i = 0; i < ledger->n_others; i++) {
		uint64_t written_ns;
		struct stat st;

		if (fstat(ledger->others[i].fd, &st) < 0 || st.st_mtim.tv_sec < 0)
			continue;
		written_ns = rr_timespec_ns(&st.st_mtim);
		if (written_ns > last_ns)
			last_ns = written_ns;
	}
	return last_ns;
}

/* ---- finding them ---- */

static bool is_known(const struct ledger *ledger, uid_t uid)
{
	for (size_t i = 0; i < ledger->n_others; i++)
		if (ledger->others[i].uid == uid)
			return true;
	return uid == geteuid();
}

static bool read_at(int fd, off_t at, void *data, size_t size)
{
	return pread(fd, data, size, at) == (ssize_t)size;
}

static bool is_believable(const struct ledger_header *header)
{
	return ledger_is_sound(header, sizeof(*header)) &&
	       memcmp(header->magic, LEDGER_MAGIC, sizeof(header->magic)) == 0 &&
	       header->n_tickets <= LEDGER_TICKETS_MAX &&
	       header->tickets_max == LEDGER_TICKETS_MAX && header->lanes_max == LEDGER_LANES_MAX &&
	       header->tokens_max == LEDGER_TOKENS_MAX;
}

/* The same user's file of leases, or -1. */
static int open_leases(const struct ledger *ledger, const char *name, uid_t uid)
{
	char leases[NAME_MAX + 8];
	rr_autofd int fd = -1;
	struct stat st;

	(void)snprintf(leases, sizeof(leases), "leases%s", name + strlen("ledger"));
	fd = openat(ledger->folder_fd, leases, OPEN_FLAGS | O_CLOEXEC);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == uid
		       ? rr_fd_take(&fd)
		       : -1;
}

/* One file per user, and only one that nobody else can have written. */
static void add_other(struct ledger *ledger, const char *name)
{
	rr_autofd int fd = openat(ledger->folder_fd, name, OPEN_FLAGS | O_CLOEXEC);
	struct ledger_other *room, *other;
	struct ledger_header header;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_mode & (S_IWGRP | S_IWOTH) || (size_t)st.st_size != LEDGER_FILE_SIZE ||
	    is_known(ledger, st.st_uid) || !read_at(fd, 0, &header, sizeof(header)) ||
	    !is_believable(&header))
		return;
	room = realloc(ledger->others, (ledger->n_others + 1) * sizeof(*room));
	if (!room)
		return;
	ledger->others = room;
	other = &room[ledger->n_others++];
	*other = (struct ledger_other){ .uid = st.st_uid };
	other->leases_fd = open_leases(ledger, name, st.st_uid);
	other->fd = rr_fd_take(&fd);
	/* Of another boot only the tokens are left. */
	if (memcmp(header.boot_id, ledger->boot_id, sizeof(header.boot_id)) == 0)
		other->n_tickets = header.n_tickets;
	if (header.next_number > ledger->header.next_number &&
	    header.next_number < LEDGER_OTHERS_NUMBER_MAX)
		ledger->header.next_number = header.next_number;
}

static int find_others(struct ledger *ledger, struct rr_err *err)
{
	int fd = openat(ledger->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	size_t names = 0;

	if (!folder) {
		rr_fd_done(&fd);
		return rr_err_sys(err, errno, "read the directory of '%s'", ledger->path);
	}
	while ((entry = readdir(folder)) && ++names <= NAMES_MAX)
		if (strncmp(entry->d_name, "ledger-", strlen("ledger-")) == 0)
			add_other(ledger, entry->d_name);
	(void)closedir(folder);
	if (names > NAMES_MAX)
		return rr_err_set(err, E2BIG,
				  "more than %d files beside the ledger '%s': somebody fills that "
				  "directory up",
				  NAMES_MAX, ledger->path);
	return 0;
}

/* ---- lanes and tickets ---- */

/* Our lane of that name; one that only others use has a name in memory, and no record. */
static uint8_t map_lane(struct ledger *ledger, const char *name)
{
	size_t free_lane = LEDGER_LANES_MAX;

	for (size_t i = 0; i < LEDGER_LANES_MAX; i++) {
		if (strcmp(ledger->lanes[i].name, name) == 0)
			return (uint8_t)i;
		if (!ledger->lanes[i].name[0] && free_lane == LEDGER_LANES_MAX)
			free_lane = i;
	}
	if (free_lane < LEDGER_LANES_MAX) {
		(void)snprintf(ledger->lanes[free_lane].name, LEDGER_LANE_NAME_SIZE, "%s", name);
		ledger->of_others_only[free_lane] = true;
	}
	return (uint8_t)free_lane;
}

static void map_lanes(struct ledger *ledger, struct ledger_other *other)
{
	if (!read_at(other->fd, ledger_lane_at(0), other->lanes, sizeof(other->lanes)))
		memset(other->lanes, 0, sizeof(other->lanes));
	for (size_t i = 0; i < LEDGER_LANES_MAX; i++) {
		struct ledger_lane_record *lane = &other->lanes[i];

		other->lane_of[i] = LEDGER_LANES_MAX;
		if (!ledger_is_sound(lane, sizeof(*lane)) || lane->n_tokens > LEDGER_TOKENS_MAX)
			continue;
		lane->name[LEDGER_LANE_NAME_SIZE - 1] = '\0';
		if (lane->name[0])
			other->lane_of[i] = map_lane(ledger, lane->name);
	}
}

static int add_tickets(struct ledger *ledger, struct ledger_other *other, struct rr_err *err)
{
	size_t n = other->n_tickets, size = n * sizeof(struct ledger_ticket);
	struct ledger_ticket *room = realloc(ledger->tickets,
					     (ledger->n_all + n + 1) * sizeof(*room)),
			     *at;

	if (!room)
		return rr_err_sys(err, ENOMEM, "the ledger");
	ledger->tickets = room;
	at = &room[ledger->n_all];
	if (!read_at(other->fd, ledger_ticket_at(0), at, size))
		memset(at, 0, size);
	for (size_t i = 0; i < n; i++) {
		uint8_t lane = LEDGER_LANES_MAX;

		if (ledger_is_sane_ticket(&at[i]))
			lane = other->lane_of[at[i].lane];
		if (lane == LEDGER_LANES_MAX)
			memset(&at[i], 0, sizeof(at[i]));
		at[i].lane = lane % LEDGER_LANES_MAX;
		at[i].id[LEDGER_ID_SIZE - 1] = '\0';
		/* Whose file it is, whatever it says. */
		at[i].uid = other->uid;
	}
	other->first = ledger->n_all;
	ledger->n_all += n;
	return 0;
}

int ledger_read_others(struct ledger *ledger, struct rr_err *err)
{
	int r;

	ledger_forget_others(ledger);
	memset(ledger->of_others_only, 0, sizeof(ledger->of_others_only));
	r = find_others(ledger, err);
	for (size_t i = 0; r == 0 && i < ledger->n_others; i++) {
		map_lanes(ledger, &ledger->others[i]);
		r = add_tickets(ledger, &ledger->others[i], err);
	}
	return r;
}
