#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# crier-load against itself over DPDK, with no crier in between:
#
#    crier-load publish --listeners            crier-load sink
#      net_memif, client -------- memif -------- net_memif, server
#
# Every frame that leaves must be found right, and what is wrong must be found.
set -u

[ "$(id -u)" = 0 ] || { echo "SKIP: needs root"; exit 77; }
command -v jq >/dev/null || { echo "SKIP: no jq"; exit 77; }

LOAD=${CRIER_BUILD:-build}/tests/load/crier-load
DIR=$(mktemp -d)
SINK=
MAC=02:00:00:00:00:09
MEMIF="socket=$DIR/memif,socket-abstract=no,rsize=12"

cleanup() {
	[ -z "$SINK" ] || kill "$SINK" 2>/dev/null
	rm -rf "$DIR"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

fail() {
	echo "FAIL: $*"
	cat "$DIR"/report "$DIR"/err 2>/dev/null
	exit 1
}

# Without DPDK there is one thing to see: that it says so.
if "$LOAD" sink --dpdk net_null0 --generate 10.9.0.2/1/5000 --seconds 0.1 2>&1 >/dev/null |
	grep -q 'built without DPDK'; then
	echo "ok: built without DPDK, and says so"
	exit 0
fi

# sink ARGS...: start one and wait until it listens
sink() {
	rm -f "$DIR"/report "$DIR"/ready "$DIR"/log
	"$LOAD" sink --dpdk "net_memif0,role=server,mac=$MAC,$MEMIF" --log "$DIR/log" \
		--ready-file "$DIR/ready" --seconds 60 --idle 1 --linger 0.1 --json "$@" >"$DIR/report" 2>"$DIR/err" &
	SINK=$!
	for _ in $(seq 400); do
		[ -e "$DIR/ready" ] && return
		kill -0 $SINK 2>/dev/null || break
		sleep 0.05
	done
	fail "the sink did not start"
}

publish() {
	"$LOAD" publish --dpdk "net_memif0,role=client,$MEMIF" --to-mac "$MAC" --log "$DIR/log" \
		--quiet "$@" 2>>"$DIR/err" || fail "publish $*"
}

# verdict NAME RC JQ: the sink's exit status, and what its report must say
verdict() {
	wait $SINK
	rc=$?
	SINK=
	[ $rc = "$2" ] || fail "$1: the sink says $rc, not $2"
	jq -e "$3" "$DIR/report" >/dev/null || fail "$1: not $3"
	echo "ok: $1"
}

ALL='.ok and .lost == 0 and .copies_seen == .copies_due and .rtcp_lost == 0'

sink --room a --generate 10.128.0.1/100000/5004 --expect-from 10.2.0.1:3478 --expect-ttl 9
publish --room a --generate 10.128.0.1/100000/5004 --from 10.2.0.1:3478 --rate 10 --count 10 --ttl 9
verdict "100,000 listeners" 0 "$ALL and .copies_due == 1000000 and .rtcp_due == 200000
	and .sink.frames == 1200000 and .sink.missed == 0 and .sink.busy > 0
	and .latency_us.p50 > 0 and .spread_us.p50 > 0"

sink --room a --generate fd80::1/1000/5004-5005
publish --room a --generate fd80::1/1000/5004-5005 --from '[fd02::1]:3478' --rate 100 --count 20
verdict "IPv6" 0 "$ALL and .copies_due == 20000"

sink --room r1 --generate 10.128.0.1/500/5004 --room r2 --generate 10.128.0.1/500/5005
"$LOAD" list --rooms --room r1 --generate 10.128.0.1/500/5004 --out "$DIR/list"
"$LOAD" list --rooms --room r2 --generate 10.128.0.1/500/5005 >>"$DIR/list"
publish --room r --rooms 2 --listeners "$DIR/list" --from 10.2.0.1:3478 --rate 100 --count 20 \
	--payload udp
verdict "two rooms" 0 "$ALL and .copies_due == 20000 and (.rooms | length) == 2"

# The same two rooms, and the publisher takes the one's listeners for the other's.
sink --room r1 --generate 10.128.0.1/50/5004 --room r2 --generate 10.128.0.1/50/5005
sed 's/^r1/rX/; s/^r2/r1/; s/^rX/r2/' "$DIR/list" | awk '{ n[$1]++ } n[$1] <= 50' >"$DIR/crossed"
publish --room r --rooms 2 --listeners "$DIR/crossed" --from 10.2.0.1:3478 --rate 100 --count 20 \
	--no-rtcp
verdict "rooms exchanged" 1 '.other_room == 2000 and .misdirected == 2000 and .lost == 2000'

sink --room a --generate 10.128.0.1/99/5004
publish --room a --generate 10.128.0.1/100/5004 --from 10.2.0.1:3478 --rate 100 --count 20 --no-rtcp
verdict "nobody's address" 1 '.stranger == 20 and .lost == 0'

sink --room a --generate 10.128.0.1/101/5004
publish --room a --generate 10.128.0.1/100/5004 --from 10.2.0.1:3478 --rate 100 --count 20 --no-rtcp
verdict "one of 101 gets nothing" 1 '.lost == 20 and .worst[0].copies == 0'

sink --room a --generate 10.128.0.1/100/5004 --expect-ttl 63
publish --room a --generate 10.128.0.1/100/5004 --from 10.2.0.1:3478 --rate 100 --count 20 \
	--no-rtcp --zero-checksum
verdict "no UDP checksum, another TTL" 1 '.bad_udp_checksum == 2000 and .wrong_ttl == 2000 and .lost == 0'

# A fan-out of one, by the way that leads to a node: to another station, and with refused packets.
sink --room a --generate 10.128.0.1/1/5004
publish --room a --to 10.128.0.1:5004 --from 10.2.0.1:3478 --rate 100 --count 20 --no-rtcp \
	--runt 5 --wrong-ssrc 20 --bad-length 10
verdict "what was to be refused" 1 '.alien == 4 and .corrupt == 1 and .bad_length == 2 and .lost == 0'

sink --room a --generate 10.128.0.1/10/5004
publish --room a --generate 10.128.0.1/10/5004 --from 10.2.0.1:3478 --rate 100 --count 20 --no-rtcp \
	--to-mac 02:00:00:00:00:08
verdict "another station" 1 '.wrong_mac == 200 and .misdirected == 200 and .lost == 200'

# Who cannot be served gets a reason.
refused() {
	want=$1 word=$2
	shift 2
	"$LOAD" "$@" >/dev/null 2>"$DIR/err"
	[ $? = "$want" ] || fail "'$*' is not refused with $want"
	grep -q -- "$word" "$DIR/err" || fail "'$*' is refused without '$word'"
}
WHO="--generate 10.9.0.2/1/5000"
FROM="--from 10.2.0.1:3478 --to-mac $MAC --rate 1"
# shellcheck disable=SC2086 # lists of words
{
	refused 1 'net_nonsense0' sink --dpdk net_nonsense0 $WHO
	refused 1 'no such device' sink --dpdk 0000:ff:1f.7 $WHO
	refused 2 'one of --interface and --dpdk' sink --dpdk net_null0 --interface lo $WHO
	refused 2 'no Linux' sink --dpdk net_null0 $WHO --pass 10.9.0.2:5000
	refused 2 'for --dpdk' sink --interface lo --router 10.2.0.2 $WHO
	refused 1 '--cpu 1000' sink --dpdk net_null0 --cpu 1000 $WHO
	refused 2 'give --from' publish --dpdk net_null0 --to 10.1.0.1:5000 --rate 1
	refused 2 'give --to-mac' publish --dpdk net_null0 --to 10.1.0.1:5000 --rate 1 --from 10.2.0.1:9
	refused 2 '--to-mac: want' publish --dpdk net_null0 --to-mac 02:00:00:00:00
	refused 2 'for --dpdk' publish --to 10.1.0.1:5000 --rate 1 $WHO
	refused 2 'two families' publish --dpdk net_null0 $FROM --generate fd80::1/1/5000
	refused 2 'has no listeners' publish --dpdk net_null0 $FROM $WHO --room other
}
echo "ok: refusals"
