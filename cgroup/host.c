/* SPDX-License-Identifier: MIT */
#include "cgroup/host.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"

#define PATH_SIZE 1400

static uint64_t to_u64(const char *text, size_t length, uint64_t fallback)
{
	char number[RR_FORMAT_SIZE];
	uint64_t value;

	if (length >= sizeof(number))
		return fallback;
	memcpy(number, text, length);
	number[length] = '\0';
	return rr_parse_u64(number, &value) < 0 ? fallback : value;
}

/* The number in a one-line file; `fallback` for "max" and for a missing file. */
static uint64_t read_number(const char *dir, const char *file, uint64_t fallback)
{
	char path[PATH_SIZE], text[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	if (rr_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return fallback;
	return to_u64(text, strcspn(text, " \n"), fallback);
}

static void sample_meminfo(const char *proc, struct host_sample *sample)
{
	char path[PATH_SIZE], text[8192];
	uint64_t total, available;

	(void)snprintf(path, sizeof(path), "%s/meminfo", proc);
	if (rr_read_at(AT_FDCWD, path, text, sizeof(text)) < 0 ||
	    rr_text_u64(text, "MemTotal", &total) < 0 ||
	    rr_text_u64(text, "MemAvailable", &available) < 0)
		return;
	sample->room.memory_known = true;
	sample->room.memory_total_bytes = total * 1024;
	sample->room.memory_available_bytes = available * 1024;
}

/* Page cache and slab that the kernel would give back before it kills anything. */
static uint64_t reclaimable(const char *dir)
{
	static const char *const kinds[] = { "inactive_file", "active_file", "slab_reclaimable" };
	char path[PATH_SIZE], text[8192];
	uint64_t sum = 0, value;

	(void)snprintf(path, sizeof(path), "%s/memory.stat", dir);
	if (rr_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (rr_text_u64(text, kinds[i], &value) == 0)
			sum += value;
	return sum;
}

static double used_share(uint64_t available, uint64_t total)
{
	return total ? 1 - (double)available / (double)total : 1;
}

/* Takes this level's memory cap into the sample where it is tighter than what stands there. */
static void tighten_memory(const char *dir, uint64_t machine_bytes, struct host_sample *sample)
{
	uint64_t max = read_number(dir, "memory.max", UINT64_MAX);
	uint64_t current = read_number(dir, "memory.current", UINT64_MAX);
	uint64_t cache, used, available;

	/* A cap above what the machine has is no cap. */
	if (max == UINT64_MAX || current == UINT64_MAX || max >= machine_bytes)
		return;
	cache = reclaimable(dir);
	used = current > cache ? current - cache : 0;
	available = max > used ? max - used : 0;
	if (sample->room.cap_total_bytes == 0 || available < sample->room.cap_available_bytes) {
		sample->room.cap_total_bytes = max;
		sample->room.cap_available_bytes = available;
	}
	if (sample->room.memory_known &&
	    used_share(available, max) < used_share(sample->room.memory_available_bytes,
						    sample->room.memory_total_bytes))
		return;
	sample->room.memory_known = true;
	sample->room.memory_total_bytes = max;
	sample->room.memory_available_bytes = available;
}

/* The same for this level's cpu.max, "QUOTA PERIOD" in us. */
static void tighten_cpu(const char *dir, struct host_sample *sample)
{
	char path[PATH_SIZE], text[2048];
	uint64_t quota, period, usage;
	const char *space;

	(void)snprintf(path, sizeof(path), "%s/cpu.max", dir);
	if (rr_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return;
	space = strchr(text, ' ');
	quota = to_u64(text, strcspn(text, " \n"), UINT64_MAX);
	period = space ? to_u64(space + 1, strcspn(space + 1, " \n"), 0) : 0;
	if (quota == UINT64_MAX || period == 0)
		return;
	(void)snprintf(path, sizeof(path), "%s/cpu.stat", dir);
	if (rr_read_at(AT_FDCWD, path, text, sizeof(text)) < 0 ||
	    rr_text_u64(text, "usage_usec", &usage) < 0)
		return;
	if (sample->quota_cpus > 0 && sample->quota_cpus <= (double)quota / (double)period)
		return;
	sample->quota_cpus = (double)quota / (double)period;
	sample->quota_used_us = usage;
}

/* From our cgroup up to the mount. */
static void tighten_by_ancestors(const char *cgroup, const char *own, bool only_cpu,
				 struct host_sample *sample)
{
	char dir[PATH_SIZE];
	size_t root_length = cgroup ? strlen(cgroup) : 0;
	uint64_t machine_bytes =
		sample->room.memory_known ? sample->room.memory_total_bytes : UINT64_MAX;

	if (!cgroup || !own || strncmp(own, cgroup, root_length) != 0)
		return;
	(void)snprintf(dir, sizeof(dir), "%s", own);
	for (;;) {
		char *slash;

		if (!only_cpu)
			tighten_memory(dir, machine_bytes, sample);
		tighten_cpu(dir, sample);
		slash = strrchr(dir, '/');
		if (strlen(dir) <= root_length || !slash)
			return;
		*slash = '\0';
	}
}

static void hold_to_quota(struct host_sample *sample)
{
	if (sample->quota_cpus > 0 && sample->quota_cpus < sample->room.cpus)
		sample->room.cpus = sample->quota_cpus;
}

double host_cpus(const char *cgroup, const char *own)
{
	struct host_sample sample = { 0 };
	cpu_set_t allowed;

	sample.room.cpus = sched_getaffinity(0, sizeof(allowed), &allowed) == 0
				   ? CPU_COUNT(&allowed)
				   : get_nprocs();
	tighten_by_ancestors(cgroup, own, true, &sample);
	hold_to_quota(&sample);
	return sample.room.cpus;
}

/* Adds up one "cpuN user nice system idle iowait irq softirq steal ..." line. */
static void add_cpu_line(const char *line, struct host_sample *sample)
{
	const char *at = strchr(line, ' ');

	for (int field = 0; at && field < 8; field++) {
		uint64_t ticks;

		at += strspn(at, " ");
		ticks = to_u64(at, strcspn(at, " \n"), 0);
		sample->all_ticks += ticks;
		if (field != 3 && field != 4)
			sample->busy_ticks += ticks;
		at += strcspn(at, " \n");
		at = *at == ' ' ? at : NULL;
	}
}

static bool may_use_cpu(const cpu_set_t *allowed, const char *line)
{
	uint64_t cpu = to_u64(line + 3, strcspn(line + 3, " "), CPU_SETSIZE);

	return cpu < CPU_SETSIZE && CPU_ISSET(cpu, allowed);
}

static void sample_cpus(const char *proc, struct host_sample *sample)
{
	char path[PATH_SIZE];
	rr_autofree char *text = NULL;
	rr_autofd int fd = -1;
	cpu_set_t allowed;
	size_t length;

	(void)snprintf(path, sizeof(path), "%s/stat", proc);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || rr_read_whole(fd, 1 << 22, &text, &length) < 0)
		return;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		memset(&allowed, 0xff, sizeof(allowed));
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, "cpu", 3) != 0 || line[3] == ' ' || !may_use_cpu(&allowed, line))
			continue;
		sample->room.cpus++;
		add_cpu_line(line, sample);
	}
	sample->cpu_known = sample->room.cpus > 0;
	/* This very thread is one of those that run. */
	if (rr_text_u64(text, "procs_running", &sample->runnable) == 0 && sample->runnable > 0)
		sample->runnable--;
}

static void sample_pressure(const char *proc, struct host_sample *sample)
{
	static const char *const files[] = { "cpu", "memory", "io" };
	char path[PATH_SIZE];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/pressure/%s", proc, files[i]);
		rr_read_pressure(AT_FDCWD, path, &sample->room.pressure[i]);
	}
}

void host_sample(const struct host_roots *roots, struct host_sample *ret)
{
	struct host_sample sample = { .at_ns = rr_now_boot_ns() };

	sample_meminfo(roots->proc, &sample);
	sample_cpus(roots->proc, &sample);
	if (!roots->without_pressure)
		sample_pressure(roots->proc, &sample);
	tighten_by_ancestors(roots->cgroup, roots->own, false, &sample);
	hold_to_quota(&sample);
	*ret = sample;
}

bool host_runnable(const char *proc, uint64_t *ret)
{
	char path[PATH_SIZE], text[128];
	const char *at = text;

	/* "0.20 0.18 0.12 1/80 11206": what runs is before the slash. */
	(void)snprintf(path, sizeof(path), "%s/loadavg", proc);
	if (rr_read_at(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return false;
	for (int field = 0; at && field < 3; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (!at || at[strspn(at, "0123456789")] != '/')
		return false;
	*ret = to_u64(at, strcspn(at, "/"), 0);
	*ret -= *ret > 0;
	return true;
}

void host_add_disk(struct host_sample *sample, const char *path)
{
	struct host_disk *disk = &sample->room.disks[sample->room.n_disks];
	struct statvfs fs;
	uint64_t used, usable;

	if (sample->room.n_disks == HOST_DISKS_MAX || statvfs(path, &fs) < 0 || fs.f_blocks == 0)
		return;
	used = fs.f_blocks - fs.f_bfree;
	usable = used + fs.f_bavail;
	(void)snprintf(disk->path, sizeof(disk->path), "%s", path);
	disk->used_percent = usable ? 100.0 * (double)used / (double)usable : 100;
	disk->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	sample->room.n_disks++;
}

void host_add_disks(struct host_sample *sample, const char *here, char *const more[])
{
	const char *temporary = getenv("TMPDIR");

	host_add_disk(sample, here);
	host_add_disk(sample, temporary && *temporary == '/' ? temporary : "/tmp");
	for (; *more; more++)
		host_add_disk(sample, *more);
}

double host_cpu_percent(const struct host_sample *before, const struct host_sample *after)
{
	uint64_t all = after->all_ticks - before->all_ticks;
	uint64_t busy = after->busy_ticks - before->busy_ticks;
	uint64_t passed_ns = after->at_ns - before->at_ns;
	double percent, of_quota;

	if (!before->cpu_known || !after->cpu_known || after->at_ns <= before->at_ns || all == 0 ||
	    after->busy_ticks < before->busy_ticks || busy > all)
		return -1;
	percent = 100.0 * (double)busy / (double)all;
	/* Of one and the same quota only: another may have become the tightest meanwhile. */
	if (after->quota_cpus <= 0 || after->quota_cpus != before->quota_cpus ||
	    after->quota_used_us < before->quota_used_us)
		return percent;
	of_quota = 100.0 * (double)(after->quota_used_us - before->quota_used_us) * 1000 /
		   ((double)passed_ns * after->quota_cpus);
	return of_quota > percent ? of_quota : percent;
}
