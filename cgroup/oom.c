/* SPDX-License-Identifier: MIT */
#include "cgroup/oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/procfs.h"

/* How often the limit of that very cgroup was hit: its events.local, as events counts all below. */
static uint64_t own_hits(const char *leaf, size_t length)
{
	char path[CG_PATH_MAX + 32], text[1024];
	uint64_t hits = 0;

	(void)snprintf(path, sizeof(path), "%.*s/memory.events.local", (int)length, leaf);
	if (rr_read_at(AT_FDCWD, path, text, sizeof(text)) > 0)
		rr_ignore(rr_text_u64(text, "oom", &hits)); /* none: never */
	return hits;
}

void oom_begin(const char *leaf, const char *mount, struct oom_watch *ret)
{
	size_t root = strlen(mount);

	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->leaf, sizeof(ret->leaf), "%s", leaf);
	for (const char *slash = strrchr(ret->leaf, '/');
	     slash && (size_t)(slash - ret->leaf) >= root && ret->n < OOM_ABOVE_MAX; ret->n++) {
		size_t length = (size_t)(slash - ret->leaf);

		ret->lengths[ret->n] = length;
		ret->before[ret->n] = own_hits(ret->leaf, length);
		slash = memrchr(ret->leaf, '/', length);
	}
}

static bool is_some(uint64_t count)
{
	return count != USAGE_UNKNOWN && count > 0;
}

enum oom_limit oom_judge(const struct oom_watch *watch, const struct usage *usage, char *path,
			 size_t size)
{
	*path = '\0';
	if (!is_some(usage->oom_kills))
		return OOM_NONE;
	if (is_some(usage->own_ooms))
		return OOM_OWN;
	if (is_some(usage->all_ooms))
		return OOM_BELOW;
	for (size_t i = 0; i < watch->n; i++) {
		if (own_hits(watch->leaf, watch->lengths[i]) <= watch->before[i])
			continue;
		(void)snprintf(path, size, "%.*s", (int)watch->lengths[i], watch->leaf);
		return OOM_ABOVE;
	}
	return OOM_HOST;
}
