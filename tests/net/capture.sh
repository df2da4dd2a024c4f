#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# capture writes input, copies and refused packets as pcapng that tshark reads, each refused one
# with its verdict; it is off again when the client leaves.
#
#   pub ── e0 [edge] e1 ── lsn
. "$(dirname "$0")/lib.sh"

topology
add_addrs pub p0 10.1.0.3/24
crierd_start
dp_start
room talk 5000 --ssrc 0x1234
listeners 4 | members talk

# capture COUNT OPTION...: into $T/cap.pcapng, while packets of both sorts come in.
capture()
{
	local n=$1
	shift
	rm -f "$T/cap.pcapng"
	start capture edge "$CRIERCTL" --socket "$SOCKET" capture talk -w "$T/cap.pcapng" --count "$n" "$@"
	becomes "capture" true /v1/stats '.capture // true' # it is on once the request is in
	sleep 0.5
	speak 5000 --count 20 --interval 0.01 >/dev/null
	in_pub "$WIRE" send 10.1.0.3:4000 10.1.0.1:5000 --count 20 --interval 0.01 >/dev/null
	wait_end capture 60
	want "exit status of capture" 0 "$status"
	tshark -r "$T/cap.pcapng" -T fields -e ip.src -e ip.dst -e udp.dstport -e frame.comment 2>/dev/null
}

capture 20 --input >"$T/input"
want "input captured" "20 10.1.0.2 10.1.0.1 5000" \
	"$(cut -f 1-3 "$T/input" | sort | uniq -c | xargs)"
capture 40 --copies >"$T/copies"
want "copies captured" 40 "$(grep -c '^10.2.0.1	10.128.0.[1-4]	5004' "$T/copies")"
capture 20 --drops >"$T/drops"
want "refused captured" 20 "$(grep -c '^10.1.0.3.*drop_source' "$T/drops")"
tshark -r "$T/cap.pcapng" -q -z io,phs 2>&1 | grep -q 'udp' || fail "tshark sees no UDP"

# A count that is never reached: the client goes, capture ends.
start capture edge "$CRIERCTL" --socket "$SOCKET" capture -w "$T/cap2.pcapng"
sleep 0.5
kill -INT "${pids[capture]}"
wait_end capture 30
want "exit status of an interrupted capture" 0 "$status"
hear ear "$(listeners 1 3)" 20
speak 5000 --count 20 >/dev/null
want "heard after captures" 20 "$(heard ear received)"
refused 'no such room' ctl capture nosuch -w "$T/cap3.pcapng"
stop dp
stop crierd
