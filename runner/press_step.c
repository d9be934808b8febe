/* SPDX-License-Identifier: MIT */
/* The steps of on_pressure, each by what there is: the leaf's files, or what a job without one can
 * be held by. */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "cgroup/niceness.h"
#include "cgroup/own_limits.h"
#include "runner/tell.h"
#include "runner/watcher.h"

#define WEIGHT_PART 10 /* a job that gives way keeps this part of its weight */
#define RECLAIM_BYTES (32U << 20) /* a look: the launcher waits for it */
#define THROTTLE_CHANGE 0.05 /* of a CPU: less is not worth a change */

/* A limit of ours in place of the job's own, which stands in the order, or that one again. */
static int change_limit(const struct watcher *watcher, enum limit_id id, const struct limit *limit)
{
	const struct placement *placement = watcher->order->placement;
	const struct limit *own = &watcher->order->limits->v[id];
	bool by_leaf = placement_holds(placement, id);
	struct limit copy = *limit;
	struct rr_err err;
	int r;

	if (by_leaf && limit != own)
		own_limit_note(placement, id, own);
	r = placement_change(placement, id, &copy, &err);
	if (r < 0)
		tell_more("%s", err.text);
	else if (by_leaf && limit == own)
		own_limit_forget(placement, id);
	return r;
}

bool press_lower_weight(const struct watcher *watcher, enum limit_id id)
{
	const struct limit *own = &watcher->order->limits->v[id];
	struct limit limit = { .asked = true };

	if (!placement_holds(watcher->order->placement, id))
		return id == LIMIT_CPU_WEIGHT && niceness_raise_tree(getpid());
	limit.amount = (own->asked ? own->amount : LIMIT_WEIGHT_DEFAULT) / WEIGHT_PART;
	if (limit.amount == 0)
		limit.amount = 1;
	return change_limit(watcher, id, &limit) == 0;
}

bool press_throttle(struct watcher *watcher, const struct pressure_reading *reading)
{
	const struct limit *own = &watcher->order->limits->v[LIMIT_CPUS];
	bool by_kernel = placement_holds(watcher->order->placement, LIMIT_CPUS);
	double all = watcher->alert.gate.reading.room.cpus;
	struct limit limit = { .asked = true,
			       .cpus = pressure_cpus_left(reading, all, watcher->press.sharing) };

	if (own->asked && own->cpus < limit.cpus)
		limit.cpus = own->cpus;
	/* An affinity holds whole CPUs only. */
	if (!by_kernel)
		limit.cpus = limit.cpus < 1 ? 1 : (double)(unsigned)limit.cpus;
	/* The one CPU that there is. */
	if (!by_kernel && limit.cpus >= all)
		return false;
	if (watcher->press.cpus > 0 && limit.cpus < watcher->press.cpus + THROTTLE_CHANGE &&
	    limit.cpus > watcher->press.cpus - THROTTLE_CHANGE)
		return true;
	if (change_limit(watcher, LIMIT_CPUS, &limit) < 0)
		return false;
	watcher->press.cpus = limit.cpus;
	return true;
}

/* Some of its memory each time; the kernel says -EAGAIN when there was less to be had. */
bool press_reclaim(const struct watcher *watcher)
{
	char text[32];
	int r;

	if (!in_cgroup(watcher))
		return false;
	(void)snprintf(text, sizeof(text), "%u", RECLAIM_BYTES);
	r = rr_write_at(watcher->order->placement->leaf.fd, "memory.reclaim", text);
	return r == 0 || r == -EAGAIN;
}

static bool freeze(struct watcher *watcher)
{
	if (steer_press(watcher, true) < 0)
		return false;
	tell("the host is short of %s: %s stands still until that is over (on_pressure)",
	     pressure_cause_name(watcher->press.cause), watcher->order->plan->command[0]);
	return true;
}

static void kill_job(struct watcher *watcher)
{
	watcher->canceled = true;
	watcher->outcome->over_pressure = true;
	ending_ask(watcher);
}

bool press_take(struct watcher *watcher, enum pressure_step step,
		const struct pressure_reading *reading)
{
	bool cpu, io;

	switch (step) {
	case PRESSURE_WEIGHT:
		cpu = press_lower_weight(watcher, LIMIT_CPU_WEIGHT);
		io = press_lower_weight(watcher, LIMIT_IO_WEIGHT);
		return cpu || io;
	case PRESSURE_THROTTLE:
		return press_throttle(watcher, reading);
	case PRESSURE_RECLAIM:
		return press_reclaim(watcher);
	case PRESSURE_FREEZE:
		return freeze(watcher);
	case PRESSURE_KILL:
		kill_job(watcher);
		return true;
	default:
		return false;
	}
}

/* What could not be held at first, as a part of a CPU by an affinity, cannot be now. */
static void end_throttle(struct watcher *watcher)
{
	const struct limit *own = &watcher->order->limits->v[LIMIT_CPUS], none = { 0 };
	bool by_leaf = placement_holds(watcher->order->placement, LIMIT_CPUS);

	rr_ignore(change_limit(watcher, LIMIT_CPUS, !by_leaf && own->by == BY_NONE ? &none : own));
	watcher->press.cpus = 0;
}

/* The nice value that the job was born with. */
static int own_niceness(const struct watcher *watcher)
{
	const struct limit *own = &watcher->order->limits->v[LIMIT_CPU_WEIGHT];

	return own->by == BY_NICE ? niceness_of_weight(own->amount) : getpriority(PRIO_PROCESS, 0);
}

static void end_weight(const struct watcher *watcher, enum limit_id id)
{
	if (placement_holds(watcher->order->placement, id))
		rr_ignore(change_limit(watcher, id, &watcher->order->limits->v[id]));
	else if (id == LIMIT_CPU_WEIGHT && !niceness_set_back_tree(getpid(), own_niceness(watcher)))
		tell_more("%s stays nice: that is not ours to take back",
			  watcher->order->plan->command[0]);
}

void press_take_back(struct watcher *watcher, enum pressure_step step)
{
	switch (step) {
	case PRESSURE_WEIGHT:
		end_weight(watcher, LIMIT_CPU_WEIGHT);
		end_weight(watcher, LIMIT_IO_WEIGHT);
		break;
	case PRESSURE_THROTTLE:
		end_throttle(watcher);
		break;
	case PRESSURE_FREEZE:
		if (steer_press(watcher, false) == 0)
			tell("%s goes on", watcher->order->plan->command[0]);
		break;
	default:
		break;
	}
}
