#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A room that asks for more than the worker can do beside a small one: the small one loses
# nothing; the big one loses whole packets, for all its listeners alike, counted.
#
#   pub: big at 200 pps, small at 50 ── e0 [edge] e1 ── lsn: 50,000 and 10 listeners
. "$(dirname "$0")/lib.sh"

topology
crierd_start
QUEUE_PKTS=3 dp_start
room big 5000
room small 5001
listeners 50000 >"$T/big"
listeners 10 900000 >"$T/small"
members big <"$T/big"
members small <"$T/small"

judge_start --linger 3 --room small --listeners "$T/small" --room big --churners "$T/big" \
	--log "$T/p1.pub" --log "$T/p2.pub"
publish p1 5000 --room big --rate 200 --seconds 6
publish p2 5001 --room small --rate 50 --seconds 6
wait_end p1
wait_end p2
judge_end
no_harm
want "lost in the small room" 0 "$(jq '.rooms[] | select(.room == "small") | .lost' "$T/judge.json")"
want "due in the small room" 3000 "$(jq '.rooms[] | select(.room == "small") | .copies_due' "$T/judge.json")"
jq -r '.rooms[] | select(.room == "small") | "small room beside an overload: last copy p50 \(.last_copy_us.p50)" +
	" p99 \(.last_copy_us.p99) us"' "$T/judge.json"

reconciles big
reconciles small
want_least "packets dropped for overload" 1 "$(room_stat big overload_pkts)"
# Whole packets: each accepted one went to all 50,000 or to nobody.
accepted=$(api GET /v1/rooms/big | jq '[.streams[].accepted] | add')
want "packets accepted = swept + dropped" "$accepted" "$(room_stat big 'pkts + .overload_pkts')"
want "copies not made" "$(($(room_stat big overload_pkts) * 50000))" "$(room_stat big overload_copies)"
want "copies due" "$(($(room_stat big pkts) * 50000))" "$(room_stat big due)"
want "copies, crier's word against the sink's" "$(stat_of .worker.copies)" \
	"$(($(judged copies) + $(judged rtcp_copies)))"
stop dp
stop crierd
