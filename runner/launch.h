/* SPDX-License-Identifier: MIT */
/*
 * Gives birth to the job: in its leaf from the first instruction on (clone3 with
 * CLONE_INTO_CGROUP), with the caller's signals, descriptors, terminal and process group.
 *
 * In two halves, so that nothing of a job can run that the ledger does not know: launch_prepare
 * makes the process, which waits before its exec; its pid can be written down; launch_go lets it
 * run. If we are killed in between, it ends without having been anything.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "cgroup/backend.h"
#include "policy/seccomp.h"
#include "runner/plan.h"
#include "runner/signals.h"

struct child {
	pid_t pid;
	int pidfd; /* -1 where the kernel gives none */
	int talk; /* to a child that has not called exec; -1 after that */
	uint64_t started_ns, started_wall_ns;
};

struct launch_order {
	const struct plan *plan;
	const struct signals *signals;
	const struct placement *placement;
	const struct limit_set *limits;
	const struct seccomp_program *seccomp;
	char *const *command;
	int output_fd; /* >= 0: the job's stdout and stderr go there (--chronic) */
};

/* Outcomes beside 0: COMMAND was not executed, the words say why. */
enum { LAUNCH_NOT_FOUND = 1, LAUNCH_NOT_EXECUTABLE };

/* The job's process is there, and waits. 0, or -errno with words. */
rr_checked int launch_prepare(const struct launch_order *order, struct child *ret,
			      struct rr_err *err);

/* The job runs. 0, an outcome, or -errno with words when resrun itself failed: then the process is
 * gone. */
rr_checked int launch_go(const struct launch_order *order, struct child *child, struct rr_err *err);

/* It is not to run after all: the process ends. */
void launch_drop(struct child *child);

/* A process for hooks: clone3 into a leaf (fd, or -1: none). The pid in the parent, 0 in the child,
 * or -errno. *ret_pidfd is -1 where there is none. */
rr_checked pid_t launch_clone(int leaf_fd, int *ret_pidfd);

/* A copy of us whose death sends no signal: fork() would make a child that waits see. Its pid, 0 in
 * it, or -1 and errno. */
rr_checked pid_t launch_clone_unseen(void);
