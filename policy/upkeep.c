/* SPDX-License-Identifier: MIT */
/*
 * STATE/upkeep holds the lock and, as text, a line "NANOSECONDS DIRECTORY" for each directory that
 * was swept, newest first. It is rewritten in place, as it is the file that everybody locks: killed
 * in the middle, a line is torn and its directory swept once more than need be.
 */
#include "policy/upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"

#define LINES_MAX 256 /* directories that are remembered */
#define FILE_MAX (1 << 20)

int upkeep_begin(const char *state_dir, struct upkeep *ret, struct rr_err *err)
{
	rr_autofd int fd = -1;
	int r = rr_mkdir_all(state_dir, 0700);

	if (r < 0)
		return rr_err_sys(err, -r, "make the state directory '%s'", state_dir);
	(void)snprintf(ret->path, sizeof(ret->path), "%.4000s/upkeep", state_dir);
	fd = open(ret->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		  0600);
	if (fd < 0)
		return rr_err_sys(err, errno, "open '%s'", ret->path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return rr_err_sys(err, errno, "lock '%s'", ret->path);
		(void)rr_err_set(err, EWOULDBLOCK,
				 "another sweep or audit is at work (it holds '%s')", ret->path);
		return UPKEEP_HELD;
	}
	ret->fd = rr_fd_take(&fd);
	return 0;
}

void upkeep_end(struct upkeep *upkeep)
{
	rr_fd_close(&upkeep->fd);
}

/* ---- when each directory was swept ---- */

/* The whole text, which the caller frees; "" when it cannot be read: then all is due. */
static char *read_lines(const struct upkeep *upkeep)
{
	char *text = NULL;
	size_t length;

	if (lseek(upkeep->fd, 0, SEEK_SET) < 0 ||
	    rr_read_whole(upkeep->fd, FILE_MAX, &text, &length) < 0)
		return strdup("");
	return text;
}

/* Splits the line at *at into its time and directory, and goes on to the next. False for one that
 * is none. */
static bool next_line(char **at, uint64_t *ret_wall_ns, const char **ret_dir)
{
	char *line = strsep(at, "\n"), *space = strchr(line, ' ');

	/* Without its newline it is torn. */
	if (!*at || !space)
		return false;
	*space = '\0';
	*ret_dir = space + 1;
	return rr_parse_u64(line, ret_wall_ns) == 0;
}

bool upkeep_is_due(const struct upkeep *upkeep, const char *dir, uint64_t interval_ns,
		   uint64_t now_wall_ns)
{
	rr_autofree char *text = read_lines(upkeep);
	const char *swept;
	uint64_t at_ns;

	for (char *at = text; at && *at;)
		if (next_line(&at, &at_ns, &swept) && strcmp(swept, dir) == 0)
			return at_ns > now_wall_ns || now_wall_ns - at_ns >= interval_ns;
	return true;
}

static int replace_lines(const struct upkeep *upkeep, const char *text, struct rr_err *err)
{
	int r = lseek(upkeep->fd, 0, SEEK_SET) < 0 || ftruncate(upkeep->fd, 0) < 0 ? -errno : 0;

	if (r == 0)
		r = rr_write_all(upkeep->fd, text, strlen(text));
	return r < 0 ? rr_err_sys(err, -r, "write '%s'", upkeep->path) : 0;
}

int upkeep_swept(const struct upkeep *upkeep, const char *dir, uint64_t now_wall_ns,
		 struct rr_err *err)
{
	rr_autofree char *text = read_lines(upkeep), *lines = NULL;
	const char *swept;
	uint64_t at_ns;
	size_t size, n = 1;
	FILE *out;

	/* A name that would be two lines is not remembered. */
	if (strchr(dir, '\n'))
		return 0;
	out = open_memstream(&lines, &size);
	if (!out)
		return rr_err_sys(err, ENOMEM, "write '%s'", upkeep->path);
	(void)fprintf(out, "%llu %s\n", (unsigned long long)now_wall_ns, dir);
	for (char *at = text; at && *at && n < LINES_MAX;)
		if (next_line(&at, &at_ns, &swept) && strcmp(swept, dir) != 0) {
			(void)fprintf(out, "%llu %s\n", (unsigned long long)at_ns, swept);
			n++;
		}
	if (fclose(out) != 0)
		return rr_err_sys(err, ENOMEM, "write '%s'", upkeep->path);
	return replace_lines(upkeep, lines, err);
}

/* ---- rules ---- */

void upkeep_rules(const struct settings *settings, const struct paths *paths,
		  struct upkeep_rules *ret)
{
	const char *origin = settings->v[SET_SWEEP_DIRS].origin;

	*ret = (struct upkeep_rules){
		.sweep = {
			.age_ns = settings_integer(settings, SET_SWEEP_AGE),
			.max_bytes = settings_has(settings, SET_SWEEP_MAX_SIZE)
					     ? settings_integer(settings, SET_SWEEP_MAX_SIZE)
					     : 0,
			.fresh_ns = settings_integer(settings, SET_SWEEP_FRESH),
			.keep = (const char *const *)settings_list(settings, SET_SWEEP_KEEP),
			.spare = ret->spare,
			.vouched = origin && origin[0] == '/',
		},
		.spare = { paths->state, paths->runtime, NULL },
	};
}
