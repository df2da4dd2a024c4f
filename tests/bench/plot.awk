# SPDX-License-Identifier: BSD-2-Clause
# Lines of "members ns ceiling" into an SVG: the cost a copy by the size of the room, log x.

function x_of(members) { return left + (log(members) - lo) / (hi - lo) * width }
function y_of(ns) { return top + height - ns / most * height }
function text(x, y, anchor, words) {
	printf "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, words
}
function line(x1, y1, x2, y2, colour) {
	printf "<line x1=\"%.0f\" y1=\"%.0f\" x2=\"%.0f\" y2=\"%.0f\" stroke=\"%s\"/>\n", x1, y1, x2, y2, colour
}
function short(n) { return n >= 1e6 ? n / 1e6 "M" : n >= 1e3 ? n / 1e3 "k" : n }
function curve(values, colour, name, label_y,    i) {
	printf "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"%s\" points=\"", colour
	for (i = 1; i <= n; i++)
		printf "%.1f,%.1f ", x_of(members[i]), y_of(values[i])
	print "\"/>"
	for (i = 1; i <= n; i++)
		printf "<circle r=\"3\" fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\"><title>%s %s: %s ns</title></circle>\n",
			colour, x_of(members[i]), y_of(values[i]), name, short(members[i]), values[i]
	printf "<g fill=\"%s\">", colour
	text(left + width + 8, y_of(values[n]) + label_y, "start", name)
	print "</g>"
}

$2 + 0 > 0 {
	members[++n] = $1
	ns[n] = $2
	ceiling[n] = $3
	if ($2 > most)
		most = $2
	if ($3 > most)
		most = $3
}

END {
	if (n < 2) {
		print "plot.awk: needs two points at least" >"/dev/stderr"
		exit 1
	}
	left = 70; top = 40; width = 560; height = 320
	step = most > 100 ? 50 : most > 40 ? 10 : 5
	most = (int(most / step) + 1) * step
	lo = log(members[1]); hi = log(members[n])
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"430\" font-family=\"sans-serif\" font-size=\"12\">"
	print "<rect width=\"760\" height=\"430\" fill=\"white\"/>"
	for (y = 0; y <= most; y += step) {
		line(left, y_of(y), left + width, y_of(y), y ? "#ddd" : "black")
		text(left - 8, y_of(y) + 4, "end", y)
	}
	line(left, top, left, top + height, "black")
	for (i = 1; i <= n; i++) {
		line(x_of(members[i]), top + height, x_of(members[i]), top + height + 5, "black")
		text(x_of(members[i]), top + height + 20, "middle", short(members[i]))
	}
	text(left + width / 2, top + height + 45, "middle", "members of the room (logarithmic)")
	printf "<g transform=\"rotate(-90 20 %.0f)\">", top + height / 2
	text(20, top + height / 2, "middle", "nanoseconds a copy")
	print "</g>"
	text(left + width / 2, 22, "middle", "The cost of a copy, 154-byte frames, one core, net_null")
	curve(ceiling, "#888", "store ceiling", 12)
	curve(ns, "#c33", "crier", -4)
	print "</svg>"
}
