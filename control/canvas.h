/* SPDX-License-Identifier: MIT */
/*
 * A screenful of characters in styles, drawn before anybody knows whether a terminal library or a
 * pipe will show it. What does not fit is cut; what is no printable character is a question mark.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <wchar.h>

#include "base/err.h"

enum style {
	STYLE_PLAIN,
	STYLE_DIM,
	STYLE_TITLE,
	STYLE_CHOSEN, /* the row that keys act upon */
	STYLE_GOOD,
	STYLE_WARNING,
	STYLE_CRITICAL,
	STYLES_N
};

struct cell {
	wchar_t character; /* 0: the second half of the one before */
	enum style style;
};

struct canvas {
	int rows, columns;
	bool unicode; /* the locale can show bars and sparklines */
	struct cell *cells; /* owned */
};

#define CANVAS_MAX 1000 /* rows, and columns */

/* Blank, of that size (at least 1 x 1). 0 or -ENOMEM with words. */
rr_checked int canvas_make(int rows, int columns, struct canvas *ret, struct rr_err *err);
void canvas_free(struct canvas *canvas);
#define canvas_auto __attribute__((cleanup(canvas_free)))

/* Writes text into at most `width` columns from there on, and blanks into the rest of them. */
void canvas_text(struct canvas *canvas, int row, int column, int width, enum style style,
		 const char *text);
/* The same, at the right end of the field. */
void canvas_right(struct canvas *canvas, int row, int column, int width, enum style style,
		  const char *text);

/* "[||||    ]": percent, 0 to 100, of the field; negative: not known. */
void canvas_bar(struct canvas *canvas, int row, int column, int width, enum style style,
		double percent);

/* One column for each of the last `width` values, 0 to 100, the newest at the right; negative: not
 * known. */
void canvas_spark(struct canvas *canvas, int row, int column, int width, const double *percents,
		  size_t n);

/* Puts the whole row into that style. */
void canvas_restyle(struct canvas *canvas, int row, enum style style);

/* Prints it, without blanks at the ends of lines; with `color`, styles as terminals know them. */
void canvas_print(const struct canvas *canvas, bool color, FILE *out);
