/* SPDX-License-Identifier: MIT */
/* A trace of past tasks, and what a rule for their memory would have cost. No output here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/learn.h"

/* One finished task of the trace. */
struct trace_task {
	char *process; /* the key; owned */
	uint64_t submit, request_bytes, peak_bytes, wall_ms, input_bytes;
	size_t order; /* in the file: among tasks submitted at once */
	size_t key; /* index of its process */
};

struct trace {
	struct trace_task *tasks; /* by submit */
	size_t n, n_keys;
};

/* Reads the comma-separated file: its first line names the columns process, status, submit, memory,
 * peak_rss, realtime and rchar, in any order. Tasks that did not complete are passed over. 0, or
 * -errno with words that name file and line. */
rr_checked int trace_read(const char *path, struct trace *ret, struct rr_err *err);
void trace_free(struct trace *trace);

struct replay_cost {
	size_t tasks;
	size_t failed; /* tasks of which an attempt got too little */
	size_t retries;
	double waste_gbh; /* GB x hours that were allocated and not used */
	double over_gbh; /* the part of it by allocating too much */
};

#define REPLAY_RULES_N 7

/* "request", "last", "largest", "largest-100", "p90", "p98", "learned". */
const char *replay_rule_name(size_t rule);
const char *replay_rule_words(size_t rule);

/* Every task in order gets what the rule makes of the earlier ones of its process, or its author's
 * request when it is the first; one that got too little is tried again with twice as much, or with
 * the largest peak that is known. 0 or -ENOMEM. */
rr_checked int replay_run(const struct trace *trace, size_t rule, struct replay_cost *ret,
			  struct rr_err *err);
