#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# crierd is killed (-9) at all sorts of moments and started again under traffic: not a copy is
# lost, and rooms, members and settings are there again, from the pinned maps alone.
#
#   pub ── e0 [edge] e1 ── lsn: 2,000 who stay, 8,000 whose joining is cut short
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
room talk 5000
room other 5002 --ssrc 5 --pt 96
{ listeners 1500 && listeners6 500; } >"$T/stay"
members talk <"$T/stay"
listeners 8000 100000 >"$T/late"
ctl set ttl 61 >/dev/null || fail "set"

# kept: what the next crierd has to know of what the last one did; and the program on the
# interfaces changes in place: a link made anew would let packets past it meanwhile.
kept()
{
	local link
	api GET /v1/rooms | jq -Sc '[.rooms[] | {name, id, generation, payload, streams:
		[.streams[] | del(.accepted, .refused)]}] | sort_by(.id)'
	api GET /v1/settings/ttl | jq .value
	for link in e0 e1 crier0p; do
		in_edge bpftool -j link show pinned "$PIN_DIR/link_$link" | jq .id
	done
}

judge_start --room talk --listeners "$T/stay" --churners "$T/late" --log "$T/p1.pub" --expect-ttl 61
publish p1 5000 --room talk --rate 25 --seconds "${RESTART_S:-15}"
before=$(kept)
kills=0
while alive p1; do
	for moment in 0 0.003 0.01 0.03 0.1; do
		ctl listener add talk --file "$T/late" >/dev/null 2>&1 &
		joining=$!
		sleep $moment
		stop crierd KILL
		wait $joining
		crierd_start
		kills=$((kills + 1))
		want "what is kept after kill $kills" "$before" "$(kept)"
		listed=$(ctl listener list talk | sort | uniq -c | awk '$1 > 1 { d++ } END { print NR, d + 0 }')
		want "listeners listed and listed twice" "$(count_of talk) 0" "$listed"
		ctl listener del talk --file "$T/late" >/dev/null || fail "listener del"
		want "listeners left" 2000 "$(count_of talk)"
	done
done
wait_end p1
echo "$kills kills"
all_right
reconciles talk
stop dp
stop crierd
