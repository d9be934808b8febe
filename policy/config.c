/* SPDX-License-Identifier: MIT */
/* The settings of one job: every layer of the configuration, the lowest first. */
#include "policy/config.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "policy/deadline.h"
#include "policy/pressure.h"
#include "policy/retry_on.h"

/* The layer of the environment: RESRUN_<KEY>, else the older name. */
static int read_environment(struct settings *settings, struct rr_err *err)
{
	for (size_t i = 0; i < SETTINGS_N; i++) {
		char buf[SETTINGS_ENV_SIZE];
		const char *name = settings_env_name(i, buf), *value = name ? getenv(name) : NULL;
		int r;

		if (name && !value && setting_specs[i].environment) {
			name = setting_specs[i].environment;
			value = getenv(name);
		}
		if (!value || !*value)
			continue;
		r = settings_set(settings, i, value, name, err);
		if (r < 0) {
			rr_err_prefix(err, "environment: %s", name);
			return r;
		}
	}
	return 0;
}

static const struct config_profile *match_profile(const struct config *config, const char *program)
{
	const char *name = program ? rr_base_name(program) : NULL;

	for (size_t i = 0; name && i < config->n_profiles; i++) {
		char *const *glob = settings_list(&config->profiles[i].settings, SET_MATCH);

		for (; *glob; glob++)
			if (fnmatch(*glob, name, 0) == 0)
				return &config->profiles[i];
	}
	return NULL;
}

static int unknown_profile(const struct config *config, const char *name, struct rr_err *err)
{
	char known[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < config->n_profiles && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
					 config->profiles[i].name);
	if (config->n_files == 0)
		return rr_err_set(err, EINVAL,
				  "there is no profile '%s', and no configuration file was found: "
				  "resrunctl config init makes one",
				  name);
	return rr_err_set(err, EINVAL, "there is no profile '%s' (known: %s)", name,
			  *known ? known : "none");
}

/* The words of lists that have a language of their own. */
static int check_words(const struct settings *settings, struct rr_err *err)
{
	static const struct {
		enum setting_id id;
		int (*check)(char *const *words, struct rr_err *err);
	} lists[] = { { SET_RETRY_ON, retry_on_check }, { SET_ON_PRESSURE, pressure_check } };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		int r = lists[i].check(settings_list(settings, lists[i].id), err);

		if (r == 0)
			continue;
		rr_err_prefix(err, "%s: %s", settings->v[lists[i].id].origin,
			      setting_specs[lists[i].id].key);
		return r;
	}
	return 0;
}

static int check_deadline(const struct settings *settings, struct rr_err *err)
{
	uint64_t ignored_ns;
	int r = 0;

	if (settings_has(settings, SET_DEADLINE))
		r = deadline_parse(settings_text(settings, SET_DEADLINE), rr_now_wall_ns(),
				   &ignored_ns, err);
	if (r < 0)
		rr_err_prefix(err, "%s: deadline", settings->v[SET_DEADLINE].origin);
	return r;
}

int config_check(const struct settings *settings, struct rr_err *err)
{
	int r = settings_check(settings, err);

	if (r == 0)
		r = check_words(settings, err);
	return r < 0 ? r : check_deadline(settings, err);
}

/* Every layer onto `settings`, the lowest first. */
static int stack_layers(const struct config *config, const struct config_profile *profile,
			const struct settings *command_line, struct settings *settings,
			struct rr_err *err)
{
	int r = settings_defaults(settings, err);

	if (r == 0)
		r = settings_overlay(settings, &config->machine, err);
	if (r == 0)
		r = settings_overlay(settings, &config->base, err);
	if (r == 0 && profile)
		r = settings_overlay(settings, &profile->settings, err);
	if (r == 0)
		r = read_environment(settings, err);
	if (r == 0)
		r = settings_overlay(settings, command_line, err);
	return r < 0 ? r : config_check(settings, err);
}

int config_resolve(const struct config *config, const struct settings *command_line,
		   const char *program, struct settings *ret, const char **ret_profile,
		   struct rr_err *err)
{
	const char *wanted = settings_text(command_line, SET_PROFILE);
	const struct config_profile *profile = NULL;
	struct settings settings = { 0 };
	int r;

	if (wanted && strcmp(wanted, "default") != 0) {
		profile = config_find_profile(config, wanted);
		if (!profile)
			return unknown_profile(config, wanted, err);
	} else if (!wanted) {
		profile = match_profile(config, program);
	}
	r = stack_layers(config, profile, command_line, &settings, err);
	if (r < 0) {
		settings_free(&settings);
		return r;
	}
	*ret = settings;
	*ret_profile = profile ? profile->name : "default";
	return 0;
}
