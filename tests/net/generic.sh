#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Generic XDP, for drivers without native support: it works, and status says so.
#
#   pub ── e0 (generic) [edge] e1 (native) ── lsn
. "$(dirname "$0")/lib.sh"

topology
INTERFACES="e0,mode=generic e1,mode=native" crierd_start
dp_start
want "modes" 'e0 generic e1 native' \
	"$(api GET /v1/status | jq -r '[.interfaces[] | select(.name | test("^e")) | .name, .mode] | join(" ")')"
grep -qi generic "$T/crierd.log" || fail "the log doesn't speak of generic mode"

room talk 5000
listeners 100 | members talk
hear ear "$(listeners 1 50)" 200
sent=$(speak 5000 --count 200 | jq -r .hash)
want "heard" "$sent" "$(heard ear hash)"
hear ear "$(listeners 1 50)" 20
sent=$(in_pub "$WIRE" raw p0 "$(mac_of edge e0)" "$PUB" 10.1.0.1:5000 --vlan 9 --count 20 | jq -r .hash)
want "heard, tagged" "$sent" "$(heard ear hash)"
reconciles talk
stop dp
stop crierd
