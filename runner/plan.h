/* SPDX-License-Identifier: MIT */
/* What is to be done, worked out once before anything happens, and completed by what was learned:
 * read by every later stage, changed by none. */
#pragma once

#include <limits.h>
#include <stdio.h>
#include <sys/types.h>

#include "cgroup/backend.h"
#include "cgroup/limit.h"
#include "policy/config.h"
#include "policy/deadline.h"
#include "policy/learn.h"
#include "policy/paths.h"
#include "policy/settings.h"
#include "runner/hook_lists.h"
#include "runner/options.h"

#define PLAN_ID_LENGTH 10

struct plan {
	char job_id[PLAN_ID_LENGTH + 1];
	struct config config;
	struct settings settings;
	const char *profile; /* of config */
	char key[256];
	struct paths paths;
	struct hook_lists hooks;
	char **command; /* with {threads} filled in; its own copy */
	struct limit_set limits;
	uint64_t reserve_bytes; /* kept from others until the job has taken it */
	bool reserve_first; /* and waited for */
	uint64_t input_bytes; /* of the files named in command */
	struct learn_need need; /* by what was learned of key */
	uint64_t usual_wall_ns; /* of such runs; 0: not known */
	double usual_cpus; /* the same */
	struct deadline deadline;
	enum placement_want want;
	unsigned threads;
	unsigned attempt; /* 1 for the first try */
	char first_id[PLAN_ID_LENGTH + 1]; /* that one's job_id */
	uint64_t not_before_ns; /* BOOTTIME: a further try waits until then; 0: it is the first */
	uint64_t submitted_wall_ns;
	char cwd[PATH_MAX];
	char user[64];
	char host[64];
};

/* Reads the configuration and decides. 0 or -errno with words. */
rr_checked int plan_make(const struct request *request, struct plan *ret, struct rr_err *err);
void plan_free(struct plan *plan);

/* A fresh id, for a further attempt. */
void plan_next_attempt(struct plan *plan);

/* Raises the memory limits after they were too low, and what is reserved with them. */
void plan_raise_memory(struct plan *plan);
/* The limits that these settings ask for. */
void plan_limits_of(const struct settings *settings, struct limit_set *ret);

/* For --dry-run: the decision and where each part of it comes from. */
void plan_print(const struct plan *plan, FILE *out);
