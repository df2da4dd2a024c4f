#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A PCI card leaves Linux for DPDK, in scripts/vm's machine: nic.sh uio_pci_generic|vfio-pci.
#
#   world: w0, a card that Linux keeps ══ cable ══ the other card: its driver, then dpdk-testpmd
#
# pktgen sends from w0; testpmd polls the card and sends each frame back with its MACs swapped.
driver=$1
export CRIER_NET_INSIDE=1 # the machine is sandbox enough, and cards can't follow into another one
. "$(dirname "$0")/../net/lib.sh"

PKTGEN=$LIB_DIR/../../scripts/pktgen/kernel
WORLD_MAC=52:54:00:00:00:01 # as scripts/vm gives them
CARD_MAC=52:54:00:00:00:02
COUNT=2000

# iface_of MAC
iface_of()
{
	ip -j link | jq -r --arg m "$1" '.[] | select(.address == $m) | .ifname'
}

# bind PCI DRIVER: take it from Linux's own driver.
bind()
{
	local dev=/sys/bus/pci/devices/$1
	modprobe "$2" || fail "no module $2"
	echo "$2" >"$dev/driver_override"
	echo "$1" >"$dev/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
	want "driver of $1" "$2" "$(basename "$(readlink "$dev/driver")")"
}

world_received()
{
	nsenter --net=/run/netns/world ip -j -s link show dev w0 | jq '.[0].stats64.rx.packets'
}

world_has_link()
{
	nsenter --net=/run/netns/world ip -j link show dev w0 | jq -e '.[0].operstate == "UP"'
}

all_back()
{
	[ "$(world_received)" -ge "$COUNT" ]
}

world=$(iface_of "$WORLD_MAC")
card=$(iface_of "$CARD_MAC")
if [ -z "$world" ] || [ -z "$card" ]; then
	skip "no two cards: scripts/vm --nic virtio|e1000"
fi
pci=$(basename "$(readlink -f "/sys/class/net/$card/device")")
[[ $pci != virtio* ]] || pci=$(basename "$(readlink -f "/sys/class/net/$card/device/..")")

add_netns world
ip link set "$world" netns world name w0
nsenter --net=/run/netns/world sysctl -qw net.ipv6.conf.w0.disable_ipv6=1
nsenter --net=/run/netns/world ip addr add 10.1.0.2/24 dev w0
nsenter --net=/run/netns/world ip link set w0 up

# qemu's IOMMU remaps no interrupts here, which the kernel calls unsafe: nobody else is in it.
modprobe vfio_iommu_type1 allow_unsafe_interrupts=1
bind "$pci" "$driver"
[ -z "$(iface_of "$CARD_MAC")" ] || fail "$card is Linux's still"
echo "ok: $pci, which was $card, belongs to $driver"

echo 96 >/proc/sys/vm/nr_hugepages
want "hugepages" 96 "$(cat /proc/sys/vm/nr_hugepages)"
mkfifo "$T/testpmd.in"
exec 7<>"$T/testpmd.in"
dpdk-testpmd -l 0,1 --main-lcore 0 -a "$pci" --no-telemetry --log-level 5 -- -i --forward-mode=macswap \
	--nb-cores=1 --rxd=256 --txd=256 --total-num-mbufs=4096 <&7 >"$T/testpmd.log" 2>&1 &
pids[testpmd]=$!
wait_log testpmd 'testpmd>'
echo start >&7
wait_log testpmd 'macswap packet forwarding'
wait_until 20 world_has_link || fail "no link"
before=$(world_received)
nsenter --net=/run/netns/world "$PKTGEN" --interface w0 --to 10.1.0.1 --mac "$CARD_MAC" --port 5000 \
	--rate 1000 --count "$COUNT" || fail "pktgen"
COUNT=$((COUNT + before))
wait_until 30 all_back
printf 'stop\nquit\n' >&7
wait_end testpmd 30
grep -E 'RX-(packets|dropped)|TX-(packets|dropped)' "$T/testpmd.log" | tail -n 4
want "frames that came back" "$COUNT" "$(world_received)"
echo "ok: testpmd polled $pci by $driver and sent $((COUNT - before)) frames back"
