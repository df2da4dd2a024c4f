#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The lists change under a flood, again and again, and crierd is killed (-9) amid it: not one packet
# of a source that every one of the lists blocks gets through, of either family, nor is one refused
# that none of them blocks.
#
#   pub: 10.1.7.0/24, fd01::7:0/112 blocked, 10.1.7.128/25, fd01::7:8000/113 allowed ── e0 [edge]
. "$(dirname "$0")/lib.sh"

MEDIA=3478
ROUNDS=${ROUNDS:-12}

# others SEED: 20,000 prefixes of both families, which nobody here has.
others()
{
	awk -v seed="$1" 'BEGIN {
		srand(seed)
		for (i = 0; i < 15000; i++)
			printf "%d.%d.%d.0/24\n", 20 + int(rand() * 100), rand() * 256, rand() * 256
		for (i = 0; i < 5000; i++)
			printf "2001:db8:%x::%x:%x\n", rand() * 65536, rand() * 65536, rand() * 65536
	}'
}

# forever NAME FROM: STUN for the media port from FROM and 99 more, until the file $T/enough is there.
forever()
{
	local from=$2 to=10.1.0.1:$MEDIA
	[[ $from != \[* ]] || to="[fd01::1]:$MEDIA"
	# shellcheck disable=SC2016 # bash expands them
	start "$1" pub bash -c 'while [ ! -e "$1/enough" ]; do
		"$2" flood p0 "$3" "$4" "$5" --kind stun --count 2000 --sources 100
	done' bash "$T" "$WIRE" "$EDGE_MAC" "$from" "$to"
}

sent_by()
{
	jq -s 'map(.sent) | add' "$T/$1.log"
}

topology
printf 'capacity:\n  guard_prefixes: 25000\n' >"$T/crierd.yaml"
crierd_start --config "$T/crierd.yaml"
EDGE_MAC=$(mac_of edge e0)
for list in a b; do
	{ printf '10.1.7.0/24\nfd01::7:0/112\n' && others "$list" | sort -u; } >"$T/$list"
done
others 3 | head -n 100 | sed 's|^20\.|121.|' >"$T/few"
ctl guard allow 10.1.7.128/25 fd01::7:8000/113 >/dev/null || fail "guard allow"
ctl guard block --file "$T/a" >/dev/null || fail "guard block"

forever blocked 10.1.7.1:4000
forever blocked6 '[fd01::7:1]:4000'
forever allowed 10.1.7.129:4000
forever allowed6 '[fd01::7:8001]:4000'
changes=0
for round in $(seq "$ROUNDS"); do
	for list in b a; do
		ctl guard block --replace --file "$T/$list" >/dev/null || fail "guard block --replace"
		{ ctl guard block 99.0.0.0/8 && ctl guard del 99.0.0.0/8; } >/dev/null || fail "guard block"
		changes=$((changes + 3))
	done
	[ $((round % 3)) = 0 ] || continue
	ctl guard block --replace --file "$T/b" >/dev/null 2>&1 &
	changing=$!
	sleep "0.0$round"
	stop crierd KILL
	wait "$changing"
	crierd_start --config "$T/crierd.yaml"
done
touch "$T/enough"
for flood in blocked blocked6 allowed allowed6; do
	wait_end "$flood"
done
blocked=$(($(sent_by blocked) + $(sent_by blocked6)))
allowed=$(($(sent_by allowed) + $(sent_by allowed6)))
echo "$changes changes, $((ROUNDS / 3)) kills: of $blocked packets from blocked sources" \
	"$(stat_of .xdp.guard_blocked) were dropped, of $allowed others" \
	"$(stat_of '.xdp.guard_punt + .xdp.guard_cap') were not"
want_least "packets from blocked sources" 10000 "$blocked"
want "packets dropped" "$blocked" "$(stat_of .xdp.guard_blocked)"
want "packets not dropped" "$allowed" "$(stat_of '.xdp.guard_punt + .xdp.guard_cap')"

# The other way round: it only counts, and what isn't blocked any more comes through.
ctl guard mode count >/dev/null || fail "guard mode"
in_pub "$WIRE" flood p0 "$EDGE_MAC" 10.1.7.1:4000 10.1.0.1:$MEDIA --kind stun --count 500 >/dev/null
want "packets counted" $((blocked + 500)) "$(stat_of .xdp.guard_blocked)"
ctl guard mode enforce >/dev/null || fail "guard mode"
ctl guard clear block >/dev/null || fail "guard clear"
before=$(stat_of '.xdp.guard_punt + .xdp.guard_cap')
in_pub "$WIRE" flood p0 "$EDGE_MAC" 10.1.7.1:4000 10.1.0.1:$MEDIA --kind stun --count 500 >/dev/null
want "packets counted when nothing is blocked" $((blocked + 500)) "$(stat_of .xdp.guard_blocked)"
want "packets of them, for crierd" $((before + 500)) "$(stat_of '.xdp.guard_punt + .xdp.guard_cap')"
stop crierd
