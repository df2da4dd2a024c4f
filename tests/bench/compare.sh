# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# scripts/bench --compare: two files of JSON lines, side by side.

WORSE_PCT=5

# For people: a table; a ratio that is worse by WORSE_PCT or more is flagged, and what one file
# alone has is said.  Ratios are the better the higher, but for bytes.
# shellcheck disable=SC2016 # jq's variables
COMPARE='
def by_case: map(select($benches == [] or IN(.bench; $benches[]))) |
	map({key: "\(.bench)\t\(.case)", value: .}) | from_entries;
def loss: if .new.unit == "bytes/listener" then (.new.ratio / .old.ratio - 1) * 100
	else (1 - .new.ratio / .old.ratio) * 100 end;
def verdict:
	if .new == null then "missing in the new file"
	elif .old == null then "new"
	elif .new.sink_limited then "does not count: its sink was the limit"
	elif .old.ratio == null and .new.ratio == null then "no ratio"
	elif .old.ratio == null or .new.ratio == null then "no ratio to compare with"
	elif loss > $worse - 1e-9 then "WORSE by \(loss * 10 | round / 10)%"
	else "ok" end;
($old | by_case) as $o | ($new | by_case) as $n |
($o + $n | keys_unsorted[]) as $k | {old: $o[$k], new: $n[$k]} |
[($k | split("\t"))[], .old.ratio // "-", .new.ratio // "-", verdict] | @tsv'

# compare_rows OLD NEW [BENCH...]
compare_rows()
{
	jq -rn --slurpfile old "$1" --slurpfile new "$2" --argjson worse "$WORSE_PCT" \
		--argjson benches "$(printf '%s\n' "${@:3}" | jq -Rcn '[inputs | select(. != "")]')" "$COMPARE"
}

check_lines()
{
	jq -se 'length > 0 and all(.[]; has("bench") and has("case") and has("ratio"))' "$1" >/dev/null 2>&1 &&
		return
	echo "bench: $1 is no output of scripts/bench --json" >&2
	return 1
}

# compare OLD NEW [BENCH...]: 0, 1 if something is worse, 2 if a file is none of ours.
compare()
{
	local rows
	check_lines "$1" && check_lines "$2" || return 2
	rows=$(compare_rows "$@") || return 2
	printf 'bench\tcase\told\tnew\t\n%s\n' "$rows" |
		awk -F '\t' '{ printf "%-7s %-38s %8s %8s  %s\n", $1, $2, $3, $4, $5 }'
	! grep -q $'\tWORSE' <<<"$rows"
}
