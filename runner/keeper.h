/* SPDX-License-Identifier: MIT */
/*
 * A process beside the launcher that does nothing but outlive it: when the launcher is killed, it
 * ends what is left of the job and clears up. With on_launcher_death=keep it ends nothing, and has
 * the job go on that the launcher had stand still or give way to others.
 *
 * The protocol, as invariants:
 *  1. Each has one end of a pair of sockets, close-on-exec, and nobody else has. A byte from the
 *     keeper: (2) holds; before that, nothing of the job runs. A byte from the launcher: the job is
 *     over, and the keeper goes. The launcher's end closed: it is dead, however it died.
 *  2. The keeper holds no other descriptor, so it keeps no pipe, lock or lease of anybody's open,
 *     and stands in a session of its own, so that no terminal and no kill of a group reaches it.
 *  3. It is a child that no wait for children sees (its death sends no signal): neither the
 *     launcher's for the job nor, as the launcher reaps it, anybody else's.
 *  4. What it does, the next resrun would do as well (reap.h): if it is killed too, that is what
 *     happens.
 */
#pragma once

#include <sys/types.h>

#include "cgroup/backend.h"
#include "runner/plan.h"

struct keeper {
	pid_t pid; /* 0: there is none */
	int talk;
};

/* Starts it; after placement, and before anything runs in it. One that
 * cannot be had is told of, and is no reason not to run. */
void keeper_start(const struct plan *plan, const struct placement *placement, struct keeper *ret);

/* Waits until it is out of reach of what may kill us; before anything of the job runs. */
void keeper_await(const struct keeper *keeper);

/* The job is over, and nothing is left to clear up. */
void keeper_dismiss(struct keeper *keeper);

/* Waits until it has gone, which it has meanwhile. */
void keeper_end(struct keeper *keeper);
