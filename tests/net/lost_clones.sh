#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Clones that the kernel doesn't make: some of a broadcast, as when memory for one is wanting (its
# devmap lost entries), and all of it, as when the interface went down or its MTU fell below the
# frame and crierd was not there to tell.  Each is found when its job's place is used again, and what
# came, and what did not, add up to what was due.
#
#   pub ── e0 [edge: crierd] e1 ── lsn: 100 listeners
. "$(dirname "$0")/lib.sh"
ENGINE=kernel

BROADCAST=$CRIER_BUILD/tests/bench/bench_broadcast
COUNTS=/sys/fs/bpf/counts
ROOM=talk MEMBERS=100 KEPT=37 JOBS=256 # JOBS: of a CPU, before a place is used again
sent=0 lost=0

# say N SIZE: so many packets, each in a poll of its own, all on one CPU.
say()
{
	speak 5000 --count "$1" --size "$2" --interval 0.002 >/dev/null
	sent=$((sent + $1))
}

# fails N SIZE COPIES: packets, so many of whose copies come.
fails()
{
	say "$1" "$2"
	lost=$((lost + $1 * (MEMBERS - $3)))
	want "copies seen" $((sent * MEMBERS - lost)) "$("$BROADCAST" count "$COUNTS")"
}

# exact WHAT: once every place that may have failed has been used again.
exact()
{
	say $((JOBS + 10)) 100
	want "copies seen, $1" $((sent * MEMBERS - lost)) "$("$BROADCAST" count "$COUNTS")"
	want "copies counted, $1" $((sent * MEMBERS - lost)) "$(stat_of .xdp.kernel_copies)"
	want "copies of the room, $1" $((sent * MEMBERS - lost)) "$(room_stat $ROOM copies)"
	want "copies due, $1" $((sent * MEMBERS)) "$(room_stat $ROOM due)"
	want "clones not made, $1" "$lost" "$(stat_of .xdp.kernel_lost)"
	want "the room's losses, $1" "$lost" "$(room_stat $ROOM tx_full)"
	reconciles $ROOM
	echo "ok: $1: $sent packets, $((sent * MEMBERS - lost)) copies, $lost clones not made"
}

# devmap: the number of the map by which broadcasts for 97 to 128 leave by e1.
devmap()
{
	local key=$(($(api GET /v1/status | jq '.interfaces[] | select(.name == "e1") | .port') * 9 + 6))
	bpftool -j map lookup pinned "$PIN_DIR/devmaps" key "$key" 0 0 0 |
		jq '[.value[] | ltrimstr("0x")] | reverse | join("")' | tr -d '"' | { read -r id && echo $((16#$id)); }
}

topology
in_lsn "$BROADCAST" sink l0 "$COUNTS" || fail "sink"
crierd_start
room $ROOM 5000 --payload udp
listeners $MEMBERS | members $ROOM
want "served by" kernel "$(api GET /v1/rooms/$ROOM | jq -r .serving)"
exact "nothing wrong"

# The 38th clone of each broadcast fails, and with it the rest.
map=$(devmap)
want "members that the devmap serves" 128 "$(bpftool -j map show id "$map" | jq .max_entries)"
for ((i = KEPT; i < 128; i++)); do
	echo "map delete id $map key $i 0 0 0"
done | bpftool batch file - >/dev/null || fail "bpftool"
fails 50 100 $KEPT
stop crierd KILL
crierd_start # whose devmaps are new
exact "some clones fail"

stop crierd KILL
in_edge ip link set e1 mtu 500
fails 20 1000 0
fails 10 100 $MEMBERS
in_edge ip link set e1 down
fails 20 100 0
in_edge ip link set e1 mtu 1500
in_edge ip link set e1 up
in_edge ip route replace 10.128.0.0/9 via 10.2.0.2
crierd_start
wait_until 30 next_hops_ready || fail "next hops stay unresolved: $(api GET /v1/status)"
exact "e1 took nothing while crierd was dead"
want "served by" kernel "$(api GET /v1/rooms/$ROOM | jq -r .serving)"
stop crierd
