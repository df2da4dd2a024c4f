#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Publisher and listeners on one interface: one port does both.
#
#   [edge] e1 ── lsn: the publisher 10.2.0.9 and the listeners
. "$(dirname "$0")/lib.sh"

topology
add_addrs lsn l0 10.2.0.9/24
INTERFACES=e1 crierd_start
PORTS=e1 dp_start

ctl room add talk --port 5000 --from 10.2.0.9 --engine bypass >/dev/null || fail "room add"
listeners 100 | members talk
hear ear "$(listeners 1 100)" 200
sent=$(in_lsn "$WIRE" send 10.2.0.9:4000 10.2.0.1:5000 --count 200 | jq -r .hash)
want "heard" "$sent" "$(heard ear hash)"
reconciles talk
want "copies" 20000 "$(room_stat talk copies)"
stop dp
stop crierd
