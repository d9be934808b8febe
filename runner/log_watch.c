/* SPDX-License-Identifier: MIT */
/*
 * The log of a detached job, which the job writes by itself: when half of logs_max_size is in it,
 * that is moved to ID.log.1, so that both together are no larger. A process of its own does it, as
 * that may take longer than supervision may wait.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cgroup/tree.h"
#include "policy/job_log.h"
#include "runner/launch.h"
#include "runner/tell.h"
#include "runner/watcher.h"

#define AGAIN_NS (60 * RR_NS_PER_S) /* after a failure */

static uint64_t max_bytes(const struct watcher *watcher)
{
	return settings_integer(&watcher->order->plan->settings, SET_LOGS_MAX_SIZE) / 2;
}

/* With its launcher it goes, and holds nothing of what that has open. */
_Noreturn static void move(const char *path, uint64_t max, pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(ECANCELED);
	rr_fd_close_all_but(STDERR_FILENO);
	if (rr_fd_fill_standard() < 0)
		_exit(EMFILE);
	_exit(-job_log_move(path, max));
}

static void start(struct watcher *watcher, const char *path)
{
	pid_t pid, us = getpid();

	pid = launch_clone_unseen();
	if (pid == 0)
		move(path, max_bytes(watcher), us);
	if (pid < 0)
		return;
	watcher->log_pid = pid;
	rr_ignore(tree_leave_out(pid)); /* there are more places than we ever need */
}

/* That it could not is told once: this goes into the same log. */
static void note_end(struct watcher *watcher, int status)
{
	tree_let_in(watcher->log_pid);
	watcher->log_pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	watcher->log_next_ns = rr_now_boot_ns() + AGAIN_NS;
	if (!watcher->log_told)
		tell("the log goes on to grow, beyond logs_max_size: %s",
		     WIFEXITED(status) ? strerror(WEXITSTATUS(status)) : "killed");
	watcher->log_told = true;
}

void log_look(struct watcher *watcher)
{
	const struct plan *plan = watcher->order->plan;
	char path[PATH_MAX];
	int status;

	if (!settings_integer(&plan->settings, SET_DETACH))
		return;
	if (watcher->log_pid > 0) {
		if (waitpid(watcher->log_pid, &status, WNOHANG | __WCLONE) == watcher->log_pid)
			note_end(watcher, status);
		return;
	}
	job_log_path(plan->paths.state, plan->job_id, path);
	if (rr_now_boot_ns() >= watcher->log_next_ns && job_log_is_large(path, max_bytes(watcher)))
		start(watcher, path);
}

void log_look_last(struct watcher *watcher)
{
	const struct plan *plan = watcher->order->plan;
	char path[PATH_MAX];
	int status = 0;

	if (watcher->log_pid <= 0)
		return;
	(void)kill(watcher->log_pid, SIGKILL);
	while (waitpid(watcher->log_pid, &status, __WCLONE) < 0 && errno == EINTR)
		;
	tree_let_in(watcher->log_pid);
	watcher->log_pid = 0;
	job_log_path(plan->paths.state, plan->job_id, path);
	job_log_clear(path);
}
