/* SPDX-License-Identifier: MIT */
#include "runner/hook_lists.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "policy/config.h"

static const struct {
	const char *name;
	enum setting_id id;
} events[HOOK_EVENTS_N] = {
	[HOOK_BEFORE] = { "before", SET_HOOK_BEFORE },
	[HOOK_AFTER] = { "after", SET_HOOK_AFTER },
	[HOOK_ON_FAILURE] = { "on_failure", SET_HOOK_ON_FAILURE },
	[HOOK_ON_CANCEL] = { "on_cancel", SET_HOOK_ON_CANCEL },
	[HOOK_ON_ALERT] = { "on_alert", SET_HOOK_ON_ALERT },
};

const char *hook_event_name(enum hook_event event)
{
	return events[event].name;
}

/* Takes over the command; NULL is want of memory. */
static int append(char ***list, char *command, struct rr_err *err)
{
	char **longer;
	size_t n = 0;

	while (*list && (*list)[n])
		n++;
	longer = command ? realloc(*list, (n + 2) * sizeof(*longer)) : NULL;
	if (!longer) {
		free(command);
		return rr_err_sys(err, ENOMEM, "the hooks");
	}
	longer[n] = command;
	longer[n + 1] = NULL;
	*list = longer;
	return 0;
}

/* ---- hooks.d ---- */

/* FOLDER/NAME as one word of the shell. */
static char *quoted(const char *folder, const char *name)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	(void)fputc('\'', out);
	for (const char *part = folder; part; part = part == folder ? name : NULL) {
		for (const char *at = part; *at; at++)
			(void)(*at == '\'' ? fputs("'\\''", out) : fputc(*at, out));
		if (part == folder)
			(void)fputc('/', out);
	}
	(void)fputc('\'', out);
	return fclose(out) == 0 ? text : NULL;
}

static int refuse(const char *folder, const char *name, struct rr_err *err)
{
	return rr_err_set(err, EPERM,
			  "'%s%s%s': refused, because others could have written it: it must belong "
			  "to root or to you, and be writable by the owner only (chmod go-w)",
			  folder, *name ? "/" : "", name);
}

/* What an editor or a package manager leaves beside is no hook. */
static int may_be_hook(const struct dirent *entry)
{
	const char *name = entry->d_name;
	size_t length = strlen(name);

	return name[0] != '.' && name[length - 1] != '~' && !strstr(name, ".dpkg-") &&
	       !strstr(name, ".rpm");
}

static int add_file(int dirfd, const char *folder, const char *name, char ***list,
		    struct rr_err *err)
{
	/* Followed, if it is a link: what it leads to is what is trusted, or not. */
	rr_autofd int fd = openat(dirfd, name, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return 0;
	if (!rr_fd_is_trusted(fd))
		return refuse(folder, name, err);
	return append(list, quoted(folder, name), err);
}

static int add_folder(const char *config_folder, enum hook_event event, char ***list,
		      struct rr_err *err)
{
	struct dirent **entries = NULL;
	char folder[PATH_MAX];
	rr_autofd int dirfd = -1;
	int n, r = 0;

	if (snprintf(folder, sizeof(folder), "%s/hooks.d/%s", config_folder, events[event].name) >=
	    (int)sizeof(folder))
		return 0;
	dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0
							   : rr_err_sys(err, errno, "'%s'", folder);
	if (!rr_fd_is_trusted(dirfd))
		return refuse(folder, "", err);
	n = scandirat(dirfd, ".", &entries, may_be_hook, alphasort);
	for (int i = 0; i < n; i++) {
		r = r < 0 ? r : add_file(dirfd, folder, entries[i]->d_name, list, err);
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* ---- all of them ---- */

static int make_list(const struct settings *settings, enum hook_event event, char ***list,
		     struct rr_err *err)
{
	const char *file = settings_text(settings, SET_CONFIG);
	char *const *command = settings_list(settings, events[event].id);
	char folders[CONFIG_FOLDERS_MAX][PATH_MAX];
	size_t n = config_folders(file, folders);
	int r = 0;

	for (; r == 0 && *command; command++)
		r = append(list, strdup(*command), err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_folder(folders[i], event, list, err);
	return r;
}

int hook_lists_make(const struct settings *settings, struct hook_lists *ret, struct rr_err *err)
{
	int r = 0;

	for (int event = 0; r == 0 && event < HOOK_EVENTS_N; event++)
		r = make_list(settings, event, &ret->v[event], err);
	return r;
}

void hook_lists_free(struct hook_lists *lists)
{
	for (int event = 0; event < HOOK_EVENTS_N; event++) {
		for (char **at = lists->v[event]; at && *at; at++)
			free(*at);
		free(lists->v[event]);
		lists->v[event] = NULL;
	}
}
