/* SPDX-License-Identifier: MIT */
/*
 * A place to sweep in, for the tests of base/sweep and base/dirwalk: a fresh directory with a root
 * to sweep and an outside that must never change, a clock that stands two days in the future (a
 * ctime cannot be set back, so everything is made old by moving "now"), and children that are
 * another user, in a mount namespace of their own, or without some system calls.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sweep.h"

#define HOUR (3600 * RR_NS_PER_S)
#define WORLD_AGE (48 * HOUR) /* how old everything seems */
#define STRANGER 65534
#define SOMEONE 4242 /* no account has this uid, so it has no home */

struct world {
	char base[PATH_MAX / 4], root[PATH_MAX / 4 + 8], outside[PATH_MAX / 4 + 8];
	int fd; /* root */
	struct sweep_rules rules;
	struct sweep_result result;
	struct rr_err err;
};

/* Root of the machine, or of a container: root of a user namespace with one user cannot be others.
 */
static inline bool am_root(void)
{
	char map[64] = "";
	int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	bool whole = fd >= 0 && read(fd, map, sizeof(map) - 1) > 0 && strstr(map, "4294967295");

	if (fd >= 0)
		(void)close(fd);
	return geteuid() == 0 && whole;
}

/* Skips what only root can set up; when the run says that there must be root, that is a failure. */
static inline void need_root(void)
{
	const char *must = getenv("RESRUN_MUST");

	if (am_root())
		return;
	if (must && strstr(must, "root"))
		fail_msg("not root, but RESRUN_MUST says so");
	skip();
}

/* ---- making things ---- */

static inline void world_put_at(int dirfd, const char *path, const char *text)
{
	char part[PATH_MAX];
	int fd;

	(void)snprintf(part, sizeof(part), "%s", path);
	for (char *slash = strchr(part, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(dirfd, part, 0755) < 0)
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
	if (part[strlen(part) - 1] == '/')
		return;
	fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

/* Makes the file below the root, or, when it ends in "/", the directory; parents as needed. */
static inline void put(struct world *world, const char *path)
{
	world_put_at(world->fd, path, "x");
}

/* Lets it seem to have been touched so long ago, instead of WORLD_AGE ago. */
static inline void touch(struct world *world, const char *path, uint64_t ago_ns)
{
	struct timespec stamps[2] = { { .tv_nsec = UTIME_OMIT },
				      rr_timespec(world->rules.now_wall_ns - ago_ns) };

	assert_int_equal(utimensat(world->fd, path, stamps, AT_SYMLINK_NOFOLLOW), 0);
}

static inline bool exists_at(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline bool exists(struct world *world, const char *path)
{
	return exists_at(world->fd, path);
}

static inline bool exists_outside(struct world *world, const char *path)
{
	char full[PATH_MAX];

	(void)snprintf(full, sizeof(full), "%s/%s", world->outside, path);
	return exists_at(AT_FDCWD, full);
}

static inline void put_outside(struct world *world, const char *path)
{
	int fd = open(world->outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	world_put_at(fd, path, "x");
	assert_int_equal(close(fd), 0);
}

static inline void put_many(struct world *world, const char *dir, int count)
{
	for (int i = 0; i < count; i++) {
		char name[PATH_MAX];

		(void)snprintf(name, sizeof(name), "%s/f%d", dir, i);
		put(world, name);
	}
}

/* Adds to the end of a path. */
static inline void append(char path[static PATH_MAX], const char *text)
{
	size_t length = strlen(path);

	assert_true(length + strlen(text) < PATH_MAX);
	(void)snprintf(path + length, PATH_MAX - length, "%s", text);
}

static inline int count_files(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count - 2;
}

static inline int open_in(struct world *world, const char *name, int flags)
{
	int fd = openat(world->fd, name, flags | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static inline void own(struct world *world, const char *path, uid_t uid)
{
	assert_int_equal(fchownat(world->fd, path, uid, uid, AT_SYMLINK_NOFOLLOW), 0);
}

static inline void pause_ns(uint64_t ns)
{
	struct timespec left = rr_timespec(ns);

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* ---- the world ---- */

/* Opens the world again, as whom we are now. */
static inline void world_reopen(struct world *world)
{
	if (world->fd >= 0)
		(void)close(world->fd);
	world->fd = open(world->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(world->fd >= 0);
}

static inline int world_setup_in(void **state, const char *tmp)
{
	struct world *world = calloc(1, sizeof(*world));
	char real[PATH_MAX];

	if (!world || !realpath(tmp, real))
		return -1;
	if (snprintf(world->base, sizeof(world->base), "%s/resrun-test-sweep.XXXXXX", real) >=
		    (int)sizeof(world->base) ||
	    !mkdtemp(world->base))
		return -1;
	/* Others of our test users come here too. */
	(void)chmod(world->base, 0755);
	(void)snprintf(world->root, sizeof(world->root), "%s/root", world->base);
	(void)snprintf(world->outside, sizeof(world->outside), "%s/outside", world->base);
	if (mkdir(world->root, 0755) < 0 || mkdir(world->outside, 0755) < 0)
		return -1;
	world->fd = -1;
	world_reopen(world);
	world->rules = (struct sweep_rules){ .age_ns = 24 * HOUR, .vouched = geteuid() == 0 };
	world->rules.now_wall_ns = rr_now_wall_ns() + WORLD_AGE;
	put_outside(world, "canary/nest/file");
	put_outside(world, "canary/file");
	*state = world;
	return 0;
}

static inline int world_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	return world_setup_in(state, tmp && *tmp ? tmp : "/tmp");
}

/* In memory, when there is such a place, for what takes a disk too long. */
static inline int world_setup_fast(void **state)
{
	return access("/dev/shm", W_OK | X_OK) == 0 ? world_setup_in(state, "/dev/shm")
						    : world_setup(state);
}

static inline int run_and_wait(char *const *command)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		(void)execvp(command[0], command);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* Not by the code under test: what is broken there must not clean up after itself. */
static inline int world_teardown(void **state)
{
	struct world *world = *state;
	char rm[] = "rm", flags[] = "-rf", one[] = "--one-file-system", end[] = "--";
	char *command[] = { rm, flags, one, end, world->base, NULL };
	int status = 0;

	(void)close(world->fd);
	if (strstr(world->base, "/resrun-test-sweep."))
		status = run_and_wait(command);
	free(world);
	return status;
}

#define world_test(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
#define world_test_fast(f) cmocka_unit_test_setup_teardown(f, world_setup_fast, world_teardown)

/* ---- sweeping ---- */

/* Sweeps, and demands that it works and that nothing outside has changed. */
static inline void sweep(struct world *world)
{
	int r;

	/* The test is of a thing that deletes: never let it loose but in its own world. */
	assert_non_null(strstr(world->root, "/resrun-test-sweep."));
	r = sweep_run(world->root, &world->rules, &world->result, &world->err);

	if (r != SWEEP_DONE)
		fail_msg("sweep_run: %d '%s'", r, world->err.text);
	assert_true(exists_outside(world, "canary/nest/file"));
	assert_true(exists_outside(world, "canary/file"));
}

static inline void assert_count(struct world *world, enum sweep_verdict verdict, uint64_t want)
{
	assert_int_equal(world->result.count[verdict], want);
}

/* ---- depth ---- */

/* dN/dN-1/.../d, with a file at every thousandth level. Made downward, one descriptor at a time. */
static inline void make_deep(int dirfd, int depth)
{
	int fd = dup(dirfd);

	for (int i = 0; i < depth; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		if (i % 1000 == 0)
			world_put_at(fd, "file", "x");
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		assert_int_equal(close(fd), 0);
		fd = next;
	}
	assert_int_equal(close(fd), 0);
}

/* Room for the standard descriptors, the world's, and what a walk may open. */
static inline void limit_descriptors(void)
{
	struct rlimit limit = { 32, 32 };

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* ---- children ---- */

/* Runs f(world) in a child, in which a failed assertion is a failure here. */
static inline void in_child(struct world *world, void (*f)(struct world *world))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* A failed assertion must end the child, not go on with cmocka's next test in it.
		 */
		(void)setenv("CMOCKA_TEST_ABORT", "1", 1);
		(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		f(world);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static inline void become(struct world *world, uid_t uid)
{
	assert_int_equal(setgroups(0, NULL), 0);
	assert_int_equal(setresgid(uid, uid, uid), 0);
	assert_int_equal(setresuid(uid, uid, uid), 0);
	(void)unsetenv("HOME");
	/* Or nobody could look into us. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	world->rules.vouched = false;
	world_reopen(world);
}

/* A mount namespace that ends with the process. */
static inline void own_mounts(struct world *world)
{
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	/* A descriptor from before would not see what is mounted here. */
	world_reopen(world);
}

static inline void load_filter(struct sock_filter *filter, size_t length)
{
	struct sock_fprog program = { .len = (unsigned short)length, .filter = filter };

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* From now on this system call fails with that errno. */
static inline void forbid(int call, int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	load_filter(filter, sizeof(filter) / sizeof(filter[0]));
}

/* From now on we are on a file system without leases. */
static inline void forbid_leases(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_SETLEASE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	load_filter(filter, sizeof(filter) / sizeof(filter[0]));
}

/* ---- stopping a sweep at a system call ---- */

/* From now on each such call waits for whoever holds the descriptor that is returned. */
static inline int stop_at(int call)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = filter };

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}

/* What to do each time the sweep comes to `call`; the call then fails with `error`, or goes on. */
struct stop {
	int call;
	void (*act)(struct world *world, int times);
	int error;
};

static inline void answer(struct world *world, const struct stop *stop, int listener, int times)
{
	struct seccomp_notif request = { 0 };
	struct seccomp_notif_resp response = { 0 };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
		return; /* it ended */
	stop->act(world, times);
	response.id = request.id;
	response.error = -stop->error;
	response.flags = stop->error ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	assert_int_equal(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response), 0);
}

/* Runs f in a child, which is stopped where told. Returns how often it was. */
static inline int in_stopped_child(struct world *world, const struct stop *stop,
				   void (*f)(struct world *world))
{
	int pair[2], listener = -1, status = -1, times = 0, child_fd = -1;
	struct pollfd waiting;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)setenv("CMOCKA_TEST_ABORT", "1", 1);
		child_fd = stop_at(stop->call);
		assert_int_equal(write(pair[1], &child_fd, sizeof(child_fd)), sizeof(child_fd));
		/* The other side must have taken it before the first stop. */
		assert_int_equal(read(pair[1], &child_fd, sizeof(child_fd)), sizeof(child_fd));
		f(world);
		_exit(0);
	}
	assert_int_equal(read(pair[0], &child_fd, sizeof(child_fd)), sizeof(child_fd));
	{
		int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

		listener = (int)syscall(SYS_pidfd_getfd, pidfd, child_fd, 0);
		assert_true(listener >= 0);
		assert_int_equal(close(pidfd), 0);
	}
	assert_int_equal(write(pair[0], &child_fd, sizeof(child_fd)), sizeof(child_fd));
	waiting = (struct pollfd){ .fd = listener, .events = POLLIN };
	while (waitpid(pid, &status, WNOHANG) == 0)
		if (poll(&waiting, 1, 10) > 0 && waiting.revents & POLLIN)
			answer(world, stop, listener, times++);
	assert_int_equal(status, 0);
	assert_int_equal(close(listener) | close(pair[0]) | close(pair[1]), 0);
	return times;
}
