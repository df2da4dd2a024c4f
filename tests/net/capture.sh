#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# capture writes input, copies and refused packets of one room as pcapng that tshark reads, each
# refused one with its verdict; it is off again when the client leaves.
#
#   pub ── e0 [edge] e1 ── lsn
. "$(dirname "$0")/lib.sh"

topology
add_addrs pub p0 10.1.0.3/24
crierd_start
dp_start
room talk 5000 --ssrc 0x1234
room other 5002
listeners 4 | members talk
listeners 4 100 | members other

impostor()
{
	in_pub "$WIRE" send 10.1.0.3:4000 10.1.0.1:5000 --count 10 --interval 0.01 >/dev/null
}

# capturing N: so many clients capture now.
capturing()
{
	wait_until 30 eval "api GET /metrics | grep -q '^crier_capture_clients $1\$'" ||
		fail "not $1 clients capture"
}

# capture COUNT OPTION...: into $T/cap.pcapng, while packets of both sorts come in, and those of
# another room.
capture()
{
	local n=$1
	shift
	rm -f "$T/cap.pcapng"
	start capture edge "$CRIERCTL" --socket "$SOCKET" capture talk -w "$T/cap.pcapng" --count "$n" "$@"
	capturing 1
	speak 5002 --count 10 --interval 0.01 >/dev/null
	impostor
	speak 5000 --count 20 --interval 0.01 >/dev/null
	impostor
	wait_end capture 60
	want "exit status of capture" 0 "$status"
	tshark -r "$T/cap.pcapng" -T fields -e ip.src -e ip.dst -e udp.dstport -e frame.comment 2>/dev/null
}

capture 20 --input >"$T/input"
want "input captured" "20 10.1.0.2 10.1.0.1 5000" \
	"$(cut -f 1-3 "$T/input" | sort | uniq -c | xargs)"
capture 80 --copies >"$T/copies"
want "copies captured" 80 "$(grep -c '^10.2.0.1	10.128.0.[1-4]	5004' "$T/copies")"
capture 20 --drops >"$T/drops"
want "refused captured" 20 "$(grep -c '^10.1.0.3.*drop_source' "$T/drops")"
tshark -r "$T/cap.pcapng" -q -z io,phs 2>&1 | grep -q 'udp' || fail "tshark sees no UDP"

# What the guard refuses is no room's; where it only counts, it is seen as well.
for mode in 2 1; do
	ctl set guard_mode "$mode" >/dev/null || fail "set guard_mode"
	start capture edge "$CRIERCTL" --socket "$SOCKET" capture -w "$T/cap4.pcapng" --count 10 --drops
	capturing 1
	in_pub "$WIRE" flood p0 "$(mac_of edge e0)" 10.1.0.3:4000 10.1.0.1:3478 --kind noise --count 10 \
		>/dev/null
	wait_end capture 60
	want "guard's refusals captured in mode $mode" 10 "$(tshark -r "$T/cap4.pcapng" -T fields \
		-e ip.src -e frame.comment 2>/dev/null | grep -c '^10.1.0.3.*guard_media')"
done
ctl set guard_mode 2 >/dev/null

# A count that is never reached: the client goes, capture ends.
start capture edge "$CRIERCTL" --socket "$SOCKET" capture -w "$T/cap2.pcapng"
capturing 1
kill -INT "${pids[capture]}"
wait_end capture 30
want "exit status of an interrupted capture" 0 "$status"
capturing 0
# Off: packets are not even written for nobody, or these would have filled the ring.
before=$(stat_of .xdp.drop_capture)
in_pub "$WIRE" send 10.1.0.3:4000 10.1.0.1:5000 --count 2000 --interval 0 >/dev/null
want "packets kept for nobody" "$before" "$(stat_of .xdp.drop_capture)"
hear ear "$(listeners 1 3)" 20
speak 5000 --count 20 >/dev/null
want "heard after captures" 20 "$(heard ear received)"
refused 'no such room' ctl capture nosuch -w "$T/cap3.pcapng"
stop dp

# The kernel engine's copies, as crier-dp's: it takes the rooms as soon as l0 takes redirects.
served_by()
{
	[ "$(api GET /v1/rooms/talk | jq -r .serving)" = "$1" ]
}
for room in talk other; do
	ctl room set $room engine=auto >/dev/null || fail "room set"
done
in_lsn ethtool -K l0 gro on
wait_until 30 served_by kernel || fail "the kernel engine has not taken over"
capture 80 --copies >"$T/copies"
want "copies of the kernel engine captured" 80 \
	"$(grep -c '^10.2.0.1	10.128.0.[1-4]	5004' "$T/copies")"
want "their interface" e1 "$(tshark -r "$T/cap.pcapng" -T fields -e frame.interface_name 2>/dev/null |
	sort -u)"
stop crierd
