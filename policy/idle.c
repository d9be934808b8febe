/* SPDX-License-Identifier: MIT */
#include "policy/idle.h"

#include <stdio.h>
#include <string.h>

/* By the clock on the wall. An end that is yet to come was put down before the clock was set back:
 * when it was nobody knows, but not later than now. */
static int64_t since_by_wall(const struct idle_seen *seen)
{
	int64_t now_ns = (int64_t)seen->now_boot_ns;

	if (!*seen->last_id)
		return IDLE_ALWAYS;
	if (seen->last_wall_ns >= seen->now_wall_ns)
		return now_ns;
	return now_ns - (int64_t)(seen->now_wall_ns - seen->last_wall_ns);
}

void idle_judge(const struct idle_look *before, const struct idle_seen *seen, struct idle_look *ret)
{
	struct idle_look look = { .looked_ns = seen->now_boot_ns, .active = seen->active };

	(void)snprintf(look.last_id, sizeof(look.last_id), "%s", seen->last_id);
	look.since_ns = since_by_wall(seen);
	if (seen->active)
		look.since_ns = (int64_t)seen->now_boot_ns;
	else if (before && !before->active && strcmp(before->last_id, look.last_id) == 0)
		look.since_ns = before->since_ns;
	/* Whatever came to its end since the look before did so after it, wherever the clock went.
	 */
	else if (before && look.since_ns < (int64_t)before->looked_ns)
		look.since_ns = (int64_t)before->looked_ns;
	*ret = look;
}

uint64_t idle_for_ns(const struct idle_look *look)
{
	if (look->since_ns == IDLE_ALWAYS)
		return UINT64_MAX;
	return (uint64_t)((int64_t)look->looked_ns - look->since_ns);
}
