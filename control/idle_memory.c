/* SPDX-License-Identifier: MIT */
#include "control/idle_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/fd.h"

#define MAGIC UINT32_C(0x52524931) /* another layout is another number */

/* Written in one write(); what is read torn has the wrong checksum, and is not believed. */
struct record {
	uint32_t magic;
	uint32_t crc; /* of what follows */
	uint8_t boot[RR_BOOT_ID_SIZE];
	struct idle_look look;
};

static uint32_t checksum(const struct record *record)
{
	return rr_crc32c((const char *)record + offsetof(struct record, boot),
			 sizeof(*record) - offsetof(struct record, boot));
}

static int open_record(const struct paths *paths, int flags)
{
	char path[PATH_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/" IDLE_MEMORY_NAME, paths->state);
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
}

bool idle_recall(const struct paths *paths, struct idle_look *ret)
{
	rr_autofd int fd = open_record(paths, O_RDONLY);
	uint8_t boot[RR_BOOT_ID_SIZE];
	struct record record;

	if (fd < 0 || !rr_fd_is_trusted(fd) || rr_boot_id(boot) < 0 ||
	    pread(fd, &record, sizeof(record), 0) != sizeof(record) || record.magic != MAGIC ||
	    record.crc != checksum(&record) || memcmp(record.boot, boot, sizeof(boot)) != 0 ||
	    record.look.looked_ns > rr_now_boot_ns())
		return false;
	*ret = record.look;
	return true;
}

void idle_remember(const struct paths *paths, const struct idle_look *look)
{
	rr_autofd int fd = open_record(paths, O_WRONLY | O_CREAT);
	struct record record;

	/* The gaps between the fields are summed as well. */
	memset(&record, 0, sizeof(record));
	record.magic = MAGIC;
	record.look.looked_ns = look->looked_ns;
	record.look.since_ns = look->since_ns;
	record.look.active = look->active;
	memcpy(record.look.last_id, look->last_id, sizeof(look->last_id));
	if (fd < 0 || rr_boot_id(record.boot) < 0)
		return;
	record.crc = checksum(&record);
	/* Not remembered: the next one goes by the clock on the wall. */
	rr_ignore(pwrite(fd, &record, sizeof(record), 0));
}
