#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Rooms too large for one broadcast, by page triggers: each listener of both families behind two
# interfaces hears each packet once, the counters add up to it, and crier-dp may be killed.
#
#   pub ── e0 [edge: crierd, crier-dp, crier-page ═ crier-pagex] e1 ── l0 [lsn: 1,000 to 5,000
#                                                                e2 ── l1      listeners]
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034 # lib.sh's
ENGINE=kernel
INTERFACES='e0 e1 e2' PORTS='e0 e1 e2 page:crier-page'

# served_by ENGINE
served_by()
{
	[ "$(api GET /v1/rooms/talk | jq -r .serving)" = "$1" ]
}

# crowd N: a quarter of each family by each interface, mixed, so that pages have both.
crowd()
{
	local quarter=$(($1 / 4))
	paste -d '\n' <(listeners $quarter) <(listeners $quarter $((72 * 65536))) |
		sed '/^$/d'
	paste -d '\n' <(listeners6 $quarter) <(listeners6 $quarter $((200 * 65536))) |
		sed '/^$/d'
}

# exact N [option of publish...]: all copies right, all of them by triggers.
exact()
{
	local copies triggers members sent
	judge_start --interface l1 --room talk --listeners "$T/list" --log "$T/p1.pub" \
		--expect-ttl 64 --expect-dscp 46
	wait_until 10 served_by page || fail "served by $(api GET /v1/rooms/talk)"
	copies=$(stat_of .xdp.kernel_copies) triggers=$(stat_of .worker.triggers)
	members=$(stat_of .worker.trigger_members) sent=$(stat_of .worker.copies)
	publish p1 5000 --room talk --no-rtcp "${@:2}"
	wait_end p1
	all_right
	reconciles talk
	want "copies, crier's word against the sink's" "$(judged copies_seen)" \
		"$(($(stat_of .xdp.kernel_copies) - copies))"
	want "members of triggers" "$(judged copies_seen)" "$(($(stat_of .worker.trigger_members) - members))"
	want "copies by frame" 0 "$(($(stat_of .worker.copies) - sent))"
	echo "ok: $1 listeners: $(($(judged copies_seen) / ($(stat_of .worker.triggers) - triggers)))" \
		"copies a trigger"
	rm -f "$T/judge.json" "$T/p1.pub" "$STAMPS"
}

lost_nothing()
{
	local loss
	for loss in .worker.triggers_lost .xdp.trigger_stale .xdp.kernel_lost .xdp.kernel_stale \
		.xdp.kernel_dropped .xdp.kernel_no_neighbour .worker.overload_pkts; do
		want "$loss" 0 "$(stat_of $loss)"
	done
}

topology
add_link edge e2 lsn l1
add_addrs edge e2 10.3.0.1/24 fd03::1/64
add_addrs lsn l1 10.3.0.2/24 fd03::2/64
in_edge ip route add 10.200.0.0/16 via 10.3.0.2
in_edge ip -6 route add fd80::c8:0/112 via fd03::2
# Redirected frames are taken while the sink is away, too.
in_lsn ethtool -K l0 gro on
in_lsn ethtool -K l1 gro on
crierd_start

refused 'no interface' in_edge "$CRIER_DP" --port xdp:e0 --port page:nosuch0
refused 'no veth' in_edge "$CRIER_DP" --port xdp:e0 --port page:lo
refused 'name another port' in_edge "$CRIER_DP" --port page:crier-page
refused 'one will do' in_edge "$CRIER_DP" --port page:crier-page --port page:e1
in_edge ip link set e2 down
refused 'is down' in_edge "$CRIER_DP" --port xdp:e0 --port page:e2
in_edge ip link set e2 up

dp_start
want "workers with a page port" "${DP_WORKERS:-1}" "$(grep -c 'page triggers are answered' "$T/dp.log")"
room talk 5000
crowd 1000 >"$T/list"
members talk <"$T/list"
exact 1000 --rate 25 --seconds 4
lost_nothing

# Whatever else comes by the injector is dropped.
refused=$(stat_of .xdp.trigger_refused)
in_edge "$(command -v python3)" - <<'PY' || fail "cannot send into crier-page"
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("crier-page", 0))
for frame in (b"\xff" * 60, b"\0" * 12 + b"\x88\xb5" + b"\0" * 200, b"\0" * 12 + b"\x08\0" + b"E" * 80):
    s.send(frame)
PY
want "strangers refused" $((refused + 3)) "$(stat_of .xdp.trigger_refused)"
want "triggers that were not taken" 0 "$(stat_of .worker.triggers_lost)"

crowd 5000 >"$T/list"
members talk <"$T/list"
exact 5000 --rate 20 --seconds 4
lost_nothing

# Killed in the midst of it, twice: a gap, and nobody hears anything twice; then all is as before.
judge_start --interface l1 --room talk --listeners "$T/list" --log "$T/p1.pub"
publish p1 5000 --room talk --no-rtcp --rate 20 --seconds 6
for _ in 1 2; do
	sleep 1.3
	stop dp KILL
	dp_start
done
wait_end p1
judge_end
no_harm
want_least "packets of 120 that nobody missed" 40 $((120 - ($(judged lost) + 4999) / 5000))
echo "ok: two gaps of crier-dp's cost $(judged lost) copies of $(judged copies_due)"
rm -f "$T/judge.json" "$T/p1.pub" "$STAMPS"
exact 5000 --rate 20 --seconds 3

# The interface goes away from under it: frames at once, and triggers again when it is back.
in_edge ip link set crier-page down
wait_log dp 'crier-page: Network is down\|nobody answers'
sent=$(stat_of .worker.copies)
judge_start --interface l1 --room talk --listeners "$T/list" --log "$T/p1.pub"
publish p1 5000 --room talk --no-rtcp --rate 5 --seconds 2
wait_end p1
all_right
reconciles talk
want "copies by frame" "$(judged copies_seen)" "$(($(stat_of .worker.copies) - sent))"
rm -f "$T/judge.json" "$T/p1.pub" "$STAMPS"
in_edge ip link set crier-page up
wait_until 20 served_by page || fail "served by $(api GET /v1/rooms/talk) when crier-page is back"
exact 5000 --rate 20 --seconds 2

stop dp
stop crierd
