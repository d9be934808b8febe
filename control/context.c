/* SPDX-License-Identifier: MIT */
#include "control/context.h"

int context_resolve(const struct config *config, const char *profile, struct settings *ret,
		    const char **ret_profile, struct rr_err *err)
{
	struct settings command_line = { 0 };
	int r = settings_set(&command_line, SET_PROFILE, profile, "--profile", err);

	if (r == 0)
		r = config_resolve(config, &command_line, NULL, ret, ret_profile, err);
	settings_free(&command_line);
	return r;
}

int context_load(const char *profile, struct context *ret, struct rr_err *err)
{
	int r = config_load(NULL, &ret->config, err);

	if (r == 0)
		r = context_resolve(&ret->config, profile ? profile : "default", &ret->settings,
				    &ret->profile, err);
	return r < 0 ? r : paths_find(&ret->settings, &ret->paths, err);
}

void context_free(struct context *context)
{
	settings_free(&context->settings);
	config_free(&context->config);
}
