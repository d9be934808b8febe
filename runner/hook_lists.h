/* SPDX-License-Identifier: MIT */
/* Which hooks a job has: those of the configuration's keys, then the executable files in
 * hooks.d/EVENT/ beside the configuration, in the order of their names. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "policy/settings.h"

enum hook_event {
	HOOK_BEFORE,
	HOOK_AFTER,
	HOOK_ON_FAILURE,
	HOOK_ON_CANCEL,
	HOOK_ON_ALERT,
	HOOK_EVENTS_N
};

/* "before", "on_failure": the key after "hook_", and the directory in hooks.d. */
const char *hook_event_name(enum hook_event event);

struct hook_lists {
	char **v[HOOK_EVENTS_N]; /* commands for /bin/sh; NULL-terminated, or NULL; owned */
};

/* 0, or -errno with words; a file or directory that others could have written is refused, as the
 * configuration would be. hook_lists_free is due in either case. */
rr_checked int hook_lists_make(const struct settings *settings, struct hook_lists *ret,
			       struct rr_err *err);
void hook_lists_free(struct hook_lists *lists);

static inline char *const *hook_list(const struct hook_lists *lists, enum hook_event event)
{
	static char *const none[] = { NULL };

	return lists->v[event] ? lists->v[event] : none;
}
