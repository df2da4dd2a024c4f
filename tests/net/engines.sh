#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A room under traffic goes from engine to engine, by joins and leaves and by `room set engine=`:
# its own packet's broadcast, triggers, frames, and back.  crierd dies in between and the injector
# is taken away: who stays loses nothing and gets nothing twice.
#
#   pub ── e0 [edge: crierd, crier-dp, crier-page ═ crier-pagex] e1 ── l0 lsn: 100 stay, 300 come and go
#                                                                e2 ── l1 lsn: a room of 300, in the end
#
# l1 takes no redirected frames: what a room gets is decided by the interfaces of its own listeners.
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034 # lib.sh's
ENGINE=auto INTERFACES='e0 e1 e2' PORTS='e0 e1 e2'

# serving [ROOM]
serving()
{
	api GET "/v1/rooms/${1:-talk}" | jq -r .serving
}

# served_by ENGINE [ROOM]
served_by()
{
	[ "$(serving "${2:-talk}")" = "$1" ]
}

# far_is ENGINE WORDS: the room behind e2 comes to be served so, and says why in these words.
far_is()
{
	wait_until 10 served_by "$1" far || fail "far is served by $(serving far), want $1"
	api GET /v1/rooms/far | jq -r .why | grep -q -- "$2" ||
		fail "why far has $1: want '$2', got $(api GET /v1/rooms/far | jq .why)"
	want "engine of talk beside it" page "$(serving)"
	echo "ok: far: $1: $(api GET /v1/rooms/far | jq -r .why)"
}

# received DEV: how many this interface in lsn received.
received()
{
	in_lsn ip -s -j link show "$1" | jq '.[0].stats64.rx.packets'
}

# wants ENGINE SERVED: asked for the one, it is served by the other.
wants()
{
	ctl room set talk engine="$1" >/dev/null || fail "room set talk engine=$1"
	want "the engine of $1" "$2" "$(serving)"
}

# refuses WORDS: the kernel engine, in these words.
refuses()
{
	! ctl room set talk engine=kernel >"$T/refused" 2>&1 && grep -q -- "$1" "$T/refused"
}

# refused_for WORDS: soon, for crierd looks at crier-dp four times a second.
refused_for()
{
	wait_until 10 refuses "$1" || fail "not refused with '$1': $(cat "$T/refused")"
	echo "ok: refused: ${1//\\/}"
}

pair_index()
{
	in_edge ip -j link show crier-page 2>/dev/null | jq '.[0].ifindex'
}

another_pair()
{
	local now
	now=$(pair_index)
	[ -n "$now" ] && [ "$now" != "$1" ]
}

come()
{
	ctl listener add talk --file "$T/come" >/dev/null || fail "listener add"
}

go()
{
	ctl listener del talk --file "$T/come" >/dev/null || fail "listener del"
}

# judge_talk NAME [option of publish...]: slowly, for a veth's ring holds 256 frames.
judge_talk()
{
	judge_start --room talk --listeners "$T/stay" --churners "$T/come" --log "$T/$1.pub" \
		--expect-ttl 64 --expect-dscp 46
	publish "$1" 5000 --room talk --rate 25 "${@:2}"
}

# whole WHO: what was published, all of it and once to each who stayed, in whatever order.
whole()
{
	wait_end "$1"
	judge_end
	no_harm
	want "copies lost" 0 "$(judged lost)"
	want_least "copies seen" 1000 "$(judged copies_seen)"
	reconciles talk
	echo "ok: $1: $(judged copies_seen) copies to who stayed, $(judged churner_copies) to others," \
		"$(judged reordered) reordered"
}

topology
add_link edge e2 lsn l1
add_addrs edge e2 10.3.0.1/24
add_addrs lsn l1 10.3.0.2/24
in_edge ip route add 10.200.0.0/16 via 10.3.0.2
crierd_start
{ listeners 80 && listeners6 20; } >"$T/stay"
{ listeners 200 1000 && listeners6 100 1000; } >"$T/come"
room talk 5000
members talk <"$T/stay"

# Triggers need somebody who sends them, and the interface must take what is redirected to it.
come
refused_for 'no crier-dp is running that would send page triggers'
dp_start
refused_for 'start it with --port page:crier-page'
stop dp
dp_start --port page:crier-page
refused_for 'and interface e1 takes no frames that XDP redirects'
want "served by" bypass "$(serving)"

# 400 by triggers, 100 by one broadcast.  The sink's program would open e1 too, and close it when
# it ends.
in_lsn ethtool -K l0 gro on
judge_talk p1 --seconds 20
wait_until 10 served_by page || fail "400 are served by $(serving): $(api GET /v1/rooms/talk)"
rounds=0
while alive p1; do
	go
	want "100 are served by" kernel "$(serving)"
	wants bypass bypass
	wants kernel kernel
	come
	want "400 are served by" page "$(serving)"
	wants bypass bypass
	wants auto page
	wants bypass bypass
	wants kernel page
	go
	wants auto kernel
	come
	want "400 are served by" page "$(serving)"
	rounds=$((rounds + 1))
done
want_least "rounds" 3 "$rounds"
whole p1
for way in .worker.copies .xdp.kernel_copies .xdp.trigger_taken; do
	want_least "$way" 1 "$(stat_of $way)"
done
want "copies, crier's word against the engines'" "$(room_stat talk copies)" \
	"$(stat_of '.worker.copies + .xdp.kernel_copies')"

# crierd dies: the injector goes on, and the next one takes it over as it is.
judge_talk p2 --seconds 8
wait_until 10 served_by page || fail "400 are served by $(serving)"
pair=$(pair_index)
kills=0
while alive p2 && [ "$kills" -lt 5 ]; do
	stop crierd KILL
	sleep 0.2
	crierd_start
	want "the engine of the next crierd" page "$(serving)"
	kills=$((kills + 1))
done
want "the injector of the next crierd" "$pair" "$(pair_index)"
whole p2

# Somebody takes the injector away: frames until it is made again; of a unit that was on its way
# the loss is counted.
judge_talk p3 --seconds 8
wait_until 10 served_by page || fail "400 are served by $(serving)"
for _ in 1 2; do
	pair=$(pair_index)
	in_edge ip link del crier-page || fail "ip link del"
	wait_until 20 another_pair "$pair" || fail "crier-page is not made again"
	wait_until 20 served_by page || fail "served by $(serving) with the injector made again"
done
wait_end p3
judge_end
no_harm
reconciles talk
want_least "copies that were counted as lost" "$(judged lost)" "$(room_stat talk tx_full)"
want "times said" 2 "$(grep -c 'crier-page was removed' "$T/crierd.log")"

# Units leave by an interface that has a link, and again when it is back.
becomes "e1 takes broadcasts" true /v1/status '.interfaces[] | select(.name == "e1") | .broadcasts'
in_edge ip link set e1 down
becomes "e1 without a link" false /v1/status '.interfaces[] | select(.name == "e1") | .broadcasts'
in_edge ip link set e1 up
becomes "e1 again" true /v1/status '.interfaces[] | select(.name == "e1") | .broadcasts'

# The link took the routes with it.  Who has no way out has nothing to be broadcast.
wait_until 10 served_by bypass || fail "without a route 400 are served by $(serving)"
want "why" 'none of them has a way out' "$(api GET /v1/rooms/talk | jq -r '.why | sub(".*; "; "")')"
in_edge ip route add 10.128.0.0/9 via 10.2.0.2
wait_until 10 served_by page || fail "400 are served by $(serving)"

# Another room, whose listeners are behind e2, which takes none: frames, and talk has triggers yet.
listeners 300 $((72 * 65536)) >"$T/far"
listeners 200 >"$T/near"
room far 5002
members far <"$T/far"
far_is bypass 'interface e2 takes no frames that XDP redirects'

# 200 by e1 join it: triggers to these, each once, and frames to the others.
members far <"$T/near"
far_is page 'triggers serve who is behind e1, frames who is behind e2'
frames=$(stat_of .worker.copies) triggers=$(stat_of .xdp.kernel_copies) heard=$(received l1)
judge_start --room far --listeners "$T/near" --log "$T/p4.pub"
publish p4 5002 --room far --no-rtcp --rate 25 --seconds 4
wait_end p4
all_right
reconciles far
want "frames to e2" $((frames + 300 * 100)) "$(stat_of .worker.copies)"
want "copies by triggers to e1" $((triggers + 200 * 100)) "$(stat_of .xdp.kernel_copies)"
want_least "packets that came by e2" $((300 * 100)) $(($(received l1) - heard))
ctl listener del far --file "$T/near" >/dev/null || fail "listener del"
far_is bypass 'interface e2 takes no frames'

# A route leads by e1 and back; then e2 takes what is redirected.
in_edge ip route change 10.200.0.0/16 via 10.2.0.2
far_is page 'triggers serve who is behind e1$'
in_edge ip route change 10.200.0.0/16 via 10.3.0.2
far_is bypass 'interface e2 takes no frames'
in_lsn ethtool -K l1 gro on
far_is page 'triggers serve who is behind e2$'
in_lsn ethtool -K l1 gro off
far_is bypass 'interface e2 takes no frames'
ctl room del far >/dev/null || fail "room del far"

# crier-dp ends: the room waits, but for what fits one broadcast.
stop dp
wait_until 10 served_by none || fail "served by $(serving) without crier-dp"
want "why" "no crier-dp is running, and it has 400 listeners, and one packet serves 128 by itself (unit_slots)" "$(api GET /v1/rooms/talk | jq -r .why)"
go
want "100 without crier-dp" kernel "$(serving)"
stop crierd
in_edge "$CRIERD" --flush || fail "--flush"
want "the pair after --flush" '' "$(in_edge ip -o link show crier-page 2>/dev/null)"
