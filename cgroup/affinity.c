/* SPDX-License-Identifier: MIT */
#include "cgroup/affinity.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>

#include "base/parse.h"
#include "cgroup/tree.h"

/* The first so many of ours; 0: all. False when they cannot be told. */
static bool choose(unsigned cpus, cpu_set_t *ret)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return false;
	if (cpus == 0) {
		*ret = allowed;
		return true;
	}
	CPU_ZERO(ret);
	for (unsigned i = 0; i < CPU_SETSIZE && cpus > 0; i++)
		if (CPU_ISSET(i, &allowed)) {
			CPU_SET(i, ret);
			cpus--;
		}
	return true;
}

void affinity_hold_self(unsigned cpus)
{
	cpu_set_t some;

	if (cpus > 0 && choose(cpus, &some))
		(void)sched_setaffinity(0, sizeof(some), &some);
}

static void hold_process(pid_t pid, const cpu_set_t *some)
{
	char path[64];
	const struct dirent *entry;
	DIR *tasks;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		uint64_t task;

		if (rr_parse_u64(entry->d_name, &task) == 0)
			(void)sched_setaffinity((pid_t)task, sizeof(*some), some);
	}
	if (tasks)
		(void)closedir(tasks);
}

void affinity_hold_tree(pid_t root, unsigned cpus)
{
	pid_t pids[TREE_MAX];
	size_t n = tree_find(root, pids, TREE_MAX);
	cpu_set_t some;

	for (size_t i = 0; choose(cpus, &some) && i < n; i++)
		hold_process(pids[i], &some);
}
