/* SPDX-License-Identifier: MIT */
/*
 * The limits a job is placed under, and the truth about each: asked for, and enforced by what.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define LIMIT_WEIGHT_DEFAULT 100 /* the kernel's, for CPU and I/O; what nice 0 stands for */

enum limit_id {
	LIMIT_MEMORY,
	LIMIT_MEMORY_HIGH,
	LIMIT_SWAP,
	LIMIT_CPUS,
	LIMIT_CPU_WEIGHT,
	LIMIT_PIDS,
	LIMIT_IO_WEIGHT,
	LIMIT_IO_MAX,
	LIMIT_N
};

enum limit_by { BY_NONE, BY_CGROUP, BY_SAMPLED, BY_AFFINITY, BY_NICE };

struct limit {
	bool asked;
	bool implied; /* it came with memory=auto: that it does not hold breaks no word */
	uint64_t amount; /* bytes, weight or count */
	double cpus; /* LIMIT_CPUS */
	char spec[256]; /* LIMIT_IO_MAX: "PATH key=value..." */
	enum limit_by by; /* set by placement */
	char why_not[200]; /* unless by is BY_CGROUP: the reason, for people */
};

struct limit_set {
	struct limit v[LIMIT_N];
};

/* "memory", "memory_high", "swap", "cpu", "cpu_weight", "pids", "io_weight", "io_max". */
const char *limit_name(enum limit_id id);
/* The file in a leaf: "memory.max"... */
const char *limit_file(enum limit_id id);
/* "cgroup", "sampled", "affinity", "nice", "none". */
const char *limit_by_name(enum limit_by by);
/* Controllers (enum cg_controller bits) that the asked limits need. */
unsigned limit_controllers(const struct limit_set *limits);
/* The text that takes a limit off again; NULL where that cannot be said in one word (io_max). */
const char *limit_none_text(enum limit_id id);
/* The text that the leaf's file takes. 0, or -errno with words (io_max: no such device...). */
rr_checked int limit_text(const struct limit *limit, enum limit_id id, char *buf, size_t size,
			  struct rr_err *err);
