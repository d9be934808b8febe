/* SPDX-License-Identifier: MIT */
#include "runner/detach.h"

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
#include "cgroup/hook_leaf.h"
#include "policy/job_log.h"

#define LOGS_MAX 100000 /* that are looked at */

/* By a description that no job inherits, and kept until we end: so that others can tell whether
 * this launcher lives before it is in the ledger. Without it they cannot. */
static void hold_log(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0)
		(void)flock(fd, LOCK_EX | LOCK_NB);
}

/* ---- old logs ---- */

struct old_log {
	char name[PLAN_ID_LENGTH + sizeof(".log")];
	uint64_t bytes, touched_ns;
};

static int by_age(const void *a, const void *b)
{
	const struct old_log *first = a, *second = b;

	return (first->touched_ns < second->touched_ns) - (first->touched_ns > second->touched_ns);
}

/* All but those of launchers that live, newest first. NULL when there are none. */
static struct old_log *list_logs(DIR *dir, size_t *ret_n)
{
	struct old_log *logs = NULL;
	const struct dirent *entry;
	size_t n = 0;

	while (n < LOGS_MAX && (entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');
		struct old_log *more;
		struct stat st;

		if (!dot || strcmp(dot, ".log") != 0 ||
		    strlen(entry->d_name) >= sizeof(more->name) ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		more = realloc(logs, (n + 1) * sizeof(*logs));
		if (!more)
			break;
		logs = more;
		logs[n] = (struct old_log){ .bytes = job_log_bytes(dirfd(dir), entry->d_name),
					    .touched_ns = rr_timespec_ns(&st.st_mtim) };
		(void)snprintf(logs[n++].name, sizeof(logs->name), "%s", entry->d_name);
	}
	*ret_n = n;
	return logs;
}

/* Removes the oldest of ended jobs, until all together are no larger than logs_max_size. */
static void prune_logs(const char *folder, uint64_t max_bytes)
{
	rr_autofree struct old_log *logs = NULL;
	DIR *dir = opendir(folder);
	uint64_t sum = 0;
	size_t n = 0;

	if (!dir)
		return;
	logs = list_logs(dir, &n);
	if (logs)
		qsort(logs, n, sizeof(*logs), by_age);
	for (size_t i = 0; logs && i < n; i++) {
		sum += logs[i].bytes;
		if (sum > max_bytes && !job_log_is_held(dirfd(dir), logs[i].name) &&
		    job_log_remove(dirfd(dir), logs[i].name) == 0)
			sum -= logs[i].bytes;
	}
	(void)closedir(dir);
}

/* ---- our own ---- */

static int open_log(const struct plan *plan, int *ret_fd, struct rr_err *err)
{
	char path[PATH_MAX + 64];
	int r, fd;

	(void)snprintf(path, sizeof(path), "%.4000s/logs", plan->paths.state);
	r = rr_mkdir_all(path, 0700);
	if (r < 0)
		return rr_err_sys(err, -r, "make '%s'", path);
	prune_logs(path, settings_integer(&plan->settings, SET_LOGS_MAX_SIZE));
	job_log_path(plan->paths.state, plan->job_id, path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return rr_err_sys(err, errno, "make the log '%s'", path);
	*ret_fd = fd;
	hold_log(path);
	return 0;
}

/* Until the child has closed its end: it has gone its own way, or died. */
static void await_child(int *away)
{
	char none;

	rr_fd_close(&away[1]);
	while (read(away[0], &none, sizeof(none)) < 0 && errno == EINTR)
		;
}

int detach(const struct plan *plan, struct rr_err *err)
{
	rr_autofd int log = -1, null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int away[2], r = open_log(plan, &log, err);
	pid_t pid;

	if (r < 0)
		return r;
	if (pipe2(away, O_CLOEXEC) < 0)
		return rr_err_sys(err, errno, "detach");
	pid = fork();
	if (pid < 0)
		r = rr_err_sys(err, errno, "detach");
	if (pid > 0) {
		await_child(away);
		(void)printf("%s\n", plan->job_id);
		r = DETACH_PARENT;
	}
	if (pid == 0) {
		(void)setsid();
		/* One that a hook starts and does not wait for is meant to outlive it, which it
		 * does only when it is out of its cgroup and its group before the hook is over. */
		if (getenv("RESRUN_HOOK"))
			rr_ignore(hook_leaf_step_out()); /* then it ends with the hook's job */
	}
	rr_fd_done(&away[0]);
	rr_fd_done(&away[1]);
	if (pid != 0)
		return r;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
	    dup2(log, STDERR_FILENO) < 0)
		return rr_err_sys(err, errno, "detach");
	return 0;
}
