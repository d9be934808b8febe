/* SPDX-License-Identifier: MIT */
/* Between the files of the index only. */
#pragma once

#include <sqlite3.h>

#include "control/index.h"
#include "policy/history_log.h"

struct index {
	sqlite3 *db;
	char state_dir[PATH_MAX];
	struct history_parts parts;
	size_t tails; /* lines without an end, which the next writer cuts off */
	int part_fd; /* the part read last */
	uint64_t part_number;
};

/* What SQLite says went wrong, as -errno; -ESTALE: the file is no sound database. */
int index_error(const struct index *index, const char *what, struct rr_err *err);

/* Runs statements that give no rows. 0 or -errno with words. */
rr_checked int index_run_sql(struct index *index, const char *sql, struct rr_err *err);

/* The number that a question has for its answer; -1: none. */
int64_t index_number(struct index *index, const char *sql);

/* Adds what is new. -ESTALE: what is indexed is not what is there. */
rr_checked int index_update(struct index *index, struct rr_err *err);
