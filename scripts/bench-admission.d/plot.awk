# SPDX-License-Identifier: MIT
#
# Draws what bench-admission measured, as SVG. Reads lines "handover NAME WAITERS MEDIAN P99" (us) and
# "waiting NAME MS KIB". After scripts/bench.d/svg.awk.

BEGIN {
	split("resrun flock nq tsp sem", names)
	split("#0072b2 #8c8c8c #e69f00 #009e73 #cc79a7", colors)
	split("1 100 1000", groups)
	N = 5
	TOP = 70
	HEIGHT = 260
	BAR = 26
}

$1 == "handover" {
	median[$2, $3] = $4
	p99[$2, $3] = $5
}

$1 == "waiting" {
	cpu[$2] = $3
	kib[$2] = $4
}

END {
	svg_begin(980, 370)
	draw_legend()
	draw_handover(60)
	draw_bars(605, "1,000 waiters: CPU ms in 30 s", cpu, 1, 100000)
	draw_bars(825, "private KiB of each", kib, 10, 100000)
	svg_end()
}

function bar(x, y, color)
{
	box(x, y, BAR - 6, TOP + HEIGHT - y, color)
}

# Where a value lies, between low (at the bottom) and high.
function height_of(value, low, high)
{
	return TOP + HEIGHT - HEIGHT * part_of(value, low, high)
}

function draw_legend(    i)
{
	for (i = 1; i <= N; i++) {
		box(60 + 90 * (i - 1), 14, 12, 12, colors[i])
		text(78 + 90 * (i - 1), 24, "start", names[i])
	}
}

function draw_scale(x, width, low, high, form,    value)
{
	for (value = low; value <= high * 1.001; value *= 10) {
		line(x, height_of(value, low, high), x + width, height_of(value, low, high), "#dddddd")
		text(x - 6, height_of(value, low, high) + 4, "end", sprintf(form, value))
	}
}

# A bar up to the median, and from there a line to the 99th percentile.
function draw_handover(x,    g, i, at, low, high)
{
	low = 0.1
	high = 1000
	text(x, TOP - 20, "start", "hand-over, ms: median, and line to p99")
	draw_scale(x, 460, low, high, "%g")
	for (g = 1; g <= 3; g++) {
		for (i = 1; i <= N; i++) {
			at = x + 12 + 156 * (g - 1) + BAR * (i - 1)
			if (!((names[i], groups[g]) in median) || median[names[i], groups[g]] == "-")
				continue
			bar(at, height_of(median[names[i], groups[g]] / 1000, low, high), colors[i])
			line(at + (BAR - 6) / 2, height_of(p99[names[i], groups[g]] / 1000, low, high),
			     at + (BAR - 6) / 2, height_of(median[names[i], groups[g]] / 1000, low, high), "#222222")
		}
		text(x + 12 + 156 * (g - 1) + BAR * N / 2, TOP + HEIGHT + 20, "middle", groups[g] (g == 1 ? " waiter" : " waiters"))
	}
}

function draw_bars(x, title, values, low, high,    i, at, y)
{
	text(x - 30, TOP - 20, "start", title)
	draw_scale(x, 140, low, high, "%d")
	for (i = 1; i <= N; i++) {
		if (!(names[i] in values) || values[names[i]] == "-")
			continue
		at = x + 8 + BAR * (i - 1)
		y = height_of(values[names[i]], low, high)
		bar(at, y, colors[i])
		text(at + (BAR - 6) / 2, y - 5, "middle", values[names[i]])
	}
}
