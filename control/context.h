/* SPDX-License-Identifier: MIT */
/* What every verb needs first: the configuration, the settings of one profile, the places. */
#pragma once

#include "policy/config.h"
#include "policy/paths.h"

struct context {
	struct config config;
	struct settings settings;
	const char *profile; /* owned by config */
	struct paths paths;
};

/* Reads the standard configuration and settles the profile, [default] when it is NULL. 0, or
 * -errno with words; context_free is due in either case. */
rr_checked int context_load(const char *profile, struct context *ret, struct rr_err *err);

/* The settings that `profile` ("default" allowed) has by all layers. 0 or -errno with words. */
rr_checked int context_resolve(const struct config *config, const char *profile,
			       struct settings *ret, const char **ret_profile, struct rr_err *err);

void context_free(struct context *context);
#define context_auto __attribute__((cleanup(context_free)))
