#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Publisher and listeners behind one interface, both families, by the kernel engine: copies leave by
# the interface that their packet came by.  And listeners on the node itself, alone and together
# with others.
#
#   a program 198.18.0.1 ── crier0 ═ crier0p [edge: crierd; crier-dp later] e1 ── l0 lsn: the publishers
#                                                       10.2.0.9 and fd02::9, and the listeners
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034 # lib.sh's
INTERFACES=e1 PORTS='e1 crier0p page:crier-page'

# served_by ENGINE [ROOM]
served_by()
{
	[ "$(api GET "/v1/rooms/${2:-talk}" | jq -r .serving)" = "$1" ]
}

# served ENGINE [ROOM]: soon, for crierd looks at crier-dp and interfaces four times a second.
served()
{
	wait_until 10 served_by "$@" || fail "not served by $1: $(api GET "/v1/rooms/${2:-talk}")"
}

# exact ENGINE FROM TO: each listener in $T/list gets all of it, and the engine has made all of that.
exact()
{
	local copies
	judge_start --room talk --listeners "$T/list" --log "$T/p1.pub" --expect-ttl 64 --expect-dscp 46
	served "$1"
	copies=$(stat_of .xdp.kernel_copies)
	start p1 lsn "$CRIER_LOAD" publish --from "$2" --to "$3" --log "$T/p1.pub" --stamps "$STAMPS" \
		--room talk --no-rtcp --rate 20 --seconds 2
	wait_end p1
	all_right
	reconciles talk
	want "copies of the kernel engine" "$(judged copies_seen)" \
		"$(($(stat_of .xdp.kernel_copies) - copies))"
	want "copies by frame" 0 "$(stat_of .worker.copies)"
	echo "ok: from $2 by $1"
	rm -f "$T/judge.json" "$T/p1.pub" "$STAMPS"
}

# both ENGINE: from a publisher of either family.
both()
{
	exact "$1" 10.2.0.9 10.2.0.1:5000
	exact "$1" fd02::9 '[fd02::1]:5000'
}

# all_hear ROOM ENGINE NAMESPACE,ADDR:PORT...: what goes from $FROM in namespace $AT to $TO.
all_hear()
{
	local room=$1 engine=$2 sent host
	shift 2
	served "$engine" "$room"
	for host; do
		NS=${host%,*} hear "${host//[^a-z0-9]/_}" "${host#*,}" 40
	done
	sent=$(nsenter --net="/run/netns/$AT" "$WIRE" send "$FROM" "$TO" --count 40 | jq -r .hash)
	for host; do
		want "heard at $host" "$sent" "$(heard "${host//[^a-z0-9]/_}" hash)"
	done
	reconciles "$room"
	want "engine of $room after it" "$engine" "$(api GET "/v1/rooms/$room" | jq -r .serving)"
	echo "ok: $room from $AT to $* by $engine"
}

topology
add_addrs lsn l0 10.2.0.9/24 fd02::9/64
in_lsn ethtool -K l0 gro on
crierd_start
ctl room add talk --port 5000 --from 10.2.0.9 --engine kernel >/dev/null || fail "room add"
ctl stream add talk --port 5000 --from fd02::9 >/dev/null || fail "stream add"
{ listeners 60 && listeners6 40; } >"$T/list"
members talk <"$T/list"
both kernel

echo "-- on the node itself, without crier-dp"
ctl room add near --port 5002 --from 10.2.0.9 --engine kernel >/dev/null || fail "room add near"
ctl stream add near --port 5002 --from 198.18.0.1 >/dev/null || fail "stream add near"
printf '198.18.0.1:%s\n' 5004 5006 | members near
AT=lsn FROM=10.2.0.9:4000 TO=10.2.0.1:5002 all_hear near kernel edge,198.18.0.1:5004 edge,198.18.0.1:5006
AT=edge FROM=198.18.0.1:4000 TO=198.18.0.2:5002 all_hear near kernel edge,198.18.0.1:5004 edge,198.18.0.1:5006

echo "-- by triggers"
dp_start
{ listeners 600 && listeners6 400; } >"$T/list"
members talk <"$T/list"
both page

echo "-- on the node and behind e1"
ctl room set near engine=auto >/dev/null || fail "room set"
listeners 2 1 5008 | members near
AT=lsn FROM=10.2.0.9:4000 TO=10.2.0.1:5002 all_hear near page edge,198.18.0.1:5004 lsn,10.128.0.1:5008
AT=edge FROM=198.18.0.1:4000 TO=198.18.0.2:5002 all_hear near page edge,198.18.0.1:5006 lsn,10.128.0.2:5008

for loss in kernel_lost kernel_stale kernel_dropped kernel_no_neighbour kernel_tx_full trigger_stale; do
	want "$loss" 0 "$(stat_of ".xdp.$loss")"
done
want "copies by frame" 0 "$(stat_of .worker.copies)"
stop dp
stop crierd
