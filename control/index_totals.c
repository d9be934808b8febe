/* SPDX-License-Identifier: MIT */
/* What the index has added up, which index_update.c keeps, and its keys. */
#include "control/index_parts.h"

int index_each_total(struct index *index, int (*visit)(const struct index_total *total, void *arg),
		     void *arg, struct rr_err *err)
{
	sqlite3_stmt *select = NULL;
	int step = SQLITE_DONE, r = 0;

	if (sqlite3_prepare_v2(index->db, "SELECT * FROM totals ORDER BY 1, 2, 3", -1, &select,
			       NULL) != SQLITE_OK)
		return index_error(index, "search the", err);
	while (r == 0 && (step = sqlite3_step(select)) == SQLITE_ROW) {
		struct index_total total = {
			.profile = (const char *)sqlite3_column_text(select, 0),
			.reason = (const char *)sqlite3_column_text(select, 1),
			.failed = sqlite3_column_int(select, 2),
			.runs = (uint64_t)sqlite3_column_int64(select, 3),
			.wall_s = sqlite3_column_double(select, 4),
			.cpu_s = sqlite3_column_double(select, 5),
			.waited_s = sqlite3_column_double(select, 6),
			.last_wall_ns = (uint64_t)sqlite3_column_int64(select, 7),
		};

		r = visit(&total, arg);
	}
	if (r == 0 && step != SQLITE_DONE)
		r = index_error(index, "search the", err);
	(void)sqlite3_finalize(select);
	return r;
}

int index_each_key(struct index *index, void (*visit)(const char *key, void *arg), void *arg,
		   struct rr_err *err)
{
	sqlite3_stmt *select = NULL;
	int step, r = 0;

	if (sqlite3_prepare_v2(index->db,
			       "SELECT DISTINCT key FROM runs WHERE key IS NOT NULL ORDER BY key",
			       -1, &select, NULL) != SQLITE_OK)
		return index_error(index, "search the", err);
	while ((step = sqlite3_step(select)) == SQLITE_ROW)
		visit((const char *)sqlite3_column_text(select, 0), arg);
	if (step != SQLITE_DONE)
		r = index_error(index, "search the", err);
	(void)sqlite3_finalize(select);
	return r;
}
