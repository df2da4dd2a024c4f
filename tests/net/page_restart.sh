#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# crierd killed and started again while page triggers serve listeners behind an interface that is
# not crier-dp's: no frame of crier-dp's could take a copy's place.
#
#   pub ── e0 [edge: crierd, crier-dp (e0 alone), crier-page ═ crier-pagex] e1 ── lsn: 400 listeners
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034 # lib.sh's
ENGINE=kernel PORTS='e0 page:crier-page'

served_by()
{
	[ "$(api GET /v1/rooms/talk | jq -r .serving)" = "$1" ]
}

topology
in_lsn ethtool -K l0 gro on
crierd_start
dp_start
room talk 5000
listeners 400 >"$T/list"
members talk <"$T/list"
wait_until 10 served_by page || fail "served by $(api GET /v1/rooms/talk)"
judge_start --room talk --listeners "$T/list" --log "$T/p1.pub"
publish p1 5000 --room talk --no-rtcp --rate 200 --seconds 8
kills=0
while alive p1 && [ "$kills" -lt 8 ]; do
	stop crierd KILL
	sleep 0.1
	crierd_start
	kills=$((kills + 1))
done
wait_end p1
all_right
reconciles talk
echo "ok: crierd killed $kills times"
stop dp
stop crierd
