/* SPDX-License-Identifier: MIT */
#include "control/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/arguments.h"
#include "control/context.h"
#include "control/verbs.h"

const struct verb config_verbs[] = {
	{ "show", config_verb_show, "every setting in force, and where it comes from" },
	{ "check", config_verb_check, "read the configuration and say what is wrong with it" },
	{ "init", config_verb_init, "write a resrun.ini with every key and its default" },
	{ .name = NULL },
};

static void print_help(void)
{
	(void)puts("Usage: resrunctl config VERB [OPTION]...\n");
	for (const struct verb *verb = config_verbs; verb->name; verb++)
		(void)printf("  %-6s %s\n", verb->name, verb->help);
	(void)puts("\n`resrunctl config VERB --help` tells its options.");
}

int verb_config(int argc, char **argv, struct rr_err *err)
{
	const struct argument table[] = { { .name = NULL } };
	struct operands none;
	int r;

	if (argc < 2)
		return rr_err_set(err, EINVAL,
				  "config: no verb is given: show, check or init; see resrunctl "
				  "--help");
	for (const struct verb *verb = config_verbs; verb->name; verb++)
		if (strcmp(verb->name, argv[1]) == 0)
			return verb->run(argc - 1, argv + 1, err);
	r = arguments_parse(2, argv, NULL, table, &none, err);
	if (r < 0)
		return r;
	if (r == ARGUMENTS_HELP) {
		print_help();
		return 0;
	}
	return rr_err_set(err, EINVAL,
			  "config: '%s' is none of show, check and init; see resrunctl --help",
			  argv[1]);
}

/* ---- check ---- */

/* One section over what stands below it, without the environment: only the files are asked. */
static int check_layers(const struct config *config, const struct settings *profile,
			struct rr_err *err)
{
	struct settings settings = { 0 };
	int r = settings_defaults(&settings, err);

	if (r == 0)
		r = settings_overlay(&settings, &config->machine, err);
	if (r == 0)
		r = settings_overlay(&settings, &config->base, err);
	if (r == 0 && profile)
		r = settings_overlay(&settings, profile, err);
	if (r == 0)
		r = config_check(&settings, err);
	settings_free(&settings);
	return r;
}

static int check_config(const struct config *config, struct rr_err *err)
{
	int r = check_layers(config, NULL, err);

	for (size_t i = 0; i < config->n_profiles && r == 0; i++)
		r = check_layers(config, &config->profiles[i].settings, err);
	return r;
}

static void print_ok(const struct config *config)
{
	if (config->n_files == 0)
		(void)puts("ok: no configuration file, so the built-in defaults hold");
	for (size_t i = 0; i < config->n_files; i++)
		(void)printf("ok: %s\n", config->files[i]);
}

int config_verb_check(int argc, char **argv, struct rr_err *err)
{
	const struct argument table[] = { { .name = NULL } };
	struct config config = { 0 };
	struct operands files;
	int r = arguments_parse(argc, argv, "config check [FILE]", table, &files, err);

	if (r == 0)
		r = arguments_at_most(&files, 1, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = config_load(files.n > 0 ? files.v[0] : NULL, &config, err);
	if (r == 0)
		r = check_config(&config, err);
	if (r == 0)
		print_ok(&config);
	config_free(&config);
	return r;
}
