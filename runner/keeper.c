/* SPDX-License-Identifier: MIT */
#include "runner/keeper.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cgroup/leaf.h"
#include "cgroup/tree.h"
#include "runner/launch.h"
#include "runner/recover.h"
#include "runner/tell.h"

#define ROUNDS 250 /* of looking after what is dying */
#define PAUSE_NS (20 * RR_NS_PER_MS)

/* Whether the other one has said a word, rather than died. */
static bool hear(int talk)
{
	ssize_t n;
	char byte;

	do
		n = read(talk, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* ---- the keeper ---- */

static void nap(void)
{
	struct timespec pause = rr_timespec(PAUSE_NS);

	(void)nanosleep(&pause, NULL);
}

/* What it holds is dropped one by one while it dies: the socket that we hear it by may be before
 * the lease that says that it is alive. When we have another parent, all is. */
static void await_death(pid_t launcher)
{
	for (int round = 0; round < ROUNDS && getppid() == launcher; round++)
		nap();
}

/* Whatever the ledger's state. */
static void end_job(const struct plan *plan, const char *leaf)
{
	if (*leaf) {
		rr_ignore(placement_reap_leaf(leaf)); /* what it could not, the next resrun tries */
		return;
	}
	for (int round = 0; round < ROUNDS && tree_kill_orphans(plan->job_id); round++)
		nap();
}

_Noreturn static void keep(const struct plan *plan, const char *leaf, int talk, pid_t launcher)
{
	bool ends_job = settings_integer(&plan->settings, SET_ON_LAUNCHER_DEATH) == DEATH_KILL;
	struct rr_err ignored;

	(void)setsid();
	(void)prctl(PR_SET_NAME, "resrun-keeper");
	rr_ignore(chdir("/"));
	rr_fd_close_all_but(talk);
	/* From here on what kills the launcher's whole group does not kill us. */
	rr_ignore(send(talk, "", 1, MSG_NOSIGNAL));
	if (hear(talk))
		_exit(0);
	/* First of all: whatever is done before it is time that the job has. It says nothing, and
	 * closes what it opens. */
	if (ends_job && *leaf)
		rr_ignore(leaf_kill(leaf)); /* what it could not, end_job can */
	/* Nothing that is opened from here on may land where messages go. */
	if (rr_fd_fill_standard() < 0)
		_exit(1);
	if (ends_job)
		end_job(plan, leaf);
	await_death(launcher);
	/* The slot and the record, or that the job goes on; what fails, the next resrun does. */
	rr_ignore(recover_slots(&plan->paths, &ignored));
	_exit(0);
}

/* ---- the launcher ---- */

void keeper_start(const struct plan *plan, const struct placement *placement, struct keeper *ret)
{
	const char *leaf = placement->leaf.fd >= 0 ? placement->leaf.path : "";
	pid_t us = getpid();
	int ends[2];

	*ret = (struct keeper){ .talk = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) {
		ret->pid = launch_clone_unseen();
		if (ret->pid == 0)
			keep(plan, leaf, ends[0], us);
		(void)close(ends[0]);
		ret->talk = ends[1];
	}
	if (ret->pid > 0) {
		rr_ignore(tree_leave_out(ret->pid)); /* the first of them */
		return;
	}
	tell("nobody will see to the job if resrun is killed: %s", strerror(errno));
	*ret = (struct keeper){ .talk = ret->talk };
	rr_fd_close(&ret->talk);
}

void keeper_await(const struct keeper *keeper)
{
	if (keeper->pid > 0)
		rr_ignore(hear(keeper->talk)); /* it has died: the next resrun does its work */
}

void keeper_dismiss(struct keeper *keeper)
{
	if (keeper->pid <= 0)
		return;
	/* Killed, it reads nothing; SIGPIPE is ignored. */
	rr_ignore(write(keeper->talk, "", 1));
	rr_fd_close(&keeper->talk);
}

void keeper_end(struct keeper *keeper)
{
	if (keeper->pid <= 0)
		return;
	while (waitpid(keeper->pid, NULL, __WCLONE) < 0 && errno == EINTR)
		;
	tree_let_in(keeper->pid);
	keeper->pid = 0;
}
