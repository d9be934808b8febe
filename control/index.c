/* SPDX-License-Identifier: MIT */
#include "control/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "control/index_parts.h"
#include "policy/history.h"

#define VERSION 3 /* of the tables below; another is thrown away */
#define BUSY_MS 60000 /* another resrunctl may be building it */
#define SQL_SIZE 1024
#define CRC_FIELD 9 /* checksum and tab before a line's object */

/* Rows are in the order of the history: the row's number is its age. */
static const char tables[] =
	"CREATE TABLE parts (number INTEGER PRIMARY KEY, inode, bytes, torn);"
	"CREATE TABLE runs (part, offset, length, ended, failed, job_id, name, key, profile, "
	"placement, reason, code, signal, wall, cpu, waited, needed, peak, first_id);"
	"CREATE INDEX runs_by_end ON runs (ended);"
	"CREATE INDEX runs_by_key ON runs (key);"
	"CREATE INDEX runs_by_name ON runs (name) WHERE name IS NOT NULL;"
	"CREATE INDEX runs_by_job ON runs (job_id);"
	"CREATE INDEX runs_by_first ON runs (first_id) WHERE first_id IS NOT NULL;"
	"CREATE INDEX runs_that_failed ON runs (ended) WHERE failed;"
	"CREATE TABLE totals (profile, reason, failed, runs, wall, cpu, waited, last, "
	"PRIMARY KEY (profile, reason, failed));"
	"PRAGMA user_version = 3";

int index_error(const struct index *index, const char *what, struct rr_err *err)
{
	int code = sqlite3_errcode(index->db);
	/* What is no sound database is as good as none. */
	bool broken = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;

	return rr_err_set(err, broken ? ESTALE : EIO, "%s index of the history: %s", what,
			  sqlite3_errmsg(index->db));
}

int index_run_sql(struct index *index, const char *sql, struct rr_err *err)
{
	return sqlite3_exec(index->db, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : index_error(index, "write the", err);
}

/* ---- opening ---- */

int64_t index_number(struct index *index, const char *sql)
{
	sqlite3_stmt *select = NULL;
	int64_t number = -1;

	if (sqlite3_prepare_v2(index->db, sql, -1, &select, NULL) == SQLITE_OK &&
	    sqlite3_step(select) == SQLITE_ROW)
		number = sqlite3_column_int64(select, 0);
	(void)sqlite3_finalize(select);
	return number;
}

static int make_tables(struct index *index, struct rr_err *err)
{
	int64_t version = index_number(index, "PRAGMA user_version");
	int r;

	if (version == VERSION)
		return 0;
	if (version != 0)
		return -ESTALE;
	r = index_run_sql(index, "BEGIN IMMEDIATE", err);
	if (r == 0 && index_number(index, "PRAGMA user_version") == 0)
		r = index_run_sql(index, tables, err);
	return r < 0 ? r : index_run_sql(index, "COMMIT", err);
}

static int connect_to(struct index *index, const char *path, struct rr_err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW;
	int r;

	(void)sqlite3_close(index->db);
	index->db = NULL;
	if (sqlite3_open_v2(path, &index->db, flags, NULL) != SQLITE_OK)
		return -EACCES;
	(void)sqlite3_busy_timeout(index->db, BUSY_MS);
	/* What a power failure takes is built again. */
	r = index_run_sql(index, "PRAGMA synchronous = OFF; PRAGMA cache_size = -65536", err);
	return r < 0 ? r : make_tables(index, err);
}

static void path_of(const struct index *index, char path[static PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%.4000s/history.index", index->state_dir);
}

/* The file; else, where none can be written, one in memory. */
static int open_and_update(struct index *index, bool anew, struct rr_err *err)
{
	char path[PATH_MAX];
	int r;

	path_of(index, path);
	if (anew && unlink(path) < 0 && errno != ENOENT)
		r = -EACCES;
	else
		r = connect_to(index, path, err);
	if (r == 0)
		r = index_update(index, err);
	if (r == 0 || r == -ESTALE)
		return r;
	r = connect_to(index, ":memory:", err);
	return r < 0 ? r : index_update(index, err);
}

int index_open(const char *state_dir, bool rebuild, struct index **ret, struct rr_err *err)
{
	index_auto struct index *index = calloc(1, sizeof(*index));
	int r;

	if (!index)
		return rr_err_sys(err, ENOMEM, "the index of the history");
	index->part_fd = -1;
	index->parts.current_fd = -1;
	(void)snprintf(index->state_dir, sizeof(index->state_dir), "%s", state_dir);
	(void)umask(077);
	r = open_and_update(index, rebuild, err);
	if (r == -ESTALE)
		r = open_and_update(index, true, err);
	if (r == -ESTALE)
		return rr_err_set(err, EIO,
				  "the index of the history in '%s' fits nothing, even when it is "
				  "made anew",
				  state_dir);
	if (r == 0)
		*ret = rr_ptr_take(&index);
	return r;
}

void index_close(struct index **slot)
{
	struct index *index = *slot;

	if (!index)
		return;
	(void)sqlite3_close(index->db);
	history_parts_free(&index->parts);
	rr_fd_close(&index->part_fd);
	free(index);
	*slot = NULL;
}

size_t index_torn(struct index *index)
{
	int64_t torn = index_number(index, "SELECT CAST(total(torn) AS INTEGER) FROM parts");

	return index->tails + (torn > 0 ? (size_t)torn : 0);
}

size_t index_size(struct index *index)
{
	int64_t n = index_number(index, "SELECT count(*) FROM runs");

	return n > 0 ? (size_t)n : 0;
}

/* ---- searching ---- */

static void write_query(const struct index_filter *filter, char sql[static SQL_SIZE])
{
	const char *order = filter->by_key ? "key, rowid" : "rowid";
	int n = snprintf(sql, SQL_SIZE, "SELECT rowid, * FROM runs WHERE 1");

	if (filter->since_wall_ns)
		n += snprintf(sql + n, SQL_SIZE - (size_t)n, " AND ended >= :since");
	if (filter->until_wall_ns)
		n += snprintf(sql + n, SQL_SIZE - (size_t)n, " AND ended <= :until");
	if (filter->failed)
		n += snprintf(sql + n, SQL_SIZE - (size_t)n, " AND failed");
	if (filter->key)
		n += snprintf(sql + n, SQL_SIZE - (size_t)n, " AND key = :key");
	if (filter->name)
		n += snprintf(sql + n, SQL_SIZE - (size_t)n, " AND name = :name");
	if (filter->profile)
		n += snprintf(sql + n, SQL_SIZE - (size_t)n, " AND profile = :profile");
	if (filter->job_id)
		n += snprintf(sql + n, SQL_SIZE - (size_t)n, " AND job_id = :job");
	if (filter->first_id)
		n += snprintf(sql + n, SQL_SIZE - (size_t)n,
			      " AND (job_id = :first OR first_id = :first)");
	/* Ids are of digits and small letters, which all stand before a brace: so an index helps.
	 */
	if (filter->job_prefix)
		n += snprintf(sql + n, SQL_SIZE - (size_t)n,
			      " AND job_id >= :prefix AND job_id < :prefix || '{'");
	n += snprintf(sql + n, SQL_SIZE - (size_t)n, " ORDER BY %s",
		      filter->limit ? "rowid DESC" : order);
	if (filter->limit)
		(void)snprintf(sql + n, SQL_SIZE - (size_t)n, " LIMIT %llu",
			       (unsigned long long)filter->limit);
}

static void bind_named(sqlite3_stmt *select, const char *name, const char *text)
{
	int at = sqlite3_bind_parameter_index(select, name);

	if (at > 0)
		(void)sqlite3_bind_text(select, at, text, -1, SQLITE_STATIC);
}

static void bind_time(sqlite3_stmt *select, const char *name, uint64_t wall_ns)
{
	int at = sqlite3_bind_parameter_index(select, name);

	if (at > 0)
		(void)sqlite3_bind_int64(select, at, (sqlite3_int64)wall_ns);
}

static int64_t whole_at(sqlite3_stmt *select, int column)
{
	return sqlite3_column_type(select, column) == SQLITE_NULL
		       ? INDEX_NONE
		       : sqlite3_column_int64(select, column);
}

static double real_at(sqlite3_stmt *select, int column)
{
	return sqlite3_column_type(select, column) == SQLITE_NULL
		       ? INDEX_NONE
		       : sqlite3_column_double(select, column);
}

static const char *text_at(sqlite3_stmt *select, int column)
{
	return (const char *)sqlite3_column_text(select, column);
}

/* In the order of the table. */
static void read_row(sqlite3_stmt *select, struct index_run *ret)
{
	*ret = (struct index_run){
		.part = (uint64_t)sqlite3_column_int64(select, 1),
		.offset = sqlite3_column_int64(select, 2),
		.length = sqlite3_column_int64(select, 3),
		.ended_wall_ns = (uint64_t)sqlite3_column_int64(select, 4),
		.failed = sqlite3_column_int(select, 5),
		.job_id = text_at(select, 6),
		.name = text_at(select, 7),
		.key = text_at(select, 8),
		.profile = text_at(select, 9),
		.placement = text_at(select, 10),
		.reason = text_at(select, 11),
		.code = whole_at(select, 12),
		.signal = whole_at(select, 13),
		.wall_s = real_at(select, 14),
		.cpu_s = real_at(select, 15),
		.waited_s = real_at(select, 16),
		.needed_bytes = whole_at(select, 17),
		.peak_bytes = whole_at(select, 18),
	};
}

/* The last `limit` come newest first: turned round by a second look at them. */
static void turn_round(char sql[static SQL_SIZE])
{
	char inner[SQL_SIZE];

	(void)snprintf(inner, sizeof(inner), "%s", sql);
	(void)snprintf(sql, SQL_SIZE, "SELECT * FROM (%.900s) ORDER BY rowid", inner);
}

int index_each(struct index *index, const struct index_filter *filter,
	       int (*visit)(const struct index_run *run, void *arg), void *arg, struct rr_err *err)
{
	char sql[SQL_SIZE];
	sqlite3_stmt *select = NULL;
	int step, r = 0;

	write_query(filter, sql);
	if (filter->limit)
		turn_round(sql);
	if (sqlite3_prepare_v2(index->db, sql, -1, &select, NULL) != SQLITE_OK)
		return index_error(index, "search the", err);
	bind_time(select, ":since", filter->since_wall_ns);
	bind_time(select, ":until", filter->until_wall_ns);
	bind_named(select, ":key", filter->key);
	bind_named(select, ":name", filter->name);
	bind_named(select, ":profile", filter->profile);
	bind_named(select, ":job", filter->job_id);
	bind_named(select, ":first", filter->first_id);
	bind_named(select, ":prefix", filter->job_prefix);
	while (r == 0 && (step = sqlite3_step(select)) == SQLITE_ROW) {
		struct index_run run;

		read_row(select, &run);
		r = visit(&run, arg);
	}
	if (r == 0 && step != SQLITE_DONE)
		r = index_error(index, "search the", err);
	(void)sqlite3_finalize(select);
	return r;
}

/* ---- the line itself ---- */

static int open_part(struct index *index, uint64_t number)
{
	char path[PATH_MAX];

	if (index->part_fd >= 0 && index->part_number == number)
		return 0;
	rr_fd_close(&index->part_fd);
	index->part_number = number;
	for (size_t i = 0; i < index->parts.n; i++)
		if (index->parts.numbers[i] == number)
			return history_part_open(index->state_dir, &index->parts, i, path,
						 &index->part_fd);
	return -ENOENT;
}

char *index_text(struct index *index, const struct index_run *run)
{
	rr_autofree char *line = NULL;

	if (run->length <= CRC_FIELD || run->length > HISTORY_LINE_MAX ||
	    open_part(index, run->part) < 0 || index->part_fd < 0)
		return NULL;
	line = malloc((size_t)run->length + 1);
	if (!line || pread(index->part_fd, line, (size_t)run->length, run->offset) != run->length)
		return NULL;
	line[run->length - 1] = '\0';
	if (!history_line_is_sound(line))
		return NULL;
	memmove(line, line + CRC_FIELD, strlen(line + CRC_FIELD) + 1);
	return rr_ptr_take(&line);
}
