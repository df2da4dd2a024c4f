#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# crierd's mirror of routes, neighbours, links and addresses, asked through nexthop-probe while the
# kernel's own change under it.
#
#            ┌ e1 10.2.0.1, fd02::1 ── l0 lsn 10.2.0.2, fd02::2
#   [edge] ──┤   └ e1.7 (VLAN 7) 10.7.0.1 ── l0.7 10.7.0.2
#            │      └ e1.7.9 (VLAN 9 in 7) 10.9.0.1 ── l0.7.9 10.9.0.2
#            └ e2 10.3.0.1, fd03::1 ── o0 oth 10.3.0.2, fd03::2
. "$(dirname "$0")/lib.sh"

add_netns edge
add_netns lsn
add_netns oth
add_link edge e1 lsn l0
add_link edge e2 oth o0
add_addrs edge e1 10.2.0.1/24 fd02::1/64
add_addrs edge e2 10.3.0.1/24 fd03::1/64
add_addrs lsn l0 10.2.0.2/24 fd02::2/64
add_addrs oth o0 10.3.0.2/24 fd03::2/64

vlan()
{
	nsenter --net="/run/netns/$1" ip link add link "$2" name "$2.$3" type vlan id "$3"
	nsenter --net="/run/netns/$1" ip link set "$2.$3" up
	add_addrs "$1" "$2.$3" "$4"
}
vlans=1
if in_edge ip link add link e1 name e1.1 type vlan id 1 2>/dev/null; then
	in_edge ip link del e1.1
	vlan edge e1 7 10.7.0.1/24
	vlan edge e1.7 9 10.9.0.1/24
	vlan lsn l0 7 10.7.0.2/24
	vlan lsn l0.7 9 10.9.0.2/24
else
	vlans=
	echo "skipped: VLAN devices: this kernel has none (8021q); test_egress covers the tags"
fi
in_edge ip route add 10.128.0.0/9 via 10.2.0.2
in_edge ip -6 route add fd80::/64 via fd02::2

edge()
{
	in_edge ip "$@" || fail "ip $*"
}

coproc probe { in_edge "$CRIER_BUILD/tests/net/nexthop-probe" e1 e2 2>"$T/probe.log"; }

# ask COMMAND...: the probe's answer in $answer.
ask()
{
	echo "$*" >&"${probe[1]}" || fail "the probe is gone"
	read -r -t 60 answer <&"${probe[0]}" || fail "no answer to: $*"
}

# becomes_via WHAT ADDR WORDS...: the answer for ADDR soon contains each of WORDS.
becomes_via()
{
	local what=$1 addr=$2 word
	shift 2
	for word; do
		ask wait "$addr" "$word"
		[[ $answer == *"$word"* ]] || fail "$what: no '$word' in: $answer"
	done
	for word; do
		[[ $answer == *"$word"* ]] || fail "$what: no '$word' in: $answer"
	done
	echo "ok: $what: $answer"
}

mac_of()
{
	nsenter --net="/run/netns/$1" ip -j link show dev "$2" | jq -r '.[0].address'
}

l0=$(mac_of lsn l0)
o0=$(mac_of oth o0)

becomes_via "a gateway" 10.128.0.5 port=e1 neighbour=10.2.0.2 local=10.2.0.1 "mac=$l0" state=ready
first=$answer
becomes_via "the same via for another listener" 10.200.1.1 "${first%% *} "
becomes_via "an IPv6 gateway" fd80::5 port=e1 neighbour=fd02::2 local=fd02::1 "mac=$l0" state=ready
becomes_via "a neighbour on the link" 10.3.0.2 port=e2 neighbour=10.3.0.2 "mac=$o0" state=ready
becomes_via "nobody there" 10.3.0.77 neighbour=10.3.0.77 state=pending
if [ "$vlans" ]; then
	becomes_via "a VLAN" 10.7.0.2 port=e1 vlan=7,-1 tpid=8100 local=10.7.0.1 "mac=$l0" state=ready
	becomes_via "a VLAN in a VLAN" 10.9.0.2 port=e1 vlan=7,9 tpid=8100,8100 "mac=$l0" state=ready
fi
becomes_via "no route" 192.0.2.1 "none: no route"
becomes_via "its own address" 10.2.0.1 "none: one of our own addresses"
becomes_via "a broadcast" 10.2.0.255 "none: a broadcast"

# The neighbour moves.
in_lsn ip link set l0 address 02:00:00:00:00:77
edge neigh replace 10.2.0.2 lladdr 02:00:00:00:00:77 dev e1 nud reachable
becomes_via "a neighbour's new MAC address" 10.128.0.5 mac=02:00:00:00:00:77 "${first%% *} "
edge neigh del 10.3.0.2 dev e2
becomes_via "a neighbour forgotten and found again" 10.3.0.2 "mac=$o0" state=ready

# Routes.
ask changes
before=$answer
edge route replace 10.128.0.0/9 via 10.3.0.2
becomes_via "a route replaced" 10.128.0.5 port=e2 neighbour=10.3.0.2 local=10.3.0.1
edge route add 10.128.0.0/16 via 10.2.0.2
becomes_via "a longer prefix" 10.128.0.5 port=e1
edge route add unreachable 10.128.0.5
becomes_via "an unreachable route" 10.128.0.5 "none: a blackhole"
edge route del unreachable 10.128.0.5
edge route del 10.128.0.0/16
becomes_via "the shorter one again" 10.128.0.5 port=e2
edge route append 10.128.0.0/9 via 10.2.0.2 metric 50
becomes_via "a worse metric changes nothing" 10.128.0.5 port=e2
edge route del 10.128.0.0/9 via 10.3.0.2
becomes_via "until the better is gone" 10.128.0.5 port=e1
edge route replace 10.128.0.0/9 via 10.2.0.2 metric 50 mtu 1400 src 10.3.0.1
becomes_via "MTU and source of a route" 10.128.0.5 mtu=1400 local=10.3.0.1
edge route add 10.64.0.0/16 via inet6 fd03::2
becomes_via "an IPv6 gateway for IPv4" 10.64.0.1 port=e2 neighbour=fd03::2 local=10.3.0.1 "mac=$o0"
edge route add 10.65.0.0/16 nexthop via 10.2.0.2 nexthop via 10.3.0.2
for i in {1..40}; do
	ask via "10.65.0.$i"
	echo "$answer"
done >"$T/ecmp"
want_least "listeners of 40 by e1" 8 "$(grep -c port=e1 "$T/ecmp")"
want_least "listeners of 40 by e2" 8 "$(grep -c port=e2 "$T/ecmp")"
echo "ok: multipath: $(grep -c port=e1 "$T/ecmp") by e1, $(grep -c port=e2 "$T/ecmp") by e2"
edge nexthop add id 5 via 10.3.0.2 dev e2
edge route add 10.66.0.0/16 nhid 5
becomes_via "a nexthop object" 10.66.0.1 port=e2 neighbour=10.3.0.2
edge nexthop replace id 5 via 10.2.0.2 dev e1
becomes_via "a nexthop object replaced" 10.66.0.1 port=e1 neighbour=10.2.0.2
edge -6 route add fd81::/64 nexthop via fd02::2 nexthop via fd03::2
for i in {1..40}; do
	ask via "fd81::$i"
	echo "$answer"
done >"$T/ecmp6"
want_least "IPv6 listeners of 40 by e1" 8 "$(grep -c port=e1 "$T/ecmp6")"
want_least "IPv6 listeners of 40 by e2" 8 "$(grep -c port=e2 "$T/ecmp6")"
edge -6 route del fd81::/64 via fd03::2
sleep 0.3
for i in {1..40}; do
	ask via "fd81::$i"
	[[ $answer == *port=e1* ]] || fail "IPv6 multipath less one hop: $answer"
done
echo "ok: IPv6 multipath"
ask changes
want_least "changes told" $((before + 2)) "$answer"

# Links.
edge link set e2 down
becomes_via "a link that is down" 10.3.0.2 none
in_lsn ip link set l0 down
becomes_via "a carrier that is lost" 10.2.0.2 state=down
ask port e1
[[ $answer == *link=down* ]] || fail "the port's link: $answer"
in_lsn ip link set l0 up
becomes_via "a carrier that is back" 10.2.0.2 state=ready
edge link set e2 up
becomes_via "a link that is up again" 10.3.0.2 port=e2 "mac=$o0" state=ready
becomes_via "multipath over one hop that is left" 10.65.0.1 state=ready
in_lsn ip link set l0 mtu 1300
edge link set e1 mtu 1300
becomes_via "a link's MTU" 10.2.0.2 mtu=1300
ask port e1
[[ $answer == *mtu=1300* ]] || fail "the port's MTU: $answer"

# Our own addresses.
local_is()
{
	ask local "$1"
	[ "$answer" = "$2" ]
}
local_is 10.2.0.1 yes || fail "10.2.0.1 is ours"
local_is fd02::1 yes || fail "fd02::1 is ours"
local_is 10.2.0.2 no || fail "10.2.0.2 is not ours"
edge addr add 10.2.0.99/24 dev e1
edge addr add fd02::99/64 dev e1
wait_until 10 local_is 10.2.0.99 yes || fail "an address added"
wait_until 10 local_is fd02::99 yes || fail "an IPv6 address added"
edge addr del 10.2.0.99/24 dev e1
edge addr del fd02::99/64 dev e1
wait_until 10 local_is 10.2.0.99 no || fail "an address removed"
wait_until 10 local_is fd02::99 no || fail "an IPv6 address removed"
edge addr add 10.2.0.99/24 dev e1
wait_until 10 local_is 10.2.0.99 yes || fail "an address added again"
echo "ok: our own addresses"

# An interface that goes and comes back.
edge link del e2
becomes_via "an interface that is gone" 10.3.0.2 none
ask port e2
[[ $answer == *gone* ]] || fail "the port's note: $answer"
add_link edge e2 oth o0
add_addrs edge e2 10.3.0.1/24
add_addrs oth o0 10.3.0.2/24
becomes_via "an interface that is back" 10.3.0.2 port=e2 "mac=$(mac_of oth o0)" state=ready

# More notifications than the socket holds: some are lost, and all is read anew.
routes4()
{
	ask stats
	answer=${answer#*routes4=}
	answer=${answer%% *}
}
have_routes()
{
	routes4
	[ "$answer" = "$1" ]
}
# Routes that vanish with a link are read anew a little later: not while that is going on.
settled()
{
	local was
	routes4
	was=$answer
	sleep 3
	routes4
	[ "$answer" = "$was" ]
}
wait_until 60 settled || fail "routes come and go: $answer"
before=$answer
probe_pid=$(pgrep -x nexthop-probe)
kill -STOP "$probe_pid"
for i in {0..99999}; do
	echo "route add 11.$((i >> 16)).$((i >> 8 & 255)).$((i & 255))/32 via 10.2.0.2"
done >"$T/routes"
edge -batch "$T/routes"
head -n 50000 "$T/routes" | sed s/add/del/ >"$T/routes-gone"
edge -batch "$T/routes-gone"
kill -CONT "$probe_pid"
wait_until 120 have_routes $((before + 50000)) || fail "routes after a flood: want $((before + 50000)), got $answer"
ask stats
[[ $answer != *"overruns=0 "* ]] || fail "nothing was lost: the flood is too small to test anything"
becomes_via "a route lost in the flood" 11.0.0.5 "none: no route"
becomes_via "a route that came with it" 11.1.0.5 state=ready
edge route flush root 11.0.0.0/8
wait_until 120 have_routes "$before" || fail "routes after the flood: want $before, got $answer"
echo "ok: a flood of notifications"

# What is unused is given back.
ask sweep 10.2.0.2
sleep 0.5
ask stats
[[ $answer == "vias=1 "* ]] || fail "after a sweep: $answer"
echo "ok: $answer"
edge rule add from 10.9.9.9 lookup 100
sleep 0.5
ask warnings
[[ $answer == *"policy routing"* ]] || fail "a policy rule goes unnoticed: $answer"

# A crowd with a neighbour each: bounded by the table, without a storm.
edge addr add 10.0.0.1/8 dev e1
becomes_via "a crowd's subnet" 10.33.0.1 state=pending
solicits()
{
	ask stats
	answer=${answer#*solicits=}
	answer=${answer%% *}
}
solicits
before=$answer begin=$(date +%s%N)
ask crowd 1000000
echo "ok: crowd: $answer"
[[ $answer == "found=6553"* ]] || fail "a crowd on one subnet: $answer"
ask via 10.2.0.2
[[ $answer == *state=ready* ]] || fail "one known before is still there: $answer"
sleep 1
solicits
asked=$((answer - before)) ms=$((($(date +%s%N) - begin) / 1000000))
# At most 4,000 a second, 80 at once: the slower the machine, the fewer.
[ "$asked" -le $((ms * 4 + 160)) ] || fail "a storm: $asked neighbours asked for in $ms ms"
want_least "neighbours asked for" 80 "$asked"
echo "ok: $asked neighbours of the crowd asked for in $ms ms"
ask warnings
[[ $answer == *"next hops is full"* ]] || fail "the full table goes unnoticed: $answer"

to=${probe[1]}
exec {to}>&-
# shellcheck disable=SC2154 # coproc sets it
wait "$probe_PID" || fail "the probe ended badly"
