# SPDX-License-Identifier: MIT
#
# What the pictures of the measuring scripts are drawn with. Scales are logarithmic: what is compared lies orders of
# magnitude apart.

function svg_begin(width, height)
{
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\"" \
		" font-family=\"sans-serif\" font-size=\"12\">\n", width, height, width, height
	printf "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width, height
}

function svg_end()
{
	print "</svg>"
}

function text(x, y, anchor, words)
{
	printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"#222222\">%s</text>\n", x, y, anchor, words
}

function line(x1, y1, x2, y2, color)
{
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x1, y1, x2, y2, color
}

function box(x, y, width, height, color)
{
	printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", x, y, width, height, color
}

# Which part of the way from low to high a value lies.
function part_of(value, low, high)
{
	if (value < low)
		value = low
	return log(value / low) / log(high / low)
}
