#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copies to next hops behind VLANs, one tag and two: the right tags, sums and bytes on the wire, by
# crier-dp's frames, by the room's own packet's broadcast and by page triggers.  Needs no VLAN
# devices: dp_fixture writes the tags into the next hops; vlan.sh has real ones.
#
#   pub ── e0 [edge, pg0 ═ pg1] e1 ── l0 lsn, where tshark looks
#                     IPv4 members: VLAN 7; IPv6 members: VLAN 9 in 8
. "$(dirname "$0")/lib.sh"

N=10 PACKETS=5

# wire FILTER FIELD...: of the frames seen, with checksums verified.
wire()
{
	local field fields=()
	for field in "${@:2}"; do
		fields+=(-e "$field")
	done
	tshark -r "$T/l0.pcapng" -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -Y "$1" \
		-T fields "${fields[@]}" 2>/dev/null
}

# heard_by ADDRESS-FIELD ADDRESS: SHA-256 of what one member got.
heard_by()
{
	wire "$1 == $2" udp.payload | tr -d ':\n' | xxd -r -p | sha256sum | cut -d' ' -f1
}

# right SENT: who should have heard that did, and everything about its frames is right.
right()
{
	want "tags to IPv4 members" "$((N * PACKETS)) 0x8100 7" \
		"$(wire ip eth.type vlan.id | sort | uniq -c | xargs)"
	want "tags to IPv6 members" "$((N * PACKETS)) 0x88a8 8,9" \
		"$(wire ipv6 eth.type ieee8021ad.id vlan.id | tr '\t' ' ' | sed 's/ \([0-9]*\)$/,\1/' | sort | uniq -c | xargs)"
	want "frames with a wrong checksum" 0 \
		"$(wire 'udp.checksum.status == "Bad" || ip.checksum.status == "Bad"' frame.number | wc -l)"
	want "IPv4 members" "$N" "$(wire ip ip.dst | sort -u | wc -l)"
	want "IPv6 members" "$N" "$(wire ipv6 ipv6.dst | sort -u | wc -l)"
	want "heard by an IPv4 member" "$1" "$(heard_by ip.dst "$(wire ip ip.dst | head -n 1)")"
	want "heard by an IPv6 member" "$1" "$(heard_by ipv6.dst "$(wire ipv6 ipv6.dst | head -n 1)")"
}

# by WAY FILTER [option of dp_fixture...]: FILTER is what the fixture's last words must say.
by()
{
	local filter=$2 sent
	start fixture edge "$CRIER_BUILD/tests/net/dp_fixture" --pin-dir "$PIN_DIR" --in e0 --out e1 \
		--local 10.1.0.1 --src 10.2.0.1 --src6 fd02::1 --mac "$(mac_of lsn l0)" --port 6000 \
		--members $N --members6 $N --vlan 7 --vlan6 8,9 "${@:3}"
	wait_log fixture ready
	if [ "$1" != kernel ]; then
		start dp edge "$CRIER_DP" --port xdp:e0 --port xdp:e1 --port page:pg0
		wait_log dp 'crier-dp: ready'
	fi
	start tshark lsn tshark -q -i l0 -a duration:60 -c $((2 * N * PACKETS)) -w "$T/l0.pcapng" -f vlan
	wait_log tshark 'Capturing on'
	sent=$(in_pub "$WIRE" send 10.1.0.2:4000 10.1.0.1:6000 --count $PACKETS | jq -r .hash)
	wait_end tshark 90
	right "$sent"
	stop dp
	stop fixture
	tail -n 1 "$T/fixture.log" | jq -e "$filter" >/dev/null ||
		fail "not by $1: $(tail -n 1 "$T/fixture.log")"
	echo "ok: by $1"
}

topology
in_lsn ethtool -K l0 gro on
in_edge ip link add pg0 mtu 2000 numrxqueues "$CPUS" numtxqueues "$CPUS" type veth \
	peer name pg1 mtu 2000 numrxqueues "$CPUS" numtxqueues "$CPUS"
in_edge ip link set pg0 up
in_edge ip link set pg1 up
mkdir -p "$RUN_DIR"
by frames ".copies == $((2 * N * PACKETS))"
by kernel ".xdp_kernel_copies == $((2 * N * PACKETS)) and .xdp_trigger_taken == 0" --kernel
by triggers ".xdp_kernel_copies == $((2 * N * PACKETS)) and .trigger_members == $((2 * N * PACKETS))" --page pg1
