#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copies follow the kernel's neighbours and routes: a router's new MAC address, another router, a
# lost and a regained route, a dead link, a lost carrier.
#
#                       ┌ e1 ── l0 lsn  10.2.0.2   (the router, and where all listeners are)
#   pub ── e0 [edge] ───┤
#                       └ e2 ── o0 oth  10.3.0.2   (another router to the same listeners)
. "$(dirname "$0")/lib.sh"

topology
add_netns oth
add_link edge e2 oth o0
add_addrs edge e2 10.3.0.1/24
add_addrs oth o0 10.3.0.2/24
nsenter --net=/run/netns/oth ip route add local 10.128.0.0/9 dev lo
nsenter --net=/run/netns/oth ip route add default via 10.3.0.1
INTERFACES="e0 e1 e2" crierd_start
PORTS="e0 e1 e2" dp_start
room talk 5000
listeners 100 | members talk

# hears NS: listener 5, there, hears the next 50 packets.
hears()
{
	local said
	NS=$1 hear ear "$(listeners 1 5)" 50
	said=$(speak 5000 --count 50 | jq -r .hash)
	want "heard in $1 $2" "$said" "$(heard ear hash)"
	echo "ok: heard in $1 $2"
}

hears lsn "at first"

in_lsn ip link set l0 address 02:00:00:00:00:77
in_lsn ip link set l0 up
# As a router that takes over another's address says so: by a gratuitous ARP.
in_edge ip neigh replace 10.2.0.2 lladdr 02:00:00:00:00:77 dev e1 nud reachable
sleep 0.5
hears lsn "after its MAC address changed"

in_edge ip route replace 10.128.0.0/9 via 10.3.0.2
sleep 0.5
wait_until 30 next_hops_ready
hears oth "after the route changed"

# A more specific route, for a part of the listeners only.
in_edge ip route add 10.128.0.4/30 via 10.2.0.2
sleep 0.5
wait_until 30 next_hops_ready
hears lsn "by a more specific route"

in_edge ip route del 10.128.0.4/30
in_edge ip route del 10.128.0.0/9
becomes "listeners without a route" 100 /v1/rooms/talk .unreachable
before=$(room_stat talk no_route)
speak 5000 --count 10 >/dev/null
wait_until 30 taken_in || fail "crier-dp did not take all packets"
reconciles talk
want "copies without a route" 1000 $(($(room_stat talk no_route) - before))

in_edge ip route add 10.128.0.0/9 via 10.2.0.2
becomes "listeners without a route" 0 /v1/rooms/talk .unreachable
hears lsn "after the route came back"

in_edge ip link set e1 down
sleep 0.5
before=$(room_stat talk copies)
speak 5000 --count 10 >/dev/null
wait_until 30 taken_in || fail "crier-dp did not take all packets"
reconciles talk
want "copies into a dead link" "$before" "$(room_stat talk copies)"
in_edge ip link set e1 up
in_edge ip route replace 10.128.0.0/9 via 10.2.0.2
wait_until 30 next_hops_ready
sleep 0.5
hears lsn "after the link came back"

# Without a carrier the route stays, so that it's the next hop which says no.
in_lsn ip link set l0 down
becomes "next hops that are down" true /v1/status '.vias.down > 0'
before=$(room_stat talk link_down)
speak 5000 --count 10 >/dev/null
reconciles talk
want "copies for want of a carrier" 1000 $(($(room_stat talk link_down) - before))
stop dp
stop crierd
