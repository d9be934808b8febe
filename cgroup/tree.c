/* SPDX-License-Identifier: MIT */
#include "cgroup/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/processes.h"
#include "base/procfs.h"

#define ENVIRONMENT_MAX (4U << 20)
#define CHILDREN_MAX (1U << 20) /* bytes of their numbers, of one thread */
#define KILL_ROUNDS 20 /* against processes that fork while they are killed */

static pid_t left_out[16]; /* 0: none */
#define LEFT_OUT_MAX (sizeof(left_out) / sizeof(left_out[0]))

/* Puts `next` where `pid` stands. */
static bool exchange(pid_t pid, pid_t next)
{
	for (size_t i = 0; i < LEFT_OUT_MAX; i++)
		if (left_out[i] == pid) {
			left_out[i] = next;
			return true;
		}
	return false;
}

int tree_leave_out(pid_t pid)
{
	return exchange(0, pid) ? 0 : -ENOSPC;
}

void tree_let_in(pid_t pid)
{
	(void)exchange(pid, 0);
}

static bool is_left_out(pid_t pid)
{
	for (size_t i = 0; i < LEFT_OUT_MAX; i++)
		if (left_out[i] == pid)
			return true;
	return false;
}

size_t tree_add_numbers(const char *text, pid_t *pids, size_t n, size_t max)
{
	char number[RR_FORMAT_SIZE];

	for (text += strspn(text, " \n"); *text && n < max; text += strspn(text, " \n")) {
		size_t digits = strcspn(text, " \n");
		uint64_t pid;

		(void)snprintf(number, sizeof(number), "%.*s", (int)digits, text);
		if (rr_parse_u64(number, &pid) == 0 && pid > 0 && !is_left_out((pid_t)pid))
			pids[n++] = (pid_t)pid;
		text += digits;
	}
	return n;
}

/* Not on the stack, where the room for most would stay with us as long as we look. */
static size_t add_children_of(int tasks, const char *thread, pid_t *pids, size_t n, size_t max)
{
	rr_autofree char *text = NULL;
	rr_autofd int fd = -1;
	char file[NAME_MAX + 16];
	size_t length;

	(void)snprintf(file, sizeof(file), "%s/children", thread);
	fd = openat(tasks, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || rr_read_whole(fd, CHILDREN_MAX, &text, &length) < 0)
		return n;
	return tree_add_numbers(text, pids, n, max);
}

size_t tree_add_children(pid_t pid, pid_t *pids, size_t n, size_t max)
{
	const struct dirent *entry;
	char path[64];
	DIR *tasks;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		return n;
	while (n < max && (entry = readdir(tasks)))
		if (entry->d_name[0] != '.')
			n = add_children_of(dirfd(tasks), entry->d_name, pids, n, max);
	(void)closedir(tasks);
	return n;
}

size_t tree_find(pid_t root, pid_t *ret_pids, size_t max)
{
	size_t n = tree_add_children(root, ret_pids, 0, max);

	for (size_t i = 0; i < n; i++)
		n = tree_add_children(ret_pids[i], ret_pids, n, max);
	return n;
}

void tree_each_thread_of(pid_t pid, void (*visit)(pid_t thread, void *arg), void *arg)
{
	const struct dirent *entry;
	char path[64];
	DIR *tasks;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		uint64_t thread;

		if (rr_parse_u64(entry->d_name, &thread) == 0)
			visit((pid_t)thread, arg);
	}
	if (tasks)
		(void)closedir(tasks);
}

void tree_each_thread(pid_t root, void (*visit)(pid_t thread, void *arg), void *arg)
{
	pid_t pids[TREE_MAX];
	size_t n = tree_find(root, pids, TREE_MAX);

	for (size_t i = 0; i < n; i++)
		tree_each_thread_of(pids[i], visit, arg);
}

static uint64_t kib(const char *text, const char *key)
{
	uint64_t value;

	return rr_text_u64(text, key, &value) == 0 ? value * 1024 : 0;
}

void tree_add_memory(pid_t pid, uint64_t *total, uint64_t *working)
{
	char path[64], text[4096];

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	if (rr_read_at(AT_FDCWD, path, text, sizeof(text)) > 0) {
		*total += kib(text, "Pss");
		*working += kib(text, "Pss_Anon") + kib(text, "Pss_Shmem");
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (rr_read_at(AT_FDCWD, path, text, sizeof(text)) > 0) {
		*total += kib(text, "VmRSS");
		*working += kib(text, "RssAnon") + kib(text, "RssShmem");
	}
}

static bool read_process(pid_t pid, struct process *ret)
{
	char path[64], text[1024];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return rr_read_at(AT_FDCWD, path, text, sizeof(text)) > 0 && process_parse(text, ret);
}

int tree_cpu_us(pid_t root, uint64_t *ret)
{
	pid_t pids[TREE_MAX];
	size_t n = tree_find(root, pids, TREE_MAX);
	long per_second = sysconf(_SC_CLK_TCK);
	struct process process;
	uint64_t ticks;

	if (per_second <= 0 || !read_process(root, &process))
		return -ESRCH;
	ticks = process.waited_ticks;
	for (size_t i = 0; i < n; i++)
		if (read_process(pids[i], &process))
			ticks += process.cpu_ticks + process.waited_ticks;
	*ret = ticks * 1000000 / (uint64_t)per_second;
	return 0;
}

void tree_signal(pid_t root, int signo)
{
	pid_t pids[TREE_MAX];

	bool again = signo == SIGKILL || signo == SIGSTOP;
	size_t before = 0;

	for (int round = 0; round < (again ? KILL_ROUNDS : 1); round++) {
		size_t n = tree_find(root, pids, TREE_MAX);

		/* What stands still has no more children: once none has come, all of it does. */
		if (n == 0 || (signo == SIGSTOP && n == before))
			return;
		before = n;
		for (size_t i = 0; i < n; i++)
			(void)kill(pids[i], signo);
	}
}

/* ---- orphans ---- */

/* True when one of the NUL-separated entries is exactly that. */
static bool has_entry(const char *environment, size_t length, const char *entry)
{
	for (size_t at = 0; at < length; at += strlen(environment + at) + 1)
		if (strcmp(environment + at, entry) == 0)
			return true;
	return false;
}

/* 1 when the process has that entry and not the other, 0 when not, or -errno when it cannot be
 * known now. A zombie has no environment left, and one that is not ours to read is not ours to
 * kill. */
static int look_for_mark(int proc, const char *pid, const char *mark, const char *spared)
{
	rr_autofree char *environment = NULL;
	rr_autofd int fd = -1;
	char path[NAME_MAX + 16];
	size_t length = 0;
	int r;

	(void)snprintf(path, sizeof(path), "%s/environ", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : rr_read_whole(fd, ENVIRONMENT_MAX, &environment, &length);
	if (r == -ENOENT || r == -ESRCH || r == -EACCES || r == -EPERM || r == -EFBIG)
		return 0;
	if (r < 0)
		return r;
	return has_entry(environment, length, mark) && !has_entry(environment, length, spared);
}

bool tree_each_of_job(const char *job_id, void (*visit)(pid_t pid, int pidfd, void *arg), void *arg)
{
	char mark[64], spared[64];
	const struct dirent *entry;
	DIR *proc = opendir("/proc");
	bool found = !proc; /* what cannot be looked at may be there: asked again later */

	(void)snprintf(mark, sizeof(mark), "RESRUN_JOB_ID=%s", job_id);
	(void)snprintf(spared, sizeof(spared), "RESRUN_MISSED=%s", job_id);
	while (proc && (errno = 0, entry = readdir(proc))) {
		uint64_t pid;
		rr_autofd int pidfd = -1;
		int marked;

		if (rr_parse_u64(entry->d_name, &pid) < 0 || (pid_t)pid == getpid())
			continue;
		pidfd = rr_pidfd_open((pid_t)pid);
		marked = look_for_mark(dirfd(proc), entry->d_name, mark, spared);
		found |= marked != 0;
		if (marked > 0)
			visit((pid_t)pid, pidfd, arg);
	}
	found |= proc && errno != 0;
	if (proc)
		(void)closedir(proc);
	return found;
}

static void kill_one(pid_t pid, int pidfd, void *arg)
{
	(void)arg;
	rr_ignore(rr_pidfd_signal(pidfd, pid, SIGKILL)); /* gone already */
}

bool tree_kill_orphans(const char *job_id)
{
	return tree_each_of_job(job_id, kill_one, NULL);
}
