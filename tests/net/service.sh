#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Under a service manager: both programs say when they are ready and when they stop, crierd gives
# signs of life, and takes the media port's socket from the manager if that holds it.
#
#   pub ── e0 [edge] e1 ── lsn
. "$(dirname "$0")/lib.sh"

MANAGER=$(dirname "$0")/manager.py

signs_of_life()
{
	[ "$(grep -c WATCHDOG=1 "$T/$1.log")" -ge 3 ]
}

topology
# Whoever bound the port anew would be told that it is taken.
start crierd edge "$MANAGER" 3478 "$CRIERD" --interface e0 --interface e1
wait_log crierd READY=1
wait_until 20 signs_of_life crierd || fail "no signs of life"
want "media port" 3478 "$(api GET /v1/status | jq .media_port)"
want "sockets on the media port" 1 "$(in_edge ss -Hlun sport = 3478 | wc -l)"

start dp edge "$MANAGER" - "$CRIER_DP" --port xdp:e0 --port xdp:e1
wait_log dp READY=1
room talk 5000
echo 10.128.0.1:5004 | members talk
hear one 10.128.0.1:5004 20
sent=$(speak 5000 --count 20 | jq -r .hash)
want "heard" "$sent" "$(heard one hash)"
stop dp
grep -q STOPPING=1 "$T/dp.log" || fail "crier-dp does not say that it stops"
stop crierd
grep -q STOPPING=1 "$T/crierd.log" || fail "crierd does not say that it stops"

# A socket that isn't the media port's is left alone, and said so.
start crierd edge "$MANAGER" 3479 "$CRIERD" --interface e0
wait_log crierd READY=1
grep -q 'none of the 1 sockets' "$T/crierd.log" || fail "nothing said of a useless socket"
stop crierd
