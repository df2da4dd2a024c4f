#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An ordered stop keeps maps and copying; --flush takes every pin and program away.
#
#   pub ── e0 [edge] e1 ── lsn
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
room talk 5000
listeners 10 | members talk
stop crierd

hear ear "$(listeners 1 3)" 50
sent=$(speak 5000 --count 50 | jq -r .hash)
want "heard while crierd is stopped" "$sent" "$(heard ear hash)"

crierd_start
want "listeners after the restart" 10 "$(count_of talk)"
refused 'another crierd' in_edge "$CRIERD" --flush
want "listeners after a refused flush" 10 "$(count_of talk)"
mapfile -t programs < <(api GET /v1/status | jq '.programs.list[].id')
want_least "programs at work" 4 "${#programs[@]}"
stop crierd

in_edge "$CRIERD" --flush || fail "--flush"
wait_log dp '--flush took these tables away'
wait_end dp 10
want "exit status of crier-dp without its tables" 1 "$status"
want "pins left" '' "$(find "$PIN_DIR" -mindepth 1 2>/dev/null)"
for dev in e0 e1; do
	want "XDP program on $dev" null "$(in_edge ip -j link show "$dev" | jq '.[0].xdp')"
done
for id in "${programs[@]}"; do
	wait_until 10 eval "! bpftool prog show id $id" || fail "is left: $(bpftool prog show id "$id")"
done
refused 'crierd' in_edge "$CRIER_DP" --port xdp:e0

in_edge "$CRIERD" --flush || fail "--flush with nothing there"
crierd_start
want "rooms after a flush" 0 "$(api GET /v1/rooms | jq '.rooms | length')"
stop crierd
