/* SPDX-License-Identifier: MIT */
#include "control/show.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "base/clock.h"
#include "control/show_plain.h"
#include "policy/report.h"

#define EVEN_SHARE 0.1 /* hint of width: no column more than another */
#define WORD_SIZE 512 /* longer ones are cut */
#define PERCENT_PARTS 100 /* a percentage is told to two places */

void show_note(const char *fmt, ...)
{
	va_list args;

	(void)fflush(stdout);
	(void)fputs("resrunctl: ", stderr);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fputc('\n', stderr);
}

void show_safely(const char *text)
{
	mbstate_t state = { 0 };

	while (*text) {
		wchar_t letter;
		size_t n = mbrtowc(&letter, text, MB_CUR_MAX, &state);
		bool sound = n != (size_t)-1 && n != (size_t)-2;

		if (sound && iswprint((wint_t)letter) && *text != '\\') {
			(void)printf("%.*s", (int)n, text);
			text += n;
			continue;
		}
		(void)printf("\\x%02x", (unsigned char)*text++);
		state = (mbstate_t){ 0 };
	}
}

/* The columns of the terminal that stdout is; 0: it is none. */
static int width_of_screen(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool show_is_narrow(void)
{
	int width = width_of_screen();

	return width > 0 && width < SHOW_NARROW;
}

/* As near as it matters: a character a column. */
static int columns_of(const char *word)
{
	int n = 0;

	for (; *word; word++)
		n += ((unsigned char)*word & 0xc0) != 0x80;
	return n;
}

void show_wrapped(int indent, const char *text)
{
	int width = width_of_screen(), at = indent;
	char word[WORD_SIZE];

	while (*text) {
		size_t length = strcspn(text, " ");

		(void)snprintf(word, sizeof(word), "%.*s", (int)length, text);
		if (width > 0 && at > indent && at + 1 + columns_of(word) > width) {
			(void)printf("\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			(void)putchar(' ');
			at++;
		}
		show_safely(word);
		at += columns_of(word);
		text += length;
		text += strspn(text, " ");
	}
	(void)putchar('\n');
}

/* ---- tables ---- */

struct libscols_table *show_table(const struct show_column *columns)
{
	static const int flags[] = {
		[SHOW_LEFT] = 0, [SHOW_RIGHT] = SCOLS_FL_RIGHT, [SHOW_CUT] = SCOLS_FL_TRUNC
	};
	struct libscols_table *table = scols_new_table();

	for (; table && columns->name; columns++)
		if (!scols_table_new_column(table, columns->name, EVEN_SHARE, flags[columns->kind]))
			show_table_done(&table);
	return table;
}

void show_table_done(struct libscols_table **slot)
{
	scols_unref_table(*slot);
	*slot = NULL;
}

void show_whole_lines(struct libscols_table *table)
{
	if (table)
		(void)scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
}

void show_row(struct libscols_table *table, const char *const *cells)
{
	struct libscols_line *line = table ? scols_table_new_line(table, NULL) : NULL;

	for (size_t i = 0; line && i < scols_table_get_ncols(table); i++)
		(void)scols_line_set_data(line, i, cells[i] && *cells[i] ? cells[i] : "-");
}

void show_print(struct libscols_table *table, const char *title)
{
	if (!table || scols_table_get_nlines(table) == 0) {
		(void)printf("%s: %s\n", title, table ? "none" : "not enough memory to show them");
		return;
	}
	(void)printf("%s:\n", title);
	if (width_of_screen() == 0 && show_plain(table))
		return;
	/* The library writes to the descriptor's stream itself. */
	(void)fflush(stdout);
	(void)scols_print_table(table);
}

/* ---- JSON ---- */

void show_put(json_t *object, const char *name, json_t *value)
{
	(void)json_object_set_new(object, name, value);
}

void show_put_text(json_t *object, const char *name, const char *text)
{
	show_put(object, name, report_string(text));
}

void show_put_count(json_t *object, const char *name, uint64_t count)
{
	show_put(object, name,
		 count == SHOW_UNKNOWN ? json_null() : json_integer((json_int_t)count));
}

void show_put_seconds(json_t *object, const char *name, uint64_t ns)
{
	/* To the microsecond: more digits would be noise. */
	show_put(object, name,
		 ns == SHOW_UNKNOWN
			 ? json_null()
			 : json_real((double)(uint64_t)((double)ns / RR_NS_PER_US) / 1e6));
}

void show_put_percent(json_t *object, const char *name, double percent)
{
	show_put(object, name,
		 percent < 0 ? json_null()
			     : json_real((double)(uint64_t)(percent * PERCENT_PARTS + 0.5) /
					 PERCENT_PARTS));
}

void show_put_bool(json_t *object, const char *name, bool value)
{
	show_put(object, name, json_boolean(value));
}

int show_json(json_t *object, struct rr_err *err)
{
	int r = object ? json_dumpf(object, stdout, JSON_INDENT(2) | REPORT_JSON_STYLE) : -1;

	json_decref(object);
	if (r < 0)
		return rr_err_set(err, ENOMEM, "the JSON could not be made or written");
	(void)putchar('\n');
	return 0;
}
