/* SPDX-License-Identifier: MIT */
/*
 * A head that names the key, and LEARN_RUNS_MAX slots. The run with number s is in slot s modulo
 * their count, so that a run is added by writing one slot, and the order is told by the numbers.
 *
 * Invariants: head and slots each carry a checksum. Writers hold an exclusive flock; readers need
 * none. A slot torn by a crash fails its checksum, and that one run is forgotten. A new file gets
 * its name only when its head is whole. A file that is foreign, cut or writable by others is never
 * believed: reading says so, adding replaces it. Nothing is synced: what a power failure takes is
 * learned again.
 */
#include "policy/learn_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/fd.h"
#include "base/parse.h"

#define MAGIC "resrun learned 1"
#define NAME_LENGTH 64 /* of the key, in the file's name */
#define TRIES 8

struct head {
	char magic[16];
	char key[LEARN_KEY_MAX + 1];
	uint32_t unused;
	uint32_t crc;
};

struct slot {
	uint64_t number; /* from 1 on; 0: never used */
	uint64_t ended_wall_ns, input_bytes, memory_bytes, cpu_us, wall_us;
	uint32_t outcome;
	uint32_t crc;
};

struct image {
	struct head head;
	struct slot slots[LEARN_RUNS_MAX];
};

static uint32_t head_crc(const struct head *head)
{
	return rr_crc32c(head, offsetof(struct head, crc));
}

static uint32_t slot_crc(const struct slot *slot)
{
	return rr_crc32c(slot, offsetof(struct slot, crc));
}

static bool slot_is_sound(const struct slot *slot)
{
	return slot->number > 0 && slot->outcome <= LEARN_KILLED && slot->crc == slot_crc(slot);
}

/* A name that tells people which key it is, and a checksum that tells two such names apart. */
static void file_path(const char *state_dir, const char *key, char path[static PATH_MAX])
{
	char name[NAME_LENGTH + 1];
	size_t i = 0;

	for (; i < NAME_LENGTH && key[i]; i++)
		name[i] = key[i];
	name[i] = '\0';
	for (char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_+", *c))
			*c = '_';
	(void)snprintf(path, PATH_MAX, "%.3800s/learned/%s-%08x", state_dir, name,
		       rr_crc32c(key, strlen(key)));
}

/* ---- reading ---- */

/* 0, -ENODATA when it is not a file of ours for this key, or -errno. */
static int read_image(int fd, const char *key, struct image *ret)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || !rr_fd_is_trusted(fd))
		return -ENODATA;
	n = pread(fd, ret, sizeof(*ret), 0);
	if (n < 0)
		return -errno;
	if (n != (ssize_t)sizeof(*ret) ||
	    memcmp(ret->head.magic, MAGIC, sizeof(ret->head.magic)) != 0 ||
	    ret->head.crc != head_crc(&ret->head) || ret->head.key[LEARN_KEY_MAX] != '\0' ||
	    strcmp(ret->head.key, key) != 0)
		return -ENODATA;
	return 0;
}

static uint64_t newest_number(const struct image *image)
{
	uint64_t newest = 0;

	for (size_t i = 0; i < LEARN_RUNS_MAX; i++)
		if (slot_is_sound(&image->slots[i]) && image->slots[i].number > newest)
			newest = image->slots[i].number;
	return newest;
}

static size_t take_runs(const struct image *image, struct learn_run *ret)
{
	uint64_t newest = newest_number(image);
	size_t n = 0;

	for (size_t i = 1; i <= LEARN_RUNS_MAX; i++) {
		uint64_t number = newest + i - LEARN_RUNS_MAX;
		const struct slot *slot = &image->slots[number % LEARN_RUNS_MAX];

		if (newest + i <= LEARN_RUNS_MAX || !slot_is_sound(slot) || slot->number != number)
			continue;
		ret[n++] = (struct learn_run){ slot->ended_wall_ns, slot->input_bytes,
					       slot->memory_bytes,  slot->cpu_us,
					       slot->wall_us,	    slot->outcome };
	}
	return n;
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

void learn_usual_key(const char *profile, const char *program, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%.50s:%.200s", profile, rr_base_name(program));
}

int learn_read(const char *state_dir, const char *key, struct learn_run ret[static LEARN_RUNS_MAX],
	       size_t *ret_n, struct rr_err *err)
{
	char path[PATH_MAX];
	rr_autofd int fd = -1;
	struct image image = { 0 };
	int r;

	*ret_n = 0;
	file_path(state_dir, key, path);
	fd = open_file(path, O_RDONLY);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return rr_err_sys(err, -fd, "open what is learned, '%s'", path);
	r = read_image(fd, key, &image);
	if (r == -ENODATA)
		return rr_err_set(err, EINVAL,
				  "what is learned of '%.100s' cannot be used: '%s' is damaged, "
				  "or not ours; the next run begins it anew",
				  key, path);
	if (r < 0)
		return rr_err_sys(err, -r, "read what is learned, '%s'", path);
	*ret_n = take_runs(&image, ret);
	return 0;
}

bool learn_is_usable(int dirfd, const char *name)
{
	rr_autofd int fd =
		openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct image image = { 0 };
	char key[LEARN_KEY_MAX + 1], path[PATH_MAX];

	/* The key as it says itself, once: read_image holds it against all the rest. */
	if (fd < 0 || pread(fd, &image, sizeof(image.head), 0) != (ssize_t)sizeof(image.head))
		return false;
	(void)snprintf(key, sizeof(key), "%.*s", LEARN_KEY_MAX, image.head.key);
	file_path("", key, path);
	return read_image(fd, key, &image) == 0 && strcmp(rr_base_name(path), name) == 0;
}

/* ---- adding ---- */

/* Gives the new file its name. Where there was none, another may have made one by now, with a run
 * in it: that one stays. */
static int name_file(const char *temporary, const char *path, bool replace)
{
	int r = 0;

	if (replace)
		return rename(temporary, path) < 0 ? -errno : 0;
	if (link(temporary, path) < 0 && errno != EEXIST)
		r = -errno;
	(void)unlink(temporary);
	return r;
}

/* A whole file without runs. */
static int make_file(const char *path, const char *key, bool replace)
{
	struct image image = { .head = { .magic = MAGIC } };
	char folder[PATH_MAX], temporary[PATH_MAX + 32];
	rr_autofd int fd = -1;
	int r;

	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	r = rr_mkdir_all(folder, 0700);
	if (r < 0)
		return r;
	(void)snprintf(image.head.key, sizeof(image.head.key), "%s", key);
	image.head.crc = head_crc(&image.head);
	(void)snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, (int)getpid());
	(void)unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = rr_write_all(fd, &image, sizeof(image));
	if (r == 0)
		r = name_file(temporary, path, replace);
	if (r < 0)
		(void)unlink(temporary);
	return r;
}

/* Whether the open file is still the one of that name: it may have been replaced meanwhile. */
static bool is_current(int fd, const char *path)
{
	struct stat mine, named;

	return fstat(fd, &mine) == 0 && lstat(path, &named) == 0 && mine.st_ino == named.st_ino &&
	       mine.st_dev == named.st_dev;
}

/* Opens and locks the file, which is made when there is none. *ret_fd is the caller's. 0, -EAGAIN
 * to try once more, or -errno. */
static int open_locked(const char *path, const char *key, struct image *image, int *ret_fd)
{
	rr_autofd int fd = open_file(path, O_RDWR);
	int r;

	if (fd == -ENOENT || fd == -ELOOP) {
		r = make_file(path, key, fd == -ELOOP);
		return r < 0 ? r : -EAGAIN;
	}
	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX) < 0)
		return -errno;
	if (!is_current(fd, path))
		return -EAGAIN;
	r = read_image(fd, key, image);
	if (r == -ENODATA) {
		r = make_file(path, key, true);
		return r < 0 ? r : -EAGAIN;
	}
	if (r == 0)
		*ret_fd = rr_fd_take(&fd);
	return r;
}

int learn_add(const char *state_dir, const char *key, const struct learn_run *run,
	      struct rr_err *err)
{
	char path[PATH_MAX];
	rr_autofd int fd = -1;
	struct image image = { 0 };
	struct slot slot = { 0 };
	int r = -EAGAIN;
	off_t at;

	file_path(state_dir, key, path);
	for (int i = 0; i < TRIES && r == -EAGAIN; i++)
		r = open_locked(path, key, &image, &fd);
	if (r < 0)
		return rr_err_sys(err, -r, "open what is learned, '%s'", path);
	slot.number = newest_number(&image) + 1;
	slot.ended_wall_ns = run->ended_wall_ns;
	slot.input_bytes = run->input_bytes;
	slot.memory_bytes = run->memory_bytes;
	slot.cpu_us = run->cpu_us;
	slot.wall_us = run->wall_us;
	slot.outcome = run->outcome;
	slot.crc = slot_crc(&slot);
	at = (off_t)(offsetof(struct image, slots) +
		     slot.number % LEARN_RUNS_MAX * sizeof(struct slot));
	if (pwrite(fd, &slot, sizeof(slot), at) != (ssize_t)sizeof(slot))
		return rr_err_sys(err, errno ? errno : EIO, "write what is learned, '%s'", path);
	return slot.number == 1 ? LEARN_NEW_KEY : 0;
}
