/* SPDX-License-Identifier: MIT */
/* Reads a trace. Its fields hold no quotes and no commas. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/parse.h"
#include "control/replay.h"

#define TASKS_MAX 10000000
#define COLUMNS_MAX 64

enum column { PROCESS, STATUS, SUBMIT, MEMORY, PEAK, REALTIME, RCHAR, COLUMNS_N };

static const char *const column_names[COLUMNS_N] = { "process",	 "status",   "submit", "memory",
						     "peak_rss", "realtime", "rchar" };

struct reader {
	const char *path;
	size_t line;
	int place[COLUMNS_N]; /* of each column among the fields */
	size_t room;
};

/* Cuts the line into its fields. */
static size_t split(char *line, char *fields[static COLUMNS_MAX])
{
	size_t n = 0;

	line[strcspn(line, "\r\n")] = '\0';
	while (n < COLUMNS_MAX) {
		fields[n++] = line;
		line = strchr(line, ',');
		if (!line)
			break;
		*line++ = '\0';
	}
	return n;
}

static int read_names(struct reader *reader, char *line, struct rr_err *err)
{
	char *fields[COLUMNS_MAX];
	size_t n = split(line, fields);

	for (int column = 0; column < COLUMNS_N; column++) {
		reader->place[column] = -1;
		for (size_t i = 0; i < n; i++)
			if (strcmp(fields[i], column_names[column]) == 0)
				reader->place[column] = (int)i;
		if (reader->place[column] < 0)
			return rr_err_set(err, EINVAL, "%s:1: no column is named '%s'",
					  reader->path, column_names[column]);
	}
	return 0;
}

/* A field as a whole number; one that is empty, or "-", is 0. */
static int number_at(const struct reader *reader, char *const *fields, enum column column,
		     uint64_t *ret, struct rr_err *err)
{
	const char *text = fields[reader->place[column]];
	double value;

	*ret = 0;
	if (!*text || strcmp(text, "-") == 0)
		return 0;
	if (rr_parse_u64(text, ret) == 0)
		return 0;
	if (rr_parse_decimal(text, &value) < 0 || value > 1e18)
		return rr_err_set(err, EINVAL, "%s:%zu: %s: '%.40s' is not a number", reader->path,
				  reader->line, column_names[column], text);
	*ret = (uint64_t)value;
	return 0;
}

static int read_numbers(const struct reader *reader, char *const *fields, struct trace_task *task,
			struct rr_err *err)
{
	int r = number_at(reader, fields, SUBMIT, &task->submit, err);

	if (r == 0)
		r = number_at(reader, fields, MEMORY, &task->request_bytes, err);
	if (r == 0)
		r = number_at(reader, fields, PEAK, &task->peak_bytes, err);
	if (r == 0)
		r = number_at(reader, fields, REALTIME, &task->wall_ms, err);
	if (r == 0)
		r = number_at(reader, fields, RCHAR, &task->input_bytes, err);
	return r;
}

static int add_task(struct reader *reader, const struct trace_task *task, const char *process,
		    struct trace *trace, struct rr_err *err)
{
	if (trace->n == TASKS_MAX)
		return rr_err_set(err, E2BIG, "%s: more than %d tasks", reader->path, TASKS_MAX);
	if (trace->n == reader->room) {
		size_t room = reader->room ? 2 * reader->room : 1024;
		struct trace_task *bigger = realloc(trace->tasks, room * sizeof(*bigger));

		if (!bigger)
			return rr_err_sys(err, ENOMEM, "%s", reader->path);
		trace->tasks = bigger;
		reader->room = room;
	}
	trace->tasks[trace->n] = *task;
	trace->tasks[trace->n].order = trace->n;
	trace->tasks[trace->n].process = strdup(process);
	return trace->tasks[trace->n++].process ? 0 : rr_err_sys(err, ENOMEM, "%s", reader->path);
}

static int read_task(struct reader *reader, char *line, struct trace *trace, struct rr_err *err)
{
	char *fields[COLUMNS_MAX];
	size_t n = split(line, fields);
	struct trace_task task = { 0 };
	const char *status;
	int r;

	if (n == 1 && !*fields[0])
		return 0;
	for (int column = 0; column < COLUMNS_N; column++)
		if ((size_t)reader->place[column] >= n)
			return rr_err_set(err, EINVAL, "%s:%zu: there is no %s: the line is short",
					  reader->path, reader->line, column_names[column]);
	status = fields[reader->place[STATUS]];
	if (strcmp(status, "COMPLETED") != 0 && strcmp(status, "CACHED") != 0)
		return 0;
	r = read_numbers(reader, fields, &task, err);
	if (r < 0 || task.peak_bytes == 0)
		return r;
	return add_task(reader, &task, fields[reader->place[PROCESS]], trace, err);
}

static int by_process(const void *a, const void *b)
{
	const struct trace_task *x = a, *y = b;

	return strcmp(x->process, y->process);
}

static int by_submit(const void *a, const void *b)
{
	const struct trace_task *x = a, *y = b;

	if (x->submit != y->submit)
		return x->submit < y->submit ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void number_keys(struct trace *trace)
{
	qsort(trace->tasks, trace->n, sizeof(*trace->tasks), by_process);
	for (size_t i = 0; i < trace->n; i++) {
		if (i == 0 || strcmp(trace->tasks[i].process, trace->tasks[i - 1].process) != 0)
			trace->n_keys++;
		trace->tasks[i].key = trace->n_keys - 1;
	}
	qsort(trace->tasks, trace->n, sizeof(*trace->tasks), by_submit);
}

static int read_lines(struct reader *reader, FILE *file, struct trace *ret, struct rr_err *err)
{
	rr_autofree char *line = NULL;
	size_t room = 0;
	int r = 0;

	while (r == 0 && getline(&line, &room, file) > 0)
		r = ++reader->line == 1 ? read_names(reader, line, err)
					: read_task(reader, line, ret, err);
	if (r == 0 && reader->line == 0)
		r = rr_err_set(err, EINVAL, "%s:1: no column is named 'process': it is empty",
			       reader->path);
	if (r == 0 && ferror(file))
		r = rr_err_sys(err, EIO, "read '%s'", reader->path);
	return r;
}

int trace_read(const char *path, struct trace *ret, struct rr_err *err)
{
	struct reader reader = { .path = path };
	FILE *file = fopen(path, "re");
	int r;

	if (!file)
		return rr_err_sys(err, errno, "open '%s'", path);
	r = read_lines(&reader, file, ret, err);
	(void)fclose(file);
	if (r == 0 && ret->n > 0)
		number_keys(ret);
	return r;
}

void trace_free(struct trace *trace)
{
	for (size_t i = 0; i < trace->n; i++)
		free(trace->tasks[i].process);
	free(trace->tasks);
	*trace = (struct trace){ 0 };
}
