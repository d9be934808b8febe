/* SPDX-License-Identifier: MIT */
#include "control/show_plain.h"

#include <libsmartcols/libsmartcols.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 32

/* A column as it is printed: names and cells are as wide as the widest of them. */
struct plain_column {
	int width;
	bool right;
};

struct plain {
	struct plain_column columns[COLUMNS_MAX];
	size_t n;
};

/* A backslash is doubled when something is encoded. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~' || *text == '\\')
			return false;
	return true;
}

static bool widen(struct plain_column *column, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	if (length > (size_t)column->width)
		column->width = (int)length;
	return text && length < INT16_MAX && is_plain(text);
}

static const char *name_of(struct libscols_table *table, size_t i)
{
	return scols_cell_get_data(scols_column_get_header(scols_table_get_column(table, i)));
}

static const char *cell_of(struct libscols_line *line, size_t i)
{
	return scols_cell_get_data(scols_line_get_cell(line, i));
}

static bool measure(struct libscols_table *table, struct libscols_iter *rows, struct plain *ret)
{
	struct libscols_line *line;

	ret->n = scols_table_get_ncols(table);
	if (ret->n == 0 || ret->n > COLUMNS_MAX)
		return false;
	for (size_t i = 0; i < ret->n; i++) {
		ret->columns[i].width = 0;
		ret->columns[i].right = scols_column_is_right(scols_table_get_column(table, i));
		if (!widen(&ret->columns[i], name_of(table, i)))
			return false;
	}
	while (scols_table_next_line(table, rows, &line) == 0)
		for (size_t i = 0; i < ret->n; i++)
			if (!widen(&ret->columns[i], cell_of(line, i)))
				return false;
	return true;
}

/* No blanks at the end of a line. */
static void print_cell(const struct plain *plain, size_t i, const char *text)
{
	const struct plain_column *column = &plain->columns[i];
	bool last = i + 1 == plain->n;

	if (column->right)
		(void)printf("%*s", column->width, text);
	else
		(void)printf("%-*s", last ? 0 : column->width, text);
	(void)putchar(last ? '\n' : ' ');
}

bool show_plain(struct libscols_table *table)
{
	struct libscols_iter *rows = scols_new_iter(SCOLS_ITER_FORWARD);
	struct libscols_line *line;
	struct plain plain;
	bool done = rows && measure(table, rows, &plain);

	if (done) {
		for (size_t i = 0; i < plain.n; i++)
			print_cell(&plain, i, name_of(table, i));
		scols_reset_iter(rows, SCOLS_ITER_FORWARD);
		while (scols_table_next_line(table, rows, &line) == 0)
			for (size_t i = 0; i < plain.n; i++)
				print_cell(&plain, i, cell_of(line, i));
	}
	scols_free_iter(rows);
	return done;
}
