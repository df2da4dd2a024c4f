#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Kinds of DPDK's devices that no other test has: crier-dp opens each, gives its TAP a link, copies by
# it, and lets go.
#
#   pub ── e0 [edge] out: the TAP of net_null, of net_tap, of virtio_user, whose far end is testpmd
. "$(dirname "$0")/lib.sh"

"$CRIER_DP" --port dpdk:net_null0 --cpu 0 2>&1 </dev/null | grep -q 'without DPDK' &&
	skip "this crier-dp was built without DPDK"

link_is()
{
	in_edge ip -j link show out | jq -e ".[0].flags | index(\"LOWER_UP\") $1 null" >/dev/null
}

# copies_by DEVICE [COMMAND...]: packets of pub are copied and leave by it, and then COMMAND.
copies_by()
{
	local before
	PORTS="e0 dpdk:$1,as=out" dp_start --hugepages no
	wait_until 30 link_is != || fail "$1: no link"
	in_edge ip neigh replace 10.3.0.2 lladdr 02:00:00:00:00:09 dev out nud permanent
	in_edge ip route replace 10.128.0.0/9 via 10.3.0.2
	wait_until 30 next_hops_ready || fail "$1: no next hops"
	before=$(room_stat talk copies)
	speak 5000 --count 10 >/dev/null
	wait_until 30 answers /v1/stats '.rooms[0].copies' $((before + 1000)) ||
		fail "$1: $(room_stat talk '')"
	reconciles talk
	"${@:2}"
	stop dp
	wait_until 30 link_is == || fail "$1: the TAP keeps its link"
	echo "ok: $1"
}

topology
INTERFACES="e0 out,mode=dpdk" crierd_start
add_addrs edge out 10.3.0.1/24
room talk 5000 --engine bypass
listeners 100 >"$T/all"
ctl listener add talk --file "$T/all" >/dev/null || fail "listener add"

copies_by net_null0,no-rx=1
tap_got()
{
	wait_until 10 tap_has || fail "the other end of net_tap has got $(tap_rx) frames of 1000"
}

tap_rx()
{
	in_edge ip -j -s link show kernels | jq '.[0].stats64.rx.packets'
}

tap_has()
{
	[ "$(tap_rx)" -ge 1000 ]
}

copies_by net_tap0,iface=kernels tap_got
in_edge ip link show kernels >/dev/null 2>&1 && fail "the device's own TAP is left"

# A virtual machine's card, as it is seen from the outside.
mkfifo "$T/testpmd.in"
exec 7<>"$T/testpmd.in" # it ends with its input
dpdk-testpmd --no-huge -m 512 -l 0,1 --main-lcore 0 --no-pci --file-prefix "vhost$$" --no-telemetry \
	--log-level 5 --vdev "net_vhost0,iface=$T/vhost,queues=1" -- --forward-mode=rxonly \
	--total-num-mbufs=4096 --nb-cores=1 <&7 >"$T/testpmd.log" 2>&1 &
pids[testpmd]=$!
wait_until 30 test -S "$T/vhost" || fail "testpmd makes no socket: $(cat "$T/testpmd.log")"
copies_by "virtio_user0,path=$T/vhost,queues=1"
echo >&7
wait_end testpmd 30
want_least "frames that testpmd has got" 1000 \
	"$(awk '/RX-packets:/ { print $2; exit }' "$T/testpmd.log")"
stop crierd
