#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# 5,000 listeners stay while others come and go, about 100,000 adds and removes a second and at
# most 5,000 at a time: those who stay lose nothing, and get nothing twice or of others; who has
# gone gets nothing any more.
#
#   pub ── e0 [edge] e1 ── lsn: 5,000 who stay, 20,000 addresses of which 5,000 at most are in,
#                               a tenth of either by IPv6
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
room talk 5000
{ listeners 4500 && listeners6 500; } >"$T/stay"
for n in 0 1 2 3; do
	{ listeners 4500 $((100000 + n * 4500)) && listeners6 500 $((100000 + n * 500)); } >"$T/come$n"
done
# Those who stay stand among those who go, one beside the other on the same pages.
paste -d '\n' "$T/come0" "$T/stay" | members talk
ctl listener del talk --file "$T/come0" >/dev/null || fail "listener del"
cat "$T"/come? >"$T/churners"

judge_start --room talk --listeners "$T/stay" --churners "$T/churners" --log "$T/p1.pub"
publish p1 5000 --room talk --rate 25 --seconds "${CHURN_S:-8}"
ops=0 n=0 begin=$(date +%s%N)
while alive p1; do
	ctl listener add talk --file "$T/come$n" >/dev/null || fail "listener add"
	ctl listener del talk --file "$T/come$n" >/dev/null || fail "listener del"
	ops=$((ops + 10000)) n=$(((n + 1) % 4))
	# 10,000 changes each 100 ms and no faster.
	ahead=$((ops / 100 - ($(date +%s%N) - begin) / 1000000))
	[ "$ahead" -le 0 ] || sleep "$(printf '0.%03d' $((ahead > 999 ? 999 : ahead)))"
done
echo "$ops changes in $((($(date +%s%N) - begin) / 1000000)) ms"
wait_end p1
all_right
want_least "copies to those who came and went" 1 "$(judged churner_copies)"
want "listeners in the end" 5000 "$(count_of talk)"
reconciles talk
# Everybody has a next hop: who was met without one was met half written.
want "copies without a route" 0 "$(room_stat talk no_route)"

# And the room has these listeners and no others, for those who ask and for those who copy.
# (IPv6 addresses are listed in another spelling than ours.)
ctl listener list talk | grep -v '\[' | sort | diff <(grep -v '\[' "$T/stay" | sort) - >&2 ||
	fail "others are in the room"
want "listeners listed" 5000 "$(ctl listener list talk | sort -u | wc -l)"
before=$(room_stat talk due)
speak 5000 --count 10 >/dev/null
reconciles talk
want "copies due to those who stay" 50000 $(($(room_stat talk due) - before))
stop dp
stop crierd
