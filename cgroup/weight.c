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
#include "cgroup/leaf.h"

#define FILE_NAME "cpu.weight"

/* 0: no such group, or it has no weight. */
static uint64_t read_weight(int dirfd, const char *name)
{
	uint64_t weight = 0;
	char text[32];

	if (rr_read_at(dirfd, name, text, sizeof(text)) <= 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return rr_parse_u64(text, &weight) < 0 ? 0 : weight;
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
static uint64_t heaviest(int group_fd)
{
	DIR *group = fdopendir(group_fd);
	const struct dirent *entry;
	uint64_t most = 0;

	while (group && (entry = readdir(group))) {
		char name[NAME_MAX + sizeof("/" FILE_NAME)];
		uint64_t weight;

		if (!is_leaf(entry->d_name))
			continue;
		(void)snprintf(name, sizeof(name), "%s/" FILE_NAME, entry->d_name);
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
void weight_left(const char *group_path)
{
	rr_autofd int fd = open(group_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t most;
	char text[32];
	int again;

	if (fd < 0)
		return;
	again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	most = again < 0 ? 0 : heaviest(again);
	if (most == 0 || most == read_weight(fd, FILE_NAME))
		return;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)most);
	rr_ignore(rr_write_at(fd, FILE_NAME, text)); /* not ours to weigh: its own weight stands */
}

void weight_settle(const char *leaf_path, uint64_t weight)
{
	const char *slash = strrchr(leaf_path, '/');
	char group[PATH_MAX], file[PATH_MAX + 16];

	if (!slash || snprintf(group, sizeof(group), "%.*s", (int)(slash - leaf_path), leaf_path) >=
			      (int)sizeof(group))
		return;
	(void)snprintf(file, sizeof(file), "%s/" FILE_NAME, group);
	/* As a rule all weigh the same, and nobody has to look at the others. */
	if (read_weight(AT_FDCWD, file) != weight)
		weight_left(group);
}
