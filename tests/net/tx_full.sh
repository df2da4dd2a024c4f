#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel engine's copies that a device's full ring drops: seen behind the program that wrote
# them, counted, and no copies.  Also while crierd is dead, and by the next one's program.
#
#   pub ── e0 [edge: crierd] e1 ── lsn: 200 listeners; a veth's ring holds 256 frames
. "$(dirname "$0")/lib.sh"
ENGINE=auto

BROADCAST=$CRIER_BUILD/tests/bench/bench_broadcast
COUNTS=/sys/fs/bpf/counts
ROOM=talk MEMBERS=200
sent=0

# burst N: so many packets in one poll of e0: one system call, which Linux cuts into packets.
burst()
{
	in_pub python3 - "$1" <<'PYTHON' || fail "burst"
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.1.0.2", 4000))
s.setsockopt(socket.IPPROTO_UDP, 103, 100)  # UDP_SEGMENT
s.sendto(bytes(100 * int(sys.argv[1])), ("10.1.0.1", 5000))
PYTHON
	sent=$((sent + $1))
}

sunk()
{
	"$BROADCAST" count "$COUNTS"
}

port_full()
{
	api GET /v1/status | jq '.interfaces[] | select(.name == "e1") | .tx_full'
}

# exact: what left is what came, and whoever got nothing is counted.
exact()
{
	want "packets" "$sent" "$(room_stat $ROOM pkts)"
	want "copies due" $((sent * MEMBERS)) "$(room_stat $ROOM due)"
	want "copies" "$(sunk)" "$(room_stat $ROOM copies)"
	want "copies, all rooms" "$(sunk)" "$(stat_of '.xdp.kernel_copies - .xdp.kernel_tx_full')"
	want "copies that the ring dropped" "$(stat_of .xdp.kernel_tx_full)" "$(room_stat $ROOM tx_full)"
	want "the same by interface" "$(stat_of .xdp.kernel_tx_full)" "$(port_full)"
	reconciles $ROOM
	echo "ok: $sent packets, $(sunk) copies, $(port_full) dropped"
}

topology
in_lsn "$BROADCAST" sink l0 "$COUNTS" || fail "sink"
crierd_start
want "the program is at work" true "$(api GET /v1/status | jq .features.tx_drops)"
ctl set unit_slots 256 >/dev/null || fail "set"
room $ROOM 5000 --payload udp
listeners $MEMBERS | members $ROOM
want "served by" kernel "$(api GET /v1/rooms/$ROOM | jq -r .serving)"

burst 1
exact
want "dropped of one packet" 0 "$(port_full)"
burst 30
exact
dropped=$(port_full)
want_least "copies dropped" 1000 "$dropped"

stop crierd KILL
burst 30
crierd_start
exact
want_least "copies dropped without crierd" $((dropped + 1000)) "$(port_full)"
dropped=$(port_full)
burst 30
exact
want_least "copies dropped with the next crierd" $((dropped + 1000)) "$(port_full)"
api GET /metrics | grep -q "^crier_port_tx_full_total{interface=\"e1\"} $(port_full)$" ||
	fail "/metrics tells otherwise: $(api GET /metrics | grep tx_full)"

stop crierd
in_edge "$CRIERD" --flush || fail "flush"
[ ! -e "$PIN_DIR" ] || fail "left behind: $(ls "$PIN_DIR")"
