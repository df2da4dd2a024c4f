#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a DPDK port can't be opened with is said with what to do, exit status 1, and leaves the TAP
# and a crier-dp that runs as they were.
#
#   [edge]  wan: a TAP of crierd's for a device of DPDK's    x0 ── x1: a veth pair, no TAP
. "$(dirname "$0")/lib.sh"

"$CRIER_DP" --port dpdk:net_null0 --cpu 0 2>&1 </dev/null | grep -q 'without DPDK' &&
	skip "this crier-dp was built without DPDK"

add_netns edge
in_edge ip link add x0 numtxqueues 1 type veth peer name x1
in_edge ip link set x0 up
in_edge ip link set x1 up
start crierd edge "$CRIERD" --interface wan,mode=dpdk
wait_log crierd 'crierd: ready'

p()
{
	in_edge timeout --foreground 60 "$CRIER_DP" --hugepages no "$@"
}

refused 'no such device' p --port dpdk:net_nosuch0,as=wan
p --port dpdk:net_nosuch0,as=wan >/dev/null 2>&1
want "exit status without the device" 1 $?
refused 'no such device' p --port dpdk:net_af_packet0,iface=nosuch,as=wan
refused 'no PCI device 0000:00:1d.7.*crier-nic show' p --port dpdk:0000:00:1d.7,as=wan
refused 'lan is not a port.*crierd with --interface lan,mode=dpdk' p --port dpdk:net_null0,as=lan
refused 'x0 is not a port of crierd' p --port dpdk:net_null0,as=x0
refused 'want auto, yes or no' p --hugepages some --port dpdk:net_null0,as=wan
if [ "$(awk '/^HugePages_Free/ { print $2 }' /proc/meminfo)" = 0 ]; then
	refused 'MB of hugepages are free.*nr_hugepages' p --hugepages yes --port dpdk:net_null0,as=wan
else
	echo "skipped: too few hugepages: this machine has some"
fi
if [ "$CPUS" -gt 1 ]; then
	refused '2 workers want a send queue each, the device has 1' \
		p --cpu 0,1 --port dpdk:net_af_packet0,iface=x0,qpairs=1,as=wan
else
	echo "skipped: fewer queues than workers: this machine has one CPU"
fi
in_edge ip link set wan mtu 9000
refused 'mtu' p --port dpdk:net_af_packet0,iface=x0,as=wan
in_edge ip link set wan mtu 1500

# And what can be opened is, by one alone; it ends, though net_null never ceases to receive.
PORTS=dpdk:net_null0,as=wan dp_start --hugepages no
refused 'another program holds this TAP' p --port dpdk:net_null1,as=wan
alive dp || fail "crier-dp was disturbed"
stop dp
stop crierd
