/* SPDX-License-Identifier: MIT */
#include "base/processes.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/parse.h"

#define FIRST_ROOM 512

/* Fields of stat by their number in proc(5). */
enum {
	STAT_PARENT = 4,
	STAT_MINOR_FAULTS = 10,
	STAT_MAJOR_FAULTS = 12,
	STAT_USER = 14,
	STAT_SYSTEM = 15,
	STAT_WAITED_USER = 16,
	STAT_WAITED_SYSTEM = 17,
	STAT_THREADS = 20,
	STAT_START = 22,
	STAT_RESIDENT = 24,
	STAT_LAST = STAT_RESIDENT
};

static void copy_name(const char *from, const char *end, char *name)
{
	size_t length = (size_t)(end - from);

	if (length >= PROCESS_NAME_SIZE)
		length = PROCESS_NAME_SIZE - 1;
	memcpy(name, from, length);
	name[length] = '\0';
	/* A process can name itself anything, and names are shown on terminals. */
	for (char *at = name; *at; at++)
		if ((unsigned char)*at < ' ' || *at == '\177')
			*at = '?';
}

static bool number(const char *at, uint64_t *ret)
{
	size_t length = strspn(at, "0123456789");
	char digits[RR_FORMAT_SIZE];

	/* Some fields may be negative; none that is wanted here. */
	if (length == 0 || length >= sizeof(digits)) {
		*ret = 0;
		return *at == '-';
	}
	memcpy(digits, at, length);
	digits[length] = '\0';
	return rr_parse_u64(digits, ret) == 0;
}

bool process_parse(const char *text, struct process *ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	uint64_t field[STAT_LAST + 1] = { 0 }, pid;
	const char *at;

	/* The name stands in brackets, and may itself hold some. */
	if (!open || !close || close < open || close[1] != ' ' || !number(text, &pid) || pid == 0)
		return false;
	*ret = (struct process){ .pid = (pid_t)pid, .state = close[2] };
	copy_name(open + 1, close, ret->name);
	at = close + 2;
	for (int i = STAT_PARENT; i <= STAT_LAST; i++) {
		at = strchr(at, ' ');
		if (!at || !number(++at, &field[i]))
			return false;
	}
	ret->parent = (pid_t)field[STAT_PARENT];
	ret->cpu_ticks = field[STAT_USER] + field[STAT_SYSTEM];
	ret->faults = field[STAT_MINOR_FAULTS] + field[STAT_MAJOR_FAULTS];
	ret->waited_ticks = field[STAT_WAITED_USER] + field[STAT_WAITED_SYSTEM];
	ret->threads = field[STAT_THREADS];
	ret->start_ticks = field[STAT_START];
	ret->resident_pages = field[STAT_RESIDENT];
	return true;
}

static int add(struct processes *processes, size_t *room, const struct process *process)
{
	if (processes->n == *room) {
		size_t more = *room ? 2 * *room : FIRST_ROOM;
		struct process *v = reallocarray(processes->v, more, sizeof(*v));

		if (!v)
			return -ENOMEM;
		processes->v = v;
		*room = more;
	}
	processes->v[processes->n++] = *process;
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int processes_read(const char *proc, struct processes *ret)
{
	struct processes found = { NULL, 0 };
	const struct dirent *entry;
	DIR *dir = opendir(proc);
	size_t room = 0;
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && found.n < PROCESSES_MAX && (entry = readdir(dir))) {
		char name[sizeof(entry->d_name) + 8], text[1024];
		struct process process;

		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name))
			continue;
		(void)snprintf(name, sizeof(name), "%s/stat", entry->d_name);
		/* One that has ended meanwhile is not there. */
		if (rr_read_at(dirfd(dir), name, text, sizeof(text)) > 0 &&
		    process_parse(text, &process))
			r = add(&found, &room, &process);
	}
	(void)closedir(dir);
	if (r < 0) {
		processes_free(&found);
		return r;
	}
	if (found.n > 1)
		qsort(found.v, found.n, sizeof(*found.v), compare_pids);
	*ret = found;
	return 0;
}

void processes_free(struct processes *processes)
{
	free(processes->v);
	*processes = (struct processes){ NULL, 0 };
}

const struct process *processes_find(const struct processes *processes, pid_t pid)
{
	struct process key = { .pid = pid };

	if (processes->n == 0)
		return NULL;
	return bsearch(&key, processes->v, processes->n, sizeof(key), compare_pids);
}

static bool lives(const struct process *process)
{
	return process->state != 'Z' && process->state != 'X';
}

size_t processes_tree(const struct processes *processes, pid_t root, pid_t *ret_pids, size_t max)
{
	const struct process *first = processes_find(processes, root);
	size_t n = 0;

	if (!first || max == 0)
		return 0;
	ret_pids[n++] = root;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < processes->n && n < max; k++)
			if (processes->v[k].parent == ret_pids[i] && lives(&processes->v[k]))
				ret_pids[n++] = processes->v[k].pid;
	if (lives(first))
		return n;
	memmove(ret_pids, ret_pids + 1, (n - 1) * sizeof(*ret_pids));
	return n - 1;
}

uint64_t process_ticks_since(const struct process *process, const struct processes *before)
{
	const struct process *was = before ? processes_find(before, process->pid) : NULL;

	if (!was || was->start_ticks != process->start_ticks || was->cpu_ticks > process->cpu_ticks)
		return process->cpu_ticks;
	return process->cpu_ticks - was->cpu_ticks;
}

const struct process *processes_busiest(const struct processes *now, const struct processes *before,
					const pid_t *pids, size_t n)
{
	const struct process *best = NULL;
	uint64_t most = 0;

	for (size_t i = 0; i < n; i++) {
		const struct process *one = processes_find(now, pids[i]);
		uint64_t ticks = one ? process_ticks_since(one, before) : 0;

		if (!one || (best && ticks < most))
			continue;
		if (best && ticks == most &&
		    (one->cpu_ticks < best->cpu_ticks ||
		     (one->cpu_ticks == best->cpu_ticks && one->start_ticks < best->start_ticks)))
			continue;
		best = one;
		most = ticks;
	}
	return best;
}
