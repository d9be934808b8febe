/* SPDX-License-Identifier: MIT */
/* audit: the files of the state directory: a torn history, halves of files, another version's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "control/audit.h"
#include "policy/half.h"
#include "policy/history.h"
#include "policy/history_log.h"
#include "policy/job_log.h"
#include "policy/learn_file.h"
#include "policy/report.h"
#include "policy/unfinished.h"

/* ---- history ---- */

struct versions {
	size_t sound, newer;
};

static int count_record(json_t *record, void *arg)
{
	struct versions *versions = arg;

	versions->sound++;
	versions->newer += json_integer_value(json_object_get(record, "schema")) > REPORT_SCHEMA;
	return 0;
}

static void audit_lines(struct audit *audit, const char *path)
{
	struct versions versions = { 0 };
	size_t torn;
	struct rr_err err;

	if (history_each(audit->context.paths.state, count_record, &versions, &torn, &err) < 0)
		(void)audit_find(audit, "history", AUDIT_STAYS, path, "%s", err.text);
	else if (torn > 0)
		(void)audit_find(audit, "history", AUDIT_NOTE, path,
				 "%zu damaged line%s among %zu sound: every reader passes over "
				 "them",
				 torn, torn == 1 ? "" : "s", versions.sound);
	if (versions.newer > 0)
		(void)audit_find(audit, "version", AUDIT_NOTE, path,
				 "%zu record%s of a newer resrun: what is new there is not shown",
				 versions.newer, versions.newer == 1 ? "" : "s");
}

#define ASIDE ".aside"
#define PARTS_FEW 4 /* that were set aside, and are worth no word */

/* With history_age = inf, which is the default, nothing ever goes: that is wanted, or not known. */
static void audit_growth(struct audit *audit)
{
	struct history_parts parts;
	char path[PATH_MAX], bytes[RR_FORMAT_SIZE];
	uint64_t all = 0;
	struct stat st;

	if (settings_integer(&audit->context.settings, SET_HISTORY_AGE) != RR_TIME_INF)
		return;
	if (history_parts_find(audit->context.paths.state, &parts) == 0 &&
	    parts.n > PARTS_FEW + 1) {
		for (size_t i = 0; i + 1 < parts.n; i++) {
			(void)snprintf(path, sizeof(path), "%.4000s/history.%llu",
				       audit->context.paths.state,
				       (unsigned long long)parts.numbers[i]);
			all += lstat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
		}
		(void)rr_format_bytes(all, bytes);
		(void)snprintf(path, sizeof(path), "%.4000s/history", audit->context.paths.state);
		(void)audit_find(audit, "history", AUDIT_NOTE, path,
				 "%zu parts of it were set aside (%s), and nothing removes them: "
				 "history_age = 365d would",
				 parts.n - 1, bytes);
	}
	history_parts_free(&parts);
}

void audit_history(struct audit *audit)
{
	char path[PATH_MAX];
	bool torn;
	struct rr_err err;

	(void)snprintf(path, sizeof(path), "%.4000s/history", audit->context.paths.state);
	if (history_check_tail(audit->context.paths.state, audit->fix, &torn, &err) < 0) {
		(void)audit_find(audit, "history", AUDIT_STAYS, path, "%s", err.text);
		return;
	}
	if (torn)
		(void)audit_find(audit, "history", audit->fix ? AUDIT_MENDED : AUDIT_FOUND, path,
				 "its last line is torn: a launcher was killed while it wrote");
	if (!torn || audit->fix)
		audit_lines(audit, path);
	audit_growth(audit);
}

/* ---- halves ---- */

/* "NAME.PID.tmp", of a process that is no more. */
static bool is_named_as_half(const char *name)
{
	size_t length = strlen(name), end = length - strlen(".tmp"), from = end;
	char digits[RR_FORMAT_SIZE];
	uint64_t pid;

	if (length < strlen("x.1.tmp") || strcmp(name + end, ".tmp") != 0)
		return false;
	while (from > 1 && name[from - 1] != '.')
		from--;
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)(end - from), name + from);
	return from > 1 && rr_parse_u64(digits, &pid) == 0 && pid > 0 && pid <= INT32_MAX &&
	       kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/* As rr_replace_at makes them. */
static bool is_half(const char *name)
{
	return name[0] == '.' && is_named_as_half(name + 1);
}

static void half_found(struct audit *audit, int dirfd, const char *name, const char *path)
{
	bool gone = audit->fix && unlinkat(dirfd, name, 0) == 0;

	(void)audit_find(audit, "half",
			 gone	      ? AUDIT_MENDED
			 : audit->fix ? AUDIT_STAYS
				      : AUDIT_FOUND,
			 path, "a file that a killed process did not come to finish");
}

static void look_for_halves(struct audit *audit, const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char whole[PATH_MAX + NAME_MAX];
		struct stat st;

		if (!is_half(entry->d_name) ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode) || st.st_uid != geteuid())
			continue;
		(void)snprintf(whole, sizeof(whole), "%s/%s", path, entry->d_name);
		half_found(audit, dirfd(dir), entry->d_name, whole);
	}
	if (dir)
		(void)closedir(dir);
}

/* What was to be moved out of the log of a detached job whose launcher was killed. */
static void look_for_log_halves(struct audit *audit)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%.4000s/logs", audit->context.paths.state);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		char whole[PATH_MAX + NAME_MAX], name[NAME_MAX + 1];
		size_t end = strlen(entry->d_name) - strlen(JOB_LOG_END JOB_LOG_NEW);

		if (strlen(entry->d_name) <= strlen(JOB_LOG_END JOB_LOG_NEW) ||
		    strcmp(entry->d_name + end, JOB_LOG_END JOB_LOG_NEW) != 0)
			continue;
		(void)snprintf(name, sizeof(name), "%.*s" JOB_LOG_END, (int)end, entry->d_name);
		if (job_log_is_held(dirfd(dir), name))
			continue;
		(void)snprintf(whole, sizeof(whole), "%s/%s", path, entry->d_name);
		half_found(audit, dirfd(dir), entry->d_name, whole);
	}
	if (dir)
		(void)closedir(dir);
}

/* What was written elsewhere, as its writer has noted (policy/half.h). */
static void noted_half(struct audit *audit, int dirfd, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target) - 1);
	struct stat st;

	if (n <= 0)
		return;
	target[n] = '\0';
	if (target[0] != '/' || !is_half(rr_base_name(target)))
		return;
	if (lstat(target, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid())
		half_found(audit, AT_FDCWD, target, target);
	/* A note of what is no more does no harm, and tells nobody anything. */
	if (audit->fix && access(target, F_OK) < 0)
		(void)unlinkat(dirfd, name, 0);
}

static void look_for_noted(struct audit *audit)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), HALVES_FOLDER, audit->context.paths.state);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		noted_half(audit, dirfd(dir), entry->d_name);
	if (dir)
		(void)closedir(dir);
}

/* What no resrun that has come since could read: nothing is lost by leaving it. */
static void look_for_aside(struct audit *audit)
{
	const size_t end = strlen(UNFINISHED_ASIDE);
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), UNFINISHED_FOLDER, audit->context.paths.state);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		char whole[PATH_MAX + NAME_MAX];
		size_t length = strlen(entry->d_name);

		if (length <= end || strcmp(entry->d_name + length - end, UNFINISHED_ASIDE) != 0)
			continue;
		(void)snprintf(whole, sizeof(whole), "%s/%s", path, entry->d_name);
		(void)audit_find(audit, "version", AUDIT_NOTE, whole,
				 "hooks after a job that were not run, as it could not be read "
				 "which: remove it when it is of no use to you");
	}
	if (dir)
		(void)closedir(dir);
}

/* ---- what is learned ---- */

/* The next run of that key would begin it anew: it is kept for who may know more of it. */
static void learned_found(struct audit *audit, int dirfd, const char *name, const char *path)
{
	char aside[NAME_MAX + sizeof(ASIDE)];
	bool done;

	(void)snprintf(aside, sizeof(aside), "%s" ASIDE, name);
	done = audit->fix && renameat(dirfd, name, dirfd, aside) == 0;
	(void)audit_find(audit, "learned",
			 done	      ? AUDIT_MENDED
			 : audit->fix ? AUDIT_STAYS
				      : AUDIT_FOUND,
			 path,
			 "damaged or of another version: nothing is known of its key, and the next "
			 "run begins it anew; --fix sets it aside as '%s'",
			 aside);
}

void audit_learned(struct audit *audit)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%.4000s/learned", audit->context.paths.state);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		char whole[PATH_MAX + NAME_MAX];

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(whole, sizeof(whole), "%s/%s", path, entry->d_name);
		if (is_named_as_half(entry->d_name))
			half_found(audit, dirfd(dir), entry->d_name, whole);
		else if (!strchr(entry->d_name, '.') && !learn_is_usable(dirfd(dir), entry->d_name))
			learned_found(audit, dirfd(dir), entry->d_name, whole);
	}
	if (dir)
		(void)closedir(dir);
}

/* ---- all halves ---- */

void audit_halves(struct audit *audit)
{
	const struct paths *paths = &audit->context.paths;

	look_for_halves(audit, paths->state);
	if (strcmp(paths->runtime, paths->state) != 0)
		look_for_halves(audit, paths->runtime);
	look_for_log_halves(audit);
	look_for_noted(audit);
	look_for_aside(audit);
}
