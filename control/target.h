/* SPDX-License-Identifier: MIT */
/* Which things `resrunctl monitor` is to watch: PIDs, jobs of resrun's, and processes by name. */
#pragma once

#include <stddef.h>

#include "control/context.h"
#include "control/watch.h"

#define TARGETS_MAX 64

struct targets {
	struct watch *v; /* owned */
	size_t n;
};

void targets_free(struct targets *targets);
#define targets_auto __attribute__((cleanup(targets_free)))

/* Adds what is watched already. 0 or -errno with words (TARGETS_MAX). */
rr_checked int targets_append(struct targets *targets, const struct watch *watch,
			      struct rr_err *err);

/* Adds every job that runs. 0 or -errno with words. */
rr_checked int targets_add_jobs(struct targets *targets, const struct context *context,
				struct rr_err *err);

/* Keeps only what is meant by one of the words (PID, JOB) or fits the patterns (NULL: none); with
 * neither, all. */
void targets_keep(struct targets *targets, int n_words, char *const *words, const char *patterns);

/* Adds a process (WORD is a number) or a running job (its id, the beginning of it, or its name). 0
 * or -errno with words. */
rr_checked int targets_add(struct targets *targets, const struct scene *scene,
			   const struct context *context, const char *word, struct rr_err *err);

/* Adds every process whose name fits one of the patterns ("ffmpeg,x26*"), and whose parents' do
 * not: the main process of each tree. What is there already, and who called us, is not added. */
rr_checked int targets_add_matches(struct targets *targets, const struct scene *scene,
				   const char *patterns, struct rr_err *err);

/* Removes those that have ended. */
void targets_drop_ended(struct targets *targets);
