#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# If crierd stays dead, copying goes on for dead_man_s, then stops, counted; a new crierd heals it.
#
#   pub ── e0 [edge] e1 ── lsn
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
room talk 5000
listeners 10 | members talk
ctl set dead_man_s 3 >/dev/null || fail "set dead_man_s"

stop crierd KILL
hear ear "$(listeners 1 3)" 50
sent=$(speak 5000 --count 50 --interval 0.001 | jq -r .hash)
want "heard while crierd is dead, within the time" "$sent" "$(QUIET=1 heard ear hash)"

sleep 5
QUIET=1
start ear lsn "$WIRE" recv "$(listeners 1 3)" --count 50 --first 4
wait_log ear listening
speak 5000 --count 50 --interval 0.001 >/dev/null
want "heard after the time" 0 "$(heard ear received)"

crierd_start
stopped=$(stat_of '.xdp.drop_deadman + .worker.stopped_pkts')
want "packets stopped" 50 "$stopped"
want "the setting is kept" 3 "$(api GET /v1/settings/dead_man_s | jq .value)"
hear ear "$(listeners 1 3)" 50
sent=$(speak 5000 --count 50 | jq -r .hash)
want "heard after crierd's return" "$sent" "$(heard ear hash)"
stop dp
stop crierd
