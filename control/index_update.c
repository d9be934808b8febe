/* SPDX-License-Identifier: MIT */
/*
 * Reads what the history has and the index has not. All in one transaction: killed in the middle,
 * the index is what it was. A part that shrank, or is another file than the one that was read,
 * makes the whole index stale.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "control/index_parts.h"
#include "policy/history.h"

#define BAR_BYTES (8 << 20) /* less is read in a moment */
#define BAR_WIDTH 40

struct feed {
	struct index *index;
	sqlite3_stmt *insert;
	uint64_t done, total; /* bytes */
	int percent; /* shown; -1: no bar */
};

/* ---- the bar ---- */

static void bar_begin(struct feed *feed)
{
	feed->percent = feed->total >= BAR_BYTES && isatty(STDERR_FILENO) ? 0 : -1;
}

static void bar_move(struct feed *feed, uint64_t bytes)
{
	static const char full[BAR_WIDTH + 1] = "########################################";
	int percent;

	feed->done += bytes;
	if (feed->percent < 0)
		return;
	percent = (int)(100 * feed->done / feed->total);
	if (percent <= feed->percent)
		return;
	feed->percent = percent;
	(void)fprintf(stderr, "\r\033[Kresrunctl: reading the history [%-*.*s] %3d%%", BAR_WIDTH,
		      percent * BAR_WIDTH / 100, full, percent);
}

static void bar_end(const struct feed *feed)
{
	if (feed->percent > 0)
		(void)fputs("\r\033[K", stderr);
}

/* ---- one record ---- */

static const json_t *part_of(const json_t *record, const char *part, const char *name)
{
	return json_object_get(json_object_get(record, part), name);
}

static void bind_text(sqlite3_stmt *insert, int at, const json_t *value)
{
	(void)sqlite3_bind_text(insert, at, json_string_value(value), -1, SQLITE_TRANSIENT);
}

static void bind_number(sqlite3_stmt *insert, int at, const json_t *value)
{
	if (json_is_integer(value))
		(void)sqlite3_bind_int64(insert, at, json_integer_value(value));
	else if (json_is_real(value))
		(void)sqlite3_bind_double(insert, at, json_real_value(value));
}

static uint64_t ended_at(const json_t *record)
{
	const char *text = json_string_value(json_object_get(record, "ended_at"));
	uint64_t wall_ns;

	if (!text)
		text = json_string_value(json_object_get(record, "submitted_at"));
	return text && rr_parse_wall(text, &wall_ns) == 0 ? wall_ns : 0;
}

static bool has_failed(const json_t *record)
{
	const char *reason = json_string_value(part_of(record, "exit", "reason"));

	return !reason || strcmp(reason, "exited") != 0 ||
	       json_integer_value(part_of(record, "exit", "code")) != 0;
}

static void bind_record(sqlite3_stmt *insert, const json_t *record)
{
	static const char *const texts[] = { "job_id", "name", "key", "profile", "placement" };
	int at = 4;

	(void)sqlite3_bind_int64(insert, at++, (sqlite3_int64)ended_at(record));
	(void)sqlite3_bind_int(insert, at++, has_failed(record));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		bind_text(insert, at++, json_object_get(record, texts[i]));
	bind_text(insert, at++, part_of(record, "exit", "reason"));
	bind_number(insert, at++, part_of(record, "exit", "code"));
	bind_number(insert, at++, part_of(record, "exit", "signal"));
	bind_number(insert, at++, part_of(record, "usage", "wall_s"));
	bind_number(insert, at++, part_of(record, "usage", "cpu_s"));
	bind_number(insert, at++, json_object_get(record, "waited_s"));
	bind_number(insert, at++, part_of(record, "usage", "memory_working_peak_bytes"));
	bind_number(insert, at++, part_of(record, "usage", "memory_peak_bytes"));
	/* Of further tries alone: few. */
	if (json_integer_value(json_object_get(record, "attempt")) > 1)
		bind_text(insert, at, json_object_get(record, "first_job_id"));
}

static int add_record(struct feed *feed, uint64_t part, off_t offset, ssize_t length,
		      const json_t *record, struct rr_err *err)
{
	sqlite3_stmt *insert = feed->insert;

	(void)sqlite3_reset(insert);
	(void)sqlite3_clear_bindings(insert);
	(void)sqlite3_bind_int64(insert, 1, (sqlite3_int64)part);
	(void)sqlite3_bind_int64(insert, 2, offset);
	(void)sqlite3_bind_int64(insert, 3, length);
	bind_record(insert, record);
	return sqlite3_step(insert) == SQLITE_DONE ? 0 : index_error(feed->index, "write the", err);
}

/* ---- one part ---- */

/* How far a part has been read. */
struct mark {
	sqlite3_int64 inode, bytes, torn;
};

static int read_mark(struct index *index, uint64_t part, struct mark *ret, struct rr_err *err)
{
	sqlite3_stmt *select = NULL;
	int r = sqlite3_prepare_v2(index->db,
				   "SELECT inode, bytes, torn FROM parts WHERE number = ?", -1,
				   &select, NULL);

	*ret = (struct mark){ 0 };
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(select, 1, (sqlite3_int64)part);
	if (r == SQLITE_OK)
		r = sqlite3_step(select);
	if (r == SQLITE_ROW)
		*ret = (struct mark){ sqlite3_column_int64(select, 0),
				      sqlite3_column_int64(select, 1),
				      sqlite3_column_int64(select, 2) };
	(void)sqlite3_finalize(select);
	return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : index_error(index, "read the", err);
}

static int write_mark(struct index *index, uint64_t part, const struct mark *mark,
		      struct rr_err *err)
{
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
		       "INSERT OR REPLACE INTO parts VALUES (%llu, %lld, %lld, %lld)",
		       (unsigned long long)part, mark->inode, mark->bytes, mark->torn);
	return index_run_sql(index, sql, err);
}

static int read_lines(struct feed *feed, FILE *file, uint64_t part, struct mark *mark,
		      struct rr_err *err)
{
	rr_autofree char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = getline(&line, &room, file)) > 0) {
		json_t *record;

		/* It may be in the middle of being written. */
		if (line[n - 1] != '\n') {
			feed->index->tails++;
			break;
		}
		line[n - 1] = '\0';
		record = history_line_object(line);
		if (record)
			r = add_record(feed, part, mark->bytes, n, record, err);
		else
			mark->torn++;
		json_decref(record);
		mark->bytes += n;
		bar_move(feed, (uint64_t)n);
	}
	return r;
}

/* Reads on where the mark stands; the file is the caller's to close. */
static int read_on(struct feed *feed, FILE *file, uint64_t part, struct mark *mark,
		   const struct stat *st, struct rr_err *err)
{
	int r;

	if (fseeko(file, mark->bytes, SEEK_SET) < 0)
		return rr_err_sys(err, errno, "read part %llu of the history",
				  (unsigned long long)part);
	mark->inode = (sqlite3_int64)st->st_ino;
	r = read_lines(feed, file, part, mark, err);
	if (r == 0 && ferror(file))
		r = rr_err_sys(err, EIO, "read part %llu of the history", (unsigned long long)part);
	return r < 0 ? r : write_mark(feed->index, part, mark, err);
}

static int add_part(struct feed *feed, size_t i, struct rr_err *err)
{
	struct index *index = feed->index;
	char path[PATH_MAX];
	rr_autofd int fd = -1;
	struct mark mark;
	struct stat st;
	FILE *file;
	int r = history_part_open(index->state_dir, &index->parts, i, path, &fd);

	if (r < 0 || (fd >= 0 && fstat(fd, &st) < 0))
		return rr_err_sys(err, r < 0 ? -r : errno, "open the history '%s'", path);
	r = read_mark(index, index->parts.numbers[i], &mark, err);
	if (r < 0)
		return r;
	if (fd < 0)
		return mark.inode ? -ESTALE : 0;
	if (mark.inode && ((sqlite3_int64)st.st_ino != mark.inode || st.st_size < mark.bytes))
		return -ESTALE;
	if (mark.inode && st.st_size == mark.bytes)
		return 0;
	file = fdopen(fd, "r");
	if (!file)
		return rr_err_sys(err, errno, "read the history '%s'", path);
	(void)rr_fd_take(&fd);
	r = read_on(feed, file, index->parts.numbers[i], &mark, &st, err);
	(void)fclose(file);
	return r;
}

/* ---- all of it ---- */

/* Parts that are gone, for their age. */
static int forget_parts(struct index *index, struct rr_err *err)
{
	char sql[200];
	unsigned long long first = index->parts.numbers[0];

	/* Nearly always there is none, which the small table tells at once; the deletion itself
	 * would look at every run. */
	(void)snprintf(sql, sizeof(sql), "SELECT number FROM parts WHERE number < %llu LIMIT 1",
		       first);
	if (index_number(index, sql) < 0)
		return 0;
	(void)snprintf(sql, sizeof(sql),
		       "DELETE FROM runs WHERE part < %llu; DELETE FROM parts WHERE number < %llu",
		       first, first);
	return index_run_sql(index, sql, err);
}

/* The bytes of all parts that no mark has passed, about. */
static uint64_t bytes_to_read(struct index *index)
{
	uint64_t total = 0;

	for (size_t i = 0; i < index->parts.n; i++) {
		char path[PATH_MAX];
		rr_autofd int fd = -1;
		struct mark mark;
		struct rr_err err;
		struct stat st;

		if (history_part_open(index->state_dir, &index->parts, i, path, &fd) == 0 &&
		    fd >= 0 && fstat(fd, &st) == 0 &&
		    read_mark(index, index->parts.numbers[i], &mark, &err) == 0 &&
		    st.st_size > mark.bytes)
			total += (uint64_t)(st.st_size - mark.bytes);
	}
	return total;
}

/* Adds the runs after that row to the totals. What is forgotten later stays counted. */
static int add_totals(struct index *index, int64_t after, struct rr_err *err)
{
	char sql[640];

	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO totals SELECT ifnull(profile, ''), ifnull(reason, ''), failed, "
		       "count(*), total(wall), total(cpu), total(waited), max(ended) FROM runs "
		       "WHERE rowid > %lld GROUP BY 1, 2, 3 "
		       "ON CONFLICT DO UPDATE SET runs = runs + excluded.runs, "
		       "wall = wall + excluded.wall, cpu = cpu + excluded.cpu, "
		       "waited = waited + excluded.waited, last = max(last, excluded.last)",
		       (long long)after);
	return index_run_sql(index, sql, err);
}

static int add_parts(struct index *index, struct rr_err *err)
{
	struct feed feed = { .index = index, .total = bytes_to_read(index) };
	int r = forget_parts(index, err);
	int64_t newest = index_number(index, "SELECT ifnull(max(rowid), 0) FROM runs");

	if (r < 0)
		return r;
	if (sqlite3_prepare_v2(
		    index->db,
		    "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
		    "?, ?, ?, ?)",
		    -1, &feed.insert, NULL) != SQLITE_OK)
		return index_error(index, "write the", err);
	bar_begin(&feed);
	for (size_t i = 0; r == 0 && i < index->parts.n; i++)
		r = add_part(&feed, i, err);
	bar_end(&feed);
	(void)sqlite3_finalize(feed.insert);
	return r < 0 || feed.done == 0 ? r : add_totals(index, newest, err);
}

/* A file that is mostly empty, as parts have gone, gets smaller. Where that cannot be just now
 * (others read it, or the disk is full), the next one tries. */
static void give_back(struct index *index)
{
	struct rr_err ignored;

	if (index_number(index, "PRAGMA freelist_count") * 2 >
	    index_number(index, "PRAGMA page_count"))
		rr_ignore(index_run_sql(index, "VACUUM", &ignored));
}

int index_update(struct index *index, struct rr_err *err)
{
	struct rr_err ignored;
	int r;

	index->tails = 0;
	history_parts_free(&index->parts);
	/* Whoever comes second waits, and finds little left to do. */
	r = index_run_sql(index, "BEGIN IMMEDIATE", err);
	if (r < 0)
		return r;
	r = history_parts_find(index->state_dir, &index->parts);
	if (r < 0)
		r = rr_err_sys(err, -r, "open the history '%.4000s/history'", index->state_dir);
	if (r == 0 && index->parts.n > 0)
		r = add_parts(index, err);
	if (r == 0)
		r = index_run_sql(index, "COMMIT", err);
	if (r == 0) {
		give_back(index);
		return 0;
	}
	rr_ignore(index_run_sql(index, "ROLLBACK", &ignored));
	return r;
}
