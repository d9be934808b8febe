/* SPDX-License-Identifier: MIT */
#include "policy/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/fd.h"

#define NAME_TRIES 64
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

/* ---- making and opening ---- */

static int write_fresh(struct ledger *ledger, int fd, struct rr_err *err)
{
	struct ledger fresh = { .fd = fd };
	int r = posix_fallocate(fd, 0, LEDGER_FILE_SIZE);

	if (r != 0)
		return rr_err_sys(err, r, "set aside %zu KiB for the ledger '%s'",
				  (size_t)LEDGER_FILE_SIZE / 1024, ledger->path);
	memcpy(fresh.path, ledger->path, sizeof(fresh.path));
	memcpy(fresh.boot_id, ledger->boot_id, sizeof(fresh.boot_id));
	ledger_fill_header(&fresh, 1);
	r = ledger_write_header(&fresh, err);
	if (r == 0 && fsync(fd) < 0)
		r = rr_err_sys(err, errno, "write the ledger '%s'", ledger->path);
	return r;
}

static const char *base_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* A file that has no name yet, so that a kill leaves nothing behind. Where the file system has no
 * such files it gets one of its own for a moment: `temporary` then is not empty. */
static int open_nameless(int folder, char *temporary, size_t size)
{
	int fd = openat(folder, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	*temporary = '\0';
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd;
	(void)snprintf(temporary, size, ".ledger.%d.tmp", (int)getpid());
	(void)unlinkat(folder, temporary, 0);
	return openat(folder, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Whoever sees the name sees a whole ledger; of two that make it at once one wins, and the other
 * uses the winner's. */
static int give_name(int folder, int fd, const char *temporary, const char *name)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = *temporary ? linkat(folder, temporary, folder, name, 0)
		       : linkat(AT_FDCWD, path, folder, name, AT_SYMLINK_FOLLOW);
	return r < 0 && errno != EEXIST ? -errno : 0;
}

static int make_file(int folder, struct ledger *ledger, struct rr_err *err)
{
	char temporary[64];
	rr_autofd int fd = open_nameless(folder, temporary, sizeof(temporary));
	int r;

	if (fd < 0)
		return rr_err_sys(err, errno, "make the ledger '%s'", ledger->path);
	r = write_fresh(ledger, fd, err);
	/* Others read who runs and waits. */
	if (r == 0 && ledger->shared && fchmod(fd, 0644) < 0)
		r = rr_err_sys(err, errno, "open the ledger '%s' to all users", ledger->path);
	if (r == 0) {
		int named = give_name(folder, fd, temporary, base_name(ledger->path));

		if (named < 0)
			r = rr_err_sys(err, -named, "make the ledger '%s'", ledger->path);
	}
	if (*temporary)
		(void)unlinkat(folder, temporary, 0);
	if (r == 0 && fsync(folder) < 0)
		r = rr_err_sys(err, errno, "make the ledger '%s'", ledger->path);
	return r;
}

static int check_file(const struct ledger *ledger, struct rr_err *err)
{
	struct stat st;

	if (fstat(ledger->fd, &st) < 0)
		return rr_err_sys(err, errno, "'%s'", ledger->path);
	if (!S_ISREG(st.st_mode))
		return rr_err_set(err, EINVAL,
				  "the ledger '%s' is not a regular file: move it away",
				  ledger->path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return rr_err_set(err, EPERM,
				  "the ledger '%s' belongs to uid %u, not to you: move it away, or "
				  "set RESRUN_STATE_DIR",
				  ledger->path, st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return rr_err_set(err, EPERM, "the ledger '%s' can be written by others: chmod 600",
				  ledger->path);
	return 0;
}

static int open_file(int folder, struct ledger *ledger, struct rr_err *err)
{
	bool make = ledger->writable;
	int flags = (make ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int r;

	ledger->fd = openat(folder, base_name(ledger->path), flags);
	if (ledger->fd < 0 && errno == ENOENT && make) {
		r = make_file(folder, ledger, err);
		if (r < 0)
			return r;
		ledger->fd = openat(folder, base_name(ledger->path), flags);
	}
	/* Others may be there although we have never run anything. */
	if (ledger->fd < 0 && errno == ENOENT && ledger->shared)
		return 0;
	if (ledger->fd < 0 && errno == ELOOP)
		return rr_err_set(err, ELOOP, "the ledger '%s' is a symbolic link: remove it",
				  ledger->path);
	if (ledger->fd < 0)
		return rr_err_sys(err, errno, "open the ledger '%s'", ledger->path);
	return check_file(ledger, err);
}

static int open_folder(const char *dir, bool make, int *ret_fd, struct rr_err *err)
{
	int r = make ? rr_mkdir_all(dir, 0700) : 0;
	rr_autofd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return rr_err_sys(err, r < 0 ? -r : errno,
				  "the state directory '%s' (RESRUN_STATE_DIR moves it)", dir);
	*ret_fd = rr_fd_take(&fd);
	return 0;
}

/* True when that file of the folder is ours, or not there and so ours to make. */
static bool can_be_ours(int folder, const char *name)
{
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	return S_ISREG(st.st_mode) && st.st_uid == geteuid();
}

/* Our two files in the shared directory. Others may have taken the obvious names from us. */
static int find_names(struct ledger *ledger, const char *dir, struct rr_err *err)
{
	char suffix[32], name[48];

	for (unsigned i = 0; i < NAME_TRIES; i++) {
		(void)snprintf(suffix, sizeof(suffix), i == 0 ? "-%u" : "-%u.%u", geteuid(), i);
		(void)snprintf(name, sizeof(name), "ledger%s", suffix);
		if (!can_be_ours(ledger->folder_fd, name))
			continue;
		(void)snprintf(name, sizeof(name), "leases%s", suffix);
		if (!can_be_ours(ledger->folder_fd, name))
			continue;
		(void)snprintf(ledger->leases_name, sizeof(ledger->leases_name), "%s", name);
		(void)snprintf(ledger->path, sizeof(ledger->path), "%.4000s/ledger%s", dir, suffix);
		return 0;
	}
	return rr_err_set(err, EEXIST, "'%s' is full of other users' files with our names", dir);
}

/* The directory and the lock that all share are root's (or, for a container's root without that
 * name, of whoever made the directory). */
static int open_shared(const char *dir, struct ledger *ledger, struct rr_err *err)
{
	struct stat st, lock;

	ledger->folder_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ledger->folder_fd < 0 || fstat(ledger->folder_fd, &st) < 0)
		return rr_err_sys(err, errno,
				  "the directory '%s' of scope=host (sudo resrunctl doctor --fix "
				  "makes it)",
				  dir);
	ledger->lock_fd = openat(ledger->folder_fd, "lock",
				 O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || !(st.st_mode & S_ISVTX) ||
	    ledger->lock_fd < 0 || fstat(ledger->lock_fd, &lock) < 0 || lock.st_uid != st.st_uid ||
	    lock.st_mode & (S_IWGRP | S_IWOTH) || !S_ISREG(lock.st_mode))
		return rr_err_set(err, EPERM,
				  "the directory '%s' of scope=host is not as it must be: root's, "
				  "sticky, with a file 'lock' of root's (sudo resrunctl doctor "
				  "--fix mends it)",
				  dir);
	return find_names(ledger, dir, err);
}

static int open_private(const char *dir, struct ledger *ledger, int *ret_folder, struct rr_err *err)
{
	(void)snprintf(ledger->leases_name, sizeof(ledger->leases_name), "leases");
	if (snprintf(ledger->path, sizeof(ledger->path), "%s/ledger", dir) >=
	    (int)sizeof(ledger->path))
		return rr_err_set(err, ENAMETOOLONG, "the state directory '%s'", dir);
	return open_folder(dir, ledger->writable, ret_folder, err);
}

static int open_ledger(const char *dir, bool shared, bool make, struct ledger **ret,
		       struct rr_err *err)
{
	auto_ledger struct ledger *ledger = calloc(1, sizeof(*ledger));
	rr_autofd int folder = -1;
	int r;

	if (!ledger)
		return rr_err_sys(err, ENOMEM, "the ledger");
	ledger->fd = ledger->leases_fd = ledger->folder_fd = ledger->lock_fd = -1;
	ledger->shared = shared;
	ledger->writable = make;
	r = rr_boot_id(ledger->boot_id);
	if (r < 0)
		return rr_err_sys(err, -r, "read the boot id from /proc/sys/kernel/random/boot_id");
	ledger->boot_tag = rr_crc32c(ledger->boot_id, sizeof(ledger->boot_id));
	r = shared ? open_shared(dir, ledger, err) : open_private(dir, ledger, &folder, err);
	if (r == 0)
		r = open_file(shared ? ledger->folder_fd : folder, ledger, err);
	if (r == 0)
		r = ledger_open_leases(shared ? ledger->folder_fd : folder, ledger, err);
	if (r < 0)
		return r;
	*ret = rr_ptr_take(&ledger);
	return 0;
}

int ledger_open(const char *dir, bool shared, struct ledger **ret, struct rr_err *err)
{
	return open_ledger(dir, shared, true, ret, err);
}

int ledger_open_to_read(const char *dir, bool shared, struct ledger **ret, struct rr_err *err)
{
	return open_ledger(dir, shared, false, ret, err);
}

int ledger_make_shared(const char *dir, struct rr_err *err)
{
	rr_autofd int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW),
		      lock = -1;

	if (folder >= 0)
		lock = openat(folder, "lock",
			      O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (folder < 0 || lock < 0 || fchown(lock, geteuid(), (gid_t)-1) < 0 ||
	    fchmod(lock, 0644) < 0 || fchmod(folder, 01777) < 0)
		return rr_err_sys(err, errno, "prepare '%s' for all users", dir);
	return 0;
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	ledger_forget_others(ledger);
	rr_fd_close(&ledger->leases_fd);
	rr_fd_close(&ledger->lock_fd);
	rr_fd_close(&ledger->folder_fd);
	rr_fd_close(&ledger->fd);
	free(ledger->tickets);
	free(ledger);
}

void ledger_done(struct ledger **slot)
{
	int saved = errno;

	ledger_close(*slot);
	errno = saved;
}

const char *ledger_path(const struct ledger *ledger)
{
	return ledger->path;
}

const char *ledger_mended(const struct ledger *ledger)
{
	return ledger->mended;
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
