/* SPDX-License-Identifier: MIT */
/*
 * Invariants: lines are added whole, under an exclusive flock, after a torn end was cut off. Who
 * gets the lock of a file that was renamed meanwhile opens it anew. Killed between the rename and
 * the new file, there is none, and the next writer makes it. What damage does to a line is seen by
 * its checksum, and the line passed over.
 */
#include "policy/alerts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/fd.h"
#include "policy/history.h"
#include "policy/report.h"

#define TRIES 8

const char *headroom_level_name(enum headroom_level level)
{
	static const char *const names[] = { "ok", "warning", "critical" };

	return names[level];
}

static void path_of(const char *state_dir, const char *name, char path[static PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%.4000s/%s", state_dir, name);
}

/* ---- reading ---- */

static int each_in(int fd, int (*visit)(json_t *alert, void *arg), void *arg)
{
	rr_autofree char *text = NULL;
	size_t length;
	int r = rr_read_whole(fd, 2 * ALERTS_FILE_MAX, &text, &length);

	for (char *line = text, *end; r == 0 && (end = strchr(line, '\n')); line = end + 1) {
		json_t *alert;

		*end = '\0';
		alert = history_line_object(line);
		if (alert)
			r = visit(alert, arg);
		json_decref(alert);
	}
	return r;
}

/* The older first. */
static const char *const files[] = { "alerts.1", "alerts" };

#define FILES_N (sizeof(files) / sizeof(files[0]))

static int open_to_read(const char *state_dir, const char *name, char path[static PATH_MAX])
{
	int fd;

	path_of(state_dir, name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int alerts_each(const char *state_dir, int (*visit)(json_t *alert, void *arg), void *arg,
		struct rr_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < FILES_N; i++) {
		char path[PATH_MAX];
		rr_autofd int fd = open_to_read(state_dir, files[i], path);

		if (fd == -ENOENT)
			continue;
		r = fd < 0 ? fd : each_in(fd, visit, arg);
		if (r < 0)
			r = rr_err_sys(err, -r, "read the alerts '%s'", path);
	}
	return r;
}

/* ---- the last ones ---- */

static bool take_last(const json_t *alert, const char *resource, struct alert_last *ret)
{
	const char *named = json_string_value(json_object_get(alert, "resource"));
	const char *severity = json_string_value(json_object_get(alert, "severity"));
	const char *time = json_string_value(json_object_get(alert, "time"));
	int level = HEADROOM_OK;

	if (!named || !severity || !time || strcmp(named, resource) != 0 ||
	    rr_parse_wall(time, &ret->since_wall_ns) < 0)
		return false;
	while (level < HEADROOM_CRITICAL && strcmp(headroom_level_name(level), severity) != 0)
		level++;
	ret->level = level;
	ret->known = true;
	return true;
}

/* Only lines in which the resource's name occurs are parsed; the text is as it was. */
static void find_last(char *text, size_t length, const char *resource, struct alert_last *ret)
{
	char quoted[16];
	char *end = memrchr(text, '\n', length);

	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", resource);
	while (end && !ret->known) {
		char *before = memrchr(text, '\n', (size_t)(end - text));
		char *line = before ? before + 1 : text;

		*end = '\0';
		if (strstr(line, quoted)) {
			json_t *alert = history_line_object(line);

			(void)take_last(alert, resource, ret);
			json_decref(alert);
		}
		*end = '\n';
		end = before;
	}
}

static int find_all_last(int fd, struct alert_last ret[static HEADROOM_N])
{
	rr_autofree char *text = NULL;
	size_t length;
	int r = rr_read_whole(fd, 2 * ALERTS_FILE_MAX, &text, &length);

	for (int i = 0; r == 0 && i < HEADROOM_N; i++)
		find_last(text, length, headroom_name(i), &ret[i]);
	return r;
}

int alerts_last(const char *state_dir, struct alert_last ret[static HEADROOM_N], struct rr_err *err)
{
	memset(ret, 0, HEADROOM_N * sizeof(*ret));
	/* The newer one first. */
	for (size_t i = FILES_N; i-- > 0;) {
		char path[PATH_MAX];
		rr_autofd int fd = open_to_read(state_dir, files[i], path);
		int r;

		if (fd == -ENOENT)
			continue;
		r = fd < 0 ? fd : find_all_last(fd, ret);
		if (r < 0)
			return rr_err_sys(err, -r, "read the alerts '%s'", path);
	}
	return 0;
}

/* ---- adding ---- */

/* The last severity of each resource. */
struct last {
	const char *resource;
	char severity[16];
};

static int take_severity(json_t *alert, void *arg)
{
	struct last *last = arg;
	const char *resource = json_string_value(json_object_get(alert, "resource"));
	const char *severity = json_string_value(json_object_get(alert, "severity"));

	if (resource && severity && strcmp(resource, last->resource) == 0)
		(void)snprintf(last->severity, sizeof(last->severity), "%s", severity);
	return 0;
}

static json_t *to_json(const struct alert_record *alert)
{
	char at[RR_RFC3339_SIZE];

	return json_pack("{s:s, s:s, s:s, s:f, s:f, s:o}", "time",
			 rr_format_wall(alert->at_wall_ns, at), "resource",
			 headroom_name(alert->resource), "severity",
			 headroom_level_name(alert->level), "value", alert->value, "threshold",
			 alert->threshold, "job_id", report_string(alert->job_id));
}

/* The whole line, which the caller frees, or NULL. */
static char *to_line(const struct alert_record *alert)
{
	json_t *json = to_json(alert);
	rr_autofree char *text = json ? json_dumps(json, JSON_COMPACT | REPORT_JSON_STYLE) : NULL;
	char *line = NULL;

	json_decref(json);
	if (!text || asprintf(&line, "%08x\t%s\n", rr_crc32c(text, strlen(text)), text) < 0)
		return NULL;
	return line;
}

/* The file, open and locked, or -errno. */
static int open_locked(const char *path)
{
	for (int i = 0; i < TRIES; i++) {
		struct stat mine, named;
		rr_autofd int fd = open(
			path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			0600);

		if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &mine) < 0)
			return -errno;
		if (!S_ISREG(mine.st_mode))
			return -EINVAL;
		if (lstat(path, &named) == 0 && named.st_ino == mine.st_ino &&
		    named.st_dev == mine.st_dev)
			return rr_fd_take(&fd);
	}
	return -ESTALE;
}

/* Cuts off a torn end, then adds the line. The file is locked. */
static int add_line(int fd, const char *line)
{
	rr_autofree char *text = NULL;
	const char *end;
	size_t length;
	off_t whole;
	int r;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	r = rr_read_whole(fd, 2 * ALERTS_FILE_MAX, &text, &length);
	if (r < 0)
		return r;
	end = memrchr(text, '\n', length);
	whole = end ? end + 1 - text : 0;
	if ((size_t)whole < length && ftruncate(fd, whole) < 0)
		return -errno;
	return rr_write_all(fd, line, strlen(line));
}

int alerts_note(const char *state_dir, const struct alert_record *alert, struct rr_err *err)
{
	struct last last = { headroom_name(alert->resource), "ok" };
	char path[PATH_MAX], aside[PATH_MAX];
	rr_autofree char *line = to_line(alert);
	rr_autofd int fd = -1;
	struct stat st;
	int r;

	path_of(state_dir, "alerts", path);
	path_of(state_dir, "alerts.1", aside);
	fd = open_locked(path);
	if (fd < 0)
		return rr_err_sys(err, -fd, "open the alerts '%s'", path);
	if (!line)
		return rr_err_sys(err, ENOMEM, "the alerts");
	r = alerts_each(state_dir, take_severity, &last, err);
	if (r < 0)
		return r;
	if (strcmp(last.severity, headroom_level_name(alert->level)) == 0)
		return ALERTS_SAME;
	r = add_line(fd, line);
	if (r == 0 && fstat(fd, &st) == 0 && st.st_size >= ALERTS_FILE_MAX &&
	    rename(path, aside) < 0)
		r = -errno;
	return r < 0 ? rr_err_sys(err, -r, "write the alerts '%s'", path) : 0;
}
