/* SPDX-License-Identifier: MIT */
#include "cgroup/affinity.h"

#include <sched.h>

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

static void hold_thread(pid_t thread, void *arg)
{
	const cpu_set_t *some = arg;

	(void)sched_setaffinity(thread, sizeof(*some), some);
}

void affinity_hold_process(pid_t pid, unsigned cpus)
{
	cpu_set_t some;

	if (choose(cpus, &some))
		tree_each_thread_of(pid, hold_thread, &some);
}

void affinity_hold_tree(pid_t root, unsigned cpus)
{
	cpu_set_t some;

	if (choose(cpus, &some))
		tree_each_thread(root, hold_thread, &some);
}
