/* SPDX-License-Identifier: MIT */
/* The host, sampled and judged as the admit stage does it (runner/gate.c). */
#include "control/status.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cgroup/hierarchy.h"
#include "control/earlier.h"
#include "policy/reserve.h"

/* Where there is no earlier sample: so many looks at the runnable threads, so far apart. */
#define LOOKS 4
#define BETWEEN_NS RR_NS_PER_MS

static void set_reading(struct status *status, double cpu_percent)
{
	status->reading = (struct headroom_reading){
		.cpu_known = status->host.cpu_known && cpu_percent >= 0,
		.cpu_percent = cpu_percent,
		.room = status->host.room,
	};
}

/* The share of the CPUs that threads want right now, ourselves not counted. Negative: unknown. */
static double runnable_percent(double cpus)
{
	struct timespec between = rr_timespec(BETWEEN_NS);
	double sum = 0;

	for (int i = 0; i < LOOKS && cpus > 0; i++) {
		uint64_t runnable;

		if (i > 0)
			(void)nanosleep(&between, NULL);
		if (!host_runnable("/proc", &runnable))
			return -1;
		sum += (double)runnable < cpus ? (double)runnable : cpus;
	}
	return cpus > 0 ? 100 * sum / (LOOKS * cpus) : -1;
}

static double cpu_percent(const struct paths *paths, const char *own, struct status *status)
{
	struct host_sample before;
	double percent = -1;

	status->cpu_over_ns = 0;
	if (earlier_exchange(paths, own, &status->host, &before))
		percent = host_cpu_percent(&before, &status->host);
	if (percent < 0)
		return runnable_percent(status->host.room.cpus);
	status->cpu_over_ns = status->host.at_ns - before.at_ns;
	return percent;
}

static void sample_host(const struct context *context, struct cg_hierarchy *hierarchy,
			struct host_sample *ret)
{
	struct host_roots roots = { .proc = "/proc", .own = hierarchy->own };
	char cwd[PATH_MAX];

	cg_find(hierarchy);
	roots.cgroup = hierarchy->mode == CG_UNIFIED ? hierarchy->mount : NULL;
	host_sample(&roots, ret);
	host_add_disks(ret, getcwd(cwd, sizeof(cwd)) ? cwd : ".",
		       settings_list(&context->settings, SET_DISK_PATHS));
}

static void read_alerts(const struct context *context, struct status *status)
{
	struct rr_err ignored;

	/* Since when something is so is the least of what is asked for. */
	rr_ignore(alerts_last(context->paths.state, status->alerts, &ignored));
}

void status_read_host(const struct context *context, struct status *status)
{
	struct cg_hierarchy hierarchy;

	sample_host(context, &hierarchy, &status->host);
	set_reading(status, cpu_percent(&context->paths, hierarchy.own, status));
	read_alerts(context, status);
}

void status_follow_host(const struct context *context, struct status *status)
{
	struct host_sample before = status->host;
	struct cg_hierarchy hierarchy;

	sample_host(context, &hierarchy, &status->host);
	status->cpu_over_ns = status->host.at_ns - before.at_ns;
	set_reading(status, host_cpu_percent(&before, &status->host));
	read_alerts(context, status);
}

struct headroom_reserved status_reserved(const struct status *status)
{
	rr_autofree struct ledger_ticket *tickets = calloc(status->n_jobs + 1, sizeof(*tickets));

	for (size_t i = 0; tickets && i < status->n_jobs; i++)
		tickets[i] = status->jobs[i].ticket;
	return reserve_sum(tickets, tickets ? status->n_jobs : 0, rr_now_boot_ns());
}

void status_judge(const struct settings *settings, struct status *status)
{
	struct headroom_reserved taken = status_reserved(status), nothing = { 0 };
	struct headroom_limits limits = headroom_limits_of(settings);

	headroom_judge(&status->reading, &nothing, &limits, NULL, &status->use);
	taken.memory_bytes += status->wanted_bytes;
	headroom_judge(&status->reading, &taken, &limits, NULL, &status->verdict);
}

bool status_is_judged(const struct status *status, enum headroom_resource resource)
{
	double threshold = status->use.threshold[resource];

	return status->use.value[resource] >= 0 && threshold >= 0 && threshold < 100;
}

uint64_t status_since(const struct status *status, enum headroom_resource resource)
{
	const struct alert_last *last = &status->alerts[resource];

	return last->known && last->level == status->use.level[resource] ? last->since_wall_ns : 0;
}
