/* SPDX-License-Identifier: MIT */
/*
 * Whether the host has room for one more job. Pure: readings and thresholds in, a verdict out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/procfs.h"

#define HEADROOM_DISKS_MAX 16
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

struct headroom_disk {
	char path[256];
	double used_percent;
	uint64_t free_bytes;
};

/* The tightest of the host and every cgroup above us. */
struct headroom_reading {
	bool cpu_known;
	double cpu_percent; /* busy share of the CPUs we may use */
	double cpus; /* how many those are; a quota may make it a fraction */
	bool memory_known;
	uint64_t memory_total_bytes;
	uint64_t memory_available_bytes;
	/* The smallest cap above us, where it is not the tightest by share: what is reserved counts
	 * in bytes, and fills a small cap sooner than a large machine. total 0: none. */
	uint64_t cap_total_bytes, cap_available_bytes;
	struct headroom_disk disks[HEADROOM_DISKS_MAX];
	size_t n_disks;
	struct rr_pressure pressure[3]; /* cpu, memory, io */
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
