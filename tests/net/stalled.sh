#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The leader waits for a card that takes nothing: it goes on receiving, and the other worker's room
# hears all that is said meanwhile.  Then the link goes down in mid-sweep, and comes back.
#
#   pub ── e0 [edge: crier-dp --cpu 0,1] e1 ── lsn: the other worker's room
#                                      stuck ── memif ── a sink that is stopped: the leader's room
DP_WORKERS=2
. "$(dirname "$0")/lib.sh"

"$CRIER_DP" --port dpdk:net_null0 --cpu 0 2>&1 </dev/null | grep -q 'without DPDK' &&
	skip "this crier-dp was built without DPDK"
MEMIF=socket=$T/stuck,socket-abstract=no,rsize=7
MAC=02:00:00:00:00:0

copies_of_worker1()
{
	stat_of '.workers[] | select(.slot == 1) | .counters.copies'
}

link_is()
{
	in_edge ip -j link show stuck | jq -e ".[0].flags | index(\"LOWER_UP\") $1 null" >/dev/null
}

topology
INTERFACES="e0 e1 stuck,mode=dpdk" crierd_start
add_addrs edge stuck 10.3.0.1/24
PORTS="e0 e1 dpdk:net_memif0,role=server,mac=${MAC}2,$MEMIF,as=stuck" dp_start --hugepages no

# Rooms of one page belong to one worker each, by turns.
for n in 1 2; do
	room "r$n" "500$n" --engine bypass
	listeners 200 $((n * 1000)) | members "r$n"
done
before=$(copies_of_worker1)
speak 5001 --count 5 >/dev/null
wait_until 30 answers /v1/stats '.rooms[] | select(.name == "r1") | .pkts' 5 || fail "r1 is not served"
wait_until 30 quiet_now
mine=1 other=2
[ "$(copies_of_worker1)" = "$before" ] || mine=2 other=1

# The leader's room goes to the card that will be stuck.
start sink edge "$CRIER_LOAD" sink --dpdk "net_memif0,role=client,mac=${MAC}9,$MEMIF" \
	--router 10.3.0.2 --room "r$mine" --generate 10.128.0.1/1/5004 --seconds 600
wait_log sink 'crier-load: ready'
wait_until 30 link_is != || fail "stuck has no link"
in_edge ip neigh replace 10.3.0.2 lladdr ${MAC}9 dev stuck nud permanent
for ((i = 0; i < 200; i++)); do
	addr=$(listeners 1 $((mine * 1000 + i)))
	echo "route replace ${addr%:*}/32 via 10.3.0.2"
done >"$T/routes"
in_edge ip -batch "$T/routes" || fail "routes"
wait_until 30 next_hops_ready || fail "no next hops: $(api GET /v1/status)"
ctl set tx_wait_us 1000000 >/dev/null

# look: the leader's turns, packets that the other worker has swept, and what the card didn't take.
look()
{
	api GET /v1/stats | jq -r --arg r "r$mine" '"\(.workers[0].counters.turns) \(.workers[1].counters.jobs_done) " +
		"\(.rooms[] | select(.name == $r) | .tx_full)"'
}

# overtaken: within one turn of the leader's loop, its wait, the other worker was given packets and
# swept them.  On a machine that stalls for a second nobody may have looked: hence some tries.
overtaken()
{
	local turns jobs full was_turns=0 was_jobs=0 seen=1
	kill -STOP "${pids[sink]}"
	hear ear "$(listeners 1 $((other * 1000 + 7)))" 120
	start talk pub "$WIRE" send 10.1.0.2:4001 "10.1.0.1:500$other" --count 120 --interval 0.02
	read -r _ _ before <<<"$(look)"
	speak "500$mine" --count 2 --interval 0.001 >/dev/null
	while read -r turns jobs full <<<"$(look)" && [ "$full" = "$before" ] && alive talk; do
		[ "$turns" != "$was_turns" ] || [ "$jobs" -lt $((was_jobs + 2)) ] || seen=0
		[ "$turns" = "$was_turns" ] || was_turns=$turns was_jobs=$jobs
	done
	wait_end talk
	want "heard in r$other" 120 "$(heard ear received)"
	wait_until 30 quiet_now || fail "a sweep doesn't end"
	want_least "copies that the card didn't take" 1 $(($(room_stat "r$mine" tx_full) - before))
	kill -CONT "${pids[sink]}"
	wait_until 30 card_takes || fail "the card takes nothing again"
	return $seen
}

card_takes()
{
	local was
	was=$(room_stat "r$mine" tx_full)
	speak "500$mine" --count 1 >/dev/null
	wait_until 30 quiet_now && [ "$(room_stat "r$mine" tx_full)" = "$was" ]
}

for ((i = 0; i < 5; i++)); do
	overtaken && break
done
[ $i -lt 5 ] || fail "the other worker's room waits for the leader's card"
echo "ok: the other room was served at try $((i + 1))"
for n in 1 2; do
	reconciles "r$n"
done

# The card's far end dies in the midst of a sweep that waits for it: the sweep ends, what was not sent
# has a name, and the next far end gets what comes then and nothing else.
before=$(room_stat "r$mine" copies)
kill -STOP "${pids[sink]}"
speak "500$mine" --count 3 --interval 0.001 >/dev/null
kill -KILL "${pids[sink]}"
wait_end sink
wait_until 30 link_is == || fail "stuck keeps its link"
wait_until 30 quiet_now || fail "a sweep doesn't end when the link does"
reconciles "r$mine"
was=$(room_stat "r$mine" link_down)
speak "500$mine" --count 3 >/dev/null
wait_until 30 quiet_now
want "copies into a dead link" 600 $(($(room_stat "r$mine" link_down) - was))
start sink edge "$CRIER_LOAD" sink --dpdk "net_memif0,role=client,mac=${MAC}9,$MEMIF" --router 10.3.0.2 \
	--room "r$mine" --generate 10.128.0.1/1/5004 --seconds 600 --report "$T/judge.json"
wait_log sink 'crier-load: ready'
wait_until 30 link_is != || fail "stuck has no link again"
wait_until 30 next_hops_ready || fail "no next hops after the link came back"
# Told late, frames that waited for the old link are counted with the first packet.
speak "500$mine" --count 1 >/dev/null
wait_until 30 taken_in || fail "packets are not taken in"
wait_until 30 quiet_now || fail "a sweep doesn't end"
# The dead card's ring, empty then, has 128 places: no more than these can be copies.
taken=$(($(room_stat "r$mine" copies) - before - 200))
[ "$taken" -le 128 ] || fail "$taken copies went into a ring of 128 that nobody emptied"
before=$(room_stat "r$mine" copies)
speak "500$mine" --count 5 --interval 0.05 >/dev/null
wait_until 30 answers /v1/stats ".rooms[] | select(.name == \"r$mine\") | .copies" $((before + 1000)) ||
	fail "copies after the link came back: $(($(room_stat "r$mine" copies) - before)) of 1000"
reconciles "r$mine"
# Six packets' copies, and the little that Linux says: what waited when the old link died is a burst.
kill -INT "${pids[sink]}"
wait_end sink
frames=$(jq .sink.frames "$T/judge.json")
want_least "frames at the next far end" 1200 "$frames"
[ "$frames" -lt 1216 ] || fail "the next far end got $frames frames, not 1200"
alive dp || fail "crier-dp died with the link"
stop dp
stop crierd
