/* SPDX-License-Identifier: MIT */
#include "runner/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "cgroup/affinity.h"
#include "cgroup/niceness.h"

#define MOVE_TRIES 3 /* of a clone that met a leaf just being changed */

/* What the child did when it failed; goes to the parent over a socket that exec closes. */
enum stage { STAGE_PARENT_GONE, STAGE_WAIT, STAGE_OUTPUT, STAGE_SECCOMP, STAGE_EXEC };

struct failure {
	int stage;
	int errnum;
};

/* ---- cloning ---- */

static pid_t clone_into(int leaf_fd, int *ret_pidfd)
{
	struct clone_args args = { .flags = CLONE_PIDFD, .exit_signal = SIGCHLD };

	args.pidfd = (uint64_t)(uintptr_t)ret_pidfd;
	if (leaf_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)leaf_fd;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Without clone3 (before Linux 5.7, or filtered) the child moves itself before anything else. */
static pid_t fork_and_enter(int leaf_fd, int *ret_pidfd)
{
	pid_t pid = fork();

	if (pid > 0) {
		int pidfd = rr_pidfd_open(pid);

		*ret_pidfd = pidfd < 0 ? -1 : pidfd;
	}
	if (pid == 0 && leaf_fd >= 0 && rr_write_at(leaf_fd, "cgroup.procs", "0") < 0)
		_exit(125);
	return pid;
}

/* Errors that mean "not in this way"; EAGAIN is a limit, and falling back would escape it. */
static bool may_fall_back(int errnum)
{
	return errnum == ENOSYS || errnum == EPERM || errnum == EOPNOTSUPP || errnum == EBUSY ||
	       errnum == EINVAL || errnum == E2BIG || errnum == EACCES;
}

pid_t launch_clone(int leaf_fd, int *ret_pidfd)
{
	pid_t pid = -1;

	*ret_pidfd = -1;
	for (int attempt = 0; attempt < MOVE_TRIES; attempt++) {
		pid = clone_into(leaf_fd, ret_pidfd);
		if (pid >= 0 || errno != EBUSY)
			break;
	}
	if (pid < 0 && may_fall_back(errno))
		pid = fork_and_enter(leaf_fd, ret_pidfd);
	return pid < 0 ? -errno : pid;
}

pid_t launch_clone_unseen(void)
{
	return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
}

/* ---- the child ---- */

_Noreturn static void fail(int talk, enum stage stage, int errnum)
{
	struct failure failure = { stage, errnum };

	/* If nobody listens, the parent is gone, and nobody wants to know. */
	rr_ignore(send(talk, &failure, sizeof(failure), MSG_NOSIGNAL));
	_exit(125);
}

/* The job's first process dies with us, where a cgroup does not see to it. Our parent may already
 * be dead: then its death will never be told. */
static void tie_to_parent(int talk, pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		fail(talk, STAGE_PARENT_GONE, ESRCH);
}

/* Until the parent says go; its end of the socket closes with it. */
static void wait_for_go(int talk)
{
	char go;
	ssize_t n;

	do
		n = recv(talk, &go, sizeof(go), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		fail(talk, STAGE_WAIT, errno);
	if (n != sizeof(go))
		_exit(125);
}

/* Limits of a job without a cgroup that it takes upon itself. */
static void limit_self(const struct limit_set *limits)
{
	const struct limit *cpus = &limits->v[LIMIT_CPUS], *weight = &limits->v[LIMIT_CPU_WEIGHT];

	if (cpus->by == BY_AFFINITY)
		affinity_hold_self((unsigned)cpus->cpus);
	if (weight->by == BY_NICE && weight->amount < LIMIT_WEIGHT_DEFAULT)
		(void)setpriority(PRIO_PROCESS, 0, niceness_of_weight(weight->amount));
}

static void redirect(int talk, int output_fd)
{
	if (output_fd >= 0 &&
	    (dup2(output_fd, STDOUT_FILENO) < 0 || dup2(output_fd, STDERR_FILENO) < 0))
		fail(talk, STAGE_OUTPUT, errno);
}

_Noreturn static void become_job(const struct launch_order *order, int talk, pid_t parent)
{
	int r;

	if (settings_integer(&order->plan->settings, SET_ON_LAUNCHER_DEATH) == DEATH_KILL)
		tie_to_parent(talk, parent);
	limit_self(order->limits);
	redirect(talk, order->output_fd);
	wait_for_go(talk);
	signals_give_back(order->signals);
	r = seccomp_install(order->seccomp);
	if (r < 0)
		fail(talk, STAGE_SECCOMP, -r);
	(void)execvp(order->command[0], order->command);
	fail(talk, STAGE_EXEC, errno);
}

/* ---- the parent ---- */

/* execvp says "permission denied" also when it may not look into some directory of PATH (root's,
 * after su): a command that can be seen in none of them is not found. */
static bool is_anywhere(const char *command)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];

	if (strchr(command, '/'))
		return true;
	for (; path && *path; path += strcspn(path, ":"), path += *path == ':') {
		(void)snprintf(file, sizeof(file), "%.*s/%s", (int)strcspn(path, ":"), path,
			       command);
		if (access(file, F_OK) == 0)
			return true;
	}
	return false;
}

static int explain(const struct launch_order *order, const struct failure *failure,
		   struct rr_err *err)
{
	const char *command = order->command[0];

	switch (failure->stage) {
	case STAGE_EXEC:
		if (failure->errnum == EACCES && !is_anywhere(command)) {
			(void)rr_err_sys(err, ENOENT, "cannot run '%s'", command);
			return LAUNCH_NOT_FOUND;
		}
		(void)rr_err_sys(err, failure->errnum, "cannot run '%s'", command);
		return failure->errnum == ENOENT ? LAUNCH_NOT_FOUND : LAUNCH_NOT_EXECUTABLE;
	case STAGE_SECCOMP:
		return rr_err_sys(err, failure->errnum, "load the seccomp policy '%s'",
				  settings_text(&order->plan->settings, SET_SECCOMP));
	case STAGE_OUTPUT:
		return rr_err_sys(err, failure->errnum, "hold back the output of '%s'", command);
	default:
		return rr_err_sys(err, failure->errnum, "start '%s'", command);
	}
}

/* model: HEAR. True when it failed; nothing is heard of a successful exec, which hangs up. */
static bool hear_failure(int talk, struct failure *ret)
{
	ssize_t n;

	do
		n = read(talk, ret, sizeof(*ret));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*ret);
}

int launch_prepare(const struct launch_order *order, struct child *ret, struct rr_err *err)
{
	const struct cg_leaf *leaf = &order->placement->leaf;
	struct child child = { .pidfd = -1, .talk = -1 };
	pid_t parent = getpid();
	int ends[2];

	/* A stream: what a child said before it died is still there to be read, whatever we have
	 * sent to it meanwhile. Of a SOCK_SEQPACKET it is not. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return rr_err_sys(err, errno, "make a socket to talk to the job's process");
	/* model: CLONE */
	child.pid = launch_clone(leaf->fd, &child.pidfd);
	if (child.pid == 0) {
		(void)close(ends[0]);
		become_job(order, ends[1], parent);
	}
	(void)close(ends[1]);
	child.talk = ends[0];
	if (child.pid < 0) {
		rr_fd_close(&child.talk);
		return rr_err_sys(err, -child.pid, "start a process%s%s",
				  leaf->fd >= 0 ? " in cgroup " : "",
				  leaf->fd >= 0 ? leaf->path : "");
	}
	*ret = child;
	return 0;
}

void launch_drop(struct child *child)
{
	rr_fd_close(&child->talk);
	(void)waitpid(child->pid, NULL, 0);
	rr_fd_close(&child->pidfd);
}

int launch_go(const struct launch_order *order, struct child *child, struct rr_err *err)
{
	struct failure failure;

	child->started_ns = rr_now_boot_ns();
	child->started_wall_ns = rr_now_wall_ns();
	/* model: GO. A child that is no more has said why, or its status will. */
	if (send(child->talk, "", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE) {
		int r = rr_err_sys(err, errno, "let '%s' start", order->command[0]);

		launch_drop(child);
		return r;
	}
	if (hear_failure(child->talk, &failure)) {
		launch_drop(child);
		return explain(order, &failure, err);
	}
	rr_fd_close(&child->talk);
	return 0;
}
