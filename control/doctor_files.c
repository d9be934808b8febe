/* SPDX-License-Identifier: MIT */
/* doctor: the configuration, the directories that resrun keeps its files in, and what is in them.*/
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "control/doctor.h"
#include "control/status.h"
#include "policy/history.h"

#define OWN_MODE 0700
#define PASSABLE_MODE 0711 /* of the directory above the shared one */

/* ---- configuration ---- */

static void ask_profiles(struct doctor *doctor)
{
	const struct config *config = &doctor->context.config;

	for (size_t i = 0; i < config->n_profiles; i++) {
		struct settings settings = { 0 };
		struct rr_err err;
		const char *name;

		if (context_resolve(config, config->profiles[i].name, &settings, &name, &err) < 0)
			(void)doctor_find(doctor, FINDING_PROBLEM, "configuration",
					  "profile '%s': %s", config->profiles[i].name, err.text);
		settings_free(&settings);
	}
}

/* The rest is asked with the built-in defaults. */
static void use_defaults(struct doctor *doctor)
{
	struct context *context = &doctor->context;
	struct rr_err ignored;

	context_free(context);
	if (context_resolve(&context->config, "default", &context->settings, &context->profile,
			    &ignored) < 0)
		rr_ignore(settings_defaults(&context->settings, &ignored)); /* out of memory */
	/* Without a place, the directories are not asked about. */
	rr_ignore(paths_find(&context->settings, &context->paths, &ignored));
}

void doctor_config(struct doctor *doctor)
{
	const struct config *config = &doctor->context.config;
	struct rr_err err;

	doctor->loaded = context_load(NULL, &doctor->context, &err) == 0;
	if (!doctor->loaded) {
		doctor_remedy(doctor_find(doctor, FINDING_PROBLEM, "configuration", "%s", err.text),
			      "mend that, then: resrunctl config check");
		use_defaults(doctor);
		return;
	}
	if (config->n_files == 0)
		(void)doctor_find(doctor, FINDING_OK, "configuration",
				  "no file: the built-in defaults hold (resrunctl config init "
				  "writes one)");
	for (size_t i = 0; i < config->n_files; i++)
		(void)doctor_find(doctor, FINDING_OK, "configuration", "'%s' is read",
				  config->files[i]);
	ask_profiles(doctor);
}

/* ---- directories ---- */

/* The kind of a file system on which locks are slow, lost, or only pretended; NULL when local. */
static const char *remote_kind(const char *path)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} kinds[] = {
		{ NFS_SUPER_MAGIC, "NFS" },   { SMB_SUPER_MAGIC, "SMB" },
		{ SMB2_SUPER_MAGIC, "SMB" },  { CIFS_SUPER_MAGIC, "SMB" },
		{ FUSE_SUPER_MAGIC, "FUSE" }, { V9FS_MAGIC, "9p" },
		{ CEPH_SUPER_MAGIC, "Ceph" }, { AFS_SUPER_MAGIC, "AFS" },
		{ CODA_SUPER_MAGIC, "Coda" }, { OCFS2_SUPER_MAGIC, "OCFS2" },
	};
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((unsigned long)(uint32_t)fs.f_type == kinds[i].magic)
			return kinds[i].name;
	return NULL;
}

/* Cuts path back to the part of it that exists. */
static void existing_part(char *path)
{
	char *slash;

	while (access(path, F_OK) < 0 && (slash = strrchr(path, '/')) && slash > path)
		*slash = '\0';
	if (access(path, F_OK) < 0)
		path[1] = '\0';
}

static void ask_missing(struct doctor *doctor, const char *topic, const char *path)
{
	char above[PATH_MAX];
	struct finding *finding;

	(void)snprintf(above, sizeof(above), "%s", path);
	existing_part(above);
	if (access(above, W_OK) == 0) {
		(void)doctor_find(doctor, FINDING_OK, topic,
				  "'%s' is not there yet: the first run makes it", path);
		return;
	}
	finding = doctor_find(doctor, FINDING_PROBLEM, topic,
			      "'%s' is not there, and '%s' is not ours to make it in", path, above);
	doctor_remedy(finding, "sudo install -d -m 700 -o %u '%s'", geteuid(), path);
}

/* What is wrong with an existing directory, or NULL. */
static struct finding *ask_access(struct doctor *doctor, const char *topic, const char *path,
				  const struct stat *st, uid_t owner)
{
	struct finding *bad = NULL;

	if (!S_ISDIR(st->st_mode)) {
		bad = doctor_find(doctor, FINDING_PROBLEM, topic, "'%s' is not a directory", path);
		doctor_remedy(bad, "mv '%s' '%s.old'", path, path);
	} else if (st->st_uid != owner) {
		bad = doctor_find(doctor, FINDING_PROBLEM, topic,
				  "'%s' belongs to uid %u instead of %u", path, st->st_uid, owner);
		doctor_remedy(bad, "sudo chown %u '%s'", owner, path);
	} else if (st->st_mode & (S_IWGRP | S_IWOTH)) {
		bad = doctor_find(doctor, FINDING_PROBLEM, topic,
				  "'%s' can be written by others (mode %03o)", path,
				  st->st_mode & 0777U);
		doctor_remedy(bad, "chmod go-w '%s'", path);
	} else if (owner == geteuid() && access(path, W_OK) < 0) {
		bad = doctor_find(doctor, FINDING_PROBLEM, topic, "'%s' cannot be written: %s",
				  path, strerror(errno));
		doctor_remedy(bad, "chmod u+rwx '%s', or RESRUN_STATE_DIR=DIR for another place",
			      path);
	}
	return bad;
}

static void ask_place(struct doctor *doctor, const char *topic, const char *path, uid_t owner)
{
	const char *kind;
	struct stat st;

	if (stat(path, &st) < 0) {
		ask_missing(doctor, topic, path);
		return;
	}
	if (ask_access(doctor, topic, path, &st, owner))
		return;
	kind = remote_kind(path);
	if (!kind) {
		(void)doctor_find(doctor, FINDING_OK, topic,
				  "'%s' has the right owner and mode, on a local file system",
				  path);
		return;
	}
	doctor_remedy(doctor_find(doctor, FINDING_NOTE, topic,
				  "'%s' is on %s, where locks can be slow or get lost", path, kind),
		      "RESRUN_STATE_DIR=DIR, or state_dir = DIR in [resrun], on a local disk");
}

/* ---- --fix ---- */

static int fix_mode(int fd, mode_t wanted)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_mode & 07777) == wanted)
		return 0;
	return fchmod(fd, wanted) < 0 ? -errno : 0;
}

/* Makes a directory of ours, or takes from others what they may do in it. One that belongs to
 * someone else is left alone: it may be a mistaken path. 0 or -errno. */
static int fix_own(const char *path)
{
	rr_autofd int fd = -1;
	struct stat st;
	int r = rr_mkdir_all(path, OWN_MODE);

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid())
		return -EPERM;
	return fix_mode(fd, (st.st_mode & 0755) | OWN_MODE);
}

/* The directory that all users share. 0 or -errno with words. */
static int fix_shared(const char *path, struct rr_err *err)
{
	rr_autofd int above = -1, fd = -1;
	int r = rr_mkdir_all(path, PASSABLE_MODE);

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	above = fd < 0 ? -1 : openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && (fd < 0 || above < 0 || fchown(fd, 0, 0) < 0))
		r = -errno;
	if (r == 0)
		r = fix_mode(above, PASSABLE_MODE);
	if (r < 0)
		return rr_err_sys(err, -r, "'%s'", path);
	return ledger_make_shared(path, err);
}

static void fix_places(struct doctor *doctor)
{
	const struct paths *paths = &doctor->context.paths;
	const char *const own[] = { paths->state, paths->runtime };
	struct rr_err err;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		int r = fix_own(own[i]);

		if (r < 0)
			(void)doctor_find(doctor, FINDING_PROBLEM, "fix", "'%s' was not mended: %s",
					  own[i], strerror(-r));
	}
	if (paths->shared && geteuid() == 0 && fix_shared(paths->ledger, &err) < 0)
		(void)doctor_find(doctor, FINDING_PROBLEM, "fix", "%s", err.text);
}

void doctor_places(struct doctor *doctor)
{
	auto_ledger struct ledger *ledger = NULL;
	const struct paths *paths = &doctor->context.paths;
	struct rr_err err;

	if (!*paths->state)
		return;
	if (doctor->fix && !doctor->loaded)
		(void)doctor_find(doctor, FINDING_PROBLEM, "fix",
				  "nothing was mended: the configuration says where, and cannot be "
				  "read");
	else if (doctor->fix)
		fix_places(doctor);
	ask_place(doctor, "state directory", paths->state, geteuid());
	ask_place(doctor, "runtime directory", paths->runtime, geteuid());
	if (!paths->shared)
		return;
	if (ledger_open_to_read(paths->ledger, true, &ledger, &err) == 0)
		(void)doctor_find(doctor, FINDING_OK, "shared directory",
				  "'%s' is root's, and each user writes only his own part of the "
				  "ledger",
				  paths->ledger);
	else
		doctor_remedy(
			doctor_find(doctor, FINDING_PROBLEM, "shared directory", "%s", err.text),
			"sudo resrunctl doctor --fix");
}

/* ---- ledger and history ---- */

static int count_record(json_t *record, void *arg)
{
	(void)record;
	++*(size_t *)arg;
	return 0;
}

static void ask_history(struct doctor *doctor)
{
	size_t sound = 0, torn;
	struct rr_err err;

	if (history_each(doctor->context.paths.state, count_record, &sound, &torn, &err) < 0)
		(void)doctor_find(doctor, FINDING_PROBLEM, "history", "%s", err.text);
	else
		(void)doctor_find(doctor, torn ? FINDING_NOTE : FINDING_OK, "history",
				  "%zu records, %zu damaged lines%s", sound, torn,
				  torn ? ", which are passed over" : "");
}

static void ask_ledger(struct doctor *doctor, struct status *status)
{
	size_t lost = 0;
	struct rr_err err;

	if (status_read_ledger(&doctor->context, status, &err) < 0) {
		(void)doctor_find(doctor, FINDING_PROBLEM, "ledger", "%s", err.text);
		return;
	}
	if (!status->has_ledger) {
		(void)doctor_find(doctor, FINDING_OK, "ledger",
				  "there is none yet: the first run makes it");
		return;
	}
	if (access(status->ledger, W_OK) < 0) {
		(void)doctor_find(doctor, FINDING_PROBLEM, "ledger", "'%s' cannot be written: %s",
				  status->ledger, strerror(errno));
		return;
	}
	for (size_t i = 0; i < status->n_jobs; i++)
		lost += status->jobs[i].state == JOB_LOST;
	(void)doctor_find(doctor, lost ? FINDING_NOTE : FINDING_OK, "ledger",
			  "'%s' opens, locks and is sound; %zu jobs in it, of which %zu lost their "
			  "launcher%s",
			  status->ledger, status->n_jobs, lost,
			  lost ? ": the next resrun clears these away" : "");
}

void doctor_ledger(struct doctor *doctor)
{
	status_auto struct status status = { 0 };

	if (!*doctor->context.paths.state)
		return;
	ask_ledger(doctor, &status);
	ask_history(doctor);
}
