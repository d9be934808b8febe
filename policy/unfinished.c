/* SPDX-License-Identifier: MIT */
#include "policy/unfinished.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "policy/report.h"

#define HALF_NS (600 * RR_NS_PER_S) /* nobody writes one for so long */
#define FILE_MAX (4 << 20)
#define REPORT_END ".report"
#define NEW_END ".new"

/* ---- a launcher's own ---- */

static void name_files(const char *state_dir, const char *job_id, struct unfinished *ret)
{
	(void)snprintf(ret->path, sizeof(ret->path), UNFINISHED_FOLDER "/%.64s", state_dir, job_id);
	(void)snprintf(ret->report, sizeof(ret->report), UNFINISHED_FOLDER "/%.64s" REPORT_END,
		       state_dir, job_id);
}

static int write_json(int fd, const json_t *object)
{
	rr_autofree char *text = json_dumps(object, JSON_COMPACT | REPORT_JSON_STYLE);

	return text ? rr_write_all(fd, text, strlen(text)) : -ENOMEM;
}

/* Locked and whole under a name that nobody looks for, then renamed. */
static int write_promise(const struct unfinished *made, const json_t *promise)
{
	char fresh[PATH_MAX + sizeof(NEW_END)];
	int r = flock(made->fd, LOCK_EX | LOCK_NB) < 0 ? -errno : write_json(made->fd, promise);

	(void)snprintf(fresh, sizeof(fresh), "%s" NEW_END, made->path);
	if (r == 0 && rename(fresh, made->path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	return r;
}

int unfinished_begin(const char *state_dir, const char *job_id, const json_t *promise,
		     struct unfinished *ret, struct rr_err *err)
{
	struct unfinished made = { .fd = -1 };
	char folder[PATH_MAX], fresh[PATH_MAX + sizeof(NEW_END)];
	int r;

	(void)snprintf(folder, sizeof(folder), UNFINISHED_FOLDER, state_dir);
	name_files(state_dir, job_id, &made);
	(void)snprintf(fresh, sizeof(fresh), "%s" NEW_END, made.path);
	r = rr_mkdir_all(folder, 0700);
	if (r < 0)
		return rr_err_sys(err, -r, "make '%s'", folder);
	made.fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (made.fd < 0)
		return rr_err_sys(err, errno, "make '%s'", fresh);
	r = write_promise(&made, promise);
	if (r < 0) {
		rr_fd_close(&made.fd);
		return rr_err_sys(err, -r, "write '%s'", made.path);
	}
	*ret = made;
	return 0;
}

/* No fsync: after a power cut the end is unknown, and the job counts as lost, which it may be. */
int unfinished_report(const struct unfinished *unfinished, const json_t *report, struct rr_err *err)
{
	char fresh[PATH_MAX + sizeof(NEW_END)];
	rr_autofd int fd = -1;
	int r;

	(void)snprintf(fresh, sizeof(fresh), "%s" NEW_END, unfinished->report);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = fd < 0 ? -errno : write_json(fd, report);
	if (r == 0 && rename(fresh, unfinished->report) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	return r < 0 ? rr_err_sys(err, -r, "write '%s'", unfinished->report) : 0;
}

/* The promise last: while it stands, somebody will come for the rest. False when it still does. */
static bool remove_files(const struct unfinished *unfinished)
{
	char fresh[PATH_MAX + sizeof(NEW_END)];

	(void)snprintf(fresh, sizeof(fresh), "%s" NEW_END, unfinished->report);
	(void)unlink(fresh);
	(void)unlink(unfinished->report);
	return unlink(unfinished->path) == 0;
}

void unfinished_end(struct unfinished *unfinished)
{
	if (unfinished->fd < 0)
		return;
	/* What cannot be removed is emptied: then it promises nothing. */
	if (!remove_files(unfinished))
		rr_ignore(ftruncate(unfinished->fd, 0));
	rr_fd_close(&unfinished->fd);
}

/* ---- those of dead launchers ---- */

static json_t *read_object(int fd)
{
	rr_autofree char *text = NULL;
	size_t length;

	if (fd < 0 || rr_read_whole(fd, FILE_MAX, &text, &length) < 0)
		return NULL;
	return json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
}

json_t *unfinished_known(const char *state_dir, const char *job_id)
{
	struct unfinished files = { .fd = -1 };
	rr_autofd int fd = -1;
	const char *id;
	json_t *report;

	name_files(state_dir, job_id, &files);
	fd = open(files.report, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	report = read_object(fd);
	id = json_string_value(json_object_get(report, "job_id"));
	if (id && strcmp(id, job_id) == 0)
		return report;
	json_decref(report);
	return NULL;
}

/* Locked, and not just removed by who had it before. */
static bool is_ours(int fd)
{
	struct stat st;

	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid() && st.st_nlink == 1;
}

static bool is_known(const json_t *promise)
{
	json_int_t schema = json_integer_value(json_object_get(promise, "schema"));

	return schema > 0 && schema <= REPORT_SCHEMA;
}

/* The promise last, as with remove_files. */
static bool set_aside(const struct unfinished *unfinished)
{
	char aside[PATH_MAX + sizeof(UNFINISHED_ASIDE)];

	(void)snprintf(aside, sizeof(aside), "%s" UNFINISHED_ASIDE, unfinished->report);
	(void)rename(unfinished->report, aside);
	(void)snprintf(aside, sizeof(aside), "%s" UNFINISHED_ASIDE, unfinished->path);
	return rename(unfinished->path, aside) == 0;
}

/* 1 when the file was a dead launcher's, else 0. */
static int take_one(const char *state_dir, const char *job_id,
		    bool (*visit)(const struct unfinished_job *job, void *arg), void *arg)
{
	struct unfinished files = { .fd = -1 };
	rr_autofd int fd = -1, report_fd = -1;
	struct unfinished_job job = { .job_id = job_id, .files = &files };
	json_t *promise, *report;

	name_files(state_dir, job_id, &files);
	fd = open(files.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || !is_ours(fd))
		return 0;
	report_fd = open(files.report, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	/* What its launcher could not remove, it has emptied. */
	if (lseek(fd, 0, SEEK_END) == 0) {
		(void)remove_files(&files);
		return 0;
	}
	(void)lseek(fd, 0, SEEK_SET);
	promise = read_object(fd);
	report = read_object(report_fd);
	job.promise = is_known(promise) ? promise : NULL;
	job.report = report;
	if (visit(&job, arg))
		(void)(job.promise ? remove_files(&files) : set_aside(&files));
	json_decref(promise);
	json_decref(report);
	return 1;
}

/* A promise that a killed launcher did not come to finish: its job has not run. */
static void remove_half(int dirfd, const char *name)
{
	size_t length = strlen(name);
	struct stat st;

	if (length > strlen(NEW_END) && strcmp(name + length - strlen(NEW_END), NEW_END) == 0 &&
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (uint64_t)st.st_mtim.tv_sec * RR_NS_PER_S + HALF_NS < rr_now_wall_ns())
		(void)unlinkat(dirfd, name, 0);
}

int unfinished_each(const char *state_dir,
		    bool (*visit)(const struct unfinished_job *job, void *arg), void *arg,
		    struct rr_err *err)
{
	char folder[PATH_MAX];
	const struct dirent *entry;
	int found = 0;
	DIR *dir;

	(void)snprintf(folder, sizeof(folder), UNFINISHED_FOLDER, state_dir);
	dir = opendir(folder);
	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return rr_err_sys(err, errno, "open '%s'", folder);
	while ((entry = readdir(dir)))
		if (!strchr(entry->d_name, '.'))
			found += take_one(state_dir, entry->d_name, visit, arg);
		else
			remove_half(dirfd(dir), entry->d_name);
	(void)closedir(dir);
	return found;
}
