#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel engine: a small room's packet makes the room's copies by itself, without crier-dp.
# Listeners come and go, the engine changes under traffic, and the room outgrows the engine: who
# stays loses nothing and gets nothing twice.
#
#   pub ── e0 [edge: crierd; crier-dp later] e1 ── lsn: 100 listeners, IPv4 and IPv6; 400 come and go
. "$(dirname "$0")/lib.sh"
ENGINE=auto

topology
crierd_start
served_by()
{
	[ "$(api GET /v1/rooms/talk | jq -r .serving)" = "$1" ]
}

serving()
{
	api GET /v1/rooms/talk | jq -r .serving
}

# judge_talk NAME ENGINE [option of publish...]: all that is published now and heard by those who
# stay.  Slowly: a veth's ring holds 256 frames, so of a publisher's catching up with more than two
# packets at once some copies would be lost there.
judge_talk()
{
	judge_start --room talk --listeners "$T/stay" --churners "$T/come" --log "$T/$1.pub" \
		--expect-ttl 64 --expect-dscp 46
	wait_until 10 served_by "$2" || fail "served by $(serving), not $2: $(api GET /v1/rooms/talk)"
	publish "$1" 5000 --room talk "${@:3}"
}

# come_and_go: 20 listeners at a time, between those who stay; crierd may be dead.
come_and_go()
{
	local n=$((RANDOM % 20))
	sed -n "$((n * 20 + 1)),$((n * 20 + 20))p" "$T/come" >"$T/now"
	ctl listener add talk --file "$T/now" >/dev/null 2>&1
	ctl listener del talk --file "$T/now" >/dev/null 2>&1
}

room talk 5000
{ listeners 80 && listeners6 20; } >"$T/stay"
{ listeners 300 1000 && listeners6 100 1000; } >"$T/come"
paste -d '\n' <(head -n 20 "$T/come") "$T/stay" | sed '/^$/d' | members talk
ctl listener del talk --file <(head -n 20 "$T/come") >/dev/null || fail "listener del"

# A veth whose other end has neither XDP nor GRO drops what is redirected to it; Linux 6.3 says so.
if ctl room set talk engine=kernel >"$T/refused" 2>&1; then
	ctl room set talk engine=auto >/dev/null || fail "room set"
	echo "skipped: this kernel doesn't tell which devices take redirects"
else
	grep -q GRO "$T/refused" || fail "a refusal without its reason: $(cat "$T/refused")"
	echo "ok: $(cut -c 1-150 "$T/refused")"
fi

# The sink's program opens the veth: auto takes the kernel engine, since there is no crier-dp.
judge_talk p1 kernel --rate 25 --sr 0.5 --seconds 4
wait_end p1
all_right
reconciles talk
want "due" "$(($(room_stat talk pkts) * 100))" "$(room_stat talk due)"
want "copies, crier's word against the sink's" "$(stat_of .xdp.kernel_copies)" \
	"$(($(judged copies_seen) + $(judged rtcp_seen)))"
want "packets, by stream" "$(stat_of .xdp.accepted)" "$(room_stat talk pkts)"

# Who stays is not disturbed by who comes and goes.
judge_talk p2 kernel --rate 25 --seconds 4
while alive p2; do
	come_and_go
done
wait_end p2
all_right
want_least "copies to those who came and went" 1 "$(judged churner_copies)"
reconciles talk
want "copies of crier-dp's" 0 "$(stat_of .worker.copies)"

# crierd may die at any moment, and the next one's program takes over in place.  The sink may end in
# between: the veth stays open.
in_lsn ethtool -K l0 gro on || fail "ethtool"
judge_talk p4 kernel --rate 25 --seconds 6
ctl room set talk engine=kernel >/dev/null || fail "room set"
kills=0
while alive p4 && [ "$kills" -lt 8 ]; do
	come_and_go &
	coming=$!
	sleep "0.0$((RANDOM % 10))"
	stop crierd KILL
	wait "$coming"
	crierd_start
	ctl listener del talk --file "$T/come" >/dev/null || fail "listener del"
	want "the engine of the next crierd" 'kernel kernel' \
		"$(api GET /v1/rooms/talk | jq -r '"\(.engine) \(.serving)"')"
	kills=$((kills + 1))
done
wait_end p4
echo "$kills kills"
all_right
reconciles talk
ctl room set talk engine=auto >/dev/null || fail "room set"

# With crier-dp: the engine changes under traffic, and the room outgrows it and shrinks again.
# auto has it as it is while it fits.
dp_start
judge_talk p3 kernel --rate 25 --seconds 12
switches=0
while alive p3 && [ "$switches" -lt 16 ]; do
	ctl room set talk engine=kernel >/dev/null || fail "room set"
	want "served by" kernel "$(serving)"
	come_and_go
	ctl room set talk engine=bypass >/dev/null || fail "room set"
	switches=$((switches + 2))
done
want_least "switches under traffic" 10 "$switches"
ctl room set talk engine=kernel >/dev/null || fail "room set"
outgrown=0
while alive p3; do
	head -n 100 "$T/come" >"$T/now"
	ctl listener add talk --file "$T/now" >/dev/null || fail "listener add"
	want "200 are served by" bypass "$(serving)"
	refused unit_slots ctl room set talk engine=kernel >/dev/null
	ctl listener del talk --file "$T/now" >/dev/null || fail "listener del"
	want "100 are served by" kernel "$(serving)"
	outgrown=$((outgrown + 1))
done
want_least "times outgrown" 1 "$outgrown"
echo "$switches switches, $outgrown times outgrown"
wait_end p3
judge_end
no_harm
want "copies lost" 0 "$(judged lost)"
want "RTCP copies lost" 0 "$(judged rtcp_lost)"
want "copies seen" 30000 "$(judged copies_seen)"
# A packet that waits for crier-dp is overtaken by the next one, which the kernel engine takes.
want_least "switches that reordered nothing" "$((switches / 2 + outgrown))" \
	"$((switches + 2 * outgrown - $(judged reordered) / 100))"
reconciles talk
want_least "copies of crier-dp's" 1 "$(stat_of .worker.copies)"

for loss in kernel_lost kernel_stale kernel_dropped kernel_no_neighbour drop_no_socket; do
	want "$loss" 0 "$(stat_of ".xdp.$loss")"
done
stop dp
stop crierd
