#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# crier-dp restarted, in order and killed: a gap, printed, and after it all is as before; nothing
# is doubled or misdirected.  Killed for good, it holds nothing up.
#
#   pub ── e0 [edge] e1 ── lsn: 500 listeners
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
room talk 5000
listeners 500 >"$T/list"
members talk <"$T/list"
# Sweeps that take most of the time between two packets: an end falls into one.
for setting in 'pace_pct 90' 'burst_copies 8'; do
	# shellcheck disable=SC2086 # two words
	ctl set $setting >/dev/null || fail "set $setting"
done

for signal in TERM KILL; do
	judge_start --room talk --listeners "$T/list" --log "$T/p1.pub"
	publish p1 5000 --room talk --rate 200 --seconds 6
	sleep 1.5
	# As a service manager does it: no later than the end is known.
	kill -$signal "${pids[dp]}"
	wait "${pids[dp]}" 2>/dev/null
	status=$?
	want "exit status after SIG$signal" "$([ $signal = KILL ] && echo 137 || echo 0)" $status
	dp_start
	hear_from=$(room_stat talk copies)
	wait_end p1
	judge_end
	no_harm
	lost=$(($(judged lost) / 500))
	echo "SIG$signal: $lost of $(jq '.rooms[0].packets' "$T/judge.json") packets at 200 a second fell" \
		"into the gap: $((lost * 5)) ms"
	want "partly lost packets (each goes to all or to none, SIGTERM)" 0 \
		"$([ $signal = KILL ] && echo 0 || echo $(($(judged lost) % 500)))"
	want_least "copies after the restart" 500 "$(($(room_stat talk copies) - hear_from))"
	want "live workers" "${DP_WORKERS:-1}" "$(api GET /v1/status | jq '[.workers[] | select(.alive)] | length')"
	rm -f "$T/judge.json" "$T/p1.pub" "$STAMPS"
done
judge_start --room talk --listeners "$T/list" --log "$T/p1.pub"
publish p1 5000 --room talk --rate 200 --seconds 2
wait_end p1
all_right

# Killed while it was awake, and nobody in its place: what it might have read is used again all the
# same.
ctl set idle_sleep 0 >/dev/null || fail "set idle_sleep"
becomes "awake" true /v1/status '.workers[0].online'
stop dp KILL
want "live workers" 0 "$(api GET /v1/status | jq '[.workers[] | select(.alive)] | length')"
ctl room del talk >/dev/null || fail "room del"
nothing_waits()
{
	api GET /metrics | grep -q '^crier_grace_pending 0$'
}
wait_until 20 nothing_waits || fail "the dead worker is waited for"
stop crierd
