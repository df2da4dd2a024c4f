#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Two workers, a CPU and a queue each: every copy comes once, evenly from both; who has nothing to do
# sleeps; crier-dp goes from two workers to one and back, and crierd dies, with churn beside.
#
#   pub ── e0 [edge: crier-dp --cpu 0,1] e1 ── lsn: 10,000 IPv4 and 10,000 IPv6 listeners
DP_WORKERS=2
. "$(dirname "$0")/lib.sh"

MEMBERS=20000

# live: how many workers are alive, by status.
live()
{
	api GET /v1/status | jq '[.workers[] | select(.alive)] | length'
}

# of_worker N FIELD: a counter of it.
of_worker()
{
	stat_of ".workers[] | select(.slot == $1) | .counters.$2 // 0"
}

# exact SECONDS [option of the judge...]: a stream at 10 packets a second, all copies right.
exact()
{
	local seconds=$1
	shift
	rm -f "$T/judge.json" "$T/p1.pub" "$STAMPS"
	judge_start --room talk --listeners "$T/list" --log "$T/p1.pub" "$@"
	publish p1 5000 --room talk --rate 10 --seconds "$seconds"
}

sums_up()
{
	reconciles talk
	want "packets x members" "$(($(room_stat talk pkts) * MEMBERS))" "$(room_stat talk due)"
}

topology
crierd_start
dp_start
want "live workers" 2 "$(live)"
want "shards of the workers" '[[0,2],[1,2]]' \
	"$(api GET /v1/status | jq -c '[.workers[] | [.shard, .stride]]')"
room talk 5000
{
	listeners 10000
	listeners6 10000
} >"$T/list"
members talk <"$T/list"

exact 4
wait_end p1
all_right
sums_up
for n in 0 1; do
	want_least "copies by worker $n, of 100" 45 \
		$((100 * $(of_worker $n copies) / ($(of_worker 0 copies) + $(of_worker 1 copies))))
done

# Rooms of one page: every other one is the leader's alone, and the other worker goes on sleeping.
jobs=$(of_worker 1 jobs)
for n in 1 2; do
	room "small$n" "500$n"
	listeners 10 30000 | members "small$n"
	hear ear "$(listeners 1 30005)" 50
	sent=$(speak "500$n" --count 50 --interval 0.02 | jq -r .hash)
	want "heard in small$n" "$sent" "$(heard ear hash)"
	reconciles "small$n"
done
want "packets of small rooms given to worker 1" 50 $(($(of_worker 1 jobs) - jobs))
want_least "sleeps of worker 1" 1 "$(of_worker 1 sleeps)"

for workers in 1 2; do
	exact 4
	sleep 1.5
	stop dp
	DP_CPUS=$([ $workers = 1 ] && echo "$DP_CPU" || echo 0,1)
	dp_start
	want "live workers" $workers "$(live)"
	wait_end p1
	judge_end
	no_harm
	want "packets lost by some only, in the restart with $workers" 0 $(($(judged lost) % MEMBERS))
	want_least "packets of 40 that all got" 30 $((40 - $(judged lost) / MEMBERS))
	sums_up
	exact 2
	wait_end p1
	all_right
done

# Churn, and a crierd that is killed and comes back.
listeners 5000 100000 >"$T/churners"
exact 8 --churners "$T/churners"
for n in 1 2 3; do
	ctl listener add talk --file "$T/churners" >/dev/null || fail "listener add"
	if [ $n = 2 ]; then
		kill -KILL "${pids[crierd]}"
		wait_end crierd
		sleep 0.5
		crierd_start
	fi
	ctl listener del talk --file "$T/churners" >/dev/null || fail "listener del"
	sleep 0.5
done
wait_end p1
all_right
reconciles talk
want "listeners in the end" $MEMBERS "$(count_of talk)"
stop dp
want "live workers" 0 "$(live)"
stop crierd
