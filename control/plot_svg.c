/* SPDX-License-Identifier: MIT */
/*
 * One panel below the other, all over the same runs: a mark for each run, whose shape tells as well
 * as its colour how it ended, what was learned as a dashed line, and the cap as a dotted one. The
 * colours are those of Okabe and Ito, which people with any kind of colour vision tell apart.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "control/plot.h"

#define WIDTH 820
#define HEIGHT 780
#define LEFT 90 /* of what is drawn into */
#define RIGHT 800
#define FIRST_TOP 104
#define PANEL 180
#define PITCH 220 /* from panel to panel */
#define TICKS 4 /* about as many on the upright axis */
#define MANY 150 /* runs: their marks are smaller */
#define KIB 1024.0

#define BLUE "#0072b2"
#define ORANGE "#d55e00"
#define GREEN "#009e73"
#define PURPLE "#aa4499"
#define INK "#222222"

/* What a panel's axis counts in. */
struct axis {
	const char *label, *unit;
	double scale; /* of the unit */
	double step, top; /* in units */
};

/* ---- text ---- */

/* What XML does not allow, and what is no UTF-8, becomes "?". */
static void put_text(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		int more = *c >= 0xf0 ? 3 : *c >= 0xe0 ? 2 : *c >= 0xc2 ? 1 : 0;
		bool sound = *c < 0x80 ? *c >= ' ' && *c != 0x7f : *c >= 0xc2 && *c < 0xf5;

		for (int i = 1; sound && i <= more; i++)
			sound = (c[i] & 0xc0) == 0x80;
		if (!sound)
			(void)putchar('?');
		else if (*c == '&')
			(void)fputs("&amp;", stdout);
		else if (*c == '<')
			(void)fputs("&lt;", stdout);
		else
			(void)printf("%.*s", more + 1, (const char *)c);
		c += sound ? more : 0;
	}
}

static const char *day_of(uint64_t wall_ns, char buf[static RR_RFC3339_SIZE])
{
	(void)rr_format_wall(wall_ns, buf);
	buf[strlen("2026-01-31")] = '\0';
	return buf;
}

/* ---- where things stand ---- */

static double largest_of(const struct plot *plot, enum plot_quantity quantity)
{
	double largest = plot->learned[quantity];

	for (size_t i = 0; i < plot->n; i++)
		largest = fmax(largest,
			       fmax(plot->runs[i].value[quantity], plot->runs[i].cap[quantity]));
	return largest;
}

static void choose_unit(enum plot_quantity quantity, double largest, struct axis *ret)
{
	static const struct axis memory[] = {
		{ "memory needed", "KiB", KIB, 0, 0 },
		{ "memory needed", "MiB", KIB * KIB, 0, 0 },
		{ "memory needed", "GiB", KIB * KIB * KIB, 0, 0 },
		{ "memory needed", "TiB", KIB * KIB * KIB * KIB, 0, 0 },
	};
	static const struct axis duration[] = {
		{ "duration", "ms", 1e-3, 0, 0 },
		{ "duration", "s", 1, 0, 0 },
		{ "duration", "min", 60, 0, 0 },
		{ "duration", "h", 3600, 0, 0 },
	};
	const struct axis *units = quantity == PLOT_MEMORY ? memory : duration;
	int i = 0;

	*ret = (struct axis){ "CPUs in use", "mean", 1, 0, 0 };
	if (quantity == PLOT_CPUS)
		return;
	while (i < 3 && largest >= 2 * units[i + 1].scale)
		i++;
	*ret = units[i];
}

/* Steps of 1, 2 or 5 times a power of ten; the axis ends with one. */
static void find_axis(const struct plot *plot, enum plot_quantity quantity, struct axis *ret)
{
	double largest = largest_of(plot, quantity), rough, power = 1;

	choose_unit(quantity, largest, ret);
	largest = largest > 0 ? largest / ret->scale : 1;
	rough = largest / TICKS;
	while (power > rough)
		power /= 10;
	while (power * 10 <= rough)
		power *= 10;
	rough /= power;
	ret->step = power * (rough <= 1 ? 1 : rough <= 2 ? 2 : rough <= 5 ? 5 : 10);
	/* A little room above what is largest. */
	ret->top = ret->step * ceil(largest * 1.02 / ret->step);
}

static double x_of(const struct plot *plot, size_t run)
{
	return LEFT + (RIGHT - LEFT) * ((double)run + 0.5) / (double)plot->n;
}

static double y_of(const struct axis *axis, double top, double value)
{
	return top + PANEL * (1 - value / axis->scale / axis->top);
}

/* ---- one panel ---- */

static void draw_axes(const struct axis *axis, double top)
{
	(void)printf("<rect x=\"%d\" y=\"%.0f\" width=\"%d\" height=\"%d\" fill=\"none\" "
		     "stroke=\"#888888\"/>\n",
		     LEFT, top, RIGHT - LEFT, PANEL);
	for (int i = 0; i <= (int)(axis->top / axis->step + 0.5); i++) {
		double at = i * axis->step, y = top + PANEL * (1 - at / axis->top);

		(void)printf("<path d=\"M%d %.1fH%d\" stroke=\"#dddddd\"/>"
			     "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.10g</text>\n",
			     LEFT, y, RIGHT, LEFT - 8, y + 4, at);
	}
	(void)printf("<text transform=\"translate(22 %.0f) rotate(-90)\" text-anchor=\"middle\">%s "
		     "(%s)</text>\n",
		     top + PANEL / 2.0, axis->label, axis->unit);
}

/* The cap, run by run, as it can have been another each time. */
static void draw_cap(const struct plot *plot, enum plot_quantity quantity, const struct axis *axis,
		     double top)
{
	double half = (RIGHT - LEFT) / 2.0 / (double)plot->n;
	bool open = false;

	(void)printf("<path fill=\"none\" stroke=\"" PURPLE
		     "\" stroke-width=\"2\" stroke-dasharray=\"2 3\" d=\"");
	for (size_t i = 0; i < plot->n; i++) {
		double cap = plot->runs[i].cap[quantity], y = y_of(axis, top, cap);

		if (cap >= 0)
			(void)printf("%c%.1f %.1fH%.1f", open ? 'L' : 'M', x_of(plot, i) - half, y,
				     x_of(plot, i) + half);
		open = cap >= 0;
	}
	(void)puts("\"/>");
}

static void draw_learned(const struct axis *axis, double top, double learned)
{
	if (learned >= 0)
		(void)printf("<path d=\"M%d %.1fH%d\" stroke=\"" GREEN
			     "\" stroke-width=\"2\" stroke-dasharray=\"9 5\"/>\n",
			     LEFT, y_of(axis, top, learned), RIGHT);
}

/* A dot, a cross, or a triangle. */
static void draw_mark(double x, double y, double size, enum plot_end end)
{
	if (end == PLOT_EXITED)
		(void)printf("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"" BLUE "\"/>\n", x,
			     y, size);
	else if (end == PLOT_FAILED)
		(void)printf("<path d=\"M%.1f %.1fl%.1f %.1fm0 %.1fl%.1f %.1f\" stroke=\"" INK
			     "\" stroke-width=\"2\"/>\n",
			     x - size, y - size, 2 * size, 2 * size, -2 * size, -2 * size,
			     2 * size);
	else
		(void)printf("<path d=\"M%.1f %.1fl%.1f %.1fh%.1fz\" fill=\"" ORANGE "\"/>\n", x,
			     y - 1.5 * size, 1.5 * size, 2.5 * size, -3 * size);
}

static void draw_runs(const struct plot *plot, enum plot_quantity quantity, const struct axis *axis,
		      double top)
{
	double size = plot->n > MANY ? 2 : 4;

	for (size_t i = 0; i < plot->n; i++)
		if (plot->runs[i].value[quantity] >= 0)
			draw_mark(x_of(plot, i), y_of(axis, top, plot->runs[i].value[quantity]),
				  size, plot->runs[i].end);
}

static void draw_panel(const struct plot *plot, enum plot_quantity quantity)
{
	double top = FIRST_TOP + (double)quantity * PITCH;
	struct axis axis;

	find_axis(plot, quantity, &axis);
	draw_axes(&axis, top);
	draw_cap(plot, quantity, &axis, top);
	draw_learned(&axis, top, plot->learned[quantity]);
	draw_runs(plot, quantity, &axis, top);
}

/* ---- the whole ---- */

static void draw_legend(void)
{
	double y = 76;

	draw_mark(LEFT + 6, y, 4, PLOT_EXITED);
	draw_mark(LEFT + 106, y, 4, PLOT_FAILED);
	draw_mark(LEFT + 186, y, 4, PLOT_KILLED);
	(void)printf("<path d=\"M%d %.0fh36\" stroke=\"" GREEN
		     "\" stroke-width=\"2\" stroke-dasharray=\"9 5\"/>\n",
		     LEFT + 330, y);
	(void)printf("<path d=\"M%d %.0fh36\" stroke=\"" PURPLE
		     "\" stroke-width=\"2\" stroke-dasharray=\"2 3\"/>\n",
		     LEFT + 560, y);
	(void)printf("<text x=\"%d\" y=\"80\">exited 0</text><text x=\"%d\" "
		     "y=\"80\">failed</text><text x=\"%d\" y=\"80\">killed for "
		     "memory</text><text x=\"%d\" y=\"80\">learned for the next run</text>"
		     "<text x=\"%d\" y=\"80\">cap</text>\n",
		     LEFT + 18, LEFT + 118, LEFT + 198, LEFT + 374, LEFT + 604);
}

static void draw_days(const struct plot *plot)
{
	char first[RR_RFC3339_SIZE], last[RR_RFC3339_SIZE];

	(void)printf("<text x=\"%d\" y=\"%d\">%s</text>", LEFT, HEIGHT - 36,
		     day_of(plot->runs[0].ended_wall_ns, first));
	(void)printf("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", RIGHT, HEIGHT - 36,
		     day_of(plot->runs[plot->n - 1].ended_wall_ns, last));
	(void)printf("<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">run, oldest first (%zu of "
		     "them)</text>\n",
		     (LEFT + RIGHT) / 2, HEIGHT - 16, plot->n);
}

void plot_draw(const struct plot *plot)
{
	(void)printf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
		     "width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\" "
		     "fill=\"" INK "\" role=\"img\">\n<title>Runs of ",
		     WIDTH, HEIGHT, WIDTH, HEIGHT);
	put_text(plot->key);
	(void)puts("</title>\n<desc>Memory needed, CPUs in use and duration of each run, oldest "
		   "first, with what was learned and the caps.</desc>\n"
		   "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>");
	(void)printf("<text x=\"%d\" y=\"40\" font-size=\"20\">Runs of ", LEFT);
	put_text(plot->key);
	(void)puts("</text>");
	draw_legend();
	for (int i = 0; i < PLOT_N; i++)
		draw_panel(plot, i);
	draw_days(plot);
	(void)puts("</svg>");
}
