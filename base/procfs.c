/* SPDX-License-Identifier: MIT */
#include "base/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"

#define GENERATIONS_MAX 4096

/* Copies the run of digits (and one point) at text, so that the strict parsers can read it. */
static size_t copy_number(const char *text, char *number, size_t size)
{
	size_t length = strspn(text, "0123456789.");

	if (length >= size)
		length = size - 1;
	memcpy(number, text, length);
	number[length] = '\0';
	return length;
}

int rr_text_u64(const char *text, const char *key, uint64_t *ret)
{
	size_t key_length = strlen(key);
	char number[RR_FORMAT_SIZE];

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, key_length) != 0)
			continue;
		line += key_length;
		if (*line != ' ' && *line != ':' && *line != '=')
			continue;
		line += strspn(line, ": =\t");
		if (copy_number(line, number, sizeof(number)) == 0)
			continue;
		return rr_parse_u64(number, ret);
	}
	return -ENOENT;
}

/* Reads "avg10=1.23" and "total=456" from the line that starts with `kind`. */
static int pressure_line(const char *text, const char *kind, double *ret_avg10, uint64_t *ret_us)
{
	const char *line = strstr(text, kind);
	const char *avg10 = line ? strstr(line, "avg10=") : NULL;
	const char *total = line ? strstr(line, "total=") : NULL;
	char number[RR_FORMAT_SIZE];
	int r;

	if (!avg10 || !total)
		return -EINVAL;
	(void)copy_number(avg10 + strlen("avg10="), number, sizeof(number));
	r = rr_parse_decimal(number, ret_avg10);
	if (r < 0)
		return r;
	(void)copy_number(total + strlen("total="), number, sizeof(number));
	return rr_parse_u64(number, ret_us);
}

void rr_text_pressure(const char *text, struct rr_pressure *ret)
{
	struct rr_pressure pressure = { 0 };

	*ret = pressure;
	if (pressure_line(text, "some ", &pressure.some_avg10, &pressure.some_us) < 0)
		return;
	/* The system-wide cpu file has no "full" line on older kernels: no full stall is known. */
	rr_ignore(pressure_line(text, "full ", &pressure.full_avg10, &pressure.full_us));
	pressure.known = true;
	*ret = pressure;
}

void rr_read_pressure(int dirfd, const char *name, struct rr_pressure *ret)
{
	char text[512];

	if (rr_read_at(dirfd, name, text, sizeof(text)) < 0)
		*text = '\0';
	rr_text_pressure(text, ret);
}

struct stat_line {
	char state; /* field 3 */
	uint64_t parent; /* 4 */
	uint64_t start_ticks; /* 22 */
};

/* Fields of /proc/PID/stat; they follow the command name, which may hold spaces and brackets. */
static int read_stat(pid_t pid, struct stat_line *ret)
{
	char path[64], text[1024], number[RR_FORMAT_SIZE];
	const char *at;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	n = rr_read_at(AT_FDCWD, path, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	at = strrchr(text, ')');
	if (!at || at[1] != ' ')
		return -EINVAL;
	at += 2;
	ret->state = *at;
	for (int field = 3; field < 22; field++) {
		at = strchr(at, ' ');
		if (!at)
			return -EINVAL;
		at++;
		if (field + 1 != 4)
			continue;
		(void)copy_number(at, number, sizeof(number));
		if (rr_parse_u64(number, &ret->parent) < 0)
			return -EINVAL;
	}
	(void)copy_number(at, number, sizeof(number));
	return rr_parse_u64(number, &ret->start_ticks);
}

int rr_proc_start_ticks(pid_t pid, uint64_t *ret_ticks)
{
	struct stat_line line;
	int r = read_stat(pid, &line);

	if (r == 0)
		*ret_ticks = line.start_ticks;
	return r;
}

bool rr_proc_is(pid_t pid, uint64_t start_ticks)
{
	struct stat_line line;

	if (read_stat(pid, &line) < 0)
		return false;
	return line.start_ticks == start_ticks && line.state != 'Z' && line.state != 'X';
}

bool rr_proc_is_gone(pid_t pid, uint64_t start_ticks)
{
	struct stat_line line;

	if (kill(pid, 0) < 0 && errno == ESRCH)
		return true;
	return read_stat(pid, &line) == 0 &&
	       (line.start_ticks != start_ticks || line.state == 'Z' || line.state == 'X');
}

bool rr_proc_descends(pid_t pid, pid_t ancestor)
{
	/* A chain that changes under our eyes must not be followed for ever. */
	for (int generation = 0; generation < GENERATIONS_MAX && pid > 0; generation++) {
		struct stat_line line;

		if (read_stat(pid, &line) < 0)
			return false;
		pid = (pid_t)line.parent;
		if (pid == ancestor)
			return true;
	}
	return false;
}

uint64_t rr_namespace(const char *kind)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_ino;
}

int rr_pidfd_open(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	/* The kernel makes every pidfd close-on-exec. */
	return fd < 0 ? -errno : (int)fd;
}

int rr_pidfd_signal(int pidfd, pid_t pid, int signo)
{
	if (pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) == 0)
		return 0;
	if (pidfd >= 0 && errno != ENOSYS && errno != EPERM)
		return -errno;
	return kill(pid, signo) < 0 ? -errno : 0;
}
