/* SPDX-License-Identifier: MIT */
#include "control/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define LONG_BASE 1000 /* above every short option's character */
#define HELP_OPTION (LONG_BASE + ARGUMENTS_MAX)
#define SEE "see resrunctl --help"

static arguments_hear *diverted_to;
static void *diverted_data;

void arguments_divert(arguments_hear *hear, void *data)
{
	diverted_to = hear;
	diverted_data = data;
}

/* getopt's two tables, made from ours. */
struct getopt_tables {
	struct option longs[ARGUMENTS_MAX + 2];
	char shorts[2 * ARGUMENTS_MAX + 3];
};

static void make_tables(const struct argument *table, struct getopt_tables *ret)
{
	size_t n = 0, s = 0;

	memset(ret, 0, sizeof(*ret));
	/* Tells a missing value apart. */
	ret->shorts[s++] = ':';
	ret->shorts[s++] = 'h';
	for (; n < ARGUMENTS_MAX && table[n].name; n++) {
		ret->longs[n] = (struct option){ table[n].name,
						 table[n].value ? required_argument : no_argument,
						 NULL, LONG_BASE + (int)n };
		if (table[n].letter)
			ret->shorts[s++] = table[n].letter;
		if (table[n].letter && table[n].value)
			ret->shorts[s++] = ':';
	}
	ret->longs[n] = (struct option){ "help", no_argument, NULL, HELP_OPTION };
}

static const struct argument *find(const struct argument *table, int option)
{
	if (option >= LONG_BASE)
		return option == HELP_OPTION ? NULL : &table[option - LONG_BASE];
	for (; table->name; table++)
		if (table->letter && table->letter == option)
			return table;
	return NULL;
}

/* getopt leaves the number of a known long option in optopt, a short one's character, or 0. */
static int refuse(int option, const struct argument *table, char **argv, struct rr_err *err)
{
	const struct argument *known = find(table, optopt);

	if (option == ':' && known)
		return rr_err_set(err, EINVAL, "--%s needs an argument: %s; " SEE, known->name,
				  known->value);
	if (optopt >= LONG_BASE)
		return rr_err_set(err, EINVAL, "--%s takes no argument; " SEE,
				  known ? known->name : "help");
	if (optopt)
		return rr_err_set(err, EINVAL, "-%c is not an option here; " SEE, optopt);
	return rr_err_set(err, EINVAL, "'%s' is not an option here, or not a clear one; " SEE,
			  argv[optind - 1]);
}

static void print_help(const char *usage, const struct argument *table)
{
	(void)printf("Usage: resrunctl %s\n\n", usage);
	for (; table->name; table++) {
		char left[64], letter[8] = "    ";

		if (table->letter)
			(void)snprintf(letter, sizeof(letter), "-%c, ", table->letter);
		(void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, table->name,
			       table->value ? " " : "", table->value ? table->value : "");
		(void)printf("  %-24s %s\n", left, table->help);
	}
	(void)printf("  %-24s %s\n", "-h, --help", "print this and exit");
}

static void take(const struct argument *argument, const char *value)
{
	if (argument && argument->flag)
		*argument->flag = true;
	if (argument && argument->text)
		*argument->text = value;
}

int arguments_parse(int argc, char **argv, const char *usage, const struct argument *table,
		    struct operands *ret, struct rr_err *err)
{
	struct getopt_tables tables;
	int option;

	if (diverted_to) {
		diverted_to(usage, table, diverted_data);
		return ARGUMENTS_HELP;
	}
	make_tables(table, &tables);
	opterr = 0;
	optind = 0; /* glibc: start anew, as there may be a second table */
	while ((option = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
		if (option == 'h' || option == HELP_OPTION) {
			if (usage)
				print_help(usage, table);
			return ARGUMENTS_HELP;
		}
		if (option == ':' || option == '?')
			return refuse(option, table, argv, err);
		take(find(table, option), optarg);
	}
	*ret = (struct operands){ argc - optind, argv + optind };
	return 0;
}

int arguments_at_most(const struct operands *operands, int max, struct rr_err *err)
{
	if (operands->n <= max)
		return 0;
	return rr_err_set(err, EINVAL, "'%s' is one word too many; " SEE, operands->v[max]);
}
