/* SPDX-License-Identifier: MIT */
/* Whose limit it was that a job was killed for: its own, or one that it shares with others. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cgroup/hierarchy.h"
#include "cgroup/usage.h"

#define OOM_ABOVE_MAX 12 /* cgroups above the leaf that are watched */

enum oom_limit {
	OOM_NONE, /* nothing was killed for memory */
	OOM_OWN,
	OOM_BELOW, /* of a cgroup that the job itself has made */
	OOM_ABOVE, /* of a cgroup above, which others share */
	OOM_HOST, /* all memory there is, or a limit out of our sight */
};

/* How often the limits above had been hit when the job began. */
struct oom_watch {
	char leaf[CG_PATH_MAX];
	size_t lengths[OOM_ABOVE_MAX]; /* of the beginnings of leaf that name the cgroups above */
	uint64_t before[OOM_ABOVE_MAX];
	size_t n;
};

/* Looks at what is above the leaf, up to the mount, which may be a container's own cgroup. */
void oom_begin(const char *leaf, const char *mount, struct oom_watch *ret);

/* Whose limit killed, by the job's own counters and by what has changed above. For OOM_ABOVE, path
 * gets the cgroup. */
enum oom_limit oom_judge(const struct oom_watch *watch, const struct usage *usage, char *path,
			 size_t size);
