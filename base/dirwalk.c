/* SPDX-License-Identifier: MIT */
/*
 * Invariants, which hold against anyone who renames and replaces things while we walk:
 *
 * 1. A name is looked up only as a single component below a directory that is open already, and
 *    never through a link or into a mount (openat2; without it O_NOFOLLOW and mount ids). What it
 *    named is pinned by O_PATH first, judged second, entered by way of the pin third: between
 *    judging and entering there is no name left that could be swapped.
 * 2. levels[0] is the root, levels[depth - 1] the directory being read. The root and the deepest
 *    DIRWALK_OPEN - 1 levels are open, each in its slot. A level that was pushed out of its slot is
 *    reopened from its child through "..", and used only if it is the very inode (number, birth,
 *    owner, device, mount) that we came down through.
 * 3. A directory that is moved out of the tree takes its open descriptors with it. So every
 *    VERIFY_NS (longer in a tree so deep that it costs) each level must still be found in the one
 *    above it (its ".."), and the root where it was; what is not is dropped, and the walk goes on
 *    at the last open level above.
 * 4. `path` holds the way from the root to the current directory in its first path_used bytes, and
 *    behind them the name of the current entry. It is for people and globs, never for a lookup.
 */
#include "base/dirwalk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define BUFFER_SIZE 16384
/* Places are verified so often, or, if that takes long, after so many times as long. */
#define VERIFY_NS (10 * RR_NS_PER_MS)
#define VERIFY_SHARE 50
#define BLOCK_BYTES 512
/* openat2 may answer EAGAIN when a rename elsewhere disturbs it. */
#define TRIES 16
#define FIRST_ROOM 64
/* Next to dirwalk_event: the name is gone already. */
#define VANISHED 100

struct dirwalk_slot {
	int fd;
	size_t level;
	size_t at, used;
	int64_t cookie;
	bool over;
	_Alignas(struct dirent64) char buffer[BUFFER_SIZE];
};

/* ---- slots and levels ---- */

static struct dirwalk_slot *slot_of(const struct dirwalk *walk, size_t level)
{
	return &walk->slots[level == 0 ? 0 : 1 + (level - 1) % (DIRWALK_OPEN - 1)];
}

static bool is_open(const struct dirwalk *walk, size_t level)
{
	const struct dirwalk_slot *slot = slot_of(walk, level);

	return slot->fd >= 0 && slot->level == level;
}

static size_t path_end(const struct dirwalk *walk, size_t level)
{
	if (level == 0)
		return 0;
	return level + 1 == walk->depth ? walk->path_used : walk->levels[level + 1].name_at - 1;
}

/* Forgets every level from `depth` on. */
static void pop_to(struct dirwalk *walk, size_t depth)
{
	walk->path_used = path_end(walk, depth - 1);
	walk->depth = depth;
	for (size_t i = 0; i < DIRWALK_OPEN; i++)
		if (walk->slots[i].fd >= 0 && walk->slots[i].level >= depth)
			rr_fd_close(&walk->slots[i].fd);
}

static void fill_slot(struct dirwalk *walk, size_t level, int fd, int64_t cookie)
{
	struct dirwalk_slot *slot = slot_of(walk, level);

	if (slot->fd >= 0) {
		walk->levels[slot->level].cookie = slot->cookie;
		rr_fd_close(&slot->fd);
	}
	slot->fd = fd;
	slot->level = level;
	slot->at = slot->used = 0;
	slot->cookie = cookie;
	slot->over = false;
}

/* Gets a level back through the ".." of its child, which is open. */
static int reopen(struct dirwalk *walk, size_t level)
{
	const struct dirwalk_level *want = &walk->levels[level];
	rr_autofd int fd = inode_open_dir(slot_of(walk, level + 1)->fd, "..");
	struct inode st;
	int r;

	if (fd < 0)
		return -errno;
	r = inode_look(fd, &st);
	if (r < 0)
		return r;
	if (st.ino != want->ino || st.birth_ns != want->birth_ns || st.uid != want->uid ||
	    st.dev != walk->root.dev || st.mount != walk->root.mount)
		return -ESTALE;
	if (walk->flags & DIRWALK_LOCK && !inode_lock_dir(fd))
		return -EWOULDBLOCK;
	if (lseek(fd, want->cookie, SEEK_SET) < 0)
		return -errno;
	fill_slot(walk, level, rr_fd_take(&fd), want->cookie);
	return 0;
}

/* Drops `level` and what is below it; goes on at the last open level above. */
static int lose(struct dirwalk *walk, size_t level, int error)
{
	size_t end = path_end(walk, level), above = level > 0 ? level - 1 : 0;

	while (above > 0 && !is_open(walk, above))
		above--;
	if (level == 0) {
		walk->slots[0].over = true;
		walk->slots[0].at = walk->slots[0].used;
	}
	walk->path[end] = '\0';
	walk->entry = (struct dirwalk_entry){ .path = walk->path, .fd = -1, .error = error };
	walk->entry.st.mode = S_IFDIR;
	pop_to(walk, above + 1);
	return DIRWALK_LOST;
}

/* The topmost level that no longer lies in the one above it; `depth` when all do. Climbs the whole
 * way by "..", and where that is broken goes on from the next level above that is open. */
static size_t first_misplaced(const struct dirwalk *walk)
{
	size_t level = walk->depth - 1, misplaced = walk->depth;
	rr_autofd int climbed = -1; /* is on `level` when no slot is */

	for (;; level--) {
		uint64_t want = level > 0 ? walk->levels[level - 1].ino : walk->above_root_ino;
		int fd = is_open(walk, level) ? slot_of(walk, level)->fd : climbed, up;
		struct inode above;
		bool known = inode_look_at(fd, "..", &above) == 0;

		if (known && above.ino != want)
			misplaced = level;
		if (level == 0)
			return misplaced;
		up = known && above.ino == want ? openat(fd, "..", O_PATH | O_CLOEXEC) : -1;
		rr_fd_close(&climbed);
		climbed = up;
		while (climbed < 0 && !is_open(walk, level - 1))
			level--;
	}
}

/* Looks from time to time whether all is in its place; rarely enough to cost little. */
static size_t verify(struct dirwalk *walk)
{
	uint64_t start_ns = rr_now_boot_ns(), pause_ns;
	size_t misplaced;

	if (start_ns < walk->verify_ns || walk->slots[0].over)
		return walk->depth;
	misplaced = first_misplaced(walk);
	pause_ns = (rr_now_boot_ns() - start_ns) * VERIFY_SHARE;
	walk->verify_ns = rr_now_boot_ns() + (pause_ns > VERIFY_NS ? pause_ns : VERIFY_NS);
	return misplaced;
}

/* ---- reading ---- */

/* The next name of the current directory. 1, 0 at its end, or -errno. */
static int next_name(struct dirwalk *walk, const char **ret)
{
	struct dirwalk_slot *slot = slot_of(walk, walk->depth - 1);

	for (;;) {
		const struct dirent64 *entry;

		if (slot->at == slot->used) {
			ssize_t n =
				slot->over ? 0 : getdents64(slot->fd, slot->buffer, BUFFER_SIZE);

			slot->over = n <= 0;
			if (n < 0 && errno != ENOENT)
				return -errno;
			if (n <= 0)
				return 0;
			slot->at = 0;
			slot->used = (size_t)n;
		}
		entry = (const void *)(slot->buffer + slot->at);
		slot->at += entry->d_reclen;
		slot->cookie = entry->d_off;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		*ret = entry->d_name;
		return 1;
	}
}

/* Puts the name behind the path and makes it the entry. 0 or -ENOMEM. */
static int write_path(struct dirwalk *walk, const char *name)
{
	size_t length = strlen(name), at = walk->path_used + (walk->path_used > 0);

	if (at + length + 1 > walk->path_room) {
		size_t room = 2 * (at + length + 1);
		char *bigger = realloc(walk->path, room);

		if (!bigger)
			return -ENOMEM;
		walk->path = bigger;
		walk->path_room = room;
	}
	if (at > 0)
		walk->path[at - 1] = '/';
	memcpy(walk->path + at, name, length + 1);
	walk->entry = (struct dirwalk_entry){ .path = walk->path, .fd = -1 };
	walk->entry.name = walk->path + at;
	walk->entry.dirfd = slot_of(walk, walk->depth - 1)->fd;
	return 0;
}

/* O_PATH on what the name is now: opens nothing, follows nothing, crosses nothing. As open(). */
static int pin_name(struct dirwalk *walk, int dirfd, const char *name)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};

	for (int i = 0; i < TRIES && !walk->without_openat2; i++) {
		int fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));

		if (fd >= 0)
			return fd;
		if (errno == ENOSYS || errno == EPERM)
			walk->without_openat2 = true;
		else if (errno != EAGAIN)
			return -1;
	}
	if (!walk->without_openat2)
		return -1;
	return openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* True for what openat2 would have refused as another mount, and for a btrfs subvolume, which is
 * none, but to its users as good as one. Files are not asked for their device: overlayfs shows
 * the one of the layer that a file is in. */
static bool is_elsewhere(const struct dirwalk *walk, const struct inode *st)
{
	return st->mount != walk->root.mount || (S_ISDIR(st->mode) && st->dev != walk->root.dev);
}

/* Our own lack, for which the tree cannot be blamed. */
static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM;
}

static int show(struct dirwalk *walk, const char *name)
{
	int r = write_path(walk, name);

	if (r < 0)
		return r;
	walk->pin = pin_name(walk, walk->entry.dirfd, name);
	if (walk->pin < 0 && errno == ENOENT)
		return VANISHED;
	if (walk->pin < 0 && errno == EXDEV)
		return DIRWALK_MOUNT;
	if (walk->pin < 0 && is_shortage(errno))
		return -errno;
	r = walk->pin < 0 ? -errno : inode_look(walk->pin, &walk->entry.st);
	if (r < 0) {
		walk->entry.error = -r;
		return DIRWALK_FAILED;
	}
	if (is_elsewhere(walk, &walk->entry.st))
		return DIRWALK_MOUNT;
	walk->entry.fd = walk->pin;
	return DIRWALK_ENTRY;
}

static int leave(struct dirwalk *walk)
{
	size_t level = walk->depth - 1;
	const struct dirwalk_level *left = &walk->levels[level];
	int r = 0;

	if (level == 0)
		return DIRWALK_END;
	if (!is_open(walk, level - 1))
		r = reopen(walk, level - 1);
	if (r < 0)
		return lose(walk, level, -r);
	walk->leaving = true;
	walk->path[walk->path_used] = '\0';
	walk->entry = (struct dirwalk_entry){
		.dirfd = slot_of(walk, level - 1)->fd,
		.name = walk->path + left->name_at,
		.path = walk->path,
		.fd = slot_of(walk, level)->fd,
		.st = { .dev = walk->root.dev,
			.mount = walk->root.mount,
			.ino = left->ino,
			.links = 1,
			.bytes = (uint64_t)left->blocks * BLOCK_BYTES,
			.birth_ns = left->birth_ns,
			.newest_ns = left->newest_ns,
			.uid = left->uid,
			.mode = left->mode },
	};
	return DIRWALK_LEAVING;
}

/* The directory itself cannot be read on. */
static int stuck(struct dirwalk *walk, int error)
{
	walk->path[walk->path_used] = '\0';
	walk->entry = (struct dirwalk_entry){ .path = walk->path, .fd = -1, .error = error };
	walk->entry.st.mode = S_IFDIR;
	return DIRWALK_FAILED;
}

int dirwalk_next(struct dirwalk *walk)
{
	const char *name = "";
	size_t misplaced;
	int r;

	rr_fd_close(&walk->pin);
	if (walk->leaving)
		pop_to(walk, walk->depth - 1);
	walk->leaving = false;
	misplaced = verify(walk);
	if (misplaced < walk->depth)
		return lose(walk, misplaced, ESTALE);
	do {
		r = next_name(walk, &name);
		if (r <= 0)
			return r == 0 ? leave(walk) : stuck(walk, -r);
		r = show(walk, name);
	} while (r == VANISHED);
	return r;
}

/* ---- entering ---- */

static int push(struct dirwalk *walk, int *fd)
{
	const struct inode *st = &walk->entry.st;
	struct dirwalk_level *level;

	if (walk->depth == walk->level_room) {
		size_t room = walk->level_room * 2;
		void *bigger = reallocarray(walk->levels, room, sizeof(*walk->levels));

		if (!bigger)
			return -ENOMEM;
		walk->levels = bigger;
		walk->level_room = room;
	}
	level = &walk->levels[walk->depth];
	*level = (struct dirwalk_level){
		.ino = st->ino,
		.birth_ns = st->birth_ns,
		.newest_ns = st->newest_ns,
		.name_at = (uint32_t)(walk->entry.name - walk->path),
		.blocks = (uint32_t)(st->bytes / BLOCK_BYTES),
		.uid = st->uid,
		.mode = st->mode,
	};
	walk->path_used = level->name_at + strlen(walk->entry.name);
	fill_slot(walk, walk->depth, rr_fd_take(fd), 0);
	walk->depth++;
	return 0;
}

int dirwalk_enter(struct dirwalk *walk)
{
	rr_autofd int fd = -1;

	if (walk->depth >= DIRWALK_MAX_DEPTH || walk->path_used >= DIRWALK_MAX_PATH)
		return DIRWALK_TOO_DEEP;
	if (walk->flags & DIRWALK_FORCE)
		inode_give_access(walk->entry.fd, walk->entry.st.mode);
	fd = inode_open_dir(walk->entry.fd, ".");
	if (fd < 0 && is_shortage(errno))
		return -errno;
	if (fd < 0) {
		walk->entry.error = errno;
		return DIRWALK_REFUSED;
	}
	if (walk->flags & DIRWALK_LOCK && !inode_lock_dir(fd))
		return DIRWALK_LOCKED;
	return push(walk, &fd);
}

struct dirwalk_level *dirwalk_parent(struct dirwalk *walk)
{
	return &walk->levels[walk->depth - (walk->leaving ? 2 : 1)];
}

const char *dirwalk_shown(const struct dirwalk *walk, char buf[static DIRWALK_SHOWN_SIZE])
{
	const char *path = walk->entry.path;
	size_t length = strlen(path), room = DIRWALK_SHOWN_SIZE - sizeof("...");
	bool cut = length > room;

	(void)snprintf(buf, DIRWALK_SHOWN_SIZE, "%s%s", cut ? "..." : "",
		       cut ? path + length - room : path);
	for (char *at = buf; *at; at++)
		if ((unsigned char)*at < ' ' || *at == '\177')
			*at = '?';
	return buf;
}

/* ---- beginning and end ---- */

static int allocate(struct dirwalk *walk)
{
	walk->slots = calloc(DIRWALK_OPEN, sizeof(*walk->slots));
	for (size_t i = 0; walk->slots && i < DIRWALK_OPEN; i++)
		walk->slots[i].fd = -1;
	walk->level_room = FIRST_ROOM;
	walk->levels = calloc(walk->level_room, sizeof(*walk->levels));
	walk->path_room = 1;
	walk->path = calloc(walk->path_room, 1);
	return walk->slots && walk->levels && walk->path ? 0 : -ENOMEM;
}

int dirwalk_start(struct dirwalk *ret, int rootfd, unsigned flags)
{
	dirwalk_auto struct dirwalk walk = { .flags = flags, .pin = -1 };
	struct inode above = { 0 };
	int fd, r = allocate(&walk);

	/* All zeroes would own descriptor 0. */
	*ret = (struct dirwalk){ .pin = -1 };
	if (r < 0)
		return r;
	fd = inode_open_dir(rootfd, ".");
	if (fd < 0)
		return -errno;
	fill_slot(&walk, 0, fd, 0);
	r = inode_look(walk.slots[0].fd, &walk.root);
	if (r == 0)
		r = inode_look_at(walk.slots[0].fd, "..", &above);
	if (r < 0)
		return r;
	walk.depth = 1;
	walk.levels[0] = (struct dirwalk_level){ .ino = walk.root.ino,
						 .birth_ns = walk.root.birth_ns,
						 .uid = walk.root.uid };
	walk.above_root_ino = above.ino;
	walk.verify_ns = rr_now_boot_ns() + VERIFY_NS;
	*ret = walk;
	walk = (struct dirwalk){ .pin = -1 };
	return 0;
}

void dirwalk_done(struct dirwalk *walk)
{
	rr_fd_close(&walk->pin);
	for (size_t i = 0; walk->slots && i < DIRWALK_OPEN; i++)
		rr_fd_close(&walk->slots[i].fd);
	free(walk->slots);
	free(walk->levels);
	free(walk->path);
	*walk = (struct dirwalk){ .pin = -1 };
}
