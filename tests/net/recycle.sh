#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Rooms deleted in mid-sweep and made again on the very same pages: no copy crosses rooms, and a
# room beside them loses nothing.
#
#   pub: red, blue, green ── e0 [edge] e1 ── lsn: 20,000 in red or blue in turn, 100 in green
. "$(dirname "$0")/lib.sh"

topology
# Just the pages for one of the big rooms and the small one: each takes over the other's.
crierd_start --max-listeners 20736
dp_start
room green 5002
listeners 100 900000 >"$T/green"
members green <"$T/green"
listeners 20000 1 >"$T/red"
listeners 20000 100000 >"$T/blue"

# Sweeps that take most of the time between two packets: rooms are deleted in the middle of one,
# and others take their pages.
for setting in 'pace_pct 90' 'burst_copies 10'; do
	# shellcheck disable=SC2086 # two words
	ctl set $setting >/dev/null || fail "set $setting"
done

judge_start --room green --listeners "$T/green" --room red --churners "$T/red" \
	--room blue --churners "$T/blue" --log "$T/p1.pub" --log "$T/p2.pub" --log "$T/p3.pub"
publish p1 5000 --room red --rate 6 --seconds 12
publish p2 5001 --room blue --rate 6 --seconds 12
publish p3 5002 --room green --rate 50 --seconds 12
turns=0
while alive p3; do
	for r in red:5000 blue:5001; do
		room "${r%:*}" "${r#*:}"
		# The pages of the last room come back after grace: until then the map is full.
		end=$((SECONDS + 60))
		until ctl listener add "${r%:*}" --file "$T/${r%:*}" >/dev/null 2>&1; do
			[ $SECONDS -lt $end ] || fail "no room for ${r%:*}"
		done
		sleep 0.15
		ctl room del "${r%:*}" >/dev/null || fail "room del ${r%:*}"
	done
	turns=$((turns + 2))
done
for p in p1 p2 p3; do
	wait_end $p
done
judge_end
echo "$turns rooms made and deleted; $(judged churner_copies) copies in them," \
	"$(stat_of .worker.jobs_gone) sweeps cut short"
no_harm
want "copies of another room" 0 "$(judged other_room)"
want "lost in the room beside" 0 "$(jq '.rooms[] | select(.room == "green") | .lost' "$T/judge.json")"
want_least "copies in rooms that came and went" 1 "$(judged churner_copies)"
want_least "sweeps cut short" 1 "$(stat_of .worker.jobs_gone)"
want "rooms in the end" green "$(api GET /v1/rooms | jq -r '.rooms[].name')"
stop dp
stop crierd
