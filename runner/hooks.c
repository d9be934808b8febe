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
#include "runner/tell.h"

#define HOOK_TIMED_OUT 124
#define BLOCKS_AT_ONCE 64
#define POLL_NS (20 * RR_NS_PER_MS) /* only where there are no pidfds */

/* What of its output has come so far. */
struct hook_output {
	int fd; /* -1: at its end */
	uint64_t bytes;
};

/* A group of its own, so that all of it can be killed; stdin empty, output to our stderr, by way of
 * us when it is counted. */
_Noreturn static void become_hook(const struct hook_order *order, int output, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* It must not run beside the next job when its launcher was killed. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(125);

	(void)setpgid(0, 0);
	if (null >= 0)
		(void)dup2(null, STDIN_FILENO);
	if (output >= 0)
		(void)dup2(output, STDERR_FILENO);
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	for (char *const *at = order->environment; at && *at; at++)
		(void)putenv(*at);
	/* Where the job was may be gone by now: then it runs where we are. */
	if (order->dir)
		rr_ignore(chdir(order->dir));
	signals_give_back(order->signals);
	(void)execl("/bin/sh", "sh", "-c", order->command, (char *)NULL);
	_exit(127);
}

/* Passes on what there is, without waiting for more; not for ever, as there is a limit of time. */
static void pass_on(struct hook_output *output)
{
	char block[16384];
	ssize_t n = 1;

	for (int i = 0; i < BLOCKS_AT_ONCE && output->fd >= 0; i++) {
		uint64_t room =
			output->bytes < HOOK_OUTPUT_MAX ? HOOK_OUTPUT_MAX - output->bytes : 0;

		n = read(output->fd, block, sizeof(block));
		if (n <= 0)
			break;
		output->bytes += (uint64_t)n;
		/* Nobody may be there to read it: that is no failure of the hook. */
		rr_ignore(
			rr_write_all(STDERR_FILENO, block, (uint64_t)n < room ? (size_t)n : room));
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		rr_fd_close(&output->fd);
}

/* Waits for the end of the process, or until the deadline. True when it has ended. */
static bool wait_until(pid_t pid, int pidfd, struct hook_output *output, uint64_t deadline_ns,
		       int *ret_status)
{
	for (;;) {
		struct pollfd events[] = { { .fd = pidfd, .events = POLLIN },
					   { .fd = output->fd, .events = POLLIN } };
		uint64_t now_ns = rr_now_boot_ns();
		struct timespec rest;
		pid_t done = waitpid(pid, ret_status, WNOHANG);

		if (done == pid || (done < 0 && errno != EINTR))
			return true;
		if (now_ns >= deadline_ns)
			return false;
		rest = rr_timespec(pidfd >= 0 ? deadline_ns - now_ns : POLL_NS);
		(void)ppoll(events, 2, &rest, NULL);
		pass_on(output);
	}
}

/* The pid, or -errno with words. */
static pid_t start(const struct hook_order *order, int output, int *ret_pidfd, struct rr_err *err)
{
	pid_t pid, us = getpid();

	(void)setenv("RESRUN_HOOK", order->event, 1);
	pid = launch_clone(-1, ret_pidfd);
	if (pid < 0)
		return rr_err_sys(err, -pid, "start hook_%s '%s'", order->event, order->command);
	if (pid == 0)
		become_hook(order, output, us);
	/* In both, as either may be first. */
	(void)setpgid(pid, pid);
	(void)unsetenv("RESRUN_HOOK");
	return pid;
}

int hook_start(const struct hook_order *order, struct rr_err *err)
{
	rr_autofd int pidfd = -1;
	pid_t pid = start(order, -1, &pidfd, err);

	return pid < 0 ? pid : 0;
}

/* Our end does not wait, the hook's does. */
static int open_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int hook_run(const struct hook_order *order, struct report_hook *ret, struct rr_err *err)
{
	uint64_t started_ns = rr_now_boot_ns();
	rr_autofd int pidfd = -1, write_end = -1, read_end = -1;
	struct hook_output output;
	int fds[2] = { -1, -1 }, status = 0;
	bool in_time;
	pid_t pid;

	/* Without a pipe its output is not counted. */
	rr_ignore(open_pipe(fds));
	read_end = fds[0];
	write_end = fds[1];
	pid = start(order, write_end, &pidfd, err);
	if (pid < 0)
		return pid;
	rr_fd_close(&write_end);
	output = (struct hook_output){ .fd = rr_fd_take(&read_end) };
	in_time =
		wait_until(pid, pidfd, &output, rr_time_add(started_ns, order->limit_ns), &status);
	/* What it left in the background goes with it: a hook is over when it is over. */
	(void)kill(-pid, SIGKILL);
	if (!in_time)
		(void)waitpid(pid, &status, 0);
	pass_on(&output);
	rr_fd_close(&output.fd);
	if (output.bytes > HOOK_OUTPUT_MAX)
		tell("hook_%s '%s' wrote %llu bytes, of which the first %d were passed on",
		     order->event, order->command, (unsigned long long)output.bytes,
		     HOOK_OUTPUT_MAX);
	ret->event = order->event;
	ret->wall_ns = rr_now_boot_ns() - started_ns;
	ret->status = !in_time		    ? HOOK_TIMED_OUT
		      : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					    : WEXITSTATUS(status);
	return 0;
}
