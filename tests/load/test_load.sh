#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# crier-load against itself, with no crier in between:
#
#    [ pub ]                        [ lis ]
#    crier-load publish             crier-load sink
#      p0 10.9.0.1 ------ veth ------ l0 10.9.0.2
#      p0 fd09::1                       fd09::2
#
# A publisher that sends straight to a listener is a fan-out of one: all that it logs
# must arrive, and what it sends wrongly must be found.
set -u

[ "$(id -u)" = 0 ] || { echo "SKIP: needs root"; exit 77; }
for tool in ip jq nsenter ethtool; do
	command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done

LOAD=${CRIER_BUILD:-build}/tests/load/crier-load
PUB=loadp$$
LIS=loadl$$
DIR=$(mktemp -d)
SINK=
mkdir "$DIR/bpf"

cleanup() {
	[ -z "$SINK" ] || kill "$SINK" 2>/dev/null
	ip netns del $PUB 2>/dev/null
	ip netns del $LIS 2>/dev/null
	umount "$DIR/bpf" 2>/dev/null
	rm -rf "$DIR"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

fail() {
	echo "FAIL: $*"
	cat "$DIR"/report "$DIR"/err 2>/dev/null
	exit 1
}

in_pub() { nsenter --net=/run/netns/$PUB "$@"; }
in_lis() { nsenter --net=/run/netns/$LIS "$@"; }

if ! ip netns add $PUB || ! ip netns add $LIS; then
	echo "SKIP: no network namespaces"
	exit 77
fi
ip -n $PUB link add p0 type veth peer name l0 netns $LIS || { echo "SKIP: no veth"; exit 77; }
ip -n $PUB link set p0 up
ip -n $LIS link set l0 up
ip -n $PUB addr add 10.9.0.1/24 dev p0
ip -n $LIS addr add 10.9.0.2/24 dev l0
ip -n $PUB addr add fd09::1/64 dev p0 nodad
ip -n $LIS addr add fd09::2/64 dev l0 nodad
# A local sender leaves its checksums to the NIC; these copies must have theirs.
in_pub ethtool -K p0 tx off >/dev/null
MAC=$(ip -n $LIS -j link show l0 | jq -r '.[0].address')
ip -n $PUB neigh add 10.9.0.2 lladdr "$MAC" dev p0
ip -n $PUB neigh add fd09::2 lladdr "$MAC" dev p0

# sink ARGS...: start one and wait until it listens
# shellcheck disable=SC2086 # a list of words
sink() {
	rm -f "$DIR"/report "$DIR"/ready "$DIR"/log
	in_lis "$LOAD" sink ${DEVICE:---interface "l0$MODE"} --log "$DIR/log" --ready-file "$DIR/ready" \
		--seconds 30 --json "$@" >"$DIR/report" 2>"$DIR/err" &
	SINK=$!
	for _ in $(seq 200); do
		[ -e "$DIR/ready" ] && return
		kill -0 $SINK 2>/dev/null || break
		sleep 0.05
	done
	fail "the sink did not start"
}

publish() {
	in_pub "$LOAD" publish --log "$DIR/log" --quiet "$@" 2>>"$DIR/err" ||
		fail "publish $*"
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

MODE=
DEVICE=
sink --room a --generate 10.9.0.2/1/5000 --expect-from 10.9.0.1:4000 --expect-ttl 9 --expect-dscp 46
publish --to 10.9.0.2:5000 --room a --rate 500 --count 500 --from 10.9.0.1:4000 --ttl 9 --dscp 46 --sr 0.2
verdict "RTP" 0 "$ALL and .copies_due == 500 and .rtcp_due > 3 and .latency_us.p50 > 0"

sink --room a --generate fd09::2/1/5000 --expect-from fd09::1 --expect-ttl 9 --expect-dscp 46
publish --to '[fd09::2]:5000' --room a --rate 500 --count 200 --ttl 9 --dscp 46
verdict "IPv6" 0 "$ALL and .copies_due == 200"

MODE=,mode=generic
sink --room a --generate 10.9.0.2/1/5000
publish --to 10.9.0.2:5000 --room a --rate 500 --count 200 --size 1452
verdict "generic mode" 0 "$ALL and .copies_due == 200"
MODE=

sink --streams 2 --room r1 --generate 10.9.0.2/1/5000 --room r2 --generate 10.9.0.2/1/5001
publish --to 10.9.0.2:5000 --room r --rooms 2 --streams 2 --rate 500 --seconds 1 --payload udp
verdict "rooms and streams" 0 "$ALL and .copies_due == 2000 and (.rooms | length) == 2"

# The room that listens on port 5001 is not the one that is sent there.
sink --room r1 --generate 10.9.0.2/1/5001 --room r2 --generate 10.9.0.2/1/5000
publish --to 10.9.0.2:5000 --room r --rooms 2 --rate 100 --count 20 --no-rtcp
verdict "rooms exchanged" 1 '.misdirected == 40 and .other_room == 40 and .lost == 40'

sink --room a --generate 10.9.0.2/1/5001
publish --to 10.9.0.2:5000 --room a --rate 100 --count 20 --no-rtcp
verdict "nobody's address" 1 '.stranger == 20 and .misdirected == 20 and .lost == 20'

sink --room a --generate 10.9.0.2/2/5000
publish --to 10.9.0.2:5000 --room a --rate 100 --count 20
verdict "one of two gets nothing" 1 '.lost == 20 and .rtcp_lost == 2 and .copies_seen == 20
	and .worst[0].listener == "a 10.9.0.3:5000"'

sink --room a --generate 10.9.0.2/1/5000
publish --to 10.9.0.2:5000 --room a --rate 100 --count 20 --zero-checksum
verdict "no UDP checksum" 1 '.bad_udp_checksum > 20 and .bad_checksum == .bad_udp_checksum and .lost == 0'

sink --room a --generate 10.9.0.2/1/5000 --expect-port 4000 --expect-ttl 63 --expect-dscp 1
publish --to 10.9.0.2:5000 --room a --rate 100 --count 20 --no-rtcp --from 10.9.0.1:4001
verdict "other headers" 1 '.wrong_source == 20 and .wrong_ttl == 20 and .wrong_dscp == 20 and .lost == 0'

sink --room a --generate 10.9.0.2/1/5000
publish --to 10.9.0.2:5000 --room a --rate 100 --count 20 --no-rtcp --wrong-ssrc 20 --runt 5
verdict "what was to be refused" 1 '.corrupt == 1 and .alien == 4 and .unexpected == 4 and .lost == 0'

sink --room a --generate 10.9.0.2/1/5000 --generate-churners 10.9.0.2/1/5001
publish --to 10.9.0.2:5000 --room a --rate 100 --count 20
verdict "an absent churner" 0 "$ALL and .churners == 1"

# A DPDK sink is the router that is not there: the publisher's kernel asks it who it is.
if "$LOAD" sink --dpdk net_null0 --generate 10.9.0.2/1/5000 --seconds 0.1 2>&1 >/dev/null |
	grep -q 'built without DPDK'; then
	echo "SKIP: af_packet: built without DPDK"
else
	DEVICE="--dpdk net_af_packet0,iface=l0 --router 10.9.0.7 --router fd09::7"
	ip -n $PUB route add 10.128.0.0/16 via 10.9.0.7
	ip -n $PUB route add fd80::/64 via fd09::7
	sink --room a --generate 10.128.0.1/1/5000
	publish --to 10.128.0.1:5000 --room a --rate 100 --count 50
	verdict "af_packet, ARP" 0 "$ALL and .copies_due == 50 and .sink.frames >= 52"
	sink --room a --generate fd80::1/1/5000
	publish --to '[fd80::1]:5000' --room a --rate 100 --count 50
	verdict "af_packet, ND" 0 "$ALL and .copies_due == 50"
	DEVICE=
fi

in_lis "$LOAD" sink --interface l0 --generate 10.9.0.2/1/5000 --seconds 0.2 >/dev/null 2>&1 &&
	fail "nothing came, and that was right"
echo "ok: silence"

if mount -t bpf bpf "$DIR/bpf" && command -v espeak-ng >/dev/null &&
	command -v opusenc >/dev/null && command -v opusdec >/dev/null; then
	espeak-ng -w "$DIR/a.wav" "One voice, a million listeners." 2>/dev/null &&
		opusenc --quiet "$DIR/a.wav" "$DIR/a.opus" && opusdec --quiet "$DIR/a.opus" "$DIR/b.wav"
	espeak-ng -w "$DIR/c.wav" "A rather different sentence." 2>/dev/null
	sink --room a --ssrc 77 --generate 10.9.0.2/1/5000 --stamps "$DIR/bpf/stamps"
	in_lis "$LOAD" sink --interface l0 --generate 10.9.0.2/1/5000 >/dev/null 2>"$DIR/err" &&
		fail "two sinks on one interface"
	grep -q "XDP program already" "$DIR/err" || fail "the other sink is not named"
	publish --to 10.9.0.2:5000 --room a --ssrc 77 --opus "$DIR/a.opus" --stamps "$DIR/bpf/stamps"
	verdict "speech" 0 "$ALL and .copies_due > 50 and .unstamped == 0 and .latency_us.max > 0"
	[ -e "$DIR/bpf/stamps" ] && fail "the pin is left"
	"$LOAD" compare "$DIR/a.wav" "$DIR/b.wav" >/dev/null || fail "compare: the same is another"
	"$LOAD" compare "$DIR/a.wav" "$DIR/c.wav" >/dev/null && fail "compare: another is the same"
	"$LOAD" compare "$DIR/a.wav" "$DIR/a.opus" >/dev/null 2>&1 && fail "compare: no WAV"
	echo "ok: compare"
else
	echo "SKIP: speech: no bpffs, or no espeak-ng, opusenc, opusdec"
fi

# Who cannot be served gets a reason, and nothing is left behind.
refused() {
	want=$1
	shift
	in_lis "$LOAD" "$@" >/dev/null 2>"$DIR/err"
	[ $? = "$want" ] || fail "'$*' is not refused with $want"
	[ -s "$DIR/err" ] || fail "'$*' is refused without a word"
}
printf '10.9.0.2:5000\n10.9.0.2:70000\n' >"$DIR/bad"
refused 1 sink --interface nope --generate 10.9.0.2/1/5000
refused 1 sink --interface l0 --listeners "$DIR/bad"
grep -q "line 2" "$DIR/err" || fail "the bad line is not named"
refused 1 sink --interface l0 --listeners /nonexistent
refused 1 sink --interface l0 --generate 10.9.0.2/1/5000 --generate 10.9.0.2/1/5000
refused 1 sink --interface l0 --generate 224.0.0.1/1/5000
refused 1 sink --interface l0 --generate 10.9.0.2/0/5000
refused 2 sink --generate 10.9.0.2/1/5000
refused 2 sink --interface l0
refused 2 sink --interface l0 --generate 10.9.0.2/1/5000 --pass 10.9.0.3:5000
refused 1 sink --interface l0 --generate 10.9.0.2/1/5000 --stamps "$DIR/stamps"
refused 2 list
refused 2 nonsense
echo "ok: refusals"
