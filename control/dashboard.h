/* SPDX-License-Identifier: MIT */
/*
 * The client side of a dashboard's API, for `resrunctl monitor --url`. A GET answers with one
 * object:
 *   { "schema": 1, "targets": [ ... ] }
 * whose targets are what `resrunctl monitor --json` prints, each with its `host`. Names that are
 * missing, or null, are not known; names that we do not know are passed over.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/http.h"
#include "control/status.h"
#include "control/target.h"

#define DASHBOARD_PATH "/api/v1/monitor" /* where the address names no path */

struct dashboard {
	struct http_url url;
	bool silent; /* it did not answer when it was last asked */
	uint64_t retry_ns; /* then: not before this */
};

/* 0, or -EINVAL with words. */
rr_checked int dashboard_open(const char *url, struct dashboard *ret, struct rr_err *err);

/* Reads an answer's body. 0, or -EBADMSG with words. The host of the first target is that of all.
 */
rr_checked int dashboard_parse(const char *body, struct targets *ret, struct status *host,
			       struct rr_err *err);

/* Asks it. True when it has answered; what it says replaces what was in `ret` and `host`. Says on
 * stderr when it falls silent, and when it answers again; one that was slow to fail is not asked
 * again at once. */
bool dashboard_look(struct dashboard *dashboard, uint64_t timeout_ns, struct targets *ret,
		    struct status *host);
