/* SPDX-License-Identifier: MIT */
#include "base/sweep_root.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/sweep.h"

/* Whether a directory holds another one is found by climbing; no path has more components. */
#define MAX_CLIMB (PATH_MAX / 2)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Never swept, nor anything below. */
static const char *const system_trees[] = {
	"/bin",	  "/boot",   "/dev",  "/etc",  "/lib", "/lib32",
	"/lib64", "/libx32", "/proc", "/sbin", "/sys", "/usr",
};

/* Shared by programs that know nothing of us: only directories below them can be swept. An age
 * sweep of what others rely on is itself a hole (CVE-2026-3888). */
static const char *const shared_dirs[] = {
	"/dev/shm",   "/run/lock", "/run/systemd", "/run/user",	 "/var/backups",
	"/var/cache", "/var/lib",  "/var/local",   "/var/lock",	 "/var/log",
	"/var/mail",  "/var/opt",  "/var/run",	   "/var/spool", "/var/tmp",
};

/* What only the top of somebody's work has. */
static const char *const work_marks[] = { ".git", ".hg", ".svn", ".jj", ".bzr" };

/* The way down to the directory, as it was found. */
struct descent {
	const char *path;
	struct rr_err *err;
	int fd; /* O_PATH */
	struct inode st, above;
	uid_t stranger; /* owner of a directory above who is not root, 0 when there is none */
	char strange[PATH_MAX];
	char shared[PATH_MAX]; /* a directory above that some group can write to, "" for none */
};

static void descent_done(struct descent *descent)
{
	rr_fd_close(&descent->fd);
}

rr_printf(3, 4) static int refuse(struct rr_err *err, const char *path, const char *fmt, ...)
{
	char words[RR_ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, args);
	va_end(args);
	return rr_err_set(err, EPERM, "will not sweep '%.300s': %s", path, words);
}

/* ---- its spelling ---- */

/* Copies the path without empty components. The number of components, or -errno. */
static int normalize(const char *path, char normal[static PATH_MAX], struct rr_err *err)
{
	size_t used = 0;
	int count = 0;

	if (!path || !*path)
		return refuse(err, "", "the path is empty; name a directory by its full path");
	if (*path != '/')
		return refuse(err, path, "the path is relative; name it from '/' on");
	if (strlen(path) >= PATH_MAX)
		return refuse(err, path, "the path is too long; name a directory further up");
	for (const char *at = path + strspn(path, "/"); *at; at += strspn(at, "/")) {
		size_t length = strcspn(at, "/");

		if (at[0] == '.' && (length == 1 || (length == 2 && at[1] == '.')))
			return refuse(err, path, "the path holds '.' or '..'; spell it out");
		normal[used++] = '/';
		memcpy(normal + used, at, length);
		used += length;
		at += length;
		count++;
	}
	normal[used] = '\0';
	return count;
}

/* True when path is, or lies below, the directory `top`. */
static bool is_in(const char *path, const char *top)
{
	size_t length = strlen(top);

	return strncmp(path, top, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static int check_spelling(const char *path, char normal[static PATH_MAX], struct rr_err *err)
{
	int count = normalize(path, normal, err);

	if (count < 0)
		return count;
	if (count < 2)
		return refuse(err, path,
			      "it lies at the top of the file system; name a directory further "
			      "down");
	for (size_t i = 0; i < LENGTH(shared_dirs); i++)
		if (strcmp(normal, shared_dirs[i]) == 0)
			return refuse(err, path,
				      "other programs keep their things there; name a directory of "
				      "your own below it");
	for (size_t i = 0; i < LENGTH(system_trees); i++)
		if (is_in(normal, system_trees[i]) && !is_in(normal, "/dev/shm"))
			return refuse(err, path,
				      "it is part of the system ('%s'); name a directory of your "
				      "own",
				      system_trees[i]);
	return 0;
}

/* ---- the way to it ---- */

/* In a user namespace, owners that have no number in it show up as this one. */
static bool is_unmapped(uid_t uid)
{
	char text[64];
	uint64_t overflow;

	if (rr_read_at(AT_FDCWD, "/proc/self/uid_map", text, sizeof(text)) <= 0 ||
	    strstr(text, "4294967295"))
		return false;
	if (rr_read_at(AT_FDCWD, "/proc/sys/kernel/overflowuid", text, sizeof(text)) <= 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return rr_parse_u64(text, &overflow) == 0 && uid == overflow;
}

/* Who can rename things in a directory above can have us sweep another one than was meant. `way`
 * stands in that directory, `part` is its path. */
static int check_above(struct descent *way, const char *part)
{
	const struct inode *above = &way->st;
	bool sticky = above->mode & S_ISVTX;

	if (above->mode & S_IWOTH && !sticky)
		return refuse(way->err, way->path,
			      "everyone can write to '%s' and put something else in its place; "
			      "chmod o-w '%s'",
			      part, part);
	if (above->mode & S_IWGRP && !sticky && above->gid != 0)
		(void)snprintf(way->shared, sizeof(way->shared), "%s", part);
	if (above->uid == 0 || above->uid == way->stranger || is_unmapped(above->uid))
		return 0;
	if (way->stranger != 0)
		return refuse(way->err, way->path,
			      "'%s' belongs to uid %u, and '%s' to uid %u; name a directory that "
			      "one user holds",
			      way->strange, (unsigned)way->stranger, part, (unsigned)above->uid);
	way->stranger = above->uid;
	(void)snprintf(way->strange, sizeof(way->strange), "%s", part);
	return 0;
}

static int refuse_link(const struct descent *way, const char *part)
{
	rr_autofree char *real = realpath(way->path, NULL);

	return refuse(way->err, way->path, "'%s' is a symbolic link; name the real directory%s%s%s",
		      part, real ? ", '" : "", real ? real : "", real ? "'" : "");
}

/* One component down, to `name`, whose path is `part`. */
static int step(struct descent *way, const char *name, const char *part)
{
	rr_autofd int fd = openat(way->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0)
		return rr_err_sys(way->err, errno, "cannot sweep '%s': open '%s'", way->path, part);
	way->above = way->st;
	r = inode_look(fd, &way->st);
	if (r < 0)
		return rr_err_sys(way->err, -r, "cannot sweep '%s': look at '%s'", way->path, part);
	if (S_ISLNK(way->st.mode))
		return refuse_link(way, part);
	if (!S_ISDIR(way->st.mode))
		return refuse(way->err, way->path, "'%s' is not a directory; name one", part);
	rr_fd_close(&way->fd);
	way->fd = rr_fd_take(&fd);
	return 0;
}

/* Goes down a normalized path one component at a time, so that no link can hide in it. */
static int descend(struct descent *way)
{
	char part[PATH_MAX] = "/";
	int r = 0;

	way->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (way->fd < 0)
		return rr_err_sys(way->err, errno, "open '/'");
	r = inode_look(way->fd, &way->st);
	if (r < 0)
		return rr_err_sys(way->err, -r, "look at '/'");
	for (const char *at = way->path; r == 0 && *at;) {
		const char *name = at + 1;

		r = check_above(way, part);
		at = name + strcspn(name, "/");
		(void)snprintf(part, sizeof(part), "%.*s", (int)(at - way->path), way->path);
		if (r == 0)
			r = step(way, part + (name - way->path), part);
	}
	return r;
}

/* ---- what it is ---- */

static int check_owner(const struct descent *way, const struct sweep_rules *rules)
{
	uid_t owner = way->st.uid;

	if (geteuid() == 0 && !rules->vouched)
		return refuse(way->err, way->path,
			      "root sweeps only what a root-owned config names; add it to "
			      "sweep_dirs there");
	if (geteuid() != 0 && owner != geteuid())
		return refuse(way->err, way->path,
			      "it belongs to uid %u, not to you (uid %u); let its owner sweep it",
			      (unsigned)owner, (unsigned)geteuid());
	if (way->stranger != 0 && way->stranger != owner)
		return refuse(way->err, way->path,
			      "'%s' above it belongs to uid %u, who could put another directory in "
			      "its place; name one elsewhere",
			      way->strange, (unsigned)way->stranger);
	/* A user may trust his groups; what root does must not hang on one. */
	if (owner == 0 && *way->shared)
		return refuse(way->err, way->path,
			      "a group can write to '%s' above it and put another directory in its "
			      "place; chmod g-w '%s'",
			      way->shared, way->shared);
	return 0;
}

static int check_kind(const struct descent *way)
{
	if (way->st.mode & S_IWOTH && !(way->st.mode & S_ISVTX))
		return refuse(way->err, way->path,
			      "everyone can write to it and it has no sticky bit; chmod +t or o-w "
			      "it");
	if (way->st.mount != way->above.mount || way->st.dev != way->above.dev)
		return refuse(way->err, way->path,
			      "a file system is mounted there; name a directory below");
	for (size_t i = 0; i < LENGTH(work_marks); i++)
		if (faccessat(way->fd, work_marks[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return refuse(way->err, way->path,
				      "'%s' is in it, so it is somebody's work; name a directory "
				      "for temporary files",
				      work_marks[i]);
	return 0;
}

/* True when the directory named `inner` (links followed) is that one or lies below it. */
static bool holds(const struct inode *outer, const char *inner)
{
	rr_autofd int fd = open(inner, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct inode st, below = { 0 };

	for (int i = 0; fd >= 0 && i < MAX_CLIMB; i++) {
		int up;

		if (inode_look(fd, &st) < 0 || inode_is_same(&st, &below))
			return false;
		if (inode_is_same(&st, outer))
			return true;
		below = st;
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		rr_fd_close(&fd);
		fd = up;
	}
	return false;
}

/* /etc/passwd is read as a file: asking the name service could hang, and cron has no HOME. */
static int check_homes(const struct descent *way)
{
	const char *home = getenv("HOME");
	bool found = home && *home == '/' && holds(&way->st, home);
	FILE *accounts = fopen("/etc/passwd", "re");
	const struct passwd *account;

	while (!found && accounts && (account = fgetpwent(accounts)))
		if (account->pw_uid == geteuid() || account->pw_uid == way->st.uid)
			found = holds(&way->st, account->pw_dir);
	if (accounts)
		(void)fclose(accounts);
	if (!found)
		return 0;
	return refuse(way->err, way->path,
		      "it is a home directory or holds one; name a directory further down");
}

static int check_spared(const struct descent *way, const struct sweep_rules *rules)
{
	for (const char *const *at = rules->spare; at && *at; at++)
		if (holds(&way->st, *at))
			return refuse(way->err, way->path,
				      "'%s' is in it, which must stay; name another directory",
				      *at);
	return 0;
}

static int check(struct descent *way, const struct sweep_rules *rules)
{
	int r = descend(way);

	if (r == 0)
		r = check_owner(way, rules);
	if (r == 0)
		r = check_kind(way);
	if (r == 0)
		r = check_homes(way);
	if (r == 0)
		r = check_spared(way, rules);
	return r;
}

int sweep_root_open(const char *path, const struct sweep_rules *rules, struct sweep_root *ret,
		    struct rr_err *err)
{
	__attribute__((cleanup(descent_done))) struct descent way = { .path = ret->path,
								      .err = err,
								      .fd = -1 };
	int r = check_spelling(path, ret->path, err);

	if (r == 0 && rules->age_ns == 0)
		r = refuse(err, path,
			   "an age of 0 would take what is being written this moment; "
			   "give one, such as 24h");
	if (r == 0)
		r = check(&way, rules);
	if (r < 0)
		return r;
	ret->fd = inode_open_dir(way.fd, ".");
	if (ret->fd < 0)
		return rr_err_sys(err, errno, "open '%s'", ret->path);
	ret->st = way.st;
	return 0;
}

void sweep_root_done(struct sweep_root *root)
{
	rr_fd_close(&root->fd);
}
