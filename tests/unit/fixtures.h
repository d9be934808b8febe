/* SPDX-License-Identifier: MIT */
/* What the unit tests share: private directories, files from literals, skips that RESRUN_MUST
 * forbids. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FIXTURE_PREFIX "/resrun-unit."

/* A new private directory, below TMPDIR or /tmp. */
static inline void fixture_make(char dir[static PATH_MAX])
{
	const char *root = getenv("TMPDIR");

	(void)snprintf(dir, PATH_MAX, "%.2000s%sXXXXXX", root && *root == '/' ? root : "/tmp",
		       FIXTURE_PREFIX);
	if (!mkdtemp(dir))
		fail_msg("mkdtemp %s: %s", dir, strerror(errno));
}

static inline int fixture_unlink(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

/* Removes what fixture_make made, and nothing else. */
static inline void fixture_remove(const char *dir)
{
	if (strstr(dir, FIXTURE_PREFIX))
		(void)nftw(dir, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static inline const char *fixture_path(char path[static PATH_MAX], const char *dir,
				       const char *name)
{
	if (snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		fail_msg("the path of %s is too long", name);
	return path;
}

/* Writes bytes to DIR/NAME, making the folders on the way. */
static inline void fixture_write_bytes(const char *dir, const char *name, const void *data,
				       size_t length)
{
	char path[PATH_MAX];
	int fd;

	(void)fixture_path(path, dir, name);
	for (char *at = path + strlen(dir) + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			fail_msg("mkdir %s: %s", path, strerror(errno));
		*at = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, data, length) != (ssize_t)length || fchmod(fd, 0644) < 0 ||
	    close(fd) < 0)
		fail_msg("write %s: %s", path, strerror(errno));
}

static inline void fixture_write(const char *dir, const char *name, const char *text)
{
	fixture_write_bytes(dir, name, text, strlen(text));
}

/* Skips the running test, unless RESRUN_MUST (a comma list) names what it lacks. */
static inline void fixture_skip(const char *lacking, const char *words)
{
	const char *must = getenv("RESRUN_MUST");

	if (must && strstr(must, lacking))
		fail_msg("RESRUN_MUST names '%s': %s", lacking, words);
	print_message("skipped: %s\n", words);
	skip();
}

/* Pseudo-random numbers that are the same on every run (xorshift64*). */
static inline uint64_t fixture_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static inline uint64_t fixture_below(uint64_t *state, uint64_t limit)
{
	return fixture_random(state) % limit;
}

/* Runs body(arg) in a child, which must not use cmocka; the exit status, or 128+n for a signal. */
static inline int fixture_child(int (*body)(const void *arg), const void *arg)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(body(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fail_msg("child: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
