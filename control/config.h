/* SPDX-License-Identifier: MIT */
/* The three halves of `resrunctl config`. Each as a verb: argv[0] is its own name. */
#pragma once

#include "base/err.h"

rr_checked int config_verb_show(int argc, char **argv, struct rr_err *err);
rr_checked int config_verb_check(int argc, char **argv, struct rr_err *err);
rr_checked int config_verb_init(int argc, char **argv, struct rr_err *err);
