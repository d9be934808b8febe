/* SPDX-License-Identifier: MIT */
#include "control/earlier.h"

#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/fd.h"

#define MAGIC UINT32_C(0x52524831) /* another layout is another number */

/* What of a host_sample a share is computed from. */
struct counters {
	uint64_t at_ns, busy_ticks, all_ticks, quota_used_us;
	double quota_cpus;
};

/* Written in one write(); what is read torn has the wrong checksum, and is not believed. */
struct record {
	uint32_t magic;
	uint32_t crc; /* of what follows */
	uint8_t boot[RR_BOOT_ID_SIZE];
	uint64_t scope; /* which CPUs, and below which quota */
	struct counters older, newer;
};

static uint32_t checksum(const struct record *record)
{
	return rr_crc32c((const char *)record + offsetof(struct record, boot),
			 sizeof(*record) - offsetof(struct record, boot));
}

/* Counters of other CPUs, or of a quota elsewhere, are not comparable. */
static uint64_t scope_of(const char *own, const struct host_sample *now)
{
	cpu_set_t allowed;

	/* Without a quota it does not matter where we stand. */
	if (now->quota_cpus <= 0)
		own = "";
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		memset(&allowed, 0xff, sizeof(allowed));
	return (uint64_t)rr_crc32c(&allowed, sizeof(allowed)) << 32 | rr_crc32c(own, strlen(own));
}

static int open_record(const struct paths *paths, int *ret_fd)
{
	const char *const places[] = { paths->runtime, paths->state };
	char path[PATH_MAX + 32];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/" EARLIER_NAME, places[i]);
		*ret_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		if (*ret_fd >= 0)
			return 0;
	}
	return -1;
}

static bool is_usable(const struct counters *counters, uint64_t now_ns)
{
	return counters->at_ns != 0 && counters->at_ns + EARLIER_MIN_NS <= now_ns &&
	       counters->at_ns + EARLIER_MAX_NS >= now_ns;
}

static bool choose(const struct record *record, uint64_t now_ns, struct host_sample *ret)
{
	const struct counters *found = &record->newer;

	if (!is_usable(found, now_ns))
		found = &record->older;
	if (!is_usable(found, now_ns))
		return false;
	*ret = (struct host_sample){ .at_ns = found->at_ns,
				     .cpu_known = true,
				     .busy_ticks = found->busy_ticks,
				     .all_ticks = found->all_ticks,
				     .quota_cpus = found->quota_cpus,
				     .quota_used_us = found->quota_used_us };
	return true;
}

static void keep(int fd, struct record *record, const struct host_sample *now)
{
	/* Called again and again, the older one stays until the newer has come of age. */
	if (record->newer.at_ns + EARLIER_MIN_NS > now->at_ns)
		return;
	record->older = record->newer;
	record->newer = (struct counters){ .at_ns = now->at_ns,
					   .busy_ticks = now->busy_ticks,
					   .all_ticks = now->all_ticks,
					   .quota_used_us = now->quota_used_us,
					   .quota_cpus = now->quota_cpus };
	record->crc = checksum(record);
	/* Not remembered: the next one has nothing to compare with, and says so. */
	rr_ignore(pwrite(fd, record, sizeof(*record), 0));
}

bool earlier_exchange(const struct paths *paths, const char *own, const struct host_sample *now,
		      struct host_sample *ret)
{
	struct record fresh = { .magic = MAGIC, .scope = scope_of(own, now) }, record;
	rr_autofd int fd = -1;
	bool found;

	if (!now->cpu_known || rr_boot_id(fresh.boot) < 0 || open_record(paths, &fd) < 0 ||
	    !rr_fd_is_trusted(fd))
		return false;
	if (pread(fd, &record, sizeof(record), 0) != sizeof(record) || record.magic != MAGIC ||
	    record.crc != checksum(&record) || record.scope != fresh.scope ||
	    memcmp(record.boot, fresh.boot, sizeof(record.boot)) != 0 ||
	    record.newer.at_ns > now->at_ns)
		record = fresh;
	found = choose(&record, now->at_ns, ret);
	keep(fd, &record, now);
	return found;
}
