/* SPDX-License-Identifier: MIT */
/*
 * Whether the host has room for one more job. Pure: readings and thresholds in, a verdict out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/host_room.h"
#include "policy/settings.h"

#define HEADROOM_WARN_SHARE 0.8 /* a warning begins at this share of the threshold */
#define HEADROOM_HYSTERESIS_PERCENT 2 /* a level is left only this far below where it begins */
#define HEADROOM_HYSTERESIS_SHARE 0.1 /* but of a small threshold no more than this part */

enum headroom_resource {
	HEADROOM_CPU,
	HEADROOM_MEMORY,
	HEADROOM_DISK,
	HEADROOM_PRESSURE,
	HEADROOM_N
};

struct headroom_reading {
	bool cpu_known;
	double cpu_percent; /* busy share of the CPUs we may use */
	struct host_room room;
};

/* What has been promised to jobs that have not taken it yet. */
struct headroom_reserved {
	uint64_t memory_bytes;
	double cpus;
};

struct headroom_limits {
	double cpu_percent, memory_percent, disk_percent; /* 100: no limit */
	double pressure_percent; /* negative: not asked for */
};

/* The thresholds that are configured. */
struct headroom_limits headroom_limits_of(const struct settings *settings);

enum headroom_level { HEADROOM_OK, HEADROOM_WARNING, HEADROOM_CRITICAL };

struct headroom_verdict {
	bool room;
	enum headroom_level level[HEADROOM_N];
	double value[HEADROOM_N]; /* percent; negative: not known */
	double threshold[HEADROOM_N];
	size_t worst_disk; /* index into the reading's disks */
	size_t worst_pressure;
};

/* `before`: the verdict before, for the hysteresis; NULL at the first. */
void headroom_judge(const struct headroom_reading *reading,
		    const struct headroom_reserved *reserved, const struct headroom_limits *limits,
		    const struct headroom_verdict *before, struct headroom_verdict *ret);

/* "cpu", "memory", "disk", "pressure". */
const char *headroom_name(enum headroom_resource resource);
