/* SPDX-License-Identifier: MIT */
/*
 * One loop, one poll: signals, the leaf's events, the sampling clock, the deadlines. The job is in
 * one of three phases, and only moves forward:
 *   RUNNING    its first process lives
 *   LEAVING    that one has ended, others of the job have not: they have kill_after to go
 *   GONE       nothing is left
 * Asked to end (time limit, a second TERM, memory over a sampled cap) it gets TERM, and kill_after
 * later the kill that nothing escapes.
 */
#include "runner/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "base/resident.h"
#include "cgroup/tree.h"
#include "policy/pace.h"
#include "runner/events.h"
#include "runner/live.h"
#include "runner/watcher.h"

#define FIRST_NS (20 * RR_NS_PER_MS) /* to the first sample: what is over by then needs none */
#define FAST_NS (100 * RR_NS_PER_MS) /* sampling at first: short jobs have short peaks */
#define FAST_FOR_NS (2 * RR_NS_PER_S)
#define SLOW_NS RR_NS_PER_S
#define SLOWEST_NS (5 * RR_NS_PER_S) /* where a look is dear: a tree of thousands of processes */
#define CAP_NS (200 * RR_NS_PER_MS) /* a sampled memory cap must bite within half a second */
#define LEAVING_NS (50 * RR_NS_PER_MS)
#define BLOCK_BYTES 512 /* unit of ru_inblock and ru_oublock */

/* ---- sampling ---- */

/* CPU time and I/O of a child and of what it has waited for: the kernel's own sum. What all our
 * children together have used would have hooks and earlier tries in it. */
static void add_rusage(const struct rusage *used, struct usage *usage)
{
	usage->cpu_user_us +=
		(uint64_t)used->ru_utime.tv_sec * 1000000 + (uint64_t)used->ru_utime.tv_usec;
	usage->cpu_system_us +=
		(uint64_t)used->ru_stime.tv_sec * 1000000 + (uint64_t)used->ru_stime.tv_usec;
	usage->cpu_us = usage->cpu_user_us + usage->cpu_system_us;
	usage->io_read_bytes += (uint64_t)used->ru_inblock * BLOCK_BYTES;
	usage->io_write_bytes += (uint64_t)used->ru_oublock * BLOCK_BYTES;
	usage_raise(&usage->memory_peak_bytes, (uint64_t)used->ru_maxrss * 1024);
}

/* The kernel does not count its memory: there is no cgroup, or none with that controller. */
static bool needs_tree(const struct watcher *watcher)
{
	return !in_cgroup(watcher) || watcher->meter.fd[METER_MEMORY] < 0;
}

/* A cap that the kernel does not hold. */
static void hold_memory(struct watcher *watcher)
{
	const struct limit *cap = &watcher->order->limits->v[LIMIT_MEMORY];
	const struct usage *usage = &watcher->outcome->usage;

	if (cap->by != BY_SAMPLED || usage->memory_bytes == USAGE_UNKNOWN ||
	    usage->memory_bytes <= cap->amount || watcher->over_memory)
		return;
	watcher->over_memory = true;
	ending_kill(watcher);
}

/* What of the reservation the job has taken by now needs no reserving any more. */
static void lower_reservation(const struct watcher *watcher)
{
	struct admission *admission = watcher->order->admission;
	uint64_t all = watcher->reserve_bytes;
	uint64_t used = watcher->outcome->usage.memory_bytes, left;

	if (used == USAGE_UNKNOWN || admission->reserved_bytes == 0)
		return;
	/* In steps of a tenth: every change takes the ledger's lock. */
	left = used < all ? all - used : 0;
	if (left + all / 10 <= admission->reserved_bytes || left == 0)
		ticket_reserve(admission, left);
}

/* A short job has short peaks: while it is young, each may be the one. */
static void read_tree(struct watcher *watcher, bool exact, uint64_t now_ns)
{
	const struct limit *cap = &watcher->order->limits->v[LIMIT_MEMORY];
	const struct tree_want want = {
		.now_ns = now_ns,
		.exact = exact || now_ns - watcher->started_ns < FAST_FOR_NS,
		.cap_bytes = cap->by == BY_SAMPLED ? cap->amount : UINT64_MAX,
	};

	tree_meter_read(&watcher->tree_meter, &want, &watcher->outcome->usage);
}

/* Exact: all that can be known now. Otherwise what is not seen now can be seen later. */
static void look(struct watcher *watcher, bool exact)
{
	bool held = watcher->order->limits->v[LIMIT_MEMORY_HIGH].by == BY_CGROUP;
	struct usage *usage = &watcher->outcome->usage;
	uint64_t begun_ns = rr_now_boot_ns();

	if (in_cgroup(watcher) && exact)
		meter_read(&watcher->meter, usage);
	else if (in_cgroup(watcher))
		meter_look(&watcher->meter, held, usage);
	if (needs_tree(watcher))
		read_tree(watcher, exact, begun_ns);
	hold_memory(watcher);
	watcher->last_ns = rr_now_boot_ns();
	held_up_look(watcher);
	temp_look(watcher);
	log_look(watcher);
	lower_reservation(watcher);
	if (alert_look(&watcher->alert, watcher->press.n > 0))
		press_look(watcher);
	events_process(watcher->order->child->pid, usage, watcher->last_ns - watcher->started_ns);
	live_show(watcher->order);
	watcher->look_cost_ns = rr_now_boot_ns() - begun_ns;
}

void watcher_sample(struct watcher *watcher)
{
	look(watcher, true);
}

/* When a job has turned out to be no short one, what its start has read of the program is let go.
 * From a second on, all launchers look at the same moment: the machine wakes up once for all of
 * them, and what the first has brought into the CPU's caches serves the others, which halves the
 * cost of a look. */
static void set_tick(struct watcher *watcher, uint64_t interval_ns)
{
	struct itimerspec every = { rr_timespec(interval_ns), rr_timespec(interval_ns) };
	uint64_t now_ns = rr_now_boot_ns();

	if (interval_ns == watcher->tick_ns)
		return;
	if (interval_ns >= SLOW_NS && watcher->tick_ns < SLOW_NS)
		rr_release_code();
	watcher->tick_ns = interval_ns;
	if (interval_ns >= SLOW_NS)
		every.it_value = rr_timespec(now_ns - now_ns % SLOW_NS + SLOW_NS);
	(void)timerfd_settime(watcher->tick_fd, interval_ns >= SLOW_NS ? TFD_TIMER_ABSTIME : 0,
			      &every, NULL);
}

static uint64_t interval_ns(const struct watcher *watcher)
{
	const struct pace pace = { .base_ns = SLOW_NS, .most_ns = SLOWEST_NS };
	uint64_t age_ns = rr_now_boot_ns() - watcher->started_ns, next_ns;

	if (watcher->phase == PHASE_LEAVING)
		return LEAVING_NS;
	if (age_ns < FIRST_NS)
		return FIRST_NS;
	if (age_ns < FAST_FOR_NS)
		return FAST_NS;
	if (watcher->order->limits->v[LIMIT_MEMORY].by == BY_SAMPLED)
		return CAP_NS;
	next_ns = pace_next_ns(&pace, watcher->look_cost_ns, -1, -1);
	return (next_ns + SLOW_NS - 1) / SLOW_NS * SLOW_NS;
}

void watcher_pace(struct watcher *watcher)
{
	set_tick(watcher, interval_ns(watcher));
}

/* ---- children and signals ---- */

/* Somebody stopped the job alone: our shell must see us stopped, and wake both. */
static void mirror_stop(const struct watcher *watcher)
{
	const struct child *child = watcher->order->child;
	rr_autofd int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);

	/* Without a terminal (cron, CI) there is no shell that would ever wake us. */
	if (terminal < 0 || getsid(0) == getpid())
		return;
	(void)raise(SIGSTOP);
	rr_ignore(rr_pidfd_signal(child->pidfd, child->pid, SIGCONT)); /* gone: SIGCHLD follows */
}

static void note_job_status(struct watcher *watcher, int status)
{
	if (WIFSTOPPED(status)) {
		/* A stop from the terminal stopped us as well, and is over when we read this. */
		if (WSTOPSIG(status) == SIGSTOP && !watcher->paused && !watcher->press.still)
			mirror_stop(watcher);
		return;
	}
	if (!WIFEXITED(status) && !WIFSIGNALED(status))
		return;
	watcher->status = status;
	watcher->outcome->wall_ns = rr_now_boot_ns() - watcher->started_ns;
	watcher->outcome->ended_wall_ns = rr_now_wall_ns();
	watcher->first_ended = true;
}

/* Every child: as a subreaper we inherit the orphans of a job without a cgroup. */
static void reap_children(struct watcher *watcher)
{
	struct rusage used;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG | WUNTRACED, &used)) > 0) {
		if (!WIFSTOPPED(status))
			add_rusage(&used, &watcher->waited);
		if (pid == watcher->order->child->pid)
			note_job_status(watcher, status);
	}
	watcher->childless = pid < 0 && errno == ECHILD;
	/* Only now: zombies that were reaped above are no leftovers. */
	if (watcher->first_ended && watcher->phase == PHASE_RUNNING)
		ending_begin(watcher);
	ending_check_gone(watcher);
}

static void take_end_signal(struct watcher *watcher, int signo)
{
	/* The first is the job's to act upon; the second of the kind escalates. */
	if (signo == SIGTERM && watcher->term_sent)
		watcher->kill_ns = 0;
	watcher->term_sent |= signo == SIGTERM;
}

static void forward_signals(struct watcher *watcher)
{
	const struct child *child = watcher->order->child;
	struct signalfd_siginfo info;
	int signo;

	while ((signo = signals_next(watcher->order->signals, &info)) != 0) {
		/* What stands still could not act upon it, whoever has sent it: the terminal's ^C
		 * reaches the job by itself. */
		if (signals_means_end(signo))
			steer_resume(watcher);
		if (signo == SIGCHLD || !signals_must_forward(&info))
			continue;
		take_end_signal(watcher, signo);
		/* A job that has gone meanwhile needs no signal. */
		if (watcher->phase == PHASE_RUNNING)
			rr_ignore(rr_pidfd_signal(child->pidfd, child->pid, signo));
		else if (signals_means_end(signo))
			ending_ask(watcher);
	}
}

/* ---- the loop ---- */

void watcher_note_frozen(struct watcher *watcher, bool frozen)
{
	uint64_t now_ns = rr_now_boot_ns();

	if (frozen && !watcher->frozen_since_ns)
		watcher->frozen_since_ns = now_ns;
	if (!frozen && watcher->frozen_since_ns) {
		watcher->outcome->frozen_ns += now_ns - watcher->frozen_since_ns;
		/* The time limit stands still while the job does. */
		watcher->timeout_ns =
			rr_time_add(watcher->timeout_ns, now_ns - watcher->frozen_since_ns);
		watcher->frozen_since_ns = 0;
	}
}

static void follow_freeze(struct watcher *watcher)
{
	char text[256];
	uint64_t frozen = 0;

	if (watcher->events_fd >= 0 && rr_pread_text(watcher->events_fd, text, sizeof(text)) >= 0 &&
	    rr_text_u64(text, "frozen", &frozen) == 0)
		watcher_note_frozen(watcher, frozen);
}

static struct timespec until_deadline(const struct watcher *watcher)
{
	uint64_t now_ns = rr_now_boot_ns();
	uint64_t next_ns = watcher->frozen_since_ns ? RR_TIME_INF : watcher->timeout_ns;

	if (watcher->kill_ns < next_ns)
		next_ns = watcher->kill_ns;
	/* A day is soon enough where there is no deadline. */
	if (next_ns > now_ns + 86400 * RR_NS_PER_S)
		next_ns = now_ns + 86400 * RR_NS_PER_S;
	return rr_timespec(next_ns > now_ns ? next_ns - now_ns : 0);
}

static void turn(struct watcher *watcher)
{
	struct pollfd events[] = {
		{ .fd = watcher->order->signals->fd, .events = POLLIN },
		{ .fd = watcher->tick_fd, .events = POLLIN },
		{ .fd = watcher->events_fd, .events = POLLPRI },
		{ .fd = watcher->order->admission->wake_fd, .events = POLLIN },
	};
	struct timespec rest = until_deadline(watcher);
	uint64_t expirations;

	(void)ppoll(events, 4, &rest, NULL);
	if (events[0].revents)
		forward_signals(watcher);
	if (events[1].revents && read(watcher->tick_fd, &expirations, sizeof(expirations)) > 0) {
		look(watcher, false);
		watcher_pace(watcher);
	}
	if (events[2].revents)
		follow_freeze(watcher);
	if (events[3].revents)
		steer_job(watcher);
	reap_children(watcher);
	ending_check_deadlines(watcher);
}

static void start_watching(struct watcher *watcher)
{
	const struct plan *plan = watcher->order->plan;
	int leaf_fd = watcher->order->placement->leaf.fd;

	if (in_cgroup(watcher)) {
		meter_open(leaf_fd, &watcher->meter);
		oom_begin(leaf_path(watcher), watcher->order->placement->hierarchy.mount,
			  &watcher->oom);
		watcher->events_fd = openat(leaf_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
		if (watcher->events_fd >= 0)
			follow_freeze(watcher);
	}
	tree_meter_open(&watcher->tree_meter);
	alert_start(plan, watcher->order->signals, in_cgroup(watcher) ? leaf_path(watcher) : NULL,
		    &watcher->alert);
	watcher->tick_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	watcher->started_ns = watcher->order->child->started_ns;
	watcher->kill_ns = RR_TIME_INF;
	watcher->reserve_bytes = plan->reserve_bytes;
	watcher->reserve_cpu_milli = (uint32_t)(1000 * plan->limits.v[LIMIT_CPUS].cpus);
	watcher->outcome->timeout_ns = settings_has(&plan->settings, SET_TIMEOUT)
					       ? settings_integer(&plan->settings, SET_TIMEOUT)
					       : RR_TIME_INF;
	watcher->timeout_ns = rr_time_add(watcher->started_ns, watcher->outcome->timeout_ns);
	watcher_pace(watcher);
}

static enum exit_reason reason_of(const struct watcher *watcher)
{
	const struct usage *usage = &watcher->outcome->usage;
	bool killed = WIFSIGNALED(watcher->status) && WTERMSIG(watcher->status) == SIGKILL;

	if (watcher->timed_out)
		return EXIT_TIMEOUT;
	if (watcher->over_memory)
		return EXIT_OOM;
	/* oom_kill also counts victims below: without a kill of its first process the job went on.
	 */
	if (killed && usage->oom_kills != USAGE_UNKNOWN && usage->oom_kills > 0)
		return EXIT_OOM;
	if (watcher->stalled)
		return EXIT_STALLED;
	if (watcher->canceled || (watcher->term_sent && WIFSIGNALED(watcher->status)))
		return EXIT_CANCELED;
	return WIFSIGNALED(watcher->status) ? EXIT_SIGNALED : EXIT_EXITED;
}

static void finish(struct watcher *watcher)
{
	struct outcome *outcome = watcher->outcome;
	const struct usage *waited = &watcher->waited;
	struct usage *usage = &outcome->usage;
	bool sampled = needs_tree(watcher);

	if (in_cgroup(watcher)) {
		meter_read(&watcher->meter, usage);
		meter_close(&watcher->meter);
		/* Without the io controller: blocks counted by the processes themselves. */
		if (usage->io_read_bytes == USAGE_UNKNOWN) {
			usage->io_read_bytes = waited->io_read_bytes;
			usage->io_write_bytes = waited->io_write_bytes;
		}
		if (usage->cpu_us == USAGE_UNKNOWN)
			usage->cpu_us = waited->cpu_us;
		if (sampled)
			usage_raise(&usage->memory_peak_bytes, waited->memory_peak_bytes);
	} else {
		usage->cpu_us = waited->cpu_us;
		usage->cpu_user_us = waited->cpu_user_us;
		usage->cpu_system_us = waited->cpu_system_us;
		usage->io_read_bytes = waited->io_read_bytes;
		usage->io_write_bytes = waited->io_write_bytes;
		usage_raise(&usage->memory_peak_bytes, waited->memory_peak_bytes);
	}
	tree_meter_close(&watcher->tree_meter);
	watcher_note_frozen(watcher, false);
	temp_look_last(watcher);
	press_end(watcher);
	log_look_last(watcher);
	rr_fd_close(&watcher->tick_fd);
	rr_fd_close(&watcher->events_fd);
	outcome->reason = reason_of(watcher);
	if (outcome->reason == EXIT_OOM)
		outcome->oom_limit = in_cgroup(watcher) && !watcher->over_memory
					     ? oom_judge(&watcher->oom, usage, outcome->oom_path,
							 sizeof(outcome->oom_path))
					     : OOM_OWN;
	outcome->code = WIFEXITED(watcher->status) ? WEXITSTATUS(watcher->status) : -1;
	outcome->signal = WIFSIGNALED(watcher->status) ? WTERMSIG(watcher->status) : 0;
}

/* model: SUPERVISE */
void supervise(const struct watch_order *order, struct outcome *ret)
{
	struct watcher watcher = { .order = order, .outcome = ret, .events_fd = -1 };

	*ret = (struct outcome){ .code = -1, .temp_peak_bytes = REPORT_UNKNOWN };
	usage_clear(&ret->usage);
	start_watching(&watcher);
	/* It may have ended before its signal was looked for. */
	reap_children(&watcher);
	while (watcher.phase != PHASE_GONE)
		turn(&watcher);
	live_end();
	finish(&watcher);
}

bool outcome_is_success(const struct outcome *outcome)
{
	return outcome->reason == EXIT_EXITED && outcome->code == 0;
}
