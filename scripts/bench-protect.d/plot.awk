# SPDX-License-Identifier: MIT
#
# Draws what bench-protect measured, as SVG: for each place a row for each candidate, with the task's latency on the left (a
# bar up to the median, and from there a line to the 99th percentile) and the encode's throughput on the right. Reads lines
# "PLACE NAME WORDS MEDIAN P99 PERCENT", separated by tabs. After scripts/bench.d/svg.awk.

BEGIN {
	FS = "\t"
	titles["outside"] = "without a cgroup"
	titles["plain"] = "with a cgroup"
	titles["systemd"] = "under systemd"
	LEFT = 270
	WIDTH = 360
	RIGHT = 690
	SHARE = 240
	ROW = 22
	LOW = 1
	HIGH = 10000
}

{
	rows++
	place[rows] = $1
	name[rows] = $2
	words[rows] = $3
	median[rows] = $4
	p99[rows] = $5
	percent[rows] = $6
	panels += $1 != place[rows - 1]
}

END {
	svg_begin(980, panels * 64 + rows * ROW + 20)
	y = 0
	for (i = 1; i <= rows; i++) {
		if (place[i] != place[i - 1])
			begin_panel(place[i])
		draw_row(i)
		y += ROW
	}
	svg_end()
}

function at(value)
{
	return LEFT + WIDTH * part_of(value, LOW, HIGH)
}

function begin_panel(which,    i, bottom, value)
{
	y += 24
	text(20, y, "start", titles[which])
	text(LEFT, y, "start", "latency, ms: median, and line to p99")
	text(RIGHT, y, "start", "frames, % of the bare encode's")
	y += 20
	bottom = y + 8
	for (i = 1; i <= rows; i++)
		bottom += place[i] == which ? ROW : 0
	for (value = LOW; value <= HIGH; value *= 10) {
		line(at(value), y + 4, at(value), bottom, "#dddddd")
		text(at(value), y, "middle", value)
	}
	y += 20
}

function draw_row(i)
{
	text(LEFT - 10, y + 4, "end", words[i])
	if (median[i] == "-") {
		text(LEFT + 4, y + 4, "start", "not here")
		return
	}
	box(LEFT, y - 7, at(median[i]) - LEFT, 14, name[i] ~ /^(weight|half|pressure)$/ ? "#0072b2" : "#8c8c8c")
	line(at(median[i]), y, at(p99[i]), y, "#222222")
	line(at(p99[i]), y - 5, at(p99[i]), y + 5, "#222222")
	if (percent[i] == "-")
		return
	box(RIGHT, y - 7, SHARE * percent[i] / 150, 14, "#e69f00")
	text(RIGHT + SHARE * percent[i] / 150 + 5, y + 4, "start", percent[i])
}
