/* SPDX-License-Identifier: MIT */
#include "control/canvas.h"

#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

int canvas_make(int rows, int columns, struct canvas *ret, struct rr_err *err)
{
	struct canvas canvas = { .rows = rows, .columns = columns };

	canvas.rows = rows < 1 ? 1 : rows > CANVAS_MAX ? CANVAS_MAX : rows;
	canvas.columns = columns < 1 ? 1 : columns > CANVAS_MAX ? CANVAS_MAX : columns;
	canvas.unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	canvas.cells = calloc((size_t)canvas.rows * (size_t)canvas.columns, sizeof(*canvas.cells));
	if (!canvas.cells)
		return rr_err_sys(err, ENOMEM, "a screen");
	for (int i = 0; i < canvas.rows * canvas.columns; i++)
		canvas.cells[i].character = L' ';
	*ret = canvas;
	return 0;
}

void canvas_free(struct canvas *canvas)
{
	free(canvas->cells);
	canvas->cells = NULL;
}

static void put(struct canvas *canvas, int row, int column, enum style style, wchar_t character)
{
	if (row >= 0 && row < canvas->rows && column >= 0 && column < canvas->columns)
		canvas->cells[row * canvas->columns + column] = (struct cell){ character, style };
}

/* The next character of the text, one that can be shown, and its width. 0 at the end. */
static size_t next_character(const char *text, wchar_t *ret, int *ret_width)
{
	mbstate_t state = { 0 };
	size_t length = mbrtowc(ret, text, MB_LEN_MAX, &state);

	if (length == 0)
		return 0;
	*ret_width = length > MB_LEN_MAX ? -1 : wcwidth(*ret);
	if (*ret_width > 0)
		return length;
	/* Not text of this locale, a control character, or one without width. */
	*ret = L'?';
	*ret_width = 1;
	return length > MB_LEN_MAX ? 1 : length;
}

static int width_of(const char *text)
{
	wchar_t character;
	int sum = 0, width;
	size_t length;

	for (; (length = next_character(text, &character, &width)) > 0; text += length)
		sum += width;
	return sum;
}

void canvas_text(struct canvas *canvas, int row, int column, int width, enum style style,
		 const char *text)
{
	int end = column + width < canvas->columns ? column + width : canvas->columns, wide;
	wchar_t character;
	size_t length;

	for (; (length = next_character(text, &character, &wide)) > 0; text += length) {
		if (column + wide > end)
			break;
		put(canvas, row, column, style, character);
		if (wide == 2)
			put(canvas, row, column + 1, style, L'\0');
		column += wide;
	}
	for (; column < end; column++)
		put(canvas, row, column, style, L' ');
}

void canvas_right(struct canvas *canvas, int row, int column, int width, enum style style,
		  const char *text)
{
	int used = width_of(text);

	if (used < width) {
		canvas_text(canvas, row, column, width - used, style, "");
		column += width - used;
		width = used;
	}
	canvas_text(canvas, row, column, width, style, text);
}

static double within(double percent)
{
	return percent < 0 ? 0 : percent > 100 ? 100 : percent;
}

void canvas_bar(struct canvas *canvas, int row, int column, int width, enum style style,
		double percent)
{
	int inner = width - 2, full = (int)(within(percent) / 100 * inner + 0.5);

	if (inner < 1)
		return;
	put(canvas, row, column, STYLE_PLAIN, L'[');
	for (int i = 0; i < inner; i++)
		put(canvas, row, column + 1 + i, style,
		    percent < 0	      ? L'?'
		    : i >= full	      ? L' '
		    : canvas->unicode ? L'\u2588'
				      : L'|');
	put(canvas, row, column + 1 + inner, STYLE_PLAIN, L']');
}

void canvas_spark(struct canvas *canvas, int row, int column, int width, const double *percents,
		  size_t n)
{
	static const wchar_t plain[] = L"_.,-~=+#";
	size_t skipped = n > (size_t)width ? n - (size_t)width : 0;

	column += width - (int)(n - skipped);
	for (size_t i = skipped; i < n; i++, column++) {
		/* Eight heights, the first of them for nothing at all too. */
		int height = (int)(within(percents[i]) / 100 * 7 + 0.5);

		put(canvas, row, column, STYLE_PLAIN,
		    percents[i] < 0   ? L' '
		    : canvas->unicode ? (wchar_t)(L'\u2581' + height)
				      : plain[height]);
	}
}

void canvas_restyle(struct canvas *canvas, int row, enum style style)
{
	for (int column = 0; row >= 0 && row < canvas->rows && column < canvas->columns; column++)
		canvas->cells[row * canvas->columns + column].style = style;
}

static int last_used(const struct canvas *canvas, int row)
{
	int last = canvas->columns;

	while (last > 0 && canvas->cells[row * canvas->columns + last - 1].character == L' ')
		last--;
	return last;
}

static void print_row(const struct canvas *canvas, int row, bool color, FILE *out)
{
	static const char *const codes[STYLES_N] = { "0", "2", "1", "7", "32", "33", "1;31" };
	enum style now = STYLE_PLAIN;
	int end = last_used(canvas, row);

	for (int column = 0; column < end; column++) {
		const struct cell *cell = &canvas->cells[row * canvas->columns + column];
		char bytes[MB_LEN_MAX];
		mbstate_t state = { 0 };
		size_t length;

		if (cell->character == L'\0')
			continue;
		if (color && cell->style != now)
			(void)fprintf(out, "\033[0;%sm", codes[cell->style]);
		now = cell->style;
		length = wcrtomb(bytes, cell->character, &state);
		(void)fwrite(length > MB_LEN_MAX ? "?" : bytes, 1, length > MB_LEN_MAX ? 1 : length,
			     out);
	}
	if (color && now != STYLE_PLAIN)
		(void)fputs("\033[0m", out);
	(void)fputc('\n', out);
}

void canvas_print(const struct canvas *canvas, bool color, FILE *out)
{
	for (int row = 0; row < canvas->rows; row++)
		print_row(canvas, row, color, out);
}
