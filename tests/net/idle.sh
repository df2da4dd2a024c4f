#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An idle worker sleeps if so set, else it polls; asleep it wakes for a packet and loses none.
#
#   pub ── e0 [edge] e1 ── lsn
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
room talk 5000
listeners 10 | members talk

# ticks: CPU time of crier-dp, in 1/100 s.
ticks()
{
	awk '{ print $14 + $15 }' "/proc/${pids[dp]}/stat"
}

# ticks_in_2s: of which it may use all or next to nothing, with much room between.
ticks_in_2s()
{
	local before
	before=$(ticks)
	sleep 2
	echo $(($(ticks) - before))
}

sleep 0.2
idle=$(ticks_in_2s)
want_least "idle 1/100 s of 200, asleep" 150 $((200 - idle))
want_least "sleeps counted" 1 "$(stat_of .worker.sleeps)"
want "the worker, asleep, is alive" true "$(stat_of '.workers[0].alive')"

# Packets slower than it falls asleep: each one has to wake it.  It sleeps for 50 ms at most, so
# were it not woken, it would sleep about once for five packets.
hear ear "$(listeners 1 3)" 100
before=$(stat_of .worker.sleeps)
sent=$(speak 5000 --count 100 --interval 0.01 | jq -r .hash)
want "heard, woken each time" "$sent" "$(heard ear hash)"
want_least "sleeps between 100 packets" 60 $(($(stat_of .worker.sleeps) - before))

ctl set idle_sleep 0 >/dev/null
sleep 0.3
busy=$(ticks_in_2s)
echo "CPU of 2 s: asleep $((idle * 10)) ms, polling $((busy * 10)) ms"
want_least "busy more than asleep" $((idle + 20)) "$busy"
hear ear "$(listeners 1 3)" 100
sent=$(speak 5000 --count 100 | jq -r .hash)
want "heard, polling" "$sent" "$(heard ear hash)"

ctl set idle_sleep 1 >/dev/null
stop dp
stop crierd
