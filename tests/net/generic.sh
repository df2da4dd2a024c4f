#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Generic XDP, for drivers without native support: it works, and status says so.
#
#   pub ── e0 (generic) [edge] e1 (native) ── lsn
. "$(dirname "$0")/lib.sh"

topology
INTERFACES="e0,mode=generic e1,mode=native" crierd_start
dp_start
modes()
{
	api GET /v1/status | jq -r '[.interfaces[] | select(.name | test("^e")) | .name, .mode] | join(" ")'
}
want "modes" 'e0 generic e1 native' "$(modes)"
grep -qi generic "$T/crierd.log" || fail "the log doesn't speak of generic mode"

room talk 5000
refused "generic mode" ctl room set talk engine=kernel
listeners 100 | members talk
hear ear "$(listeners 1 50)" 200
sent=$(speak 5000 --count 200 | jq -r .hash)
want "heard" "$sent" "$(heard ear hash)"
hear ear "$(listeners 1 50)" 20
sent=$(in_pub "$WIRE" raw p0 "$(mac_of edge e0)" "$PUB" 10.1.0.1:5000 --vlan 9 --count 20 | jq -r .hash)
want "heard, tagged" "$sent" "$(heard ear hash)"
reconciles talk

# The next crierd finds it so, and leaves it.
stop crierd
INTERFACES="e0 e1" crierd_start
want "modes after a restart" 'e0 generic e1 native' "$(modes)"
hear ear "$(listeners 1 50)" 20
sent=$(speak 5000 --count 20 | jq -r .hash)
want "heard after a restart" "$sent" "$(heard ear hash)"
stop dp
stop crierd
