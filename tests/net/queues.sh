#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A veth whose other end has fewer RX queues than there are CPUs: status says so and how to mend it,
# whether that end is in this namespace or in another one, with a name or without.
#
#   pub ── e0 [edge: crierd] e1 ── lsn
#                 └ v0 ── v1 ┘   w0 ── a process's namespace
. "$(dirname "$0")/lib.sh"

[ "$CPUS" -gt 1 ] || skip "needs two CPUs"

# notes_of IFACE: those that speak of queues
notes_of()
{
	api GET /v1/status |
		jq -r --arg i "$1" '.interfaces[] | select(.name == $i) | .notes[] | select(test("RX queues"))'
}

# says IFACE END
says()
{
	notes_of "$1" | grep -q "^$2, .* has RX queues: 1, CPUs: $CPUS\..*ethtool -L $2 rx $CPUS" ||
		fail "$1: $(api GET /v1/status | jq -c .interfaces)"
	want "times that the log says so of $1" 1 "$(grep -c "^$2, the other end of $1" "$T/crierd.log")"
	echo "ok: $(notes_of "$1")"
}

topology
in_lsn ethtool -L l0 rx 1 || skip "this kernel's veth keeps its queues"
in_edge ip link add v0 type veth peer name v1
nsenter --net=/run/netns/edge unshare --net sleep 1000 &
sleeper=$!
wait_until 10 grep -qx sleep "/proc/$sleeper/comm" || fail "no process in a namespace of its own"
in_edge ip link add w0 type veth peer name w1 netns $sleeper || fail "w0"
for i in v0 v1 w0; do
	in_edge ip link set $i up
done
INTERFACES="e0 e1 v0 w0" crierd_start
want "notes of e0" '' "$(notes_of e0)"
says e1 l0
says v0 v1
says w0 w1

# One that comes back is looked at again: the same name, made elsewhere.
in_edge ip link del e1
in_lsn ip link add e1 numrxqueues "$CPUS" type veth peer name l0 numrxqueues "$CPUS" numtxqueues "$CPUS"
in_lsn ethtool -L l0 rx 1
: >"$T/crierd.log"
in_lsn ip link set e1 netns edge
wait_until 20 grep -q '^l0, the other end of e1' "$T/crierd.log" || fail "e1 came back, and nobody looked"
says e1 l0
stop crierd
in_lsn ethtool -L l0 rx "$CPUS" || fail "ethtool"
crierd_start
want "notes of e1" '' "$(notes_of e1)"
stop crierd
kill $sleeper
