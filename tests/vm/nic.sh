#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A PCI card leaves Linux for DPDK and comes back, in scripts/vm's machine: nic.sh DRIVER, which is
# uio_pci_generic or vfio-pci.
#
#   world: l0, a card that Linux keeps ══ cable ══ the other card: its driver, dpdk-testpmd, crier-dp
#
# pktgen sends from l0; testpmd polls the card and sends each frame back with its MACs swapped.
# Then crier-dp has the card and "wan" stands for it: publishers and listeners both are the world's,
# and every copy that leaves by the card is judged.
driver=$1
export CRIER_NET_INSIDE=1 # the machine is sandbox enough, and cards can't follow into another one
. "$(dirname "$0")/../net/lib.sh"

CRIER_NIC=$LIB_DIR/../../scripts/crier-nic
PKTGEN=$LIB_DIR/../../scripts/pktgen/kernel
WORLD_MAC=52:54:00:00:00:01 # as scripts/vm gives them
CARD_MAC=52:54:00:00:00:02
COUNT=2000

# iface_of MAC
iface_of()
{
	ip -j link | jq -r --arg m "$1" '.[] | select(.address == $m) | .ifname'
}

world_received()
{
	nsenter --net=/run/netns/world ip -j -s link show dev l0 | jq '.[0].stats64.rx.packets'
}

world_has_link()
{
	nsenter --net=/run/netns/world ip -j link show dev l0 | jq -e '.[0].operstate == "UP"'
}

all_back()
{
	[ "$(world_received)" -ge "$COUNT" ]
}

# dpdk_dp_start ADDRESS: crier-dp on the card, in hugepages, which DPDK needs behind uio.
dpdk_dp_start()
{
	PORTS=dpdk:$1,as=wan dp_start --hugepages yes
	wait_until 20 wan_has_link || fail "wan has no link"
}

wan_has_link()
{
	in_edge ip -j link show wan | jq -e '.[0].flags | index("LOWER_UP")'
}

wan_is_dead()
{
	! wan_has_link
}

# said_up N: crier-dp has seen the link come so many times.
said_up()
{
	[ "$(grep -c 'wan: link is up' "$T/dp.log")" = "$1" ]
}

# heard_by_card WHEN: a listener hears all of 50 packets.
heard_by_card()
{
	local sent
	hear ear "$(listeners 1)" 50
	sent=$(speak 5000 --count 50 | jq -r .hash)
	want "heard $1" "$sent" "$(heard ear hash)"
}

# ---- two cards: one goes to the world, which is the publishers' and the listeners' ---------------

world=$(iface_of "$WORLD_MAC")
card=$(iface_of "$CARD_MAC")
if [ -z "$world" ] || [ -z "$card" ]; then
	skip "no two cards: scripts/vm --nic virtio|e1000"
fi
pci=$(basename "$(readlink -f "/sys/class/net/$card/device")")
[[ $pci != virtio* ]] || pci=$(basename "$(readlink -f "/sys/class/net/$card/device/..")")

add_netns edge
add_netns world
for name in pub lsn; do # for lib.sh
	touch "/run/netns/$name"
	mount --bind /run/netns/world "/run/netns/$name"
done
ip link set "$world" netns world name l0
nsenter --net=/run/netns/world sysctl -qw net.ipv6.conf.l0.disable_ipv6=1
nsenter --net=/run/netns/world ip addr add 10.1.0.2/24 dev l0
# The world may be slow to look at its card; virtio's ring has the size that qemu gave it.
nsenter --net=/run/netns/world ethtool -G l0 rx 4096 2>/dev/null
nsenter --net=/run/netns/world ip link set l0 up

# ---- a card that is Linux's still ----------------------------------------------------------------

modprobe tun
INTERFACES=wan,mode=dpdk crierd_start
for address in "$pci" "${pci#*:}"; do
	refused "crier-nic bind $pci" in_edge "$CRIER_DP" --port "dpdk:$address,as=wan"
done
[ -n "$(iface_of "$CARD_MAC")" ] || fail "$card was taken from Linux"
refused "no PCI device 0000:00:1d.7" in_edge "$CRIER_DP" --port dpdk:0000:00:1d.7,as=wan

# qemu's IOMMU remaps no interrupts here, which the kernel calls unsafe: nobody else is in it.
modprobe vfio_iommu_type1 allow_unsafe_interrupts=1
"$CRIER_NIC" --driver "$driver" --hugepages 2M:96 bind "$pci" || fail "crier-nic bind"
want "driver of $pci" "$driver" "$(basename "$(readlink "/sys/bus/pci/devices/$pci/driver")")"
[ -z "$(iface_of "$CARD_MAC")" ] || fail "$card is Linux's still"
want_least "hugepages" 96 "$(cat /proc/sys/vm/nr_hugepages)"

# ---- testpmd -------------------------------------------------------------------------------------

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
nsenter --net=/run/netns/world "$PKTGEN" --interface l0 --to 10.1.0.1 --mac "$CARD_MAC" --port 5000 \
	--rate 1000 --count "$COUNT" || fail "pktgen"
COUNT=$((COUNT + before))
wait_until 30 all_back
printf 'stop\nquit\n' >&7
wait_end testpmd 30
grep -E 'RX-(packets|dropped)|TX-(packets|dropped)' "$T/testpmd.log" | tail -n 4
want "frames that came back" "$COUNT" "$(world_received)"
echo "ok: testpmd polled $pci by $driver and sent $((COUNT - before)) frames back"

# ---- crier-dp ------------------------------------------------------------------------------------

in_edge ip addr add 10.1.0.1/24 dev wan
dpdk_dp_start "$pci"
want "the MAC of wan" "$CARD_MAC" "$(mac_of edge wan)"
in_edge ip route add 10.128.0.0/9 via 10.1.0.2
in_lsn ip route add local 10.128.0.0/9 dev lo
in_pub ping -qc 3 -W 5 10.1.0.1 >/dev/null || fail "the world can't ping the node"
want_least "packets given to Linux" 4 "$(stat_of .worker.punted)"
echo "ok: the world asks for the node's MAC and pings it, by $pci and wan"

room talk 5000
listeners 100 | members talk
judge_start --room talk --listeners <(listeners 100) --log "$T/p1.pub"
publish p1 5000 --room talk --rate 50 --seconds 4
wait_end p1
wait_until 60 gone sink
in_lsn ethtool -S l0 | grep -v ': 0$' >"$T/l0.log" # for show_logs: what the world's card has lost
all_right
want "copies seen" 20000 "$(judged copies_seen)"
reconciles talk

exec 8>"$(compgen -G '/dev/vport*p4')"
echo pull >&8
wait_log dp 'wan: link is down'
! wan_has_link >/dev/null || fail "wan has link without a cable"
echo plug >&8
wait_until 30 said_up 2 || fail "the link does not come back"
wait_until 30 wan_has_link || fail "wan has no link after the cable came back"
in_edge ip route replace 10.128.0.0/9 via 10.1.0.2
wait_until 30 next_hops_ready || fail "no next hops after the cable came back"
heard_by_card "after the cable came back"
echo "ok: the cable was pulled and plugged in again"

stop dp
dpdk_dp_start "${pci#*:}" # without its domain
in_edge ip route replace 10.128.0.0/9 via 10.1.0.2
wait_until 30 next_hops_ready || fail "no next hops after the restart"
heard_by_card "after the restart"
echo "ok: crier-dp came back on $pci"

# The kernel waits with the removal until crier-dp has let go; uio lets it go without a word.
if [ "$driver" = vfio-pci ]; then
	echo 1 >"/sys/bus/pci/devices/$pci/remove" &
	remove=$!
	wait_log dp 'wan is gone'
	wait "$remove"
	[ ! -e "/sys/bus/pci/devices/$pci" ] || fail "the card is there after it was removed"
	wait_until 30 wan_is_dead || fail "wan has link without a card"
	alive dp || fail "crier-dp ended with its card"
	echo 1 >/sys/bus/pci/rescan
	"$CRIER_NIC" --driver "$driver" bind "$pci" || fail "crier-nic bind, again"
	wait_until 30 said_up 2 || fail "crier-dp does not take the card that came back"
	wait_until 30 wan_has_link || fail "wan has no link after the card came back"
	in_edge ip route replace 10.128.0.0/9 via 10.1.0.2
	wait_until 30 next_hops_ready || fail "no next hops after the card came back"
	heard_by_card "after the card came back"
	echo "ok: $pci was taken away from crier-dp and came back"
fi
stop dp
stop crierd

"$CRIER_NIC" unbind "$pci" || fail "crier-nic unbind"
[ -n "$(iface_of "$CARD_MAC")" ] || fail "Linux did not get $pci back"
