#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel engine's interface vanishes and comes back, down first and up later, without crier-dp:
# its devmaps are made beside the event loop, and then every listener hears again.
#
#   pub ── e0 [edge: crierd] e1 ── lsn: 50 listeners
. "$(dirname "$0")/lib.sh"
ENGINE=auto

# A veth takes what is redirected to it once its other end has GRO.
e1_open()
{
	in_lsn ethtool -K l0 gro on || skip "this veth has no GRO to open it"
}

topology
e1_open
crierd_start
room talk 5000
listeners 50 >"$T/list"
members talk <"$T/list"

served()
{
	[ "$(api GET /v1/rooms/talk | jq -r .serving)" = kernel ]
}

# carried: a packet goes to everybody.
carried()
{
	local before
	before=$(room_stat talk copies)
	speak 5000 --count 1
	sleep 0.1
	[ "$(room_stat talk copies)" = $((before + 50)) ]
}

# all_heard WHEN
all_heard()
{
	local sent
	in_edge ip route replace 10.128.0.0/9 via 10.2.0.2
	in_lsn ip route replace default via 10.2.0.1
	wait_until 30 served || fail "$1 the room is served by $(api GET /v1/rooms/talk)"
	wait_until 30 carried || fail "$1 no packet comes through"
	hear ear "$(head -n 1 "$T/list")" 100
	sent=$(speak 5000 --count 100 --interval 0.002 | jq -r .hash)
	want "heard $1" "$sent" "$(heard ear hash)"
	reconciles talk
	echo "ok: heard $1"
}

all_heard "at first"

in_edge ip link set e1 down
becomes "the link, down" false /v1/status '.interfaces[] | select(.name == "e1") | .link'
in_edge ip link set e1 up
all_heard "after the link was down"

for down in "" down; do
	in_edge ip link del e1
	becomes "the link, gone" false /v1/status '.interfaces[] | select(.name == "e1") | .link'
	add_link edge e1 lsn l0
	[ -z "$down" ] || in_edge ip link set e1 down
	add_addrs edge e1 10.2.0.1/24 fd02::1/64
	add_addrs lsn l0 10.2.0.2/24 fd02::2/64
	e1_open
	[ -z "$down" ] || { sleep 0.3 && in_edge ip link set e1 up; }
	all_heard "by the new interface of that name${down:+, up later}"
done

stop crierd
