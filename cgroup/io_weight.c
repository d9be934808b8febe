/* SPDX-License-Identifier: MIT */
#include "cgroup/io_weight.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cgroup/limit.h"

#define BLOCK_DEVICES "/sys/block"
#define NORMAL LIMIT_WEIGHT_DEFAULT
#define MOST 10000
#define BFQ_MOST 1000

static bool uses_bfq(const char *disk)
{
	char path[PATH_MAX], text[256];

	(void)snprintf(path, sizeof(path), BLOCK_DEVICES "/%s/queue/scheduler", disk);
	return rr_read_at(AT_FDCWD, path, text, sizeof(text)) > 0 && strstr(text, "[bfq]");
}

/* One that stands for hardware: others (loop, ram, dm) hand on what they get. */
static bool is_hardware(const char *disk)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), BLOCK_DEVICES "/%s/device", disk);
	return access(path, F_OK) == 0;
}

/* The first disk of which that is true. */
static const char *find_disk(bool (*is_it)(const char *disk), char *buf, size_t size)
{
	const struct dirent *entry;
	DIR *dir = opendir(BLOCK_DEVICES);

	*buf = '\0';
	while (dir && !*buf && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && is_it(entry->d_name))
			(void)snprintf(buf, size, "%s", entry->d_name);
	if (dir)
		(void)closedir(dir);
	return *buf ? buf : NULL;
}

const char *io_weight_disk(char *buf, size_t size)
{
	return find_disk(is_hardware, buf, size);
}

/* Only the root cgroup has this file, and it has a line for every disk that was ever set up. */
static bool io_cost_is_on(const char *mount)
{
	char path[PATH_MAX], text[4096];

	(void)snprintf(path, sizeof(path), "%s/io.cost.qos", mount);
	return rr_read_at(AT_FDCWD, path, text, sizeof(text)) > 0 && strstr(text, "enable=1");
}

bool io_weight_holds(const char *mount, char *why_not, size_t size)
{
	char disk[NAME_MAX + 1];

	if (io_cost_is_on(mount) || find_disk(uses_bfq, disk, sizeof(disk)))
		return true;
	(void)snprintf(why_not, size,
		       "no disk here goes by weights: none has the scheduler bfq, "
		       "and io.cost is off");
	return false;
}

uint64_t io_weight_for_bfq(uint64_t weight)
{
	if (weight <= NORMAL)
		return weight;
	return NORMAL + (weight - NORMAL) * (BFQ_MOST - NORMAL) / (MOST - NORMAL);
}
