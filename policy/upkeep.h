/* SPDX-License-Identifier: MIT */
/*
 * Keeping house: the one lock under which sweeps and audits run, so that two never overlap; when
 * each directory was last swept; and the rules of a sweep as the settings give them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sweep.h"
#include "policy/paths.h"
#include "policy/settings.h"

struct upkeep {
	int fd; /* of STATE/upkeep, locked; -1: none */
	char path[PATH_MAX];
};

/* Outcome of upkeep_begin beside 0: somebody else is at it; the words say so. */
#define UPKEEP_HELD 1

/* Takes the lock without waiting; the state directory is made when it is missing. 0, UPKEEP_HELD,
 * or -errno with words. */
rr_checked int upkeep_begin(const char *state_dir, struct upkeep *ret, struct rr_err *err);
void upkeep_end(struct upkeep *upkeep);
#define upkeep_auto __attribute__((cleanup(upkeep_end)))

/* True when the directory's last whole sweep is at least interval_ns ago, unknown, or said to be in
 * the future. */
bool upkeep_is_due(const struct upkeep *upkeep, const char *dir, uint64_t interval_ns,
		   uint64_t now_wall_ns);

/* Notes a whole sweep of the directory. 0 or -errno with words; not noted, it is swept too often.
 */
rr_checked int upkeep_swept(const struct upkeep *upkeep, const char *dir, uint64_t now_wall_ns,
			    struct rr_err *err);

/* The rules of a sweep, and what they point at beside the settings. */
struct upkeep_rules {
	struct sweep_rules sweep;
	const char *spare[3];
};

/* The sweep_ keys as rules, which borrow from settings, paths and ret itself. Only a directory that
 * a file names is vouched for: never one from the environment or a command line. */
void upkeep_rules(const struct settings *settings, const struct paths *paths,
		  struct upkeep_rules *ret);
