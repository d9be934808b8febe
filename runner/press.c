/* SPDX-License-Identifier: MIT */
/*
 * on_pressure: the job gives way while the host is short of something, and takes that back. When it
 * is its turn is policy/pressure's to say; how it is done is in press_step.c. Nothing is asked of
 * the ledger while the host is well.
 */
#include "runner/press.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/procfs.h"
#include "cgroup/tree.h"
#include "runner/events.h"
#include "runner/tell.h"
#include "runner/watcher.h"

#define LOCK_WAIT_NS (100 * RR_NS_PER_MS) /* the next look tries again */
#define SPARE_NS (60 * RR_NS_PER_S) /* a signal that was to end it may not have been meant so */
#define PSI_NONE (-1.0)

/* ---- what the host is short of ---- */

/* PSI some avg10 of the host; a job without a leaf could not be told from others. */
static double host_stall(const struct watcher *watcher, const char *path)
{
	struct rr_pressure host = { 0 };

	if (in_cgroup(watcher))
		rr_read_pressure(AT_FDCWD, path, &host);
	return host.known ? host.some_avg10 : PSI_NONE;
}

/* As if all of it were others'. */
static void read_host(const struct watcher *watcher, struct pressure_reading *ret)
{
	const struct gate *gate = &watcher->alert.gate;
	bool stalls = gate->limits.pressure_percent >= 0;

	*ret = (struct pressure_reading){
		.cpu = gate->cpu_percent,
		.cpu_threshold = gate->limits.cpu_percent,
		.memory = gate->verdict.value[HEADROOM_MEMORY],
		.memory_threshold = gate->limits.memory_percent,
		.stall_threshold = gate->limits.pressure_percent,
		.memory_stall = PSI_NONE,
		.io_stall = PSI_NONE,
	};
	if (stalls || ret->memory_threshold < 100)
		ret->memory_stall = host_stall(watcher, "/proc/pressure/memory");
	if (stalls)
		ret->io_stall = host_stall(watcher, "/proc/pressure/io");
}

/* A running job, as its ticket names it. */
struct seen_job {
	uint64_t number;
	pid_t launcher; /* 0: in a pid namespace that is not ours */
	char leaf[LEDGER_LEAF_SIZE]; /* empty: it has none */
};

/* The ledger is locked. */
static size_t find_jobs(const struct ledger *ledger, const struct ledger_ticket *tickets, size_t n,
			size_t me, struct seen_job ret[static PRESS_JOBS_MAX])
{
	size_t found = 0;

	for (size_t i = 0; i < n && found < PRESS_JOBS_MAX; i++) {
		bool here = tickets[i].pid_namespace == tickets[me].pid_namespace;
		struct ledger_detail detail;

		/* What is nested is counted with the job that it is in. */
		if (tickets[i].state != TICKET_RUNNING || tickets[i].nested != NESTED_NOT)
			continue;
		ledger_read_detail(ledger, i, &detail);
		ret[found] = (struct seen_job){ .number = tickets[i].number,
						.launcher = here ? tickets[i].pid : 0 };
		memcpy(ret[found++].leaf, detail.leaf, sizeof(detail.leaf));
	}
	return found;
}

static bool job_cpu_us(const struct seen_job *job, uint64_t *ret)
{
	char path[LEDGER_LEAF_SIZE + sizeof("/cpu.stat")], text[512];

	if (!job->leaf[0])
		return job->launcher > 0 && tree_cpu_us(job->launcher, ret) == 0;
	(void)snprintf(path, sizeof(path), "%s/cpu.stat", job->leaf);
	return rr_read_at(AT_FDCWD, path, text, sizeof(text)) > 0 &&
	       rr_text_u64(text, "usage_usec", ret) == 0;
}

/* Who waits in a job may do so alone: what is left has nothing to do with jobs for certain. */
static void take_off_stall(double *stall, const struct seen_job *job, const char *file)
{
	char path[LEDGER_LEAF_SIZE + 32];
	struct rr_pressure own;

	if (*stall <= 0 || !job->leaf[0])
		return;
	(void)snprintf(path, sizeof(path), "%s/%s", job->leaf, file);
	rr_read_pressure(AT_FDCWD, path, &own);
	if (own.known)
		*stall = *stall > own.some_avg10 ? *stall - own.some_avg10 : 0;
}

static uint64_t cpu_before(const struct press *press, uint64_t number)
{
	for (size_t i = 0; i < press->n_jobs; i++)
		if (press->jobs[i].number == number)
			return press->jobs[i].cpu_us;
	return 0;
}

/* The share of the host's CPUs that these took together since the last look; negative at the first.
 */
static double jobs_cpu_percent(struct press *press, const struct seen_job *seen, size_t n,
			       double cpus)
{
	uint64_t now_ns = rr_now_boot_ns(), over_ns = now_ns - press->jobs_ns, sum_us = 0;
	struct press_job jobs[PRESS_JOBS_MAX] = { 0 };
	size_t n_jobs = 0;
	bool first = press->jobs_ns == 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t cpu_us, before;

		if (!job_cpu_us(&seen[i], &cpu_us))
			continue;
		/* One that is new has taken all of it since then. */
		before = cpu_before(press, seen[i].number);
		sum_us += cpu_us > before ? cpu_us - before : 0;
		jobs[n_jobs++] = (struct press_job){ seen[i].number, cpu_us };
	}
	memcpy(press->jobs, jobs, n_jobs * sizeof(jobs[0]));
	press->n_jobs = n_jobs;
	press->jobs_ns = now_ns;
	if (first || over_ns == 0 || cpus <= 0)
		return -1;
	return 100 * ((double)sum_us * RR_NS_PER_US / (double)over_ns) / cpus;
}

static void put_event(enum pressure_step step, bool taken_back, enum pressure_cause cause)
{
	json_t *fields = json_object();

	(void)json_object_set_new(fields, "step", json_string(pressure_step_name(step)));
	(void)json_object_set_new(fields, "taken_back", json_boolean(taken_back));
	(void)json_object_set_new(fields, "resource",
				  taken_back ? json_null()
					     : json_string(pressure_cause_name(cause)));
	events_put(taken_back ? "info" : "warning", "job_pressed", fields);
}

/* ---- harder and softer ---- */

static unsigned taken(const struct press *press)
{
	unsigned bits = 0;

	for (size_t i = 0; i < press->n; i++)
		bits |= 1U << press->stack[i];
	return bits;
}

enum pressure_step press_step(const struct press *press)
{
	return press->n ? press->stack[press->n - 1] : PRESSURE_NONE;
}

static void note_begin(struct press *press, enum pressure_step step, uint64_t now_ns)
{
	if (press->n == 0)
		press->since_ns = now_ns;
	press->stack[press->n++] = step;
	if (step > press->hardest)
		press->hardest = step;
}

/* The next step that can be had. */
static void harder(struct watcher *watcher, const struct pressure_reading *reading, uint64_t now_ns)
{
	char *const *words = settings_list(&watcher->order->plan->settings, SET_ON_PRESSURE);
	struct press *press = &watcher->press;
	unsigned tried = taken(press);
	enum pressure_step step;

	while ((step = pressure_next(words, tried, press->cause)) != PRESSURE_NONE) {
		tried |= 1U << step;
		if (!press_take(watcher, step, reading))
			continue;
		note_begin(press, step, now_ns);
		tell_more("the host is short of %s: %s gives way by %s",
			  pressure_cause_name(press->cause), watcher->order->plan->command[0],
			  pressure_step_name(step));
		put_event(step, false, press->cause);
		steer_write_ticket(watcher);
		return;
	}
}

/* The step that is so far up the stack. */
static void undo(struct watcher *watcher, size_t at, uint64_t now_ns)
{
	struct press *press = &watcher->press;
	enum pressure_step step = press->stack[at];

	press->n--;
	for (size_t i = at; i < press->n; i++)
		press->stack[i] = press->stack[i + 1];
	press_take_back(watcher, step);
	if (press->n == 0)
		press->held_ns += now_ns - press->since_ns;
	put_event(step, true, press->cause);
	steer_write_ticket(watcher);
}

static void softer(struct watcher *watcher, uint64_t now_ns)
{
	undo(watcher, watcher->press.n - 1, now_ns);
}

void press_spare(struct watcher *watcher)
{
	struct press *press = &watcher->press;
	uint64_t now_ns = rr_now_boot_ns();
	size_t at = 0;

	press->spared_ns = now_ns + SPARE_NS;
	if (!press->still || press->n == 0)
		return;
	while (at < press->n - 1 && press->stack[at] != PRESSURE_FREEZE)
		at++;
	undo(watcher, at, now_ns);
}

/* What a step in force does anew at every look. */
static void keep_up(struct watcher *watcher, const struct pressure_reading *reading,
		    enum pressure_state state)
{
	unsigned in_force = taken(&watcher->press);

	/* Who sets a weight meanwhile, systemd on a reload among them, sets the whole of it. */
	if (in_force & 1U << PRESSURE_WEIGHT)
		(void)press_lower_weight(watcher, LIMIT_CPU_WEIGHT);
	if (in_force & 1U << PRESSURE_THROTTLE && !watcher->press.still)
		(void)press_throttle(watcher, reading);
	if (in_force & 1U << PRESSURE_RECLAIM && state == PRESSURE_SHORT)
		(void)press_reclaim(watcher);
}

/* What the ledger says of our place among the jobs. False when it cannot be asked now. */
static bool ask_ledger(struct watcher *watcher, struct pressure_reading *reading,
		       struct pressure_order *ret_order, bool *ret_critical)
{
	struct admission *admission = watcher->order->admission;
	struct seen_job seen[PRESS_JOBS_MAX];
	const struct ledger_ticket *tickets;
	struct rr_err ignored;
	size_t n, n_seen;

	if (ledger_lock(admission->ledger, LOCK_WAIT_NS, &ignored) != 0)
		return false;
	tickets = ledger_tickets(admission->ledger, &n);
	if (admission->index >= n || tickets[admission->index].pid != getpid()) {
		ledger_unlock(admission->ledger);
		return false;
	}
	n_seen = find_jobs(admission->ledger, tickets, n, admission->index, seen);
	pressure_rank(tickets, n, admission->index, ret_order);
	watcher->press.sharing = ret_order->throttled + 1;
	*ret_critical = tickets[admission->index].priority >= PRIORITY_CRITICAL;
	ledger_unlock(admission->ledger);
	reading->cpu_jobs = jobs_cpu_percent(&watcher->press, seen, n_seen,
					     watcher->alert.gate.reading.room.cpus);
	for (size_t i = 0; i < n_seen; i++) {
		take_off_stall(&reading->memory_stall, &seen[i], "memory.pressure");
		take_off_stall(&reading->io_stall, &seen[i], "io.pressure");
	}
	/* Nothing to compare with: the next look has. */
	if (reading->cpu_jobs < 0)
		reading->cpu = -1;
	return true;
}

/* One that was told to end needs what it has for that. */
static bool may_press(const struct watcher *watcher, uint64_t now_ns)
{
	return watcher->phase == PHASE_RUNNING && !watcher->asked_to_end &&
	       now_ns >= watcher->press.spared_ns;
}

static void judge(struct watcher *watcher, struct pressure_reading *reading)
{
	struct press *press = &watcher->press;
	/* By the second, as looks are: none comes a little early for what is due at it. */
	uint64_t now_ns = rr_now_boot_ns() / RR_NS_PER_S * RR_NS_PER_S;
	struct pressure_order order;
	enum pressure_state state;
	bool critical;

	if (!ask_ledger(watcher, reading, &order, &critical))
		return;
	/* It has become so only now. */
	if (critical && press->n > 0)
		softer(watcher, now_ns);
	if (critical)
		return;
	state = pressure_judge(reading, &press->cause);
	keep_up(watcher, reading, state);
	switch (pressure_look(&press->pressure, state, &order, press->n > 0, now_ns)) {
	case PRESSURE_HARDER:
		if (may_press(watcher, now_ns))
			harder(watcher, reading, now_ns);
		break;
	case PRESSURE_SOFTER:
		softer(watcher, now_ns);
		break;
	default:
		break;
	}
}

void press_look(struct watcher *watcher)
{
	struct press *press = &watcher->press;
	enum pressure_cause ignored;
	struct pressure_reading reading;

	if (!settings_list(&watcher->order->plan->settings, SET_ON_PRESSURE)[0])
		return;
	read_host(watcher, &reading);
	/* As if no job used any of it: what is well then is well. */
	if (press->n == 0 && pressure_judge(&reading, &ignored) != PRESSURE_SHORT) {
		press->jobs_ns = 0;
		press->pressure.since_ns = 0;
		return;
	}
	judge(watcher, &reading);
}

void press_end(struct watcher *watcher)
{
	struct press *press = &watcher->press;

	if (press->n > 0)
		press->held_ns += rr_now_boot_ns() - press->since_ns;
	press->n = 0;
	watcher->outcome->pressed = press->hardest;
	watcher->outcome->pressed_ns = press->held_ns;
}
