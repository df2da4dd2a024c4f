#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# crier0: a program on the node itself publishes and listens like anyone, by a veth pair.
#
#   [edge] a program 198.18.0.1 ── crier0 ═ crier0p ── crier ── e1 ── lsn
. "$(dirname "$0")/lib.sh"

topology
crierd_start
PORTS="e0 e1 crier0p" dp_start
ctl room add local --port 5000 --from 198.18.0.1 --engine bypass >/dev/null || fail "room local"
room remote 5002
listeners 10 | members local
{ echo 198.18.0.1:5004 && listeners 10; } | members remote

hear far "$(listeners 1 10)" 100
sent=$(in_edge "$WIRE" send 198.18.0.1:4000 198.18.0.2:5000 --count 100 | jq -r .hash)
want "a local publisher, heard far away" "$sent" "$(heard far hash)"

NS=edge hear near 198.18.0.1:5004 100
hear far "$(listeners 1 10)" 100
sent=$(speak 5002 --count 100 | jq -r .hash)
want "a far publisher, heard by a local program" "$sent" "$(heard near hash)"
want "a far publisher, heard far away" "$sent" "$(heard far hash)"
reconciles local
reconciles remote

# It stays over an ordered stop, so that local programs keep their sockets' device.
index=$(in_edge cat /proc/net/dev | grep -c crier0:)
stop crierd
want "crier0 after crierd's end" "$index" "$(in_edge cat /proc/net/dev | grep -c crier0:)"
crierd_start
NS=edge hear near 198.18.0.1:5004 20
speak 5002 --count 20 >/dev/null
want "heard by a local program after a restart of crierd" 20 "$(heard near received)"
stop dp
stop crierd
