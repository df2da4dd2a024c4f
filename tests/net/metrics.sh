#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# /metrics is what promtool accepts and tells what /v1/stats tells; /healthz tells health.
#
#   pub ── e0 [edge] e1 ── lsn
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
room talk 5000
room 'other-room' 5002
listeners 10 | members talk
for n in {1..70}; do # more than are told at once
	api POST /v1/rooms -H 'content-type: application/json' >/dev/null \
		-d '{"name": "r'"$n"'", "streams": [{"port": '$((6000 + n))', "from": "10.1.0.2"}]}' || fail "room r$n"
done
speak 5000 --count 30 >/dev/null
wait_until 30 taken_in || fail "crier-dp did not take all packets"
reconciles talk

api GET /metrics >"$T/metrics" || fail "/metrics"
promtool check metrics <"$T/metrics" || fail "promtool does not accept /metrics"
grep -q '^crier_.*room="talk"' "$T/metrics" || fail "no room in /metrics"

# metric PATTERN: the value of the one line that matches.
metric()
{
	awk -v p="$1" '$0 ~ p { print $NF }' "$T/metrics"
}
want "copies of the room" 300 "$(metric '^crier_room_copies.*"talk"')"
want "listeners of the room" 10 "$(metric '^crier_room_listeners.*"talk"' | awk '{ n += $1 } END { print n }')"

# stats_lines: all that /v1/stats counts, as /metrics should tell it.
stats_lines()
{
	api GET /v1/stats | jq -r '(.xdp | to_entries[] | "crier_xdp_\(.key)_total \(.value)"),
		(.worker | to_entries[] | "crier_worker_\(.key)_total{worker=\"0\"} \(.value)"),
		(.rooms[] | .name as $room | to_entries[] |
			select(.key | IN("name", "listeners", "sweep_us", "sweep_max_us") | not) |
			"crier_room_\(.key)_total{room=\"\($room)\"} \(.value)")' | sort
}

# Before and after: what grows by itself meanwhile is left out.
stats_lines >"$T/before"
api GET /metrics | sort >"$T/metrics-sorted"
stats_lines | comm -12 "$T/before" - >"$T/told"
want_least "counters that stood still" 60 "$(wc -l <"$T/told")"
want "counters that /metrics tells otherwise" '' "$(comm -23 "$T/told" "$T/metrics-sorted")"

want "health" ok "$(api GET /healthz | jq -r .status)"
stop dp
code=$(curl -s -o "$T/health" -w '%{http_code}' --unix-socket "$SOCKET" http://crier/healthz)
echo "health without crier-dp: $code $(cat "$T/health")"
want "health without crier-dp" 503 "$code"
dp_start
becomes "health with crier-dp back" ok /healthz .status
stop dp
stop crierd
