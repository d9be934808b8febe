/* SPDX-License-Identifier: MIT */
#include "runner/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/settings_getopt.h"

#define HELP_COLUMN 34

/* getopt leaves the number of a known long option in optopt, a short one's character, or 0. */
static int refuse(int option, char **argv, struct rr_err *err)
{
	int id = settings_getopt_find(optopt);

	if (option == ':')
		return rr_err_set(err, EINVAL, "--%s needs an argument: %s; see resrun --help",
				  setting_specs[id].long_option, setting_specs[id].argument);
	if (optopt >= SETTINGS_GETOPT_BASE)
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
	int id = settings_getopt_find(option), r;
	char origin[64];

	(void)snprintf(origin, sizeof(origin), "--%s", setting_specs[id].long_option);
	r = settings_set(&request->settings, id, argument ? argument : "yes", origin, err);
	if (r < 0)
		rr_err_prefix(err, "%s", origin);
	return r;
}

int options_parse(int argc, char **argv, struct request *ret, struct rr_err *err)
{
	struct settings_getopt tables;
	int option, r;

	settings_getopt(&tables);
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
		       settings_takes_argument(spec) ? " " : "",
		       settings_takes_argument(spec) ? spec->argument : "");
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
