#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Only the stream's own source, port, SSRC and payload type get in; every other packet, malformed
# ones of all sorts too, is refused and counted, nobody hears it, and all lives on.
#
#   pub: the publisher, an impostor, a fuzzer ── e0 [edge] e1 ── lsn
. "$(dirname "$0")/lib.sh"

topology
add_addrs pub p0 10.1.0.3/24
crierd_start
dp_start
ctl room add talk --port 5000 --from 10.1.0.2:4000 --engine bypass --ssrc 0x1234 --pt 111 >/dev/null || fail "room add"
listeners 5 | members talk
hear all "$(listeners 1 2)" 10000

# adds COUNTER N COMMAND...: the command makes that counter grow by N, and no other "drop".
adds()
{
	local counter=$1 n=$2 before
	shift 2
	before=$(api GET /v1/stats | jq -c .xdp)
	"$@" >/dev/null || fail "$*"
	api GET /v1/stats | jq -e --argjson b "$before" --arg c "$counter" --argjson n "$n" '.xdp |
		[to_entries[] | select(.key | test("^(drop|accepted$)")) | .value -= $b[.key] | select(.value != 0)] ==
		[{key: $c, value: $n}]' >/dev/null ||
		fail "$*: want $counter + $n: before $before, now $(stat_of .xdp)"
	echo "ok: $counter $n"
}

from()
{
	in_pub "$WIRE" send "$1" 10.1.0.1:5000 --count 20 "${@:2}"
}

adds accepted 20 from 10.1.0.2:4000
adds drop_source 20 from 10.1.0.3:4000
adds drop_source 20 from 10.1.0.2:4001
adds drop_ssrc 20 from 10.1.0.2:4000 --ssrc 0x4321
adds drop_pt 20 from 10.1.0.2:4000 --pt 96
want "refusals charged to the stream" 80 "$(api GET /v1/rooms/talk | jq '.streams[0].refused')"
want "accepted by the stream" 20 "$(api GET /v1/rooms/talk | jq '.streams[0].accepted')"

sent=$(in_pub "$WIRE" bad p0 "$(mac_of edge e0)" 10.1.0.2:4000 10.1.0.1:5000 | jq .sent)
for counter in drop_runt drop_length drop_rtp pass_fragment pass_options pass_not_ip; do
	want_least "$counter after $sent malformed frames" 1 "$(stat_of ".xdp.$counter")"
done
in_pub "$WIRE" bad p0 "$(mac_of edge e0)" '[fd01::2]:4000' '[fd01::1]:5000' >/dev/null
for program in dp crierd; do
	alive "$program" || fail "malformed frames ended $program"
done
before=$(stat_of .xdp.accepted)
sent=$(speak 5000 --count 30 | jq .sent)
want "accepted after that" "$sent" $(($(stat_of .xdp.accepted) - before))
reconciles talk
want "heard" "$(stat_of '.worker.copies / 5')" "$(heard all received)"
stop dp
stop crierd
