/* SPDX-License-Identifier: MIT */
/*
 * Directories are made and files of one word are written here. libcgroup is asked only to remove a
 * group that did not go: for the rest it costs too much and tells too little.
 *  - cgroup_init reads all mounts and touches two megabytes of tables: a seventh of what a start
 *    in a cgroup costs, to write a word into a file whose path is known;
 *  - it reports every refused write as "value does not exist", so that the true errno would have to
 *    come from writing the file ourselves;
 *  - 2.0.2 cannot make a group where the parent was not enabled, nor as a delegated user, and its
 *    cgroup_init fails where the root has no controllers.
 */
#include "cgroup/leaf.h"

#include <errno.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "cgroup/walk.h"

#define KILL_ROUNDS 100 /* without cgroup.kill: against forks between two looks */
#define FREEZE_NS (20 * RR_NS_PER_MS) /* for standing still, in one of them */
#define REMOVE_TRIES 50 /* a freed leaf can answer EBUSY for some ms */

/* ---- making ---- */

int leaf_make(const char *parent, const char *id, unsigned wanted, struct cg_leaf *ret,
	      struct rr_err *err)
{
	rr_autofd int parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rr_autofd int fd = -1;
	struct cg_leaf leaf = { .fd = -1 };
	char name[64];
	int r;

	if (parent_fd < 0)
		return rr_err_sys(err, errno, "cgroup '%s'", parent);
	r = cg_enable(parent_fd, wanted, &leaf.controllers);
	/* A populated parent refuses every controller: the leaf would be without any cap. */
	if (r < 0 && leaf.controllers == 0)
		return rr_err_sys(err, -r, "enable controllers below cgroup '%s'", parent);
	(void)snprintf(name, sizeof(name), CG_LEAF_PREFIX "%s", id);
	if (snprintf(leaf.path, sizeof(leaf.path), "%s/%s", parent, name) >= (int)sizeof(leaf.path))
		return rr_err_set(err, ENAMETOOLONG, "cgroup '%s'", parent);
	if (mkdirat(parent_fd, name, 0755) < 0)
		return rr_err_sys(err, errno, "make cgroup '%s'", leaf.path);
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return rr_err_sys(err, errno, "open cgroup '%s'", leaf.path);
	leaf.fd = rr_fd_take(&fd);
	*ret = leaf;
	return 0;
}

/* Which text goes into the limit's file. 0 or -errno with words. */
static int text_of(const struct limit *limit, enum limit_id id, char *text, size_t size,
		   struct rr_err *err)
{
	const char *none = limit_none_text(id);

	if (limit->asked)
		return limit_text(limit, id, text, size, err);
	if (!none)
		return rr_err_set(err, ENOTSUP, "%s cannot be taken off a running job",
				  limit_name(id));
	(void)snprintf(text, size, "%s", none);
	return 0;
}

void leaf_limit_one(const struct cg_leaf *leaf, enum limit_id id, struct limit *limit)
{
	char text[512];
	struct rr_err err;
	int r;

	limit->by = BY_NONE;
	if (text_of(limit, id, text, sizeof(text), &err) < 0) {
		(void)snprintf(limit->why_not, sizeof(limit->why_not), "%.190s", err.text);
		return;
	}
	r = rr_write_at(leaf->fd, limit_file(id), text);
	if (r == 0)
		limit->by = BY_CGROUP;
	else if (r == -ENOENT)
		(void)snprintf(limit->why_not, sizeof(limit->why_not),
			       "the cgroup has no %s: its controller is not delegated here",
			       limit_file(id));
	else
		(void)snprintf(limit->why_not, sizeof(limit->why_not), "%s: %s", limit_file(id),
			       strerror(-r));
}

void leaf_limit(const struct cg_leaf *leaf, struct limit_set *limits)
{
	for (int i = 0; i < LIMIT_N; i++)
		if (limits->v[i].asked)
			leaf_limit_one(leaf, i, &limits->v[i]);
	/* One process killed for memory takes the rest of the job with it: half a job is no job.
	 * Where the kernel has no such file, its own choice of victim stands. */
	if (leaf->controllers & CG_MEMORY)
		rr_ignore(rr_write_at(leaf->fd, "memory.oom.group", "1"));
}

/* ---- counting, signalling, killing ---- */

static int signal_one(const char *dir, pid_t pid, void *arg)
{
	const int *signo = arg;

	(void)dir;
	(void)kill(pid, *signo);
	return 0;
}

void leaf_signal(const char *path, int signo)
{
	rr_ignore(cg_walk_processes(path, signal_one, &signo)); /* best effort, as promised */
}

static int count_one(const char *dir, pid_t pid, void *arg)
{
	int *count = arg;

	(void)dir;
	(void)pid;
	++*count;
	return 0;
}

int leaf_count(const char *path)
{
	int count = 0, r = cg_walk_processes(path, count_one, &count);

	return r < 0 ? r : count;
}

/* Until cgroup.events says so, or there is nothing that could: 0, or -ETIMEDOUT. */
static int wait_event(const char *path, const char *key, uint64_t wanted, uint64_t wait_ns)
{
	uint64_t deadline_ns = rr_time_add(rr_now_boot_ns(), wait_ns);
	char file[CG_PATH_MAX + 32];
	rr_autofd int fd = -1;

	(void)snprintf(file, sizeof(file), "%s/cgroup.events", path);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	for (;;) {
		struct pollfd event = { .fd = fd, .events = POLLPRI };
		uint64_t now_ns, value;
		struct timespec rest;
		char text[256];

		/* Read by this descriptor, or poll tells of what there was to read all along. */
		if (fd < 0 || rr_pread_text(fd, text, sizeof(text)) < 0 ||
		    rr_text_u64(text, key, &value) < 0 || value == wanted)
			return 0;
		now_ns = rr_now_boot_ns();
		if (now_ns >= deadline_ns)
			return -ETIMEDOUT;
		rest = rr_timespec(deadline_ns - now_ns);
		(void)ppoll(&event, 1, &rest, NULL);
	}
}

int leaf_wait_empty(const char *path, uint64_t wait_ns)
{
	return wait_event(path, "populated", 0, wait_ns);
}

/* Held still first, so that nothing forks away between a look and its kill. What stands still dies
 * of SIGKILL all the same. Without a freezer the rounds must do. */
static void kill_one_by_one(const char *path)
{
	char file[CG_PATH_MAX + 32];

	(void)snprintf(file, sizeof(file), "%s/cgroup.freeze", path);
	for (int round = 0; round < KILL_ROUNDS && cg_populated(path) == 1; round++) {
		rr_ignore(rr_write_at(AT_FDCWD, file, "1"));
		rr_ignore(wait_event(path, "frozen", 1, FREEZE_NS)); /* or what did, dies */
		leaf_signal(path, SIGKILL);
		rr_ignore(leaf_wait_empty(path, 20 * RR_NS_PER_MS)); /* asked again above */
	}
	rr_ignore(rr_write_at(AT_FDCWD, file, "0")); /* gone, as a rule */
}

int leaf_kill(const char *path)
{
	char file[CG_PATH_MAX + 32];
	int r;

	(void)snprintf(file, sizeof(file), "%s/cgroup.kill", path);
	r = rr_write_at(AT_FDCWD, file, "1");
	if (r == 0 || access(path, F_OK) < 0)
		return 0;
	/* Before Linux 5.14. */
	kill_one_by_one(path);
	return cg_populated(path) == 1 ? -EBUSY : 0;
}

/* ---- removing ---- */

static void no_log(void *user, int level, const char *fmt, va_list args)
{
	(void)user;
	(void)level;
	(void)fmt;
	(void)args;
}

/* True when libcgroup knows this host's hierarchy. Asked once: it reads mounts and /proc/cgroups.
 */
static bool libcgroup_ready(void)
{
	static int ready = -1;

	if (ready < 0) {
		/* Its own logger writes to stderr, which belongs to the job. */
		cgroup_set_logger(no_log, CGROUP_LOG_ERROR, NULL);
		ready = cgroup_init() == 0;
	}
	return ready;
}

/* The name that libcgroup wants: relative to the mount. */
static const char *relative(const char *path, const char *mount)
{
	const char *name = path + strlen(mount);

	return *name == '/' ? name + 1 : name;
}

static int remove_by_libcgroup(const char *path, const char *mount)
{
	struct cgroup *group = cgroup_new_cgroup(relative(path, mount));
	int r = -1;

	if (group && cgroup_add_controller(group, "memory"))
		r = cgroup_delete_cgroup_ext(group, CGFLAG_DELETE_EMPTY_ONLY);
	cgroup_free(&group);
	return r == 0 ? 0 : -EBUSY;
}

static int remove_one(const char *dir, void *arg)
{
	const char *mount = arg;

	for (int attempt = 0; attempt < REMOVE_TRIES; attempt++) {
		struct timespec pause = rr_timespec(2 * RR_NS_PER_MS);

		if (rmdir(dir) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -errno;
		(void)nanosleep(&pause, NULL);
	}
	return libcgroup_ready() ? remove_by_libcgroup(dir, mount) : -EBUSY;
}

int leaf_remove(const char *path, const char *mount)
{
	char copy[CG_PATH_MAX];

	/* Most jobs make no cgroups of their own. */
	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	(void)snprintf(copy, sizeof(copy), "%s", mount);
	return cg_walk_bottom_up(path, remove_one, copy);
}

void leaf_close(struct cg_leaf *leaf)
{
	rr_fd_close(&leaf->fd);
}
