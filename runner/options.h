/* SPDX-License-Identifier: MIT */
/* The command line: options into settings, and where the command begins. */
#pragma once

#include "policy/settings.h"

struct request {
	struct settings settings; /* what the command line sets, and nothing else */
	char **command; /* argv of the job; *command is NULL without one */
};

/* Outcomes of options_parse beside 0: the caller prints what was asked for and ends well. */
enum { OPTIONS_HELP = 1, OPTIONS_VERSION, OPTIONS_RECOVER };

/* Options end at the first word that is not one. 0, an outcome, or -EINVAL with words. */
rr_checked int options_parse(int argc, char **argv, struct request *ret, struct rr_err *err);
void options_free(struct request *request);

/* The help, made from the table, on stdout. */
void options_print_help(void);
