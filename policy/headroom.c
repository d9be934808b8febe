/* SPDX-License-Identifier: MIT */
#include "policy/headroom.h"

struct headroom_limits headroom_limits_of(const struct settings *settings)
{
	return (struct headroom_limits){
		.cpu_percent = settings_number(settings, SET_CPU_THRESHOLD),
		.memory_percent = settings_number(settings, SET_MEMORY_THRESHOLD),
		.disk_percent = settings_number(settings, SET_DISK_THRESHOLD),
		.pressure_percent = settings_has(settings, SET_PRESSURE_THRESHOLD)
					    ? settings_number(settings, SET_PRESSURE_THRESHOLD)
					    : -1,
	};
}

const char *headroom_name(enum headroom_resource resource)
{
	static const char *const names[HEADROOM_N] = { "cpu", "memory", "disk", "pressure" };

	return names[resource];
}

static double level_percent(uint64_t total, uint64_t available, uint64_t reserved)
{
	available = available > reserved ? available - reserved : 0;
	return 100 - 100 * (double)available / (double)total;
}

static double memory_percent(const struct headroom_reading *reading,
			     const struct headroom_reserved *reserved)
{
	double machine, cap;

	if (!reading->room.memory_known || reading->room.memory_total_bytes == 0)
		return -1;
	machine = level_percent(reading->room.memory_total_bytes,
				reading->room.memory_available_bytes, reserved->memory_bytes);
	if (reading->room.cap_total_bytes == 0)
		return machine;
	cap = level_percent(reading->room.cap_total_bytes, reading->room.cap_available_bytes,
			    reserved->memory_bytes);
	return cap > machine ? cap : machine;
}

static double cpu_percent(const struct headroom_reading *reading,
			  const struct headroom_reserved *reserved)
{
	double percent;

	if (!reading->cpu_known)
		return -1;
	percent = reading->cpu_percent;
	if (reading->room.cpus > 0)
		percent += 100 * reserved->cpus / reading->room.cpus;
	return percent < 100 ? percent : 100;
}

static double disk_percent(const struct headroom_reading *reading, size_t *ret_worst)
{
	double worst = -1;

	*ret_worst = 0;
	for (size_t i = 0; i < reading->room.n_disks; i++)
		if (reading->room.disks[i].used_percent > worst) {
			worst = reading->room.disks[i].used_percent;
			*ret_worst = i;
		}
	return worst;
}

static double pressure_percent(const struct headroom_reading *reading, size_t *ret_worst)
{
	double worst = -1;

	*ret_worst = 0;
	for (size_t i = 0; i < 3; i++)
		if (reading->room.pressure[i].known &&
		    reading->room.pressure[i].some_avg10 > worst) {
			worst = reading->room.pressure[i].some_avg10;
			*ret_worst = i;
		}
	return worst;
}

/* A threshold of 100 is none: what is full cannot be told from what is over. */
static enum headroom_level level_of(double value, double threshold, enum headroom_level before)
{
	double slack = HEADROOM_HYSTERESIS_SHARE * threshold;
	double critical = threshold, warning = HEADROOM_WARN_SHARE * threshold;

	if (slack > HEADROOM_HYSTERESIS_PERCENT)
		slack = HEADROOM_HYSTERESIS_PERCENT;
	if (before == HEADROOM_CRITICAL)
		critical -= slack;
	if (before != HEADROOM_OK)
		warning -= slack;

	if (value < 0 || threshold < 0 || threshold >= 100)
		return HEADROOM_OK;
	if (value >= critical)
		return HEADROOM_CRITICAL;
	return value >= warning ? HEADROOM_WARNING : HEADROOM_OK;
}

void headroom_judge(const struct headroom_reading *reading,
		    const struct headroom_reserved *reserved, const struct headroom_limits *limits,
		    const struct headroom_verdict *before, struct headroom_verdict *ret)
{
	struct headroom_verdict verdict = { .room = true };

	verdict.value[HEADROOM_CPU] = cpu_percent(reading, reserved);
	verdict.value[HEADROOM_MEMORY] = memory_percent(reading, reserved);
	verdict.value[HEADROOM_DISK] = disk_percent(reading, &verdict.worst_disk);
	verdict.value[HEADROOM_PRESSURE] = pressure_percent(reading, &verdict.worst_pressure);
	verdict.threshold[HEADROOM_CPU] = limits->cpu_percent;
	verdict.threshold[HEADROOM_MEMORY] = limits->memory_percent;
	verdict.threshold[HEADROOM_DISK] = limits->disk_percent;
	verdict.threshold[HEADROOM_PRESSURE] = limits->pressure_percent;
	for (size_t i = 0; i < HEADROOM_N; i++) {
		verdict.level[i] = level_of(verdict.value[i], verdict.threshold[i],
					    before ? before->level[i] : HEADROOM_OK);
		if (verdict.level[i] == HEADROOM_CRITICAL)
			verdict.room = false;
	}
	*ret = verdict;
}
