/* SPDX-License-Identifier: MIT */
#include "base/inuse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

/* No device has this number: a key with it holds the hash of a bound socket's name. */
#define SOCKET_DEV UINT64_MAX
#define FIRST_ROOM 1024
/* Words before the path in a line of /proc/net/unix, and before the device in one of maps. */
#define UNIX_WORDS 7
#define MAPS_WORDS 3

/* ---- the set ---- */

static size_t find(const struct inuse_key *keys, size_t room, uint64_t dev, uint64_t ino)
{
	uint64_t hash = (dev ^ ino * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xff51afd7ed558ccd);
	size_t at = (size_t)(hash >> 17) & (room - 1);

	while ((keys[at].dev || keys[at].ino) && (keys[at].dev != dev || keys[at].ino != ino))
		at = (at + 1) & (room - 1);
	return at;
}

static int grow(struct inuse *set)
{
	size_t room = set->room ? set->room * 2 : FIRST_ROOM;
	struct inuse_key *keys = calloc(room, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < set->room; i++) {
		const struct inuse_key *key = &set->keys[i];

		if (key->dev || key->ino)
			keys[find(keys, room, key->dev, key->ino)] = *key;
	}
	free(set->keys);
	set->keys = keys;
	set->room = room;
	return 0;
}

static int add(struct inuse *set, uint64_t dev, uint64_t ino)
{
	size_t at;
	int r = 2 * set->used >= set->room ? grow(set) : 0;

	if (r < 0)
		return r;
	at = find(set->keys, set->room, dev, ino);
	if (!set->keys[at].dev && !set->keys[at].ino)
		set->used++;
	set->keys[at] = (struct inuse_key){ dev, ino };
	return 0;
}

bool inuse_has(const struct inuse *set, uint64_t dev, uint64_t ino)
{
	const struct inuse_key *key;

	if (set->room == 0)
		return false;
	key = &set->keys[find(set->keys, set->room, dev, ino)];
	return key->dev == dev && key->ino == ino;
}

static uint64_t name_hash(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return hash;
}

bool inuse_has_socket(const struct inuse *set, const char *name)
{
	/* The table is lines: a name with a line end in it cannot be told from its parts. */
	return !set->sockets_known || strchr(name, '\n') ||
	       inuse_has(set, SOCKET_DEV, name_hash(name));
}

void inuse_done(struct inuse *set)
{
	free(set->keys);
	*set = (struct inuse){ 0 };
}

/* ---- looking into processes ---- */

static void dir_done(DIR **slot)
{
	if (*slot)
		(void)closedir(*slot);
}
#define autodir __attribute__((cleanup(dir_done)))

static void file_done(FILE **slot)
{
	if (*slot)
		(void)fclose(*slot);
}
#define autofile __attribute__((cleanup(file_done)))

static DIR *open_dir(int dirfd, const char *name)
{
	rr_autofd int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		(void)rr_fd_take(&fd);
	return dir;
}

static FILE *open_text(int dirfd, const char *name)
{
	rr_autofd int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (file)
		(void)rr_fd_take(&fd);
	return file;
}

/* Adds what `name` leads to. What cannot be looked at is passed over: a process may end meanwhile.
 * DONT_SYNC: a dead network file system in some process must not hang us. */
static int add_target(struct inuse *set, int dirfd, const char *name)
{
	struct statx st;
	int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;

	if (statx(dirfd, name, flags, STATX_TYPE | STATX_INO, &st) < 0)
		return 0;
	return add(set, makedev(st.stx_dev_major, st.stx_dev_minor), st.stx_ino);
}

static int add_open_files(struct inuse *set, int process)
{
	autodir DIR *dir = open_dir(process, "fd");
	const struct dirent *entry;
	int r = 0;

	while (dir && r == 0 && (entry = readdir(dir))) {
		char target[2];

		/* "socket:[1]", "pipe:[2]", "anon_inode:..." are no files in a directory. */
		if (readlinkat(dirfd(dir), entry->d_name, target, sizeof(target)) > 0 &&
		    target[0] == '/')
			r = add_target(set, dirfd(dir), entry->d_name);
	}
	return r;
}

static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : UINT32_MAX;
}

/* Reads the digits of a number and steps over them. */
static uint64_t take_number(const char **at, unsigned base)
{
	uint64_t number = 0;

	for (; digit_of(**at) < base; (*at)++)
		number = number * base + digit_of(**at);
	return number;
}

/* The text behind so many words and the blanks that end them, or "". */
static const char *skip_words(const char *at, int count)
{
	for (; count > 0; count--) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	return at;
}

/* One line of maps: "START-END PERMS OFFSET MAJOR:MINOR INODE   PATH". */
static int add_mapping(struct inuse *set, const char *line, const char *below)
{
	size_t length = strlen(below);
	uint64_t major_nr, minor_nr, ino;
	int r;

	line = skip_words(line, MAPS_WORDS);
	major_nr = take_number(&line, 16);
	line += *line == ':';
	minor_nr = take_number(&line, 16);
	line += strspn(line, " ");
	ino = take_number(&line, 10);
	line += strspn(line, " ");
	if (ino == 0)
		return 0;
	r = add(set, makedev(major_nr, minor_nr), ino);
	if (r == 0 && strncmp(line, below, length) == 0 && line[length] == '/')
		r = add_target(set, AT_FDCWD, line);
	return r;
}

static int add_mappings(struct inuse *set, int process, const char *below)
{
	autofile FILE *maps = open_text(process, "maps");
	rr_autofree char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int r = 0;

	while (maps && r == 0 && (length = getline(&line, &room, maps)) > 0) {
		line[length - 1] = '\0';
		r = add_mapping(set, line, below);
	}
	return r;
}

static int add_process(struct inuse *set, int proc, const char *pid, const char *below)
{
	static const char *const places[] = { "cwd", "root", "exe" };
	rr_autofd int process = openat(proc, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (process < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < sizeof(places) / sizeof(places[0]); i++)
		r = add_target(set, process, places[i]);
	if (r == 0)
		r = add_open_files(set, process);
	if (r == 0)
		r = add_mappings(set, process, below);
	return r;
}

/* Only base names are kept: a path may be relative, or of another mount namespace. */
static int add_sockets(struct inuse *set, int proc)
{
	autofile FILE *table = open_text(proc, "net/unix");
	rr_autofree char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int r = 0;

	set->sockets_known = table != NULL;
	while (table && r == 0 && (length = getline(&line, &room, table)) > 0) {
		const char *name, *slash;

		line[length - 1] = '\0';
		name = skip_words(line, UNIX_WORDS);
		slash = strrchr(name, '/');
		if (*name)
			r = add(set, SOCKET_DEV, name_hash(slash ? slash + 1 : name));
	}
	return r;
}

int inuse_scan(struct inuse *set, const char *below, uint64_t deadline_ns)
{
	autodir DIR *proc = open_dir(AT_FDCWD, "/proc");
	const struct dirent *entry;
	bool first = set->used == 0;
	char self[32];
	int r;

	if (!proc)
		return INUSE_BLIND;
	(void)snprintf(self, sizeof(self), "%d", (int)getpid());
	r = add_sockets(set, dirfd(proc));
	while (r == 0 && (entry = readdir(proc))) {
		if (digit_of(entry->d_name[0]) > 9 || (!first && !strcmp(entry->d_name, self)))
			continue;
		if (rr_now_boot_ns() > deadline_ns)
			return INUSE_BLIND;
		r = add_process(set, dirfd(proc), entry->d_name, below);
	}
	if (r < 0)
		return r;
	/* Our own executable is in use at the least: an empty harvest means that this is no /proc.
	 */
	return set->used > 0 ? INUSE_SCANNED : INUSE_BLIND;
}
