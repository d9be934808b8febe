/* SPDX-License-Identifier: MIT */
/*
 * The verbs of resrunctl, a file each. argv[0] is the verb itself. Each returns its exit status
 * (0: did it; 1: doctor or audit found something, sweep could not do all, a job was not steered,
 * it is not idle),
 * or -errno with words, which main prints before it ends with 125.
 */
#pragma once

#include "base/err.h"

struct verb {
	const char *name; /* NULL: the table ends */
	int (*run)(int argc, char **argv, struct rr_err *err);
	const char *help; /* NULL: for programs, not for people */
};

extern const struct verb all_verbs[];
extern const struct verb config_verbs[]; /* those of verb_config */

rr_checked int verb_status(int argc, char **argv, struct rr_err *err);
rr_checked int verb_history(int argc, char **argv, struct rr_err *err);
rr_checked int verb_why(int argc, char **argv, struct rr_err *err);
rr_checked int verb_cancel(int argc, char **argv, struct rr_err *err);
rr_checked int verb_pause(int argc, char **argv, struct rr_err *err);
rr_checked int verb_resume(int argc, char **argv, struct rr_err *err);
rr_checked int verb_set(int argc, char **argv, struct rr_err *err);
rr_checked int verb_stats(int argc, char **argv, struct rr_err *err);
rr_checked int verb_alerts(int argc, char **argv, struct rr_err *err);
rr_checked int verb_replay(int argc, char **argv, struct rr_err *err);
rr_checked int verb_doctor(int argc, char **argv, struct rr_err *err);
rr_checked int verb_sweep(int argc, char **argv, struct rr_err *err);
rr_checked int verb_audit(int argc, char **argv, struct rr_err *err);
rr_checked int verb_logs(int argc, char **argv, struct rr_err *err);
rr_checked int verb_wait(int argc, char **argv, struct rr_err *err);
rr_checked int verb_config(int argc, char **argv, struct rr_err *err);
rr_checked int verb_threads(int argc, char **argv, struct rr_err *err);
rr_checked int verb_metrics(int argc, char **argv, struct rr_err *err);
rr_checked int verb_idle(int argc, char **argv, struct rr_err *err);
rr_checked int verb_monitor(int argc, char **argv, struct rr_err *err);
rr_checked int verb_complete(int argc, char **argv, struct rr_err *err);
rr_checked int verb_top(int argc, char **argv, struct rr_err *err);
