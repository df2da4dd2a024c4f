#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A million listeners in one request; the loop answers others meanwhile; a client that leaves in
# the middle leaves crierd well.
#
#   [edge] alone
. "$(dirname "$0")/lib.sh"

topology
crierd_start --max-listeners 1048576
room talk 5000
listeners 1000000 >"$T/list"

start=$(date +%s%N)
ctl listener add talk --file "$T/list" >"$T/added.log" &
adding=$!
slowest=0 asked=0 between=0
while kill -0 "$adding" 2>/dev/null; do
	ms=$(curl -s -o "$T/answer" -w '%{time_total}' --unix-socket "$SOCKET" http://crier/v1/rooms/talk |
		awk '{ print int($1 * 1000) }')
	asked=$((asked + 1)) slowest=$((ms > slowest ? ms : slowest))
	jq -e '.listeners > 0 and .listeners < 1000000' "$T/answer" >/dev/null && between=$((between + 1))
done
wait "$adding" || fail "listener add: $(cat "$T/added.log")"
echo "1,000,000 listeners in $((($(date +%s%N) - start) / 1000000)) ms; $asked other requests" \
	"meanwhile, the slowest took $slowest ms"
want_least "answers while only a part of them was in" 1 "$between"
want "listeners" 1000000 "$(count_of talk)"
want "listeners listed" 1000000 "$(ctl listener list talk | sort -u | wc -l)"

ctl listener del talk --file "$T/list" >/dev/null || fail "listener del"
want "listeners after bulk delete" 0 "$(count_of talk)"

# Away in the middle: of the body, and of the work.
for wait in 0.02 0.1 0.3; do
	timeout "$wait" curl -s -o /dev/null --unix-socket "$SOCKET" -H 'content-type: text/plain' \
		--data-binary "@$T/list" http://crier/v1/rooms/talk/listeners
	api GET /healthz >/dev/null 2>&1
	alive crierd || fail "crierd ended"
	echo "client away after $wait s: $(count_of talk) listeners"
done
ctl listener add talk --file "$T/list" >/dev/null || fail "listener add after that"
want "listeners, all again" 1000000 "$(count_of talk)"
api DELETE /v1/rooms/talk >/dev/null || fail "room del"
becomes "slots in use after the room is gone" 0 /v1/status .used.listeners4
stop crierd
