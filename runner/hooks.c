/* SPDX-License-Identifier: MIT */
#include "runner/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "runner/launch.h"

#define HOOK_TIMED_OUT 124
#define POLL_NS (20 * RR_NS_PER_MS) /* only where there are no pidfds */

/* A group of its own, so that all of it can be killed; stdin empty, output to our stderr. */
_Noreturn static void become_hook(const char *command, const struct signals *signals, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* It must not run beside the next job when its launcher was killed. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(125);

	(void)setpgid(0, 0);
	if (null >= 0)
		(void)dup2(null, STDIN_FILENO);
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	signals_give_back(signals);
	(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* Waits for the end of the process, or until the deadline. True when it has ended. */
static bool wait_until(pid_t pid, int pidfd, uint64_t deadline_ns, int *ret_status)
{
	for (;;) {
		struct pollfd event = { .fd = pidfd, .events = POLLIN };
		uint64_t now_ns = rr_now_boot_ns();
		struct timespec rest;
		pid_t done = waitpid(pid, ret_status, WNOHANG);

		if (done == pid || (done < 0 && errno != EINTR))
			return true;
		if (now_ns >= deadline_ns)
			return false;
		rest = rr_timespec(pidfd >= 0 ? deadline_ns - now_ns : POLL_NS);
		(void)ppoll(&event, 1, &rest, NULL);
	}
}

/* The pid, or -errno with words. */
static pid_t start(const char *event, const char *command, const struct signals *signals,
		   int *ret_pidfd, struct rr_err *err)
{
	pid_t pid, us = getpid();

	(void)setenv("RESRUN_HOOK", event, 1);
	pid = launch_clone(-1, ret_pidfd);
	if (pid < 0)
		return rr_err_sys(err, -pid, "start hook_%s '%s'", event, command);
	if (pid == 0)
		become_hook(command, signals, us);
	/* In both, as either may be first. */
	(void)setpgid(pid, pid);
	(void)unsetenv("RESRUN_HOOK");
	return pid;
}

int hook_start(const char *event, const char *command, const struct signals *signals,
	       struct rr_err *err)
{
	rr_autofd int pidfd = -1;
	pid_t pid = start(event, command, signals, &pidfd, err);

	return pid < 0 ? pid : 0;
}

int hook_run(const char *event, const char *command, uint64_t limit_ns,
	     const struct signals *signals, struct report_hook *ret, struct rr_err *err)
{
	uint64_t started_ns = rr_now_boot_ns();
	rr_autofd int pidfd = -1;
	bool in_time;
	int status = 0;
	pid_t pid;

	pid = start(event, command, signals, &pidfd, err);
	if (pid < 0)
		return pid;
	in_time = wait_until(pid, pidfd, rr_time_add(started_ns, limit_ns), &status);
	/* What it left in the background goes with it: a hook is over when it is over. */
	(void)kill(-pid, SIGKILL);
	if (!in_time)
		(void)waitpid(pid, &status, 0);
	ret->event = event;
	ret->wall_ns = rr_now_boot_ns() - started_ns;
	ret->status = !in_time		    ? HOOK_TIMED_OUT
		      : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					    : WEXITSTATUS(status);
	return 0;
}
