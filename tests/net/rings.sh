#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a socket can't take, since crier-dp doesn't turn or is gone, is counted once and by name.
#
#   pub: 20,000 packets at once ── e0 [edge: crier-dp stopped, then killed] e1 ── lsn
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
room talk 5000
listeners 2 | members talk

taken()
{
	[ "$(stat_of '.worker | .rx_pkts + .rx_ring_full + .rx_fill_empty + .rx_dropped')" = "$1" ]
}

kill -STOP "${pids[dp]}"
speak 5000 --count 20000 --interval 0 >/dev/null
want "accepted" 20000 "$(stat_of .xdp.accepted)"
kill -CONT "${pids[dp]}"
wait_until 30 taken 20000 ||
	fail "accepted, and taken or lost by name, differ: $(stat_of '.worker | with_entries(select(.key | test("^rx")))' | jq -c)"
want_least "packets that no frame was free for" 1 "$(stat_of '.worker | .rx_ring_full + .rx_fill_empty')"
want "packets taken, swept or dropped for overload" "$(stat_of .worker.rx_pkts)" \
	"$(room_stat talk 'pkts + .overload_pkts')"
reconciles talk

stop dp KILL
before=$(stat_of .xdp.accepted)
speak 5000 --count 50 >/dev/null
want "without a socket" 50 "$(stat_of .xdp.drop_no_socket)"
want "accepted then" "$before" "$(stat_of .xdp.accepted)"
stop crierd
