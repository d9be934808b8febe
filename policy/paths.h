/* SPDX-License-Identifier: MIT */
/* Where resrun keeps its files: one place for each name. */
#pragma once

#include <limits.h>

#include "base/err.h"
#include "policy/settings.h"

#define PATHS_HOST_STATE "/var/lib/resrun"
#define PATHS_SHARED_STATE "/var/lib/resrun/shared" /* of scope = host */

struct paths {
	bool shared; /* the ledger is everybody's (scope=host) */
	char state[PATH_MAX]; /* ledger, history, learned needs, logs of detached jobs */
	char runtime[PATH_MAX]; /* what concerns running jobs */
	char ledger[PATH_MAX]; /* directory of the ledger: state, or the shared one */
};

/* From RESRUN_STATE_DIR and RESRUN_RUNTIME_DIR, the settings, or the defaults for this user. Makes
 * nothing. 0, or -errno with words when there is no home to fall back on. */
rr_checked int paths_find(const struct settings *settings, struct paths *ret, struct rr_err *err);
