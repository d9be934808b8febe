/* SPDX-License-Identifier: MIT */
#include "cgroup/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/parse.h"
#include "cgroup/hierarchy.h"

/* The cgroups found so far; each is listed after its parent. */
struct found {
	char *paths[CG_WALK_MAX];
	size_t n;
};

static void found_done(struct found **slot)
{
	for (size_t i = 0; *slot && i < (*slot)->n; i++)
		free((*slot)->paths[i]);
	free(*slot);
}

static int add(struct found *found, const char *parent, const char *name)
{
	char path[CG_PATH_MAX + 256];

	if (found->n == CG_WALK_MAX)
		return -E2BIG;
	(void)snprintf(path, sizeof(path), "%s%s%s", parent, *name ? "/" : "", name);
	found->paths[found->n] = strdup(path);
	if (!found->paths[found->n])
		return -ENOMEM;
	found->n++;
	return 0;
}

static int add_children(struct found *found, const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return 0;
	while (r == 0 && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			r = add(found, path, entry->d_name);
	(void)closedir(dir);
	return r;
}

static int find_all(const char *dir, struct found *found)
{
	int r = add(found, dir, "");

	for (size_t i = 0; r == 0 && i < found->n; i++)
		r = add_children(found, found->paths[i]);
	return r;
}

int cg_walk_bottom_up(const char *dir, int (*visit)(const char *dir, void *arg), void *arg)
{
	__attribute__((cleanup(found_done))) struct found *found = calloc(1, sizeof(*found));
	int r = found ? find_all(dir, found) : -ENOMEM;

	for (size_t i = found ? found->n : 0; r == 0 && i > 0; i--)
		r = visit(found->paths[i - 1], arg);
	return r;
}

/* A visit of one cgroup that visits its processes. */
struct process_visit {
	int (*visit)(const char *dir, pid_t pid, void *arg);
	void *arg;
};

static int visit_processes(const char *dir, void *arg)
{
	const struct process_visit *visit = arg;
	char path[CG_PATH_MAX + 32], number[RR_FORMAT_SIZE];
	rr_autofree char *text = NULL;
	rr_autofd int fd = -1;
	size_t length;
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || rr_read_whole(fd, 1 << 22, &text, &length) < 0)
		return 0;
	for (const char *at = text; r == 0 && *at; at += strcspn(at, "\n"), at += *at == '\n') {
		uint64_t pid;

		(void)snprintf(number, sizeof(number), "%.*s", (int)strcspn(at, "\n"), at);
		if (rr_parse_u64(number, &pid) == 0 && pid > 0)
			r = visit->visit(dir, (pid_t)pid, visit->arg);
	}
	return r;
}

int cg_walk_processes(const char *dir, int (*visit)(const char *dir, pid_t pid, void *arg),
		      void *arg)
{
	struct process_visit all = { .visit = visit, .arg = arg };

	return cg_walk_bottom_up(dir, visit_processes, &all);
}

struct list {
	pid_t *pids;
	size_t n, max;
};

static int add_to_list(const char *dir, pid_t pid, void *arg)
{
	struct list *list = arg;

	(void)dir;
	if (list->n < list->max)
		list->pids[list->n++] = pid;
	return 0;
}

size_t cg_list_processes(const char *dir, pid_t *ret_pids, size_t max)
{
	struct list list = { ret_pids, 0, max };

	rr_ignore(cg_walk_processes(dir, add_to_list, &list)); /* what could be seen is there */
	return list.n;
}
