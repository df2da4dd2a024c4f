#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The listeners' interface goes down, vanishes and comes back under crier-dp: no copy is unaccounted
# for, status says what is true, and once it is back every listener hears again.
#
#   pub ── e0 [edge] e1 ── lsn: 100 listeners
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
room talk 5000
listeners 100 >"$T/list"
members talk <"$T/list"

# talking: a publisher that goes on through what happens meanwhile.
talking()
{
	start talk pub "$WIRE" send "$PUB" 10.1.0.1:5000 --count 200 --interval 0.01
	sleep 0.5
}

silent()
{
	wait_end talk
	reconciles talk
}

# arrived: datagrams that came to the listeners' host, whether or not anybody listened there.
arrived()
{
	# shellcheck disable=SC2016 # awk's own
	in_lsn awk '/^Udp: [0-9]/ { print $2 + $3 + $4 }' /proc/net/snmp
}

of_e1()
{
	echo ".interfaces[] | select(.name == \"e1\") | .$1"
}

# resolved: the kernel's first question to the router may fail while the link settles.
resolved()
{
	in_edge ip neigh show 10.2.0.2 dev e1 | grep REACHABLE
}

# carried: a packet goes to everybody.
carried()
{
	local before
	before=$(room_stat talk copies)
	speak 5000 --count 1
	sleep 0.1
	[ "$(room_stat talk copies)" = $((before + 100)) ]
}

# heard_again: after the route is back, which the kernel took away with the link.
heard_again()
{
	in_edge ip route replace 10.128.0.0/9 via 10.2.0.2
	in_lsn ip route replace default via 10.2.0.1
	becomes "the link" true /v1/status "$(of_e1 link)"
	wait_until 30 resolved || fail "the router does not answer"
	wait_until 30 carried || fail "no packet comes through any more"
	becomes "queues of e1 that are served" "$((CPUS))" /v1/status "$(of_e1 'sockets | length')"
	want "notes on e1" '[]' "$(api GET /v1/status | jq -c "$(of_e1 notes)")"
	hear ear "$(head -n 1 "$T/list")" 100
	sent=$(speak 5000 --count 100 | jq -r .hash)
	want "heard $1" "$sent" "$(heard ear hash)"
	reconciles talk
}

# While crierd has no chance to say so, crier-dp hands frames to a link that is down.
talking
kill -STOP "${pids[crierd]}"
in_edge ip link set e1 down
sleep 0.3
kill -CONT "${pids[crierd]}"
silent
becomes "the link, down" false /v1/status "$(of_e1 link)"
before=$(awk '{ print $14 + $15 }' "/proc/${pids[dp]}/stat")
sleep 1
want_least "idle 1/100 s of 100 beside a dead link" 50 \
	$((100 + before - $(awk '{ print $14 + $15 }' "/proc/${pids[dp]}/stat")))
in_edge ip link set e1 up
heard_again "after the link was down"
# What its ring held when it went is not counted among the copies.
want "copies that arrived" "$(room_stat talk copies)" "$(arrived)"

talking
in_lsn ip link set l0 down
silent
becomes "the carrier, lost" false /v1/status "$(of_e1 link)"
in_lsn ip link set l0 up
heard_again "after the carrier was lost"

talking
in_edge ip link del e1
silent
becomes "queues of e1 that are served" 0 /v1/status "$(of_e1 'sockets | length')"
add_link edge e1 lsn l0
add_addrs edge e1 10.2.0.1/24 fd02::1/64
add_addrs lsn l0 10.2.0.2/24 fd02::2/64
heard_again "by the new interface of that name"

talking
in_edge ip link set e1 down
stop dp
wait_end talk
stop crierd
