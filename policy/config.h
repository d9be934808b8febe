/* SPDX-License-Identifier: MIT */
/*
 * The layers of configuration: defaults < /etc/resrun/resrun.ini < its resrun.d < the user's
 * resrun.ini < its resrun.d < environment < command line; a profile over [default].
 * Reads files and the environment; decides nothing else. Never looks in the working directory.
 */
#pragma once

#include <limits.h>

#include "policy/settings.h"

#define CONFIG_PROFILE_NAME_MAX 41 /* libinih cuts "profile " and the name at 49 */
#define CONFIG_PROFILES_MAX 256
#define CONFIG_LINE_MAX 197 /* libinih cuts longer lines without a word; config refuses them */
#define CONFIG_FILE_MAX (1 << 20)
#define CONFIG_FILES_MAX 128

struct config_profile {
	char name[CONFIG_PROFILE_NAME_MAX + 1];
	struct settings settings;
};

/* What the files say, section by section. */
struct config {
	struct settings machine;
	struct settings base; /* [default] */
	struct config_profile *profiles;
	size_t n_profiles;
	char *files[CONFIG_FILES_MAX]; /* read, in order */
	size_t n_files;
};

/* Reads the standard places, or only `file` when it is not NULL. A missing standard file is no
 * error; one that others could have written is. 0 or -errno with "FILE:LINE: what is wrong". */
rr_checked int config_load(const char *file, struct config *ret, struct rr_err *err);
void config_free(struct config *config);

/* The section [profile NAME]; NULL when there is none. */
struct config_profile *config_find_profile(const struct config *config, const char *name);

/* The directories that the configuration was looked for in, lowest layer first: that of `file`, or,
 * when it is NULL, the standard ones. Their number. */
#define CONFIG_FOLDERS_MAX 2
size_t config_folders(const char *file, char ret[CONFIG_FOLDERS_MAX][PATH_MAX]);

/* settings_check, and what other modules know of single values. 0 or -errno with words that name
 * the origin, the key and the value. */
rr_checked int config_check(const struct settings *settings, struct rr_err *err);

/* Every settings layer for one job: `command_line` on top; the profile it names, or the first whose
 * `match` fits the base name of `program`. *ret_profile is "default" or the profile's name, owned
 * by config. 0 or -errno with words. */
rr_checked int config_resolve(const struct config *config, const struct settings *command_line,
			      const char *program, struct settings *ret, const char **ret_profile,
			      struct rr_err *err);
