/* SPDX-License-Identifier: MIT */
#include "runner/gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "policy/report.h"
#include "policy/reserve.h"

#define DELTA_MIN_NS (200 * RR_NS_PER_MS) /* below this a CPU share is noise */
#define FRESH_NS (20 * RR_NS_PER_MS) /* no need to look again */
#define SAMPLE_NS (500 * RR_NS_PER_MS)

void gate_open(const struct plan *plan, struct gate *ret)
{
	*ret = (struct gate){ .plan = plan, .cpu_percent = -1 };
	cg_find(&ret->hierarchy);
	ret->limits = headroom_limits_of(&plan->settings);
}

/* Between two samples the share is exact. At the very first look there is only this moment's number
 * of runnable threads: with CPUs to spare it is enough, so an idle host costs no waiting. */
static void read_cpu(struct gate *gate)
{
	double percent = -1, instant = 0;

	if (gate->sampled && gate->now.at_ns - gate->before.at_ns >= DELTA_MIN_NS)
		percent = host_cpu_percent(&gate->before, &gate->now);
	if (percent >= 0)
		gate->cpu_percent = percent;
	if (gate->now.room.cpus > 0)
		instant = 100 * (double)gate->now.runnable / gate->now.room.cpus;
	gate->reading.cpu_known = gate->now.cpu_known;
	gate->reading.cpu_percent = gate->cpu_percent >= 0 ? gate->cpu_percent : instant;
}

static void sample(struct gate *gate)
{
	struct cg_hierarchy *hierarchy = &gate->hierarchy;
	struct host_roots roots = { "/proc",
				    hierarchy->mode == CG_UNIFIED ? hierarchy->mount : NULL,
				    hierarchy->own, gate->limits.pressure_percent < 0 };

	host_sample(&roots, &gate->now);
	host_add_disks(&gate->now, ".", settings_list(&gate->plan->settings, SET_DISK_PATHS));
	read_cpu(gate);
	if (!gate->sampled || gate->now.at_ns - gate->before.at_ns >= DELTA_MIN_NS)
		gate->before = gate->now;
	gate->sampled = true;
	gate->reading.room = gate->now.room;
}

void gate_sample(struct gate *gate)
{
	if (gate->sampled && rr_now_boot_ns() - gate->now.at_ns < FRESH_NS)
		return;
	sample(gate);
}

bool gate_has_room(struct gate *gate, const struct ledger_ticket *tickets, size_t n)
{
	struct headroom_reserved taken = reserve_sum(tickets, n, rr_now_boot_ns());
	struct headroom_verdict before = gate->verdict;

	if (gate->plan->reserve_first)
		taken.memory_bytes += gate->plan->reserve_bytes;
	headroom_judge(&gate->reading, &taken, &gate->limits, gate->judged ? &before : NULL,
		       &gate->verdict);
	gate->judged = true;
	return gate->verdict.room;
}

unsigned gate_obstacles(const struct gate *gate)
{
	static const unsigned bits[HEADROOM_N] = { WAITED_CPU, WAITED_MEMORY, WAITED_DISK,
						   WAITED_PRESSURE };
	unsigned found = 0;

	for (int i = 0; i < HEADROOM_N; i++)
		if (gate->verdict.level[i] == HEADROOM_CRITICAL)
			found |= bits[i];
	return found;
}

static void disk_words(const struct gate *gate, char *buf, size_t size)
{
	const struct host_disk *disk = &gate->reading.room.disks[gate->verdict.worst_disk];
	char free_text[RR_FORMAT_SIZE];

	(void)snprintf(buf, size, " of '%s', %s free", disk->path,
		       rr_format_bytes(disk->free_bytes, free_text));
}

const char *gate_words(const struct gate *gate, char *buf, size_t size)
{
	size_t used = 0;

	*buf = '\0';
	for (int i = 0; i < HEADROOM_N && used < size; i++) {
		char more[320] = "", reserve[RR_FORMAT_SIZE];

		if (gate->verdict.level[i] != HEADROOM_CRITICAL)
			continue;
		if (i == HEADROOM_DISK)
			disk_words(gate, more, sizeof(more));
		if (i == HEADROOM_MEMORY && gate->plan->reserve_first)
			(void)snprintf(more, sizeof(more), ", with the %s that it reserves",
				       rr_format_bytes(gate->plan->reserve_bytes, reserve));
		used += (size_t)snprintf(buf + used, size - used, "%s%s (%.0f%%, limit %.0f%%%s)",
					 used ? ", " : "", headroom_name(i), gate->verdict.value[i],
					 gate->verdict.threshold[i], more);
	}
	return buf;
}

int gate_check_reserve(const struct gate *gate, struct rr_err *err)
{
	const struct headroom_reading *reading = &gate->reading;
	char reserve[RR_FORMAT_SIZE], total[RR_FORMAT_SIZE];
	double most = gate->limits.memory_percent / 100 * (double)reading->room.memory_total_bytes;

	if (!gate->plan->reserve_first || !reading->room.memory_known ||
	    (double)gate->plan->reserve_bytes <= most)
		return 0;
	return rr_err_set(err, ERANGE,
			  "reserve=%s can never be free here: memory_threshold leaves %.0f%% of %s",
			  rr_format_bytes(gate->plan->reserve_bytes, reserve),
			  gate->limits.memory_percent,
			  rr_format_bytes(reading->room.memory_total_bytes, total));
}

uint64_t gate_memory_room(const struct gate *gate, const struct ledger_ticket *tickets, size_t n)
{
	return gate->reading.room.memory_known
		       ? reserve_room(&gate->reading, gate->limits.memory_percent, tickets, n)
		       : 0;
}

bool gate_is_sure(const struct gate *gate)
{
	return gate->cpu_percent >= 0 || gate->limits.cpu_percent >= 100 ||
	       gate->reading.cpu_percent < gate->limits.cpu_percent;
}

uint64_t gate_interval_ns(const struct gate *gate)
{
	/* The first delta soon: the first look may have met a busy moment of an idle host. */
	return gate->cpu_percent < 0 ? DELTA_MIN_NS : SAMPLE_NS;
}
