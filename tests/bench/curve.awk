# SPDX-License-Identifier: BSD-3-Clause
# curve.awk -v op=OP -v pattern=P -v threads=T -v title=TITLE TABLES.json: one value of
# every table over the number of inodes, as SVG. Both axes are logarithmic.

function x(n) {
	return 60 + 520 * (log(n) - log(x0)) / (log(x1) - log(x0))
}

function y(v) {
	return 350 - 300 * (log(v) - log(y0)) / (log(y1) - log(y0))
}

function text(at_x, at_y, anchor, s) {
	printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", at_x, at_y, anchor, s
}

function line(ax, ay, bx, by, style) {
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", ax, ay, bx, by, style
}

/^{"name"/ { tables[++count] = field("name") }

/"median"/ && field("op") == op && field("pattern") == pattern && field("threads") == threads {
	n = field("size") + 0
	v = field("median") + 0
	if (v <= 0)
		next
	t = field("table")
	points[t] = points[t] " " n ":" v
	if (!x0 || n < x0)
		x0 = n
	if (n > x1)
		x1 = n
	if (!lowest || v < lowest)
		lowest = v
	if (v > highest)
		highest = v
}

function axes(    n, v) {
	for (n = x0; n <= x1; n *= 10) {
		line(x(n), 50, x(n), 350, "stroke=\"#ddd\"")
		text(x(n), 368, "middle", n >= 1000000 ? n / 1000000 " M" : n / 1000 " k")
	}
	for (v = y0; v <= y1; v *= 10) {
		line(60, y(v), 580, y(v), "stroke=\"#ddd\"")
		text(54, y(v) + 4, "end", v)
	}
	text(320, 388, "middle", "inodes")
	text(320, 30, "middle", title)
}

function curve(i,    t, n, all, k, pair, style) {
	t = tables[i]
	n = split(points[t], all, " ")
	if (n == 0)
		return
	style = "stroke=\"" colour[i] "\" stroke-width=\"" (i == 1 ? 3 : 1.5) "\""
	printf "<polyline fill=\"none\" %s points=\"", style
	for (k = 1; k <= n; k++) {
		split(all[k], pair, ":")
		printf "%.1f,%.1f ", x(pair[1]), y(pair[2])
	}
	print "\"/>"
	shown++
	line(595, 40 + 20 * shown, 615, 40 + 20 * shown, style)
	text(621, 44 + 20 * shown, "start", t)
}

END {
	if (!count || !highest)
		exit 1
	if (x0 == x1)
		x1 = x0 * 10
	for (y0 = 1; y0 * 10 <= lowest; y0 *= 10)
		;
	for (; y0 > lowest; y0 /= 10)
		;
	for (y1 = y0 * 10; y1 < highest; y1 *= 10)
		;
	split("#d62728 #7f7f7f #1f77b4 #17becf #2ca02c #9467bd #8c564b #ff7f0e #000000", colour, " ")
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"730\" height=\"400\" " \
		"font-family=\"sans-serif\" font-size=\"12\">"
	print "<rect width=\"730\" height=\"400\" fill=\"white\"/>"
	axes()
	for (i = 1; i <= count; i++)
		curve(i)
	print "</svg>"
}
