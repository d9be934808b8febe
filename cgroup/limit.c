/* SPDX-License-Identifier: MIT */
#include "cgroup/limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/parse.h"
#include "cgroup/hierarchy.h"

#define CPU_PERIOD_US 100000 /* the kernel's default period of cpu.max */

static const struct {
	const char *name, *file;
	unsigned controller;
} table[LIMIT_N] = {
	[LIMIT_MEMORY] = { "memory", "memory.max", CG_MEMORY },
	[LIMIT_MEMORY_HIGH] = { "memory_high", "memory.high", CG_MEMORY },
	[LIMIT_SWAP] = { "swap", "memory.swap.max", CG_MEMORY },
	[LIMIT_CPUS] = { "cpu", "cpu.max", CG_CPU },
	[LIMIT_CPU_WEIGHT] = { "cpu_weight", "cpu.weight", CG_CPU },
	[LIMIT_PIDS] = { "pids", "pids.max", CG_PIDS },
	[LIMIT_IO_WEIGHT] = { "io_weight", "io.weight", CG_IO },
	[LIMIT_IO_MAX] = { "io_max", "io.max", CG_IO },
};

const char *limit_name(enum limit_id id)
{
	return table[id].name;
}

const char *limit_file(enum limit_id id)
{
	return table[id].file;
}

const char *limit_by_name(enum limit_by by)
{
	static const char *const names[] = { "none", "cgroup", "sampled", "affinity", "nice" };

	return names[by];
}

unsigned limit_controllers(const struct limit_set *limits)
{
	unsigned needed = 0;

	for (int i = 0; i < LIMIT_N; i++)
		needed |= limits->v[i].asked ? table[i].controller : 0;
	return needed;
}

/* io.max speaks of whole disks: a partition's number is replaced by its disk's. */
static int disk_of_path(const char *path, char *buf, size_t size, struct rr_err *err)
{
	char link[64], where[512], number[32];
	rr_autofree char *real = NULL;
	struct stat st;
	dev_t device;

	if (stat(path, &st) < 0)
		return rr_err_sys(err, errno, "io_max: '%s'", path);
	device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	(void)snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(device), minor(device));
	real = realpath(link, NULL);
	if (!real)
		return rr_err_set(
			err, ENODEV,
			"io_max: '%s' is on no block device (%u:%u): name the disk itself", path,
			major(device), minor(device));
	(void)snprintf(where, sizeof(where), "%s/partition", real);
	if (stat(where, &st) == 0)
		*strrchr(real, '/') = '\0';
	(void)snprintf(where, sizeof(where), "%s/dev", real);
	if (rr_read_at(AT_FDCWD, where, number, sizeof(number)) < 0)
		return rr_err_set(err, ENODEV, "io_max: no disk found below '%s'", path);
	(void)snprintf(buf, size, "%.*s", (int)strcspn(number, "\n"), number);
	return 0;
}

/* One "rbps=50M" word, its size turned into bytes. */
static int io_word(const char *word, char *buf, size_t size, struct rr_err *err)
{
	static const char *const keys[] = { "rbps", "wbps", "riops", "wiops" };
	const char *equals = strchr(word, '=');
	uint64_t amount;

	for (size_t i = 0; equals && i < sizeof(keys) / sizeof(keys[0]); i++) {
		if ((size_t)(equals - word) != strlen(keys[i]) ||
		    strncmp(word, keys[i], strlen(keys[i])) != 0)
			continue;
		if (strcmp(equals + 1, "max") == 0)
			(void)snprintf(buf, size, " %s", word);
		else if (rr_parse_bytes(equals + 1, &amount) == 0)
			(void)snprintf(buf, size, " %s=%llu", keys[i], (unsigned long long)amount);
		else
			break;
		return 0;
	}
	return rr_err_set(err, EINVAL,
			  "io_max: '%s' is not rbps=, wbps=, riops= or wiops= a number", word);
}

static int io_max_text(const char *spec, char *buf, size_t size, struct rr_err *err)
{
	char copy[256], *rest = copy, *word;
	size_t used;
	int r;

	(void)snprintf(copy, sizeof(copy), "%s", spec);
	word = strsep(&rest, " ");
	r = disk_of_path(word, buf, size, err);
	if (r == 0 && !rest)
		r = rr_err_set(err, EINVAL, "io_max: '%s' names no cap: PATH rbps=50M", spec);
	while (r == 0 && (word = strsep(&rest, " "))) {
		used = strlen(buf);
		if (*word)
			r = io_word(word, buf + used, size - used, err);
	}
	return r;
}

const char *limit_none_text(enum limit_id id)
{
	switch (id) {
	case LIMIT_CPU_WEIGHT:
		return "100";
	case LIMIT_IO_WEIGHT:
		return "default 100";
	case LIMIT_IO_MAX:
		return NULL;
	default:
		return "max";
	}
}

int limit_text(const struct limit *limit, enum limit_id id, char *buf, size_t size,
	       struct rr_err *err)
{
	switch (id) {
	case LIMIT_CPUS:
		(void)snprintf(buf, size, "%.0f %d", limit->cpus * CPU_PERIOD_US, CPU_PERIOD_US);
		return 0;
	case LIMIT_IO_MAX:
		return io_max_text(limit->spec, buf, size, err);
	case LIMIT_IO_WEIGHT:
		(void)snprintf(buf, size, "default %llu", (unsigned long long)limit->amount);
		return 0;
	default:
		(void)snprintf(buf, size, "%llu", (unsigned long long)limit->amount);
		return 0;
	}
}
