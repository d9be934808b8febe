/* SPDX-License-Identifier: MIT */
#include "cgroup/hierarchy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/procfs.h"

#define MOUNTS_MAX (4 << 20) /* bytes of mountinfo */
#define MOVE_ROUNDS 50 /* against processes that fork while they are moved */

static const char *const controller_names[CG_CONTROLLERS_N] = { "cpu", "memory", "pids", "io" };

const char *cg_controller_name(enum cg_controller controller)
{
	for (int i = 0; i < CG_CONTROLLERS_N; i++)
		if ((unsigned)controller == 1U << i)
			return controller_names[i];
	return "?";
}

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* The place after "0::" of /proc/PID/cgroup. */
static int read_place(pid_t pid, char *buf, size_t size)
{
	static const char deleted[] = " (deleted)";
	char path[64], text[8192];
	const char *line;
	size_t length;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	n = rr_read_at(AT_FDCWD, pid ? path : "/proc/self/cgroup", text, sizeof(text));
	if (n < 0)
		return (int)n;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return -ENOENT;
	line += *line == '\n' ? 4 : 3;
	length = strcspn(line, "\n");
	if (length > strlen(deleted) &&
	    strncmp(line + length - strlen(deleted), deleted, strlen(deleted)) == 0)
		length -= strlen(deleted);
	if (length >= size)
		return -ENAMETOOLONG;
	memcpy(buf, line, length);
	buf[length] = '\0';
	return 0;
}

/* The part of a place that is below root ("": nothing), or NULL when it is not below it. */
static const char *place_below(const char *place, const char *root)
{
	size_t length = strlen(root);

	if (strncmp(place, root, length) != 0 || (place[length] && place[length] != '/'))
		return NULL;
	place += length;
	return strcmp(place, "/") == 0 ? "" : place;
}

int cg_of_process(const struct cg_hierarchy *hierarchy, pid_t pid, char *buf, size_t size)
{
	char place[CG_PATH_MAX];
	const char *below;
	int r = read_place(pid, place, sizeof(place));

	if (r < 0)
		return r;
	below = place_below(place, hierarchy->root);
	if (!below)
		return -ENOENT;
	if (snprintf(buf, size, "%s%s", hierarchy->mount, below) >= (int)size)
		return -ENAMETOOLONG;
	return 0;
}

/* The fourth word of the last line of mountinfo whose fifth is `mount`: what is mounted there. */
static int read_mount_root(const char *mount, char *buf, size_t size)
{
	rr_autofd int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	rr_autofree char *text = NULL;
	size_t length;
	char *line, *rest;
	int r = fd < 0 ? -errno : rr_read_whole(fd, MOUNTS_MAX, &text, &length);

	if (r < 0)
		return r;
	r = -ENOENT;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		const char *words[5] = { "", "", "", "", "" };

		for (int i = 0; i < 5 && line; i++)
			words[i] = strsep(&line, " ");
		if (strcmp(words[4], mount) == 0)
			r = snprintf(buf, size, "%s", words[3]) < (int)size ? 0 : -ENAMETOOLONG;
	}
	return r;
}

/* The mount shows a part of the hierarchy only, as a container's that was bound from the host's:
 * then what it shows is to be taken off the names of places. */
static void find_below(struct cg_hierarchy *found)
{
	if (read_mount_root(found->mount, found->root, sizeof(found->root)) < 0)
		found->root[0] = '\0';
	if (strcmp(found->root, "/") == 0)
		found->root[0] = '\0';
	if (found->root[0] && cg_of_process(found, 0, found->own, sizeof(found->own)) == 0 &&
	    access(found->own, F_OK) == 0)
		return;
	found->root[0] = '\0';
	found->is_elsewhere = true;
	memcpy(found->own, found->mount, sizeof(found->own));
}

void cg_find(struct cg_hierarchy *ret)
{
	struct cg_hierarchy found = { .mode = CG_NONE };
	char file[CG_PATH_MAX + 32];

	if (is_cgroup2("/sys/fs/cgroup")) {
		found.mode = CG_UNIFIED;
		(void)snprintf(found.mount, sizeof(found.mount), "/sys/fs/cgroup");
	} else if (is_cgroup2("/sys/fs/cgroup/unified")) {
		found.mode = CG_HYBRID;
		(void)snprintf(found.mount, sizeof(found.mount), "/sys/fs/cgroup/unified");
	}
	found.has_systemd = access("/run/systemd/system", F_OK) == 0;
	if (found.mode != CG_NONE && cg_of_process(&found, 0, found.own, sizeof(found.own)) < 0)
		found.mode = CG_NONE;
	if (found.mode != CG_NONE && access(found.own, F_OK) < 0)
		find_below(&found);
	/* Every cgroup but the kernel's root has this file. */
	(void)snprintf(file, sizeof(file), "%s/cgroup.events", found.mount);
	found.at_real_root = found.mode != CG_NONE && access(file, F_OK) < 0;
	*ret = found;
}

unsigned cg_read_controllers(int dirfd, const char *file)
{
	unsigned found = 0;
	char text[512];

	if (rr_read_at(dirfd, file, text, sizeof(text)) < 0)
		return 0;
	for (int i = 0; i < CG_CONTROLLERS_N; i++) {
		size_t length = strlen(controller_names[i]);

		for (const char *at = text; *at; at += strspn(at, " \n")) {
			size_t word = strcspn(at, " \n");

			if (word == length && strncmp(at, controller_names[i], word) == 0)
				found |= 1U << i;
			at += word;
		}
	}
	return found;
}

static bool enable_all(int dirfd, unsigned controllers)
{
	char words[64] = "";
	size_t used = 0;

	for (int i = 0; i < CG_CONTROLLERS_N; i++)
		if (controllers & 1U << i)
			used += (size_t)snprintf(words + used, sizeof(words) - used, "%s+%s",
						 used ? " " : "", controller_names[i]);
	return used == 0 || rr_write_at(dirfd, "cgroup.subtree_control", words) == 0;
}

int cg_enable(int dirfd, unsigned wanted, unsigned *ret_enabled)
{
	unsigned available = cg_read_controllers(dirfd, "cgroup.controllers");
	unsigned on = cg_read_controllers(dirfd, "cgroup.subtree_control");
	int refused = 0;

	/* All at once costs the kernel a quarter; it takes all of them or none. */
	if (enable_all(dirfd, wanted & available & ~on)) {
		*ret_enabled = (on | available) & wanted;
		return 0;
	}
	for (int i = 0; i < CG_CONTROLLERS_N; i++) {
		unsigned bit = 1U << i;
		char word[16];
		int r;

		if (!(wanted & available & ~on & bit))
			continue;
		(void)snprintf(word, sizeof(word), "+%s", controller_names[i]);
		r = rr_write_at(dirfd, "cgroup.subtree_control", word);
		if (r == 0)
			on |= bit;
		else if (!refused)
			refused = r;
	}
	*ret_enabled = on & wanted;
	return refused;
}

static int move_round(const char *from_procs, const char *to_procs, bool *ret_empty)
{
	rr_autofd int to = open(to_procs, O_WRONLY | O_CLOEXEC);
	rr_autofd int from = open(from_procs, O_RDONLY | O_CLOEXEC);
	rr_autofree char *text = NULL;
	size_t length;
	int r;

	if (to < 0 || from < 0)
		return -errno;
	r = rr_read_whole(from, 1 << 20, &text, &length);
	if (r < 0)
		return r;
	*ret_empty = length == 0;
	for (char *at = text; *at;) {
		size_t digits = strcspn(at, "\n");

		/* A process that has ended meanwhile needs no moving. */
		if (write(to, at, digits) < 0 && errno != ESRCH)
			return -errno;
		at += digits + (at[digits] == '\n');
	}
	return 0;
}

int cg_move_all(const char *from, const char *to)
{
	char from_procs[CG_PATH_MAX + 32], to_procs[CG_PATH_MAX + 32];

	(void)snprintf(from_procs, sizeof(from_procs), "%s/cgroup.procs", from);
	(void)snprintf(to_procs, sizeof(to_procs), "%s/cgroup.procs", to);
	for (int round = 0; round < MOVE_ROUNDS; round++) {
		bool empty = false;
		int r = move_round(from_procs, to_procs, &empty);

		if (r < 0 || empty)
			return r;
	}
	return -EBUSY;
}

int cg_populated(const char *dir)
{
	char path[CG_PATH_MAX + 32], text[256];
	uint64_t populated;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/cgroup.events", dir);
	n = rr_read_at(AT_FDCWD, path, text, sizeof(text));
	/* A removed directory whose file is still being opened answers ENODEV. */
	if (n == -ENODEV)
		return -ENOENT;
	if (n < 0)
		return (int)n;
	return rr_text_u64(text, "populated", &populated) < 0 ? -EINVAL : populated != 0;
}
