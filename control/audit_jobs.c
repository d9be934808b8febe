/* SPDX-License-Identifier: MIT */
/* audit: what jobs left whose launchers were killed: slots, leaves, private directories, status
 * files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/sweep.h"
#include "cgroup/backend.h"
#include "cgroup/hook_leaf.h"
#include "cgroup/walk.h"
#include "control/audit.h"
#include "policy/unfinished.h"

#define TEMP_PREFIX "resrun-"
#define STRANGE_NS (10 * 60 * RR_NS_PER_S) /* before that, its maker may be about to use it */
#define TEMP_NEW ".new"
#define TEMP_REMOVE_NS (10 * 60 * RR_NS_PER_S)

/* ---- slots ---- */

/* The resrun that stands beside us frees slots as its every start does: there is one way to do it.
 * What it says goes where our own remarks go. fork() rather than posix_spawn(), which fails where a
 * container answers clone3 with EPERM. */
static bool run_recover(void)
{
	char path[PATH_MAX], *argv[] = { path, (char[]){ "--recover" }, NULL };
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int status = 0;
	pid_t pid;

	if (n <= 0)
		return false;
	path[n] = '\0';
	(void)snprintf(strrchr(path, '/') + 1, sizeof("resrun"), "resrun");
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
			(void)execv(path, argv);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static bool is_dead(const struct status *status, const char *id)
{
	for (size_t i = 0; i < status->n_jobs; i++)
		if (status->jobs[i].state == JOB_LOST && strcmp(status->jobs[i].ticket.id, id) == 0)
			return true;
	return false;
}

static size_t find_dead(struct audit *audit)
{
	size_t found = 0;

	for (size_t i = 0; i < audit->status.n_jobs; i++) {
		const struct status_job *job = &audit->status.jobs[i];
		bool waited = job->ticket.state == TICKET_WAITING;

		if (job->state != JOB_LOST)
			continue;
		found++;
		(void)audit_find(audit, "slot", AUDIT_FOUND, job->ticket.id,
				 waited ? "a waiter of profile '%s' that was killed (%s)"
					: "a slot of profile '%s' whose launcher was killed (%s)",
				 job->profile, job->detail.command);
	}
	return found;
}

/* ---- hooks ---- */

static bool note_missed(const struct unfinished_job *job, void *arg)
{
	if (!job->promise)
		(void)audit_find(arg, "hook", AUDIT_FOUND, job->job_id,
				 "what hooks its killed launcher missed cannot be read in '%s', "
				 "which is damaged or of another version: the next start sets it "
				 "aside, and does not run them",
				 job->files->path);
	else
		(void)audit_find(
			arg, "hook", AUDIT_FOUND, job->job_id,
			"hooks after a job whose launcher was killed %s: the next start runs "
			"them, once nothing of the job goes on",
			job->report ? "before they were done" : "while the job ran");
	return false;
}

static size_t find_missed(struct audit *audit)
{
	struct rr_err err;
	int found = unfinished_each(audit->context.paths.state, note_missed, audit, &err);

	if (found < 0)
		(void)audit_find(audit, "hook", AUDIT_STAYS, audit->context.paths.state, "%s",
				 err.text);
	return found > 0 ? (size_t)found : 0;
}

/* ---- mending both ---- */

/* What has the finding's promise is the finding itself, seen again. */
static bool note_kept(const struct unfinished_job *job, void *arg)
{
	struct audit *audit = arg;

	for (size_t i = 0; i < audit->n; i++)
		if (strcmp(audit->findings[i].topic, "hook") == 0 &&
		    strcmp(audit->findings[i].object, job->job_id) == 0)
			audit->findings[i].state = AUDIT_STAYS;
	return false;
}

static void mend(struct audit *audit)
{
	bool well = run_recover();
	struct rr_err err;

	status_free(&audit->status);
	audit->status = (struct status){ 0 };
	if (status_read_ledger(&audit->context, &audit->status, &err) < 0)
		well = false;
	for (size_t i = 0; i < audit->n; i++) {
		struct audit_finding *finding = &audit->findings[i];

		if (finding->state == AUDIT_FOUND)
			finding->state = well && !is_dead(&audit->status, finding->object)
						 ? AUDIT_MENDED
						 : AUDIT_STAYS;
	}
	rr_ignore(unfinished_each(audit->context.paths.state, note_kept, audit, &err));
}

void audit_slots(struct audit *audit)
{
	struct rr_err err;
	size_t found;

	if (status_read_ledger(&audit->context, &audit->status, &err) < 0) {
		/* Damaged, or of another version: the words say when it can be mended. */
		(void)audit_find(audit, "ledger", AUDIT_FOUND, audit->context.paths.ledger, "%s",
				 err.text);
		found = 1;
	} else {
		found = find_dead(audit);
	}
	found += find_missed(audit);
	if (found > 0 && audit->fix)
		mend(audit);
}

/* ---- whose it is ---- */

/* A launcher of ours lives that this ledger does not know. */
static bool has_strangers(const struct status *status)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	bool found = false;

	while (proc && !found && (entry = readdir(proc))) {
		char name[64], comm[32] = "";
		bool known = false;
		struct stat st;
		uint64_t pid;

		if (rr_parse_u64(entry->d_name, &pid) < 0)
			continue;
		for (size_t i = 0; i < status->n_jobs; i++)
			known |= status->jobs[i].ticket.pid == (pid_t)pid;
		(void)snprintf(name, sizeof(name), "%.20s/comm", entry->d_name);
		found = !known && fstatat(dirfd(proc), entry->d_name, &st, 0) == 0 &&
			st.st_uid == geteuid() &&
			rr_read_at(dirfd(proc), name, comm, sizeof(comm)) > 0 &&
			strcmp(comm, "resrun\n") == 0;
	}
	if (proc)
		(void)closedir(proc);
	return found;
}

/* Its launcher may be dead all the same. */
static bool has_ticket(const struct audit *audit, const char *job_id)
{
	for (size_t i = 0; i < audit->status.n_jobs; i++)
		if (strcmp(audit->status.jobs[i].ticket.id, job_id) == 0)
			return true;
	return false;
}

static bool is_old(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * RR_NS_PER_S + STRANGE_NS < rr_now_wall_ns();
}

/* Waits, runs, or could not be freed. Without --fix, what a dead launcher's job left is told as
 * well: it would be mended after its slot. */
static bool in_ledger(const struct audit *audit, const char *job_id)
{
	for (size_t i = 0; i < audit->status.n_jobs; i++)
		if (strcmp(audit->status.jobs[i].ticket.id, job_id) == 0)
			return audit->fix || audit->status.jobs[i].state != JOB_LOST;
	return false;
}

/* What a job of this state directory left is ours once that is over. What is of no job that we know
 * may be of one with another state directory, or of one that has not come to the queue yet: it is
 * abandoned only when it is old, and no such launcher lives. */
static bool is_abandoned(const struct audit *audit, const char *job_id, const struct stat *st)
{
	if (st->st_uid != geteuid() || !audit_is_job_id(job_id) || in_ledger(audit, job_id))
		return false;
	return audit_is_ended(audit, job_id) || (is_old(st) && !has_strangers(&audit->status));
}

/* ---- leaves ---- */

static void leaf_found(struct audit *audit, const char *dir)
{
	int populated = cg_populated(dir);

	if (populated < 0)
		return;
	if (populated > 0) {
		(void)audit_find(audit, "leaf", AUDIT_STAYS, dir,
				 "processes are in it, and no job here is theirs; if none "
				 "elsewhere is: echo 1 >'%s/cgroup.kill'",
				 dir);
		return;
	}
	(void)audit_find(audit, "leaf",
			 !audit->fix			 ? AUDIT_FOUND
			 : placement_reap_leaf(dir) == 0 ? AUDIT_MENDED
							 : AUDIT_STAYS,
			 dir, "the empty cgroup of a job that is no more");
}

/* Of the leaf, or of that of its hooks. */
static void job_of_leaf(const char *dir, char *id, size_t size)
{
	const char *name = strrchr(dir, '/') + 1 + strlen(CG_LEAF_PREFIX);
	size_t length = strlen(name), end = strlen(HOOK_LEAF_END);

	if (length > end && strcmp(name + length - end, HOOK_LEAF_END) == 0)
		length -= end;
	(void)snprintf(id, size, "%.*s", (int)length, name);
}

static int visit_leaf(const char *dir, void *arg)
{
	char id[NAME_MAX + 1];
	struct stat st;

	if (!placement_is_leaf_path(dir))
		return 0;
	job_of_leaf(dir, id, sizeof(id));
	/* That of a dead launcher's slot goes with the slot. */
	if (!has_ticket(arg, id) && stat(dir, &st) == 0 && is_abandoned(arg, id, &st))
		leaf_found(arg, dir);
	return 0;
}

void audit_leaves(struct audit *audit)
{
	struct cg_hierarchy hierarchy;
	int r;

	cg_find(&hierarchy);
	if (hierarchy.mode == CG_NONE)
		return;
	r = cg_walk_bottom_up(hierarchy.mount, visit_leaf, audit);
	if (r < 0)
		(void)audit_find(audit, "leaf", AUDIT_NOTE, hierarchy.mount,
				 "not all cgroups were looked at: %s", strerror(-r));
}

/* ---- private temporary directories ---- */

/* The id in a name as the launcher gives it, copied to buf; NULL for any other name. *ret_new: it
 * has not come to its own name yet. */
static const char *id_in(const char *name, char buf[static NAME_MAX + 1], bool *ret_new)
{
	size_t length;

	*ret_new = *name == '.';
	if (*ret_new)
		name++;
	if (strncmp(name, TEMP_PREFIX, strlen(TEMP_PREFIX)) != 0)
		return NULL;
	(void)snprintf(buf, NAME_MAX + 1, "%s", name + strlen(TEMP_PREFIX));
	length = strlen(buf);
	if (*ret_new &&
	    (length < strlen(TEMP_NEW) || strcmp(buf + length - strlen(TEMP_NEW), TEMP_NEW) != 0))
		return NULL;
	if (*ret_new)
		buf[length - strlen(TEMP_NEW)] = '\0';
	return audit_is_job_id(buf) ? buf : NULL;
}

/* Its launcher, wherever that keeps its state, would hold the lock; only one that is just being
 * made has none yet. */
static bool is_left(const struct audit *audit, int root, const char *name)
{
	char buf[NAME_MAX + 1];
	rr_autofd int fd = -1;
	struct stat st;
	bool new;
	const char *id = id_in(name, buf, &new);

	if (!id || in_ledger(audit, id))
		return false;
	fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	       (st.st_mode & 0777) == 0700 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	       (!new || is_old(&st));
}

static void temp_found(struct audit *audit, int root, const char *dir, const char *name)
{
	char path[PATH_MAX + NAME_MAX], bytes[RR_FORMAT_SIZE] = "?";
	struct audit_finding *finding;
	uint64_t size;
	struct rr_err err;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (sweep_measure(root, name, RR_NS_PER_S, &size, &err) >= 0)
		(void)rr_format_bytes(size, bytes);
	finding = audit_find(audit, "temp", AUDIT_FOUND, path,
			     "the private directory of a job that is no more (%s)", bytes);
	if (!audit->fix)
		return;
	finding->state = AUDIT_MENDED;
	if (sweep_remove_tree(root, name, TEMP_REMOVE_NS, &err) == 0)
		return;
	finding->state = AUDIT_STAYS;
	(void)snprintf(finding->words, sizeof(finding->words), "not wholly removed: %s", err.text);
}

static void look_in_root(struct audit *audit, const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (is_left(audit, dirfd(dir), entry->d_name))
			temp_found(audit, dirfd(dir), path, entry->d_name);
	if (dir)
		(void)closedir(dir);
}

/* Where the profiles have them made, and where any job without a word about it does. A
 * place that is named twice is found clean the second time. */
void audit_temps(struct audit *audit)
{
	const struct config *config = &audit->context.config;
	const char *root = settings_text(&audit->context.settings, SET_TEMP_ROOT);
	const char *inherited = getenv("TMPDIR");
	const char *roots[CONFIG_PROFILES_MAX + 3];
	size_t n = 0;

	roots[n++] = "/tmp";
	if (inherited && *inherited == '/')
		roots[n++] = inherited;
	if (root)
		roots[n++] = root;
	for (size_t i = 0; i < config->n_profiles; i++)
		if (settings_text(&config->profiles[i].settings, SET_TEMP_ROOT))
			roots[n++] = settings_text(&config->profiles[i].settings, SET_TEMP_ROOT);
	for (size_t i = 0; i < n; i++) {
		bool again = false;

		for (size_t j = 0; j < i; j++)
			again |= strcmp(roots[i], roots[j]) == 0;
		if (!again)
			look_in_root(audit, roots[i]);
	}
}

/* ---- what jobs said of themselves ---- */

/* RUNTIME/status/ID, which goes with the job, and not with a launcher that is killed. */
void audit_status(struct audit *audit)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%.4000s/status", audit->context.paths.runtime);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		char whole[PATH_MAX + NAME_MAX];
		struct stat st;

		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode) || !is_abandoned(audit, entry->d_name, &st))
			continue;
		(void)snprintf(whole, sizeof(whole), "%s/%s", path, entry->d_name);
		(void)audit_find(audit, "status",
				 !audit->fix				       ? AUDIT_FOUND
				 : unlinkat(dirfd(dir), entry->d_name, 0) == 0 ? AUDIT_MENDED
									       : AUDIT_STAYS,
				 whole, "what a job that is no more has said of its progress");
	}
	if (dir)
		(void)closedir(dir);
}
