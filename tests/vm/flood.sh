#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel's pktgen floods the node, in scripts/vm's machine, with each kind of packet that it can
# make and the guard knows; two small rooms are heard through all of it, one by the kernel engine and
# one by crier-dp: no copy is lost, and each packet of a flood is counted by its name.
#
#   pub: publisher on CPU 0, pktgen on CPU 1 ── e0 [edge] e1 ── lsn: 2 rooms of 15 IPv4 and 5 IPv6
. "$(dirname "$0")/../net/lib.sh"
modprobe pktgen || skip "the kernel has no pktgen: run by scripts/vm"

PKTGEN=$LIB_DIR/../../scripts/pktgen/kernel
MEDIA=3478
COUNT=2000

topology
crierd_start
dp_start
for n in 1 2; do
	room "talk$n" $((4999 + n))
	{ listeners 15 $((n * 100)) && listeners6 5 $((n * 100)); } >"$T/list"
	members "talk$n" <"$T/list"
	sed "s/^/talk$n /" "$T/list" >>"$T/roster"
done
ctl room set talk1 engine=kernel >/dev/null || fail "room set engine=kernel"
want "talk1 is served by" kernel "$(api GET /v1/rooms/talk1 | jq -r .serving)"
want "talk2 is served by" bypass "$(api GET /v1/rooms/talk2 | jq -r .serving)"
ctl guard block 198.18.0.0/15 fd01::bad:0/112 >/dev/null || fail "guard block"

# linux_got: packets that Linux in edge has ever got.
linux_got()
{
	in_edge cat /proc/net/snmp /proc/net/snmp6 |
		awk '/^Ip: [0-9]/ { n += $4 } /^Ip6InReceives/ { n += $2 } END { print n }'
}

# refused_as COUNTERS TO PORT [option of pktgen...]: such a flood is counted so, and not Linux's.
refused_as()
{
	local counters=$1 to=$2 port=$3 before linux got
	before=$(stat_of ".xdp | $counters") linux=$(linux_got)
	sent=$(nsenter --net=/run/netns/pub "$PKTGEN" --interface p0 --force --json --mac "$EDGE_MAC" --cpu 1 \
		--to "$to" --port "$port" --rate 4000 --count "$COUNT" "${@:4}") || fail "pktgen ${*:2}"
	got=$(($(stat_of ".xdp | $counters") - before))
	want "$counters of a flood of ${*:2}" "$(jq .sent <<<"$sent")" "$got"
	linux=$(($(linux_got) - linux))
	[ "$linux" -lt 50 ] || fail "Linux got $linux packets of it" # the others are not its own
	alive p1 || fail "the publisher fell silent: $(tail -n 1 "$T/p1.log")"
	echo "ok: $counters $(jq -r '"\(.sent) at \(.pps)/s"' <<<"$sent") ${*:2}"
}

EDGE_MAC=$(mac_of edge e0)
judge_start --listeners "$T/roster" --log "$T/p1.pub"
publish p1 5000 --room talk --rooms 2 --rate 20 --seconds 300 --sr 1
in_edge ping -c 1 -W 5 10.1.0.2 >/dev/null || fail "edge can't ping pub"

refused_as '.drop_source + .guard_impossible' 10.1.0.1 5000 --flood random-source
refused_as .drop_source 10.1.0.1 5001 --flood wrong-source
refused_as .drop_source fd01::1 5000 --from '[fd01::99]:4000'
refused_as .drop_rtp 10.1.0.1 5001 --from 10.1.0.2
refused_as .guard_impossible 10.1.0.1 5000 --flood random-source --sources 127.0.0.1-127.255.255.254
refused_as .guard_impossible 10.1.0.1 $MEDIA --flood random-source --sources 224.0.0.1-239.255.255.254
refused_as .guard_impossible 10.1.0.1 5001 --from 10.2.0.1
refused_as .guard_impossible fd01::1 $MEDIA --from '[ff02::1]:4000'
refused_as '.guard_media + .guard_impossible' 10.1.0.1 $MEDIA --flood random-source
refused_as .guard_media fd01::1 $MEDIA --from '[fd01::99]:4000'
refused_as .guard_blocked 10.1.0.1 $MEDIA --flood random-source --sources 198.18.0.0-198.19.255.255
refused_as .guard_blocked 10.1.0.1 53 --flood random-source --sources 198.18.0.0-198.19.255.255
refused_as .guard_blocked fd01::1 5000 --from '[fd01::bad:7]:4000'

stop p1
all_right
want "RTCP copies lost" 0 "$(judged rtcp_lost)"
for n in 1 2; do
	want_least "packets in talk$n" 100 "$(room_stat "talk$n" pkts)"
	want "due in talk$n" "$(($(room_stat "talk$n" pkts) * 20))" "$(room_stat "talk$n" due)"
	reconciles "talk$n"
done
want "copies, crier's word against the sink's" \
	"$(stat_of '.xdp.kernel_copies + .worker.copies')" "$(($(judged copies_seen) + $(judged rtcp_seen)))"
for loss in kernel_lost kernel_stale kernel_dropped kernel_no_neighbour drop_no_socket; do
	want "$loss" 0 "$(stat_of ".xdp.$loss")"
done
stop dp
stop crierd
