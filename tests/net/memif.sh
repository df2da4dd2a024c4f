#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A large room over DPDK from end to end, shared memory instead of cards: every copy right.  Then
# the other end of a device goes away and comes back, as a cable does.
#
#   publisher ── memif ── wan [edge: crier-dp] lan ── memif ── sink, a router with all listeners
#
# LISTENERS and PACKETS make it larger: 1,000,000 and 100 took 20 s.
. "$(dirname "$0")/lib.sh"

"$CRIER_DP" --port dpdk:net_null0 --cpu 0 2>&1 </dev/null | grep -q 'without DPDK' &&
	skip "this crier-dp was built without DPDK"
N=${LISTENERS:-100000} PACKETS=${PACKETS:-60}
MAC=02:00:00:00:00:0
MEMIF=socket-abstract=no,rsize=12

link_is()
{
	in_edge ip -j link show "$1" | jq -e ".[0].flags | index(\"LOWER_UP\") $2 null" >/dev/null
}

sink_start()
{
	rm -f "$T/judge.json" "$T/p1.pub"
	start sink edge "$CRIER_LOAD" sink --dpdk "net_memif0,role=client,socket=$T/lan,mac=${MAC}9,$MEMIF" \
		--router 10.2.0.2 --room talk --listeners "$T/all" --log "$T/p1.pub" --idle 3 \
		--expect-from 10.2.0.1:3478 --expect-ttl 64 --expect-dscp 46 --report "$T/judge.json" "$@"
	wait_log sink 'crier-load: ready'
	wait_until 30 link_is lan != || fail "lan has no link"
	wait_until 30 next_hops_ready || fail "no next hops: $(api GET /v1/status)"
}

add_netns edge
start crierd edge "$CRIERD" --interface wan,mode=dpdk --interface lan,mode=dpdk
wait_log crierd 'crierd: ready'
add_addrs edge wan 10.1.0.1/24
add_addrs edge lan 10.2.0.1/24
: >"$T/dp.log"
nsenter --net=/run/netns/edge "$CRIER_DP" --cpu "$DP_CPU" \
	--port "dpdk:net_memif0,role=server,socket=$T/wan,mac=${MAC}1,$MEMIF,as=wan" \
	--port "dpdk:net_memif1,role=server,socket=$T/lan,mac=${MAC}2,$MEMIF,as=lan" \
	>>"$T/dp.log" 2>&1 </dev/null &
pids[dp]=$!
wait_log dp 'crier-dp: ready'
want "the MAC of wan" "${MAC}1" "$(mac_of edge wan)"
link_is lan == || fail "lan has a link, and nobody at its end"
# The sink shares a core with all else: where that stalls, it is no overload.
ctl set queue_pkts 64 >/dev/null
ctl set tx_wait_us 1000000 >/dev/null
in_edge ip route replace 10.128.0.0/9 via 10.2.0.2 2>/dev/null ||
	in_edge ip route replace 10.128.0.0/9 via 10.2.0.2 dev lan onlink

room talk 5000
listeners "$N" >"$T/all"
ctl listener add talk --file "$T/all" >/dev/null || fail "listener add"
sink_start
in_edge ip route replace 10.128.0.0/9 via 10.2.0.2
wait_until 30 next_hops_ready || fail "no next hops: $(api GET /v1/status)"
start p1 edge "$CRIER_LOAD" publish --dpdk "net_memif0,role=client,socket=$T/wan,mac=${MAC}8,$MEMIF" \
	--to-mac "${MAC}1" --from 10.1.0.2:4000 --to 10.1.0.1:5000 --room talk --log "$T/p1.pub" \
	--rate "${RATE:-15}" --count "$PACKETS"
wait_end p1 200
judge_end
echo "sink: $(jq -c .sink "$T/judge.json")"
want "what the sink found wrong" '[]' "$(jq -c .wrong "$T/judge.json")"
want "copies" $((N * PACKETS)) "$(judged copies_seen)"
no_harm
reconciles talk

# Nobody at the end of lan: copies are counted by name, and go on when there is somebody.
wait_until 30 link_is lan == || fail "lan keeps its link"
becomes "the link in status" false /v1/status '.interfaces[] | select(.name == "lan") | .link'
before=$(room_stat talk copies)
rm -f "$T/p1.pub"
start p1 edge "$CRIER_LOAD" publish --dpdk "net_memif0,role=client,socket=$T/wan,mac=${MAC}8,$MEMIF" \
	--to-mac "${MAC}1" --from 10.1.0.2:4000 --to 10.1.0.1:5000 --room talk --log "$T/p1.pub" \
	--rate 20 --count 5
wait_end p1
reconciles talk
want "copies to nobody" "$before" "$(room_stat talk copies)"
want_least "copies into a dead link" $((5 * N)) "$(room_stat talk link_down)"
stop dp
stop crierd
