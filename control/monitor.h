/* SPDX-License-Identifier: MIT */
/*
 * What `resrunctl monitor` shows after each look, in one of three forms. monitor.c looks, and
 * monitor_show.c shows.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/status.h"
#include "control/target.h"

#define MONITOR_LEVELS 3

enum monitor_form { MONITOR_TEXT, MONITOR_JSON, MONITOR_CSV };

/* Where what is shown comes from. */
enum monitor_source { SOURCE_PROCESSES, SOURCE_DASHBOARD };

struct monitor_show {
	enum monitor_form form;
	enum monitor_source source;
	bool color;
	uint64_t level_bytes[MONITOR_LEVELS]; /* of memory, rising: each begins a level */
	uint64_t interval_ns; /* to the next look */
	bool header_shown; /* of CSV */
};

/* "normal", "elevated", "high", "critical": how many of the levels so much memory has reached. */
const char *monitor_level_name(const struct monitor_show *show, uint64_t bytes);

/* One line for the target. 0 or -errno with words when it cannot be written. */
rr_checked int monitor_show_target(struct monitor_show *show, const struct watch *watch,
				   const struct status *host, struct rr_err *err);
