/* SPDX-License-Identifier: MIT */
#include "control/top.h"

#include <curses.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "control/arguments.h"
#include "control/verbs.h"

#define FIRST_NS (300 * RR_NS_PER_MS) /* between the two looks that a CPU share needs */
#define ROWS 24 /* of a frame that no terminal shows */
#define COLUMNS 80

/* ---- a frame ---- */

static bool wants_color(void)
{
	const char *no_color = getenv("NO_COLOR");

	return !(no_color && *no_color);
}

static int columns_of(int fd)
{
	const char *asked = getenv("COLUMNS");
	struct winsize size;
	uint64_t n;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return asked && rr_parse_u64(asked, &n) == 0 && n > 0 && n <= CANVAS_MAX ? (int)n : COLUMNS;
}

/* CPU shares are differences: the second look is the first that knows them. */
static int look_twice(struct top *top, struct rr_err *err)
{
	struct timespec between = rr_timespec(FIRST_NS);
	int r = top_look(top, err);

	(void)nanosleep(&between, NULL);
	return r < 0 ? r : top_look(top, err);
}

/* As many rows as there are jobs. */
static int print_once(struct top *top, struct rr_err *err)
{
	canvas_auto struct canvas canvas = { .cells = NULL };
	int rows, r = look_twice(top, err);

	if (r < 0)
		return r;
	/* Nobody is there to choose one. */
	top->chosen[0] = '\0';
	rows = 9 + (int)(top->status.n_jobs < CANVAS_MAX ? top->status.n_jobs : CANVAS_MAX);
	r = canvas_make(rows > ROWS ? rows : ROWS, columns_of(STDOUT_FILENO), &canvas, err);
	if (r < 0)
		return r;
	top_draw(top, &canvas);
	/* Without the blank rows at its end. */
	canvas.rows = rows - 2 + (top->status.n_jobs == 0);
	canvas_print(&canvas, isatty(STDOUT_FILENO) && wants_color(), stdout);
	return 0;
}

/* ---- the screen ---- */

static attr_t attributes[STYLES_N];

static void choose_attributes(void)
{
	static const short colors[] = { COLOR_GREEN, COLOR_YELLOW, COLOR_RED };

	attributes[STYLE_DIM] = A_DIM;
	attributes[STYLE_TITLE] = A_BOLD;
	attributes[STYLE_CHOSEN] = A_REVERSE;
	attributes[STYLE_WARNING] = A_BOLD;
	attributes[STYLE_CRITICAL] = A_REVERSE;
	if (!wants_color() || !has_colors() || start_color() == ERR)
		return;
	(void)use_default_colors();
	for (short i = 0; i < 3; i++) {
		(void)init_pair((short)(i + 1), colors[i], -1);
		attributes[STYLE_GOOD + i] = (attr_t)COLOR_PAIR(i + 1);
	}
	attributes[STYLE_CRITICAL] |= A_BOLD;
}

static int open_screen(SCREEN **ret, struct rr_err *err)
{
	const char *term = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return rr_err_set(err, ENOTTY, "top needs a terminal; --once prints a frame");
	*ret = newterm(NULL, stdout, stdin);
	if (!*ret)
		return rr_err_set(err, ENOTTY, "the terminal '%s' is not known (TERM)",
				  term ? term : "");
	(void)cbreak();
	(void)noecho();
	(void)keypad(stdscr, TRUE);
	(void)set_escdelay(100); /* ms in which more of a key's sequence may come */
	(void)curs_set(0);
	choose_attributes();
	return 0;
}

static void close_screen(SCREEN *screen)
{
	(void)endwin();
	delscreen(screen);
}

static void show(const struct canvas *canvas)
{
	for (int row = 0; row < canvas->rows; row++) {
		(void)move(row, 0);
		for (int column = 0; column < canvas->columns; column++) {
			const struct cell *cell = &canvas->cells[row * canvas->columns + column];

			if (cell->character == L'\0')
				continue;
			(void)attrset(attributes[cell->style]);
			/* The last cell of all cannot be left: an error, though it is written. */
			(void)mvaddnwstr(row, column, &cell->character, 1);
		}
	}
	(void)refresh();
}

static int draw(struct top *top, struct rr_err *err)
{
	canvas_auto struct canvas canvas = { .cells = NULL };
	int r = canvas_make(LINES, COLS, &canvas, err);

	if (r < 0)
		return r;
	top_draw(top, &canvas);
	show(&canvas);
	return 0;
}

/* Keys until it is time for the next look. 1: it is; 0: the end; or -errno with words. */
static int wait_and_act(struct top *top, uint64_t until_ns, struct rr_err *err)
{
	for (;;) {
		uint64_t now_ns = rr_now_boot_ns();
		int key, r;

		if (now_ns >= until_ns)
			return 1;
		timeout((int)((until_ns - now_ns) / RR_NS_PER_MS) + 1);
		key = getch();
		/* No key in time; or never again one, as the terminal has gone. */
		if (key == ERR)
			return isatty(STDIN_FILENO);
		if (!top_take_key(top, key))
			return 0;
		/* Also when the size of the screen has changed (KEY_RESIZE). */
		if (key == KEY_RESIZE)
			(void)clear();
		r = draw(top, err);
		if (r < 0)
			return r;
	}
}

static int run_screen(struct top *top, struct rr_err *err)
{
	int r = look_twice(top, err);

	while (r == 0) {
		uint64_t begun_ns = rr_now_boot_ns();

		r = draw(top, err);
		if (r == 0)
			r = wait_and_act(top, begun_ns + top->interval_ns, err);
		if (r <= 0)
			return r;
		r = top_look(top, err);
	}
	return r;
}

static int follow(struct top *top, struct rr_err *err)
{
	SCREEN *screen;
	int r = open_screen(&screen, err);

	if (r < 0)
		return r;
	top_say_keys(top);
	r = run_screen(top, err);
	close_screen(screen);
	return r;
}

int verb_top(int argc, char **argv, struct rr_err *err)
{
	top_auto struct top top = { .interval_ns = 0 };
	const char *interval = NULL;
	bool once = false;
	const struct argument table[] = {
		{ .name = "interval",
		  .letter = 'i',
		  .value = "TIME",
		  .help = "look that often (2s)",
		  .text = &interval },
		{ .name = "once", .help = "print one frame and end", .flag = &once },
		{ .name = NULL },
	};
	struct operands none;
	int r = arguments_parse(argc, argv, "top [OPTION]...", table, &none, err);

	if (r == 0)
		r = arguments_at_most(&none, 0, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = top_open(&top, err);
	if (r == 0 && interval &&
	    (rr_parse_time(interval, &top.interval_ns) < 0 || top.interval_ns < RR_NS_PER_S / 10 ||
	     top.interval_ns > 3600 * RR_NS_PER_S))
		return rr_err_set(
			err, EINVAL,
			"--interval: '%s' is no time from 100ms to 1h; see resrunctl --help",
			interval);
	if (r == 0)
		r = once ? print_once(&top, err) : follow(&top, err);
	return r;
}
