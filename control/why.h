/* SPDX-License-Identifier: MIT */
/* What stands between a job and its start. why_gates.c asks, by the settings that why_own.c finds,
 * why_show.c tells, why_ended.c knows of those that are over. */
#pragma once

#include <stdbool.h>

#include "base/parse.h"
#include "control/context.h"
#include "control/status.h"

#define WHY_GATES_MAX 10
#define WHY_WORDS_SIZE 400
#define WHY_DEADLINE "deadline" /* a gate that does not open by waiting */

/* One gate: open, or what stands in the way. */
struct why_gate {
	const char *name;
	bool open;
	double value, threshold; /* percent or counts; negative: none */
	char words[WHY_WORDS_SIZE];
	char sooner[WHY_WORDS_SIZE]; /* closed: what would open it sooner */
};

struct why_answer {
	struct why_gate gates[WHY_GATES_MAX];
	size_t n;
};

/* Asks each gate of a job that waits, or would. The settings of the context are its own, or, when
 * `own` is false, those of its profile as far as anybody here can know; the host is sampled. */
void why_ask(const struct context *context, const struct status_job *job, struct status *status,
	     bool own, struct why_answer *ret);

/* Whether the deadline that was given at asked_wall_ns (0: now) can be met, if the settings have
 * one. */
void why_ask_deadline(const struct context *context, const struct status *status, const char *key,
		      uint64_t asked_wall_ns, struct why_answer *answer);

/* The settings that a waiter has by its own command line and environment, which its launcher, a
 * process of ours, still holds. *ret_own is false when those cannot be read: then they are those
 * that its profile has for who asks. 0 or -errno with words; context_free is due in either case. */
rr_checked int why_own_context(const struct status_job *job, struct context *ret, bool *ret_own,
			       struct rr_err *err);

/* "3m12s", in whole seconds. */
const char *why_since_words(uint64_t ns, char buf[static RR_FORMAT_SIZE]);

/* Tells of a job that is there. 0 or -errno with words. */
rr_checked int why_show_job(const struct status_job *job, const struct why_answer *answer,
			    bool json, struct rr_err *err);

/* Tells of one that is not submitted yet. `learned`: what is known of its key, in words. */
rr_checked int why_show_future(const struct status_job *job, const struct why_answer *answer,
			       const char *key, const char *learned, bool json, struct rr_err *err);

/* Tells why a job that is over ended; prefix: the word may be the beginning of its id. *ret_found
 * is false, and nothing told, when there is none. 0 or -errno with words. */
rr_checked int why_show_ended(const struct context *context, const char *wanted, bool prefix,
			      bool json, bool *ret_found, struct rr_err *err);

/* A job that could be submitted: the command line of `why -- COMMAND`. */
struct why_future {
	const char *profile, *key, *deadline; /* NULL: not given */
	char *const *command;
};

/* 0 or -errno with words. */
rr_checked int why_explain_future(const struct why_future *future, bool json, struct rr_err *err);
