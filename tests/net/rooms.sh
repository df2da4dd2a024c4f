#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Several rooms, each with two streams of their own SSRC on one port and a stream on another port:
# every listener gets each packet of its own room once and nothing else; the counters reconcile.
#
#   pub: 4 rooms x 2 streams, 1 stream more ── e0 [edge] e1 ── lsn: 4 x 500 listeners, v4 and v6
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
for n in 1 2 3 4; do
	room "r$n" $((4999 + n)) --ssrc "$("$CRIER_LOAD" ssrc "r$n")"
	ctl stream add "r$n" --port $((4999 + n)) --from 10.1.0.2 \
		--ssrc "$("$CRIER_LOAD" ssrc "r$n" 1)" >/dev/null || fail "stream add"
	# Neighbouring rooms share half of their addresses, by another port.
	{ listeners 400 $((n * 200)) $((5004 + n % 2)) && listeners6 100 $((n * 50)) $((5004 + n % 2)); } >"$T/r$n"
	sed "s/^/r$n /" "$T/r$n" >>"$T/all"
	members "r$n" <"$T/r$n"
done

judge_start --listeners "$T/all" --streams 2 --log "$T/p1.pub" --expect-ttl 64 --expect-dscp 46
publish p1 5000 --room r --rooms 4 --streams 2 --rate 20 --sr 0.5 --seconds 6
wait_end p1
want "exit status of the publisher" 0 "$status"
all_right
want "RTCP lost" 0 "$(judged rtcp_lost)"
want_least "RTCP copies" 1 "$(judged rtcp_seen)"

for n in 1 2 3 4; do
	reconciles "r$n"
	want "due in r$n" "$(($(room_stat "r$n" pkts) * 500))" "$(room_stat "r$n" due)"
	# Either SSRC is its own stream's alone, though both come to one port.
	want_least "accepted by either stream of r$n" 120 \
		"$(api GET "/v1/rooms/r$n" | jq '[.streams[].accepted] | min')"
done
want "copies, crier's word against the sink's" "$(stat_of .worker.copies)" \
	"$(($(judged copies_seen) + $(judged rtcp_seen)))"

# The same room by another port, as a stand-by publisher uses it.
ctl stream add r1 --port 6000 --from 10.1.0.2:4000 >/dev/null || fail "stream add"
hear ear "$(head -n 1 "$T/r1")" 50
sent=$(speak 6000 --count 50 | jq -r .hash)
want "heard by the other port" "$sent" "$(heard ear hash)"
ctl stream del r1 6000 >/dev/null || fail "stream del"
hear ear "$(head -n 1 "$T/r1")" 5
in_pub "$WIRE" send "$PUB" 10.1.0.1:5000 --ssrc "$("$CRIER_LOAD" ssrc r1)" --count 5 >/dev/null
want "heard by the first port, after that" 5 "$(heard ear received)"
stop dp
stop crierd
