#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# 5,000 listeners stay while others come and go, about 100,000 adds and removes a second and at
# most 5,000 at a time: those who stay lose nothing, and get nothing twice or of others.
#
#   pub ── e0 [edge] e1 ── lsn: 5,000 who stay, 20,000 addresses of which 5,000 at most are in
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
room talk 5000
listeners 5000 >"$T/stay"
for n in 0 1 2 3; do
	listeners 5000 $((100000 + n * 5000)) >"$T/come$n"
done
# Those who stay stand among those who go, on the same pages.
members talk <"$T/come0"
members talk <"$T/stay"
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
stop dp
stop crierd
