/* SPDX-License-Identifier: MIT */
/*
 * The race: while a sweeper goes through a tree, another process swaps directories in it for
 * symbolic links to a canary tree, and back, as fast as it can. Whatever the sweeper does inside is
 * its business; of the canary, not a byte, name, mode or link count may change.
 *
 * The sweeper is the caller's: the unit tests bring ours, helpers/racing.c any command.
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RACING_PAIRS 24
#define RACING_CANARIES 16
#define RACING_SWAPS_PER_SWEEP 50
#define RACING_TEXT "the canary sings: "

struct racing {
	char base[PATH_MAX / 2];
	unsigned long rounds;
	/* Sweeps DIR/tree once; false ends the race. */
	bool (*sweep)(void *arg, const char *tree);
	void *arg;
};

struct racing_score {
	unsigned long swaps, sweeps;
	bool harmed;
};

/* ---- the canary ---- */

static void canary_name(char name[static NAME_MAX], int i)
{
	(void)snprintf(name, NAME_MAX, "%s%d", i % 2 ? "nest/c" : "c", i);
}

static bool write_file(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	size_t length = strlen(text);
	bool ok = fd >= 0 && write(fd, text, length) == (ssize_t)length;

	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static bool make_canary(int base)
{
	int fd;
	bool ok = mkdirat(base, "canary", 0750) == 0;

	fd = ok ? openat(base, "canary", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	ok = fd >= 0 && mkdirat(fd, "nest", 0750) == 0 && mkdirat(fd, "empty", 0750) == 0;
	for (int i = 0; ok && i < RACING_CANARIES; i++) {
		char name[NAME_MAX], text[64];

		canary_name(name, i);
		(void)snprintf(text, sizeof(text), RACING_TEXT "%d\n", i);
		ok = write_file(fd, name, text);
	}
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static int count_entries(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count - 2;
}

static bool is_whole(int canary, int i)
{
	char name[NAME_MAX], want[64], text[64] = "";
	struct stat st;
	int fd;

	canary_name(name, i);
	(void)snprintf(want, sizeof(want), RACING_TEXT "%d\n", i);
	fd = openat(canary, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	(void)close(fd);
	return strcmp(text, want) == 0 && S_ISREG(st.st_mode) && (st.st_mode & ALLPERMS) == 0640 &&
	       st.st_nlink == 1;
}

static bool canary_lives(const char *base)
{
	char path[PATH_MAX];
	int canary;
	bool lives;

	(void)snprintf(path, sizeof(path), "%s/canary", base);
	canary = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	lives = canary >= 0 && count_entries(canary, ".") == RACING_CANARIES / 2 + 2 &&
		count_entries(canary, "nest") == RACING_CANARIES / 2 &&
		count_entries(canary, "empty") == 0;
	for (int i = 0; lives && i < RACING_CANARIES; i++)
		lives = is_whole(canary, i);
	if (canary >= 0)
		(void)close(canary);
	return lives;
}

/* ---- the swapper ---- */

/* Nothing here may go through a name that a half-done swap has left as a link: it is the sweeper
 * that is on trial, so the harness must not be able to harm the canary itself. */
static int open_dir(int dirfd, const char *name)
{
	return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void close_dir(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

/* Makes again what the sweeper has removed of a pair: dir/, with dir/nest/ and files in both named
 * as in the canary, so that a sweeper led astray finds them; link and sub lead to the canary. */
static void refill(int pair, const char *canary)
{
	int dir, nest;

	(void)mkdirat(pair, "dir", 0755);
	(void)!symlinkat(canary, pair, "link");
	/* Right from dir/, where the swap will put it. */
	(void)!symlinkat("../../../canary/nest", pair, "sub");
	dir = open_dir(pair, "dir");
	if (dir >= 0) {
		(void)mkdirat(dir, "nest", 0755);
		(void)write_file(dir, "c0", "x");
		(void)write_file(dir, "c2", "x");
	}
	nest = dir < 0 ? -1 : open_dir(dir, "nest");
	if (nest >= 0) {
		(void)write_file(nest, "c1", "x");
		(void)write_file(nest, "c3", "x");
	}
	close_dir(nest);
	close_dir(dir);
}

/* The directory becomes the link and the link the directory, and back. */
static bool swap(int fd_a, const char *a, int fd_b, const char *b)
{
	bool swapped = true;

	for (int i = 0; swapped && i < 2; i++)
		swapped = renameat2(fd_a, a, fd_b, b, RENAME_EXCHANGE) == 0;
	return swapped;
}

static unsigned long swap_pair(int tree, int i, const char *canary)
{
	char name[NAME_MAX];
	int pair, dir;
	unsigned long swaps;

	(void)snprintf(name, sizeof(name), "p%d", i);
	(void)mkdirat(tree, name, 0755);
	pair = open_dir(tree, name);
	if (pair < 0)
		return 0;
	refill(pair, canary);
	dir = open_dir(pair, "dir");
	swaps = dir >= 0 && swap(dir, "nest", pair, "sub");
	close_dir(dir);
	swaps += swap(pair, "dir", pair, "link");
	swaps += swap(pair, "dir", pair, "link");
	close_dir(pair);
	return swaps;
}

/* Swaps until it is killed. */
static void swap_for_ever(const char *base, int tree, atomic_ulong *swaps)
{
	char canary[PATH_MAX];

	(void)snprintf(canary, sizeof(canary), "%s/canary", base);
	for (int i = 0;; i = (i + 1) % RACING_PAIRS)
		atomic_fetch_add(swaps, swap_pair(tree, i, canary));
}

/* ---- the race ---- */

/* Makes the trees; *ret_tree is open on the one to sweep. */
static bool set_up(const char *base, int *ret_tree)
{
	int fd;
	bool ok = mkdir(base, 0755) == 0;

	fd = ok ? open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	ok = fd >= 0 && mkdirat(fd, "tree", 0755) == 0 && make_canary(fd) && canary_lives(base);
	*ret_tree = ok ? openat(fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd >= 0)
		(void)close(fd);
	return *ret_tree >= 0;
}

/* Runs it in the base directory, which it makes. False when it could not be run to its end. */
static bool racing_run(const struct racing *race, struct racing_score *ret)
{
	atomic_ulong *swaps = mmap(NULL, sizeof(*swaps), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct racing_score score = { 0 };
	char tree[PATH_MAX];
	int treefd = -1;
	bool going = swaps != MAP_FAILED && set_up(race->base, &treefd);
	pid_t pid = going ? fork() : -1;

	if (pid == 0) {
		/* It must not outlive a failed test. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		swap_for_ever(race->base, treefd, swaps);
	}
	going = pid > 0;
	(void)snprintf(tree, sizeof(tree), "%s/tree", race->base);
	/* The canary is looked at after every sweep, so that nothing can put it right again. */
	while (going && !score.harmed &&
	       (score.swaps < race->rounds ||
		score.sweeps < race->rounds / RACING_SWAPS_PER_SWEEP)) {
		going = race->sweep(race->arg, tree);
		score.sweeps++;
		score.swaps = atomic_load(swaps);
		score.harmed = !canary_lives(race->base);
	}
	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	if (treefd >= 0)
		(void)close(treefd);
	*ret = score;
	return going;
}
