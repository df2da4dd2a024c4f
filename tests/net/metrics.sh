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

want "health" ok "$(api GET /healthz | jq -r .status)"
stop dp
code=$(curl -s -o "$T/health" -w '%{http_code}' --unix-socket "$SOCKET" http://crier/healthz)
echo "health without crier-dp: $code $(cat "$T/health")"
want "health without crier-dp" 503 "$code"
dp_start
becomes "health with crier-dp back" ok /healthz .status
stop dp
stop crierd
