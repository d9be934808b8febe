/* SPDX-License-Identifier: MIT */
/*
 * The options of a verb: a table of them, whose values go straight to where they are wanted, parsed
 * by getopt_long. --help comes from the same table.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

#define ARGUMENTS_MAX 16 /* options of one verb */

/* Outcome of arguments_parse beside 0: --help was asked for and, with a usage, printed. */
#define ARGUMENTS_HELP 1

/* One option; a table ends with one that has no name. */
struct argument {
	const char *name;
	char letter; /* 0: none */
	const char *value; /* "TIME"; NULL: takes none */
	const char *help;
	bool *flag; /* set when it is given */
	const char **text; /* gets the value; borrowed from argv */
};

/* The words that are no options, borrowed from argv. */
struct operands {
	int n;
	char **v;
};

/* Parses argv from argv[1] on; options and operands may mix. usage: "status [OPTION]...", or NULL
 * when the caller prints the help. 0, ARGUMENTS_HELP, or -errno with words that name the option. */
rr_checked int arguments_parse(int argc, char **argv, const char *usage,
			       const struct argument *table, struct operands *ret,
			       struct rr_err *err);

/* For completions: from now on arguments_parse parses nothing. It shows the usage and the table and
 * tells its caller that all is said (ARGUMENTS_HELP). */
typedef void arguments_hear(const char *usage, const struct argument *table, void *data);
void arguments_divert(arguments_hear *hear, void *data);

/* 0 when there are at most `max` operands, else -errno with words that name the first too many. */
rr_checked int arguments_at_most(const struct operands *operands, int max, struct rr_err *err);
