/* SPDX-License-Identifier: MIT */
#include "policy/paths.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *home_directory(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user;

	if (home && *home == '/')
		return home;
	/* cron and CI may start us without HOME. */
	user = getpwuid(geteuid());
	return user && user->pw_dir && *user->pw_dir == '/' ? user->pw_dir : NULL;
}

static int find_state(const struct settings *settings, char *buf, struct rr_err *err)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = home_directory();

	if (settings_has(settings, SET_STATE_DIR))
		(void)snprintf(buf, PATH_MAX, "%s", settings_text(settings, SET_STATE_DIR));
	else if (geteuid() == 0)
		(void)snprintf(buf, PATH_MAX, PATHS_HOST_STATE);
	else if (xdg && *xdg == '/')
		(void)snprintf(buf, PATH_MAX, "%s/resrun", xdg);
	else if (home)
		(void)snprintf(buf, PATH_MAX, "%s/.local/state/resrun", home);
	else
		return rr_err_set(err, ENOENT, "no HOME to keep state in: set RESRUN_STATE_DIR");
	if (*buf != '/')
		return rr_err_set(err, EINVAL, "the state directory '%s' is not absolute", buf);
	return 0;
}

static bool is_own_directory(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static void find_runtime(const struct settings *settings, const char *state, char *buf)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	char run_user[64];

	(void)snprintf(run_user, sizeof(run_user), "/run/user/%u", geteuid());
	if (settings_has(settings, SET_RUNTIME_DIR))
		(void)snprintf(buf, PATH_MAX, "%s", settings_text(settings, SET_RUNTIME_DIR));
	else if (geteuid() == 0)
		(void)snprintf(buf, PATH_MAX, "/run/resrun");
	else if (xdg && *xdg == '/' && is_own_directory(xdg))
		(void)snprintf(buf, PATH_MAX, "%s/resrun", xdg);
	else if (is_own_directory(run_user))
		(void)snprintf(buf, PATH_MAX, "%s/resrun", run_user);
	else
		(void)snprintf(buf, PATH_MAX, "%.4000s/run", state);
}

int paths_find(const struct settings *settings, struct paths *ret, struct rr_err *err)
{
	int r = find_state(settings, ret->state, err);

	if (r < 0)
		return r;
	find_runtime(settings, ret->state, ret->runtime);
	ret->shared = settings_integer(settings, SET_SCOPE) == SCOPE_HOST;
	if (ret->shared)
		(void)snprintf(ret->ledger, sizeof(ret->ledger), PATHS_SHARED_STATE);
	else
		memcpy(ret->ledger, ret->state, sizeof(ret->ledger));
	return 0;
}
