/* SPDX-License-Identifier: MIT */
/* What a job uses: read from its leaf's own counters, through descriptors that stay open. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/procfs.h"

#define USAGE_UNKNOWN UINT64_MAX /* could not be measured: null in every report */

struct usage {
	uint64_t cpu_us, cpu_user_us, cpu_system_us;
	uint64_t memory_bytes; /* now, page cache included */
	uint64_t memory_working_bytes; /* now: anon + shmem + kernel, what it needs */
	uint64_t memory_peak_bytes; /* what it touched at most */
	uint64_t memory_working_peak_bytes; /* the largest that was sampled */
	uint64_t io_read_bytes, io_write_bytes;
	uint64_t pids, pids_peak;
	uint64_t throttled_us;
	uint64_t oom_kills;
	uint64_t all_ooms; /* times its limit, or one of a cgroup below, was hit */
	uint64_t own_ooms; /* times this very leaf's limit was the one that was hit */
	uint64_t high_events; /* times memory.high held it up */
	struct rr_pressure memory_pressure;
};

/* All unknown. */
void usage_clear(struct usage *usage);

/* Raises a peak that may be unknown yet. */
void usage_raise(uint64_t *peak, uint64_t value);

enum meter_file {
	METER_CPU,
	METER_MEMORY,
	METER_MEMORY_PEAK,
	METER_MEMORY_STAT,
	METER_MEMORY_EVENTS,
	METER_MEMORY_LOCAL,
	METER_MEMORY_PRESSURE,
	METER_IO,
	METER_PIDS,
	METER_PIDS_PEAK,
	METER_FILES_N
};

struct meter {
	int fd[METER_FILES_N]; /* -1: this kernel or leaf has no such file */
};

/* Opens what the leaf has. */
void meter_open(int leaf_fd, struct meter *ret);
/* Reads it all; peaks only ever grow. What cannot be read keeps its value. */
void meter_read(const struct meter *meter, struct usage *usage);
/* Reads what has to be seen on the way, as the kernel keeps no sum or peak of it: what the job has
 * now, and its CPU time; what it needs, when that can be more than ever; and, if memory_high may
 * hold it up, what tells of that. */
void meter_look(const struct meter *meter, bool held, struct usage *usage);
void meter_close(struct meter *meter);
