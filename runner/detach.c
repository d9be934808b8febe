/* SPDX-License-Identifier: MIT */
#include "runner/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"

/* By a description that no job inherits, and kept until we end: so that others can tell whether
 * this launcher lives before it is in the ledger, and between two tries. Without it they cannot. */
static void hold_log(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0)
		(void)flock(fd, LOCK_EX | LOCK_NB);
}

static int open_log(const struct plan *plan, int *ret_fd, struct rr_err *err)
{
	char path[PATH_MAX + 64];
	int r, fd;

	(void)snprintf(path, sizeof(path), "%.4000s/logs", plan->paths.state);
	r = rr_mkdir_all(path, 0700);
	if (r < 0)
		return rr_err_sys(err, -r, "make '%s'", path);
	(void)snprintf(path, sizeof(path), "%.4000s/logs/%s.log", plan->paths.state, plan->job_id);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return rr_err_sys(err, errno, "make the log '%s'", path);
	*ret_fd = fd;
	hold_log(path);
	return 0;
}

int detach(const struct plan *plan, struct rr_err *err)
{
	rr_autofd int log = -1, null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int r = open_log(plan, &log, err);
	pid_t pid;

	if (r < 0)
		return r;
	pid = fork();
	if (pid < 0)
		return rr_err_sys(err, errno, "detach");
	if (pid > 0) {
		(void)printf("%s\n", plan->job_id);
		return DETACH_PARENT;
	}
	(void)setsid();
	if (dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
	    dup2(log, STDERR_FILENO) < 0)
		return rr_err_sys(err, errno, "detach");
	return 0;
}
