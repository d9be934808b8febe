/* SPDX-License-Identifier: MIT */
/*
 * What the host has free: CPU, memory, disks, pressure, each the tightest of the machine and every
 * cgroup above us. Roots are given, so that fixture trees can stand in for /proc and cgroupfs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/host_room.h"

struct host_sample {
	uint64_t at_ns; /* BOOTTIME */
	struct host_room room;
	bool cpu_known;
	uint64_t runnable; /* threads that want a CPU at this moment, ours not counted */
	uint64_t busy_ticks, all_ticks; /* of the CPUs we may use, since boot */
	double quota_cpus; /* of the tightest cpu.max above us; 0: none */
	uint64_t quota_used_us; /* CPU time used below that one */
};

struct host_roots {
	const char *proc; /* "/proc" */
	const char *cgroup; /* mount of cgroup v2, or NULL */
	const char *own; /* our cgroup, an absolute directory at or below `cgroup` */
	bool without_pressure; /* nobody asks for it */
};

/* Reads everything but disks once. What cannot be read is marked not known; never an error. */
void host_sample(const struct host_roots *roots, struct host_sample *ret);

/* The CPUs that we may use: by affinity, and by every cpu.max from `own` up to `cgroup`, as above.
 */
double host_cpus(const char *cgroup, const char *own);

/* Threads of the machine that want a CPU at this moment, ours not counted. False when unknown. */
bool host_runnable(const char *proc, uint64_t *ret);

/* Adds the disk of a path to the sample; one that cannot be read is left out. */
void host_add_disk(struct host_sample *sample, const char *path);

/* Adds the disks that matter to a job: of the working directory, by the name `here`, of the
 * temporary one, and of `more`, which NULL ends. */
void host_add_disks(struct host_sample *sample, const char *here, char *const more[]);

/* Busy share in percent between two samples: of the CPUs, or of the quota where that is tighter.
 * Negative when they are too close together to tell. */
double host_cpu_percent(const struct host_sample *before, const struct host_sample *after);
