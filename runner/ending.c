/* SPDX-License-Identifier: MIT */
/* How a job comes to its end: asked, in time, by force; and how that is known. */
#include "runner/watcher.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "cgroup/tree.h"
#include "runner/tell.h"

void ending_kill(const struct watcher *watcher)
{
	if (in_cgroup(watcher))
		rr_ignore(leaf_kill(leaf_path(watcher))); /* the loop sees whether it worked */
	else
		tree_signal(getpid(), SIGKILL);
}

static void signal_all(const struct watcher *watcher, int signo)
{
	if (in_cgroup(watcher))
		leaf_signal(leaf_path(watcher), signo);
	else
		tree_signal(getpid(), signo);
}

void ending_ask(struct watcher *watcher)
{
	uint64_t kill_after_ns = settings_integer(&watcher->order->plan->settings, SET_KILL_AFTER);
	uint64_t kill_ns;

	if (watcher->asked_to_end)
		return;
	watcher->asked_to_end = true;
	signal_all(watcher, SIGTERM);
	steer_resume(watcher);
	signal_all(watcher, SIGCONT);
	kill_ns = rr_time_add(rr_now_boot_ns(), kill_after_ns);
	/* What outlived the first process has its time already. */
	if (kill_ns < watcher->kill_ns)
		watcher->kill_ns = kill_ns;
}

void ending_check_deadlines(struct watcher *watcher)
{
	uint64_t now_ns = rr_now_boot_ns();

	if (now_ns >= watcher->timeout_ns && !watcher->frozen_since_ns &&
	    watcher->phase == PHASE_RUNNING) {
		watcher->timed_out = true;
		watcher->timeout_ns = RR_TIME_INF;
		ending_ask(watcher);
	}
	if (now_ns >= watcher->kill_ns) {
		ending_kill(watcher);
		/* Again if something forked away from a kill that walks a tree. */
		watcher->kill_ns = now_ns + RR_NS_PER_S;
	}
}

/* True when nothing of the job is left, by the kernel's word and not by what can be seen of it.
 * Without a cgroup, orphans of the job become our children: as long as anything of it lives, we
 * have one. */
static bool is_over(const struct watcher *watcher)
{
	int populated;

	if (!in_cgroup(watcher))
		return watcher->childless;
	populated = cg_populated(leaf_path(watcher));
	return populated == 0 || populated == -ENOENT || populated == -ENODEV;
}

static int count_left(const struct watcher *watcher)
{
	pid_t pids[TREE_MAX];
	int seen;

	if (is_over(watcher))
		return 0;
	seen = in_cgroup(watcher) ? leaf_count(leaf_path(watcher))
				  : (int)tree_find(getpid(), pids, TREE_MAX);
	return seen > 0 ? seen : 1;
}

void ending_begin(struct watcher *watcher)
{
	const struct settings *settings = &watcher->order->plan->settings;
	int left = count_left(watcher);

	watcher->timeout_ns = RR_TIME_INF;
	watcher->outcome->leftovers = left > 0 ? (uint64_t)left : 0;
	if (left <= 0) {
		watcher->phase = PHASE_GONE;
		return;
	}
	watcher->phase = PHASE_LEAVING;
	if (watcher->kill_ns == RR_TIME_INF &&
	    settings_integer(settings, SET_LEFTOVERS) == LEFTOVERS_KILL)
		watcher->kill_ns =
			rr_time_add(rr_now_boot_ns(), settings_integer(settings, SET_KILL_AFTER));
	tell_more("%d process%s of the job still run%s", left, left == 1 ? "" : "es",
		  left == 1 ? "s" : "");
	watcher_pace(watcher);
}

void ending_check_gone(struct watcher *watcher)
{
	if (watcher->phase == PHASE_LEAVING && count_left(watcher) <= 0)
		watcher->phase = PHASE_GONE;
}
