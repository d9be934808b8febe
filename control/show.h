/* SPDX-License-Identifier: MIT */
/*
 * How resrunctl shows things: tables through libsmartcols, which also makes foreign control
 * characters harmless; JSON in base units with null for what is not known; and one form of message
 * on stderr.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SHOW_SCHEMA 1
#define SHOW_UNKNOWN UINT64_MAX

/* "resrunctl: message" on stderr. */
rr_printf(1, 2) void show_note(const char *fmt, ...);

/* Prints the text, with what a terminal could take for a command written as \xHH. */
void show_safely(const char *text);

/* The same, and a newline; on a terminal broken between words. What is printed already of the first
 * line takes as many columns as there are blanks before the others. */
void show_wrapped(int indent, const char *text);

/* ---- tables ---- */

enum show_column_kind {
	SHOW_LEFT,
	SHOW_RIGHT,
	SHOW_CUT, /* left, and cut where the screen ends */
};

/* Columns of a table; the list ends with one that has no name. */
struct show_column {
	const char *name;
	enum show_column_kind kind;
};

struct libscols_table;

/* A table without rows, which is released when its scope ends; NULL out of memory, which all of
 * these functions take: the table is then not shown. */
struct libscols_table *show_table(const struct show_column *columns);
void show_table_done(struct libscols_table **slot);
#define show_auto_table __attribute__((cleanup(show_table_done)))

/* Lines that are longer than the terminal is wide stay whole. */
void show_whole_lines(struct libscols_table *table);

/* Adds a row: as many cells as there are columns; NULL is shown as "-". The text is copied. */
void show_row(struct libscols_table *table, const char *const *cells);

#define SHOW_NARROW 100 /* columns of a terminal; with fewer a wide table leaves something out */

/* Whether stdout is a terminal with fewer. */
bool show_is_narrow(void);

/* Prints it below its title, or, without a row, "TITLE: none". */
void show_print(struct libscols_table *table, const char *title);

/* ---- JSON ---- */

/* Sets object[name], and takes over the value. Out of memory the name is missing. */
void show_put(json_t *object, const char *name, json_t *value);
void show_put_text(json_t *object, const char *name, const char *text); /* NULL: null */
void show_put_count(json_t *object, const char *name, uint64_t count); /* SHOW_UNKNOWN: null */
void show_put_seconds(json_t *object, const char *name, uint64_t ns); /* SHOW_UNKNOWN: null */
void show_put_percent(json_t *object, const char *name, double percent); /* negative: null */
void show_put_bool(json_t *object, const char *name, bool value);

/* Prints the object, and releases it. 0, or -errno with words. */
rr_checked int show_json(json_t *object, struct rr_err *err);
