/* SPDX-License-Identifier: MIT */
#include "cgroup/weight.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/parse.h"
#include "cgroup/hook_leaf.h"
#include "cgroup/io_weight.h"
#include "cgroup/leaf.h"

static const char *const files[] = { CPU_WEIGHT_FILE, IO_WEIGHT_FILE, BFQ_WEIGHT_FILE };

#define FILES_N (sizeof(files) / sizeof(files[0]))
#define DEFAULT "default " /* before that of no disk in particular */

/* 0: no such group, or it has no weight. */
static uint64_t read_weight(int dirfd, const char *name)
{
	const char *number;
	uint64_t weight = 0;
	char text[256];

	if (rr_read_at(dirfd, name, text, sizeof(text)) <= 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	number = strncmp(text, DEFAULT, strlen(DEFAULT)) == 0 ? text + strlen(DEFAULT) : text;
	return rr_parse_u64(number, &weight) < 0 ? 0 : weight;
}

/* That of a job. Where its hooks run stays beside it to its end, and has the kernel's weight. */
static bool is_leaf(const char *name)
{
	size_t length = strlen(name), end = strlen(HOOK_LEAF_END);

	return strncmp(name, CG_LEAF_PREFIX, strlen(CG_LEAF_PREFIX)) == 0 &&
	       strcmp(name, CG_SUPERVISOR) != 0 &&
	       (length < end || strcmp(name + length - end, HOOK_LEAF_END) != 0);
}

/* 0 when there is none. Takes the descriptor. */
static uint64_t heaviest(int group_fd, const char *file)
{
	DIR *group = fdopendir(group_fd);
	const struct dirent *entry;
	uint64_t most = 0;

	while (group && (entry = readdir(group))) {
		char name[NAME_MAX + 32];
		uint64_t weight;

		if (!is_leaf(entry->d_name))
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", entry->d_name, file);
		weight = read_weight(group_fd, name);
		most = weight > most ? weight : most;
	}
	if (group)
		(void)closedir(group);
	else
		rr_fd_done(&group_fd);
	return most;
}

/* Two that do so at the same time end with what the later one saw, which is both. */
static void level(int group_fd, const char *file)
{
	int again = openat(group_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t most = again < 0 ? 0 : heaviest(again, file);
	char text[32];

	if (most == 0 || most == read_weight(group_fd, file))
		return;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)most);
	rr_ignore(rr_write_at(group_fd, file, text)); /* not ours to weigh: its own weight stands */
}

void weight_left(const char *group_path)
{
	rr_autofd int fd = open(group_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < FILES_N; i++)
		level(fd, files[i]);
}

void weight_settle(const char *leaf_path, const char *file, uint64_t weight)
{
	const char *slash = strrchr(leaf_path, '/');
	rr_autofd int fd = -1;
	char group[PATH_MAX];
	uint64_t now;

	if (!slash || snprintf(group, sizeof(group), "%.*s", (int)(slash - leaf_path), leaf_path) >=
			      (int)sizeof(group))
		return;
	fd = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	now = fd < 0 ? 0 : read_weight(fd, file);
	/* As a rule all weigh the same, and nobody has to look at the others. */
	if (now != 0 && now != weight)
		level(fd, file);
}
