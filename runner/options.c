/* SPDX-License-Identifier: MIT */
#include "runner/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define LONG_BASE 1000 /* above every short option's character */
#define HELP_COLUMN 34

/* getopt's two tables, made from ours. */
struct getopt_tables {
	struct option longs[SETTINGS_N + 1];
	char shorts[2 * SETTINGS_N + 3];
};

static bool takes_argument(const struct setting_spec *spec)
{
	return spec->kind != KIND_FLAG && spec->kind != KIND_BOOL;
}

static int argument_kind(const struct setting_spec *spec)
{
	if (takes_argument(spec))
		return required_argument;
	/* --strict alone means yes; --strict=no is possible. */
	return spec->kind == KIND_BOOL ? optional_argument : no_argument;
}

static void make_tables(struct getopt_tables *tables)
{
	size_t n = 0, s = 0;

	memset(tables, 0, sizeof(*tables));
	/* '+': stop at the first word that is no option; ':': tell a missing argument apart. */
	tables->shorts[s++] = '+';
	tables->shorts[s++] = ':';
	for (int i = 0; i < SETTINGS_N; i++) {
		const struct setting_spec *spec = &setting_specs[i];

		if (!spec->long_option)
			continue;
		tables->longs[n++] = (struct option){ spec->long_option, argument_kind(spec), NULL,
						      LONG_BASE + i };
		if (!spec->short_option)
			continue;
		tables->shorts[s++] = spec->short_option;
		if (takes_argument(spec))
			tables->shorts[s++] = ':';
	}
}

static int find_setting(int option)
{
	if (option >= LONG_BASE)
		return option - LONG_BASE;
	for (int i = 0; i < SETTINGS_N; i++)
		if (setting_specs[i].short_option == option)
			return i;
	return SETTINGS_N;
}

/* getopt leaves the number of a known long option in optopt, a short one's character, or 0. */
static int refuse(int option, char **argv, struct rr_err *err)
{
	int id = find_setting(optopt);

	if (option == ':')
		return rr_err_set(err, EINVAL, "--%s needs an argument: %s; see resrun --help",
				  setting_specs[id].long_option, setting_specs[id].argument);
	if (optopt >= LONG_BASE)
		return rr_err_set(err, EINVAL, "--%s takes no argument; see resrun --help",
				  setting_specs[id].long_option);
	if (optopt)
		return rr_err_set(err, EINVAL, "-%c is not an option; see resrun --help", optopt);
	return rr_err_set(err, EINVAL,
			  "'%s' is not an option, or not a clear one; see resrun --help",
			  argv[optind - 1]);
}

static int take(int option, const char *argument, struct request *request, struct rr_err *err)
{
	int id = find_setting(option), r;
	char origin[64];

	(void)snprintf(origin, sizeof(origin), "--%s", setting_specs[id].long_option);
	r = settings_set(&request->settings, id, argument ? argument : "yes", origin, err);
	if (r < 0)
		rr_err_prefix(err, "%s", origin);
	return r;
}

int options_parse(int argc, char **argv, struct request *ret, struct rr_err *err)
{
	struct getopt_tables tables;
	int option, r;

	make_tables(&tables);
	opterr = 0;
	while ((option = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
		if (option == ':' || option == '?')
			return refuse(option, argv, err);
		r = take(option, optarg, ret, err);
		if (r < 0)
			return r;
	}
	ret->command = argv + optind;
	if (settings_has(&ret->settings, SET_HELP))
		return OPTIONS_HELP;
	if (settings_has(&ret->settings, SET_VERSION))
		return OPTIONS_VERSION;
	if (settings_has(&ret->settings, SET_RECOVER))
		return *ret->command ? rr_err_set(err, EINVAL,
						  "--recover runs no COMMAND: '%s' is one word "
						  "too many; see resrun --help",
						  *ret->command)
				     : OPTIONS_RECOVER;
	if (!*ret->command)
		return rr_err_set(
			err, EINVAL,
			"no COMMAND to run: resrun [OPTION]... [--] COMMAND [ARG]...; see "
			"resrun --help");
	return 0;
}

void options_free(struct request *request)
{
	settings_free(&request->settings);
}

/* The title is printed with the first option below it, and then not again. */
static void print_option(const struct setting_spec *spec, const char **title)
{
	char left[96];
	int used;

	if (!spec->long_option)
		return;
	if (*title)
		(void)printf("\n%s:\n", *title);
	*title = NULL;
	used = spec->short_option ? snprintf(left, sizeof(left), "  -%c, ", spec->short_option)
				  : snprintf(left, sizeof(left), "      ");
	(void)snprintf(left + used, sizeof(left) - (size_t)used, "--%s%s%s", spec->long_option,
		       takes_argument(spec) ? " " : "", takes_argument(spec) ? spec->argument : "");
	if (strlen(left) >= HELP_COLUMN)
		(void)printf("%s\n%*s%s", left, HELP_COLUMN, "", spec->help);
	else
		(void)printf("%-*s%s", HELP_COLUMN, left, spec->help);
	(void)(spec->fallback ? printf(" [%s]\n", spec->fallback) : printf("\n"));
}

void options_print_help(void)
{
	const char *title = NULL;

	(void)puts("Usage: resrun [OPTION]... [--] COMMAND [ARG]...\n"
		   "Run a heavy COMMAND when there is room for it, hold it to limits, and clean up "
		   "after it.\n\n"
		   "  resrun -p encode -m 4G -c 2 -- ffmpeg -i in.mkv -c:v libx264 out.mp4\n\n"
		   "Options end at the first word that is not one. SIZE: 512M, 4G, 50%, auto. "
		   "TIME: 90, 5m, 1h30m, inf.");
#define HELP(words) title = words;
#define SETTING(id, section, kind, key, def, opt, name, arg, env, help)                            \
	print_option(&setting_specs[SET_##id], &title);
#include "policy/settings.def"
#undef SETTING
	(void)puts(
		"  (set in resrun.ini: see resrun.ini(5) and `resrunctl config show`)\n\n"
		"Exit status: the command's own, and by the same signal if it died of one; 124 "
		"after --timeout;\n"
		"75 not admitted in time; 125 resrun failed or was misused, and nothing was run; "
		"126 COMMAND cannot\n"
		"be executed; 127 it was not found.");
}
