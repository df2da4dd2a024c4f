#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What scripts/pktgen gives to other generators, with stand-ins for them: the calls that rtp.lua makes
# of Pktgen-DPDK, and the packets of rtp-pcap and trex.py byte by byte.
set -u

HERE=$(cd "$(dirname "$0")" && pwd)
PKTGEN=$HERE/../../scripts/pktgen
T=$(mktemp -d "${TMPDIR:-/tmp}/crier-generators.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

for need in lua5.4:lua5.4 python3-scapy:/usr/lib/python3/dist-packages/scapy; do
	[ -e "${need#*:}" ] || command -v "${need#*:}" >/dev/null || {
		echo "SKIP: ${need%:*} is not installed (scripts/deps test)"
		exit 77
	}
done

# Pktgen requires its own Pktgen.lua from where it runs.
cp "$HERE/pktgen_stub.lua" "$T/Pktgen.lua"
(cd "$T" && lua5.4 "$PKTGEN/rtp.lua" >out 2>err) || fail "rtp.lua: $(cat "$T/err")"
{
	printf 'call %s\n' 'screen off' 'stop 0' 'set 0 count 0' 'set 0 burst 1' 'pcap 0 on'
	for rate in 0.001 0.002 0.005 0.01 0.02 0.05 0.1; do
		printf 'call %s\n' "set 0 rate $rate" clr 'start 0' 'delay 10000' 'stop 0' 'delay 2000' \
			'portStats 0 port'
	done
	echo 'call quit'
} >"$T/want"
grep '^call ' "$T/out" | diff "$T/want" - || fail "rtp.lua makes other calls"
grep -qx 'rate 0.05%: 87500 packets in 10 s, 8750/s' "$T/out" ||
	fail "rtp.lua says: $(grep -v '^call ' "$T/out")"

/usr/bin/python3 "$HERE/generators.py" "$PKTGEN" "$T" || fail "see above"
echo "ok: rtp.lua, trex.py, rtp-pcap"
