/* SPDX-License-Identifier: MIT */
/*
 * The report of one run, schema 1: the same object in --report, in the history and in
 * `resrunctl history --json`. Its names stand in report.c and nowhere else. They only grow.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define REPORT_SCHEMA 1
#define REPORT_JSON_STYLE JSON_REAL_PRECISION(12) /* seconds to the us, without noise behind */
#define REPORT_UNKNOWN UINT64_MAX /* null: could not be measured */
#define REPORT_LIMITS_MAX 9
#define REPORT_HOOKS_MAX 128

enum exit_reason {
	EXIT_EXITED,
	EXIT_SIGNALED,
	EXIT_TIMEOUT,
	EXIT_OOM,
	EXIT_CANCELED,
	EXIT_STALLED,
	EXIT_NOT_ADMITTED,
	EXIT_NOT_STARTED,
	EXIT_LOST,
};

enum waited_for {
	WAITED_SLOT = 1 << 0,
	WAITED_RATE = 1 << 1,
	WAITED_CPU = 1 << 2,
	WAITED_MEMORY = 1 << 3,
	WAITED_DISK = 1 << 4,
	WAITED_PRESSURE = 1 << 5,
	WAITED_DEPENDENCY = 1 << 6,
};
#define WAITED_N 7

struct report_limit {
	const char *name; /* "memory" */
	double requested; /* bytes, CPUs, count or weight */
	const char *spec; /* io_max: this instead of a number */
	const char *enforced; /* "cgroup"... */
};

struct report_hook {
	const char *event;
	int status; /* exit status, 128+n for a signal */
	uint64_t wall_ns;
};

struct report_usage {
	uint64_t wall_ns;
	uint64_t cpu_us, cpu_user_us, cpu_system_us;
	uint64_t memory_peak_bytes, memory_working_peak_bytes;
	uint64_t io_read_bytes, io_write_bytes;
	uint64_t pids_peak, oom_kills;
	uint64_t throttled_us, frozen_us;
	uint64_t pressed_us; /* it gave way to others for so long */
	uint64_t temp_peak_bytes; /* of the private directory; REPORT_UNKNOWN: it has none, and the
				   * report no such field */
};

/* All pointers are borrowed: they outlive the report. 0 as a time is null. */
struct report {
	const char *job_id, *name, *profile, *key;
	const char *first_job_id; /* of the first try; NULL: this is the first */
	char *const *command;
	const char *cwd, *user, *host;
	uint64_t submitted_wall_ns, started_wall_ns, ended_wall_ns;
	uint64_t waited_ns;
	unsigned waited_for;
	unsigned attempt;
	const char *placement; /* NULL: never placed */
	struct report_limit limits[REPORT_LIMITS_MAX];
	size_t n_limits;
	enum exit_reason reason;
	int code; /* -1: null */
	int signal; /* 0: null */
	const char *oom_limit; /* NULL: not killed for memory */
	uint64_t timeout_ns; /* the time limit that ended it; 0: none did */
	const char *message; /* what resrun said where nothing was run; NULL: it was run */
	const char *pressed; /* the hardest step by which it gave way to others; NULL: it did not */
	struct report_usage usage;
	uint64_t leftover_processes; /* REPORT_UNKNOWN where it cannot be told */
	struct report_hook hooks[REPORT_HOOKS_MAX];
	size_t n_hooks;
	uint64_t sweep_files, sweep_bytes;
};

/* All unknown. */
void report_clear(struct report *report);

/* The JSON object, which the caller decrefs; NULL out of memory. Text that is not UTF-8 comes with
 * its foreign bytes as U+FFFD. */
json_t *report_to_json(const struct report *report);

/* "exited", "oom"... and "slot", "rate"... */
const char *exit_reason_name(enum exit_reason reason);
const char *waited_for_name(unsigned bit_index);

/* text as a JSON string, whatever bytes it has. */
json_t *report_string(const char *text);
