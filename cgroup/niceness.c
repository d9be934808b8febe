/* SPDX-License-Identifier: MIT */
#include "cgroup/niceness.h"

#include <errno.h>
#include <sys/resource.h>

#include "cgroup/limit.h"
#include "cgroup/tree.h"

#define TENTH                                                                                      \
	10 /* each step of nice is a quarter: so many are a tenth, and 19 are about a hundredth */

int niceness_of_weight(uint64_t weight)
{
	if (weight >= LIMIT_WEIGHT_DEFAULT)
		return 0;
	return weight < LIMIT_WEIGHT_DEFAULT / 10 ? NICENESS_MOST : TENTH;
}

/* -1 is a nice value as well. */
static bool has_most(pid_t thread, bool *ret_there)
{
	int nice;

	errno = 0;
	nice = getpriority(PRIO_PROCESS, (id_t)thread);
	*ret_there = errno == 0;
	return nice == NICENESS_MOST;
}

static void raise_one(pid_t thread, void *arg)
{
	bool *any = arg, there;

	if (!has_most(thread, &there) && there &&
	    setpriority(PRIO_PROCESS, (id_t)thread, NICENESS_MOST) == 0)
		*any = true;
}

bool niceness_raise_tree(pid_t root)
{
	bool any = false;

	tree_each_thread(root, raise_one, &any);
	return any;
}

struct set_back {
	int nice;
	bool refused;
};

static void set_back_one(pid_t thread, void *arg)
{
	struct set_back *order = arg;
	bool there;

	if (has_most(thread, &there) && there &&
	    setpriority(PRIO_PROCESS, (id_t)thread, order->nice) < 0 && errno != ESRCH)
		order->refused = true;
}

bool niceness_set_back_tree(pid_t root, int nice)
{
	struct set_back order = { .nice = nice };

	tree_each_thread(root, set_back_one, &order);
	return !order.refused;
}
