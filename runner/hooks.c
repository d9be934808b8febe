/* SPDX-License-Identifier: MIT */
#include "runner/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/procfs.h"
#include "cgroup/hook_leaf.h"
#include "cgroup/tree.h"
#include "runner/launch.h"
#include "runner/tell.h"

#define HOOK_TIMED_OUT 124
#define BLOCK_SIZE PIPE_BUF /* what poll() says can be written goes into a pipe without a wait */
#define APART_MAX 12 /* hooks at once that nobody waits for */
#define POLL_NS (20 * RR_NS_PER_MS) /* only where there are no pidfds */

/* What of its output has come so far, and what of that is still to be passed on. */
struct hook_output {
	int fd; /* -1: at its end */
	uint64_t bytes;
	size_t at, held;
	char block[BLOCK_SIZE];
};

/* A process group of its own, so that it can be killed where there is no cgroup; stdin empty,
 * output to our stderr, by way of us when it is counted. */
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

static bool is_ready(int fd, short events)
{
	struct pollfd poll_one = { .fd = fd, .events = events };

	return poll(&poll_one, 1, 0) > 0;
}

/* Takes the next block. False when there is none now, or never will be. */
static bool take_block(struct hook_output *output)
{
	uint64_t room = output->bytes < HOOK_OUTPUT_MAX ? HOOK_OUTPUT_MAX - output->bytes : 0;
	ssize_t n = output->fd < 0 ? -1 : read(output->fd, output->block, BLOCK_SIZE);

	if (output->fd >= 0 && (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)))
		rr_fd_close(&output->fd);
	if (n <= 0)
		return false;
	output->bytes += (uint64_t)n;
	output->at = 0;
	output->held = (uint64_t)n < room ? (size_t)n : (size_t)room;
	return true;
}

/* Passes on what there is, without waiting for more, and only while somebody takes it: a stderr
 * that nobody reads must hold up the hook, whose time is limited, and not us. */
static void pass_on(struct hook_output *output)
{
	while (output->held > 0 || take_block(output)) {
		ssize_t n;

		if (output->held == 0)
			continue;
		if (!is_ready(STDERR_FILENO, POLLOUT))
			return;
		n = write(STDERR_FILENO, output->block + output->at, output->held);
		/* Nobody may be there to read it: that is no failure of the hook. */
		if (n < 0)
			n = errno == EINTR ? 0 : (ssize_t)output->held;
		output->at += (size_t)n;
		output->held -= (size_t)n;
	}
}

/* What is to happen before there is something to do: more of it, or room for what there is. */
static struct pollfd next_event(const struct hook_output *output)
{
	if (output->held > 0)
		return (struct pollfd){ .fd = STDERR_FILENO, .events = POLLOUT };
	return (struct pollfd){ .fd = output->fd, .events = POLLIN };
}

/* The rest, when the hook is over; who takes it has the hook's time for that. */
static void pass_on_rest(struct hook_output *output, uint64_t deadline_ns)
{
	uint64_t now_ns;

	pass_on(output);
	while (output->held > 0 && (now_ns = rr_now_boot_ns()) < deadline_ns) {
		struct pollfd event = next_event(output);
		struct timespec rest = rr_timespec(deadline_ns - now_ns);

		(void)ppoll(&event, 1, &rest, NULL);
		pass_on(output);
	}
	rr_fd_close(&output->fd);
}

/* Waits for the end of the process, or until the deadline. True when it has ended. */
static bool wait_until(pid_t pid, int pidfd, struct hook_output *output, uint64_t deadline_ns,
		       int *ret_status)
{
	for (;;) {
		struct pollfd events[] = { { .fd = pidfd, .events = POLLIN }, next_event(output) };
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

/* A hook for which none can be made runs where we are, as it does without any. */
static void make_leaf(const struct hook_order *order, struct cg_leaf *ret)
{
	int r = order->leaf ? hook_leaf_make(order->leaf, ret) : 0;

	if (r < 0)
		tell_more("hook_%s '%s' has no cgroup of its own: %s", order->event, order->command,
			  strerror(-r));
}

/* The pid, or -errno with words. */
static pid_t start(const struct hook_order *order, const struct cg_leaf *leaf, int output,
		   int *ret_pidfd, struct rr_err *err)
{
	pid_t pid, us = getpid();

	(void)setenv("RESRUN_HOOK", order->event, 1);
	pid = launch_clone(leaf->fd, ret_pidfd);
	if (pid < 0)
		return rr_err_sys(err, -pid, "start hook_%s '%s'", order->event, order->command);
	if (pid == 0)
		become_hook(order, output, us);
	/* In both, as either may be first. */
	(void)setpgid(pid, pid);
	(void)unsetenv("RESRUN_HOOK");
	return pid;
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
	__attribute__((cleanup(hook_leaf_leave))) struct cg_leaf leaf = { .fd = -1 };
	rr_autofd int pidfd = -1, write_end = -1, read_end = -1;
	uint64_t deadline_ns = rr_time_add(started_ns, order->limit_ns);
	struct hook_output output = { .fd = -1 };
	int fds[2] = { -1, -1 }, status = 0;
	bool in_time;
	pid_t pid;

	/* Without a pipe its output is not counted. */
	rr_ignore(open_pipe(fds));
	read_end = fds[0];
	write_end = fds[1];
	make_leaf(order, &leaf);
	pid = start(order, &leaf, write_end, &pidfd, err);
	if (pid < 0)
		return pid;
	rr_fd_close(&write_end);
	output.fd = rr_fd_take(&read_end);
	in_time = wait_until(pid, pidfd, &output, deadline_ns, &status);
	/* What it left in the background goes with it: a hook is over when it is over. */
	(void)kill(-pid, SIGKILL);
	if (!in_time && leaf.fd >= 0)
		rr_ignore(leaf_kill(leaf.path)); /* what it could not, the end of the try can */
	if (!in_time)
		(void)waitpid(pid, &status, 0);
	pass_on_rest(&output, deadline_ns);
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

/* ---- hooks that nobody waits for ---- */

static pid_t apart[APART_MAX]; /* who runs them; 0: nobody */

/* What we have open for ourselves, locks among it, is not for one that may outlast its use. */
static void close_own(void)
{
	DIR *fds = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint64_t fd;

	while (fds && (entry = readdir(fds)))
		if (rr_parse_u64(entry->d_name, &fd) == 0 && (int)fd != dirfd(fds) &&
		    fcntl((int)fd, F_GETFD) == FD_CLOEXEC)
			(void)close((int)fd);
	if (fds)
		(void)closedir(fds);
}

_Noreturn static void run_apart(const struct hook_order *order, pid_t parent)
{
	struct report_hook hook;
	struct rr_err err;

	/* With its launcher it goes, and the hook with it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(125);
	(void)prctl(PR_SET_NAME, "resrun-hook");
	close_own();
	if (hook_run(order, &hook, &err) < 0)
		tell_error("%s", err.text);
	else if (hook.status != 0)
		tell("hook_%s '%s' %s %d", order->event, order->command,
		     hook.status == HOOK_TIMED_OUT ? "took too long, status" : "failed with status",
		     hook.status);
	_exit(0);
}

/* A place for one more; those that have ended make room. NULL: there is none. */
static pid_t *find_place(void)
{
	pid_t *place = NULL;

	for (size_t i = 0; i < APART_MAX; i++) {
		if (apart[i] > 0 && waitpid(apart[i], NULL, WNOHANG | __WCLONE) != 0) {
			tree_let_in(apart[i]);
			apart[i] = 0;
		}
		if (apart[i] == 0)
			place = &apart[i];
	}
	return place;
}

int hook_start(const struct hook_order *order, struct rr_err *err)
{
	pid_t *place = find_place(), pid, us = getpid();

	if (!place)
		return rr_err_set(err, EAGAIN, "hook_%s '%s': %d are running already", order->event,
				  order->command, APART_MAX);
	pid = launch_clone_unseen();
	if (pid == 0)
		run_apart(order, us);
	if (pid < 0)
		return rr_err_sys(err, errno, "start hook_%s '%s'", order->event, order->command);
	*place = pid;
	rr_ignore(tree_leave_out(pid)); /* there are more places there than here */
	return 0;
}

void hook_end_apart(void)
{
	for (size_t i = 0; i < APART_MAX; i++) {
		if (apart[i] <= 0)
			continue;
		/* The hook goes with it. */
		(void)kill(apart[i], SIGKILL);
		while (waitpid(apart[i], NULL, __WCLONE) < 0 && errno == EINTR)
			;
		tree_let_in(apart[i]);
		apart[i] = 0;
	}
}
