#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A card that is DPDK's: packets in and copies out by it, exact and reconciled, while Linux lives
# on behind it by a TAP of its MAC: ARP, ping, routes, in both directions; strangers' packets are
# counted by name; crier-dp ends and comes back.
#
#   pub ── e0 [edge] e1 ── lsn     e0, e1: taken by DPDK (net_af_xdp); wan, lan: their TAPs
#
. "$(dirname "$0")/lib.sh"

"$CRIER_DP" --port dpdk:net_null0 --cpu 0 2>&1 </dev/null | grep -q 'without DPDK' &&
	skip "this crier-dp was built without DPDK"

# DPDK's driver of AF_XDP forgets some bytes of libxdp's when it is removed; no port here is ours.
echo 'leak:xsk_umem__create' >"$T/lsan.supp"
export LSAN_OPTIONS=suppressions=$T/lsan.supp:print_suppressions=0

# One queue at each end: DPDK takes the first one alone, Linux would see the rest.
hide()
{
	in_edge ip addr flush dev "$1"
	in_edge sysctl -qw "net.ipv6.conf.$1.disable_ipv6=1"
	in_edge ethtool -L "$1" rx 1 tx 1
	nsenter --net="/run/netns/$2" ethtool -L "$3" rx 1 tx 1
}

PORTS="dpdk:net_af_xdp0,iface=e0,as=wan dpdk:net_af_packet1,iface=e1,as=lan"

link_is()
{
	in_edge ip -j link show "$1" | jq -e ".[0].flags | index(\"LOWER_UP\") $2 null" >/dev/null
}

topology
hide e0 pub p0
hide e1 lsn l0
start crierd edge "$CRIERD" --interface wan,mode=dpdk --interface lan,mode=dpdk
wait_log crierd 'crierd: ready'
want "the mode of wan" dpdk "$(api GET /v1/status | jq -r '.interfaces[] | select(.name == "wan") | .mode')"
add_addrs edge wan 10.1.0.1/24 fd01::1/64
add_addrs edge lan 10.2.0.1/24 fd02::1/64
link_is wan == || fail "a TAP that nobody serves has a cable"
for dev in wan lan; do
	in_edge ethtool -s $dev speed 1000 duplex full autoneg off || fail "ethtool -s $dev"
done
dp_start
wait_until 30 link_is wan != || fail "wan has no link"
wait_until 30 link_is lan != || fail "lan has no link"
want "the MAC of lan" "$(mac_of edge e1)" "$(mac_of edge lan)"
wait_until 30 answers /v1/status '[.interfaces[] | select(.mode == "dpdk") | .speed_mbps | tostring] | join(" ")' '10000 10000' ||
	fail "the devices' speed: $(api GET /v1/status | jq -c '[.interfaces[].speed_mbps]')"
in_edge ip route replace 10.128.0.0/9 via 10.2.0.2
in_edge ip -6 route replace fd80::/64 via fd02::2

# Linux, behind the cards: it is found, and finds others.
in_pub ping -qc 3 -W 2 10.1.0.1 >/dev/null || fail "pub can't ping the node"
in_lsn ping -qc 3 -W 2 fd02::1 >/dev/null || fail "lsn can't ping the node by IPv6"
in_edge ping -qc 3 -W 2 10.2.0.2 >/dev/null || fail "the node can't ping lsn"
want_least "packets given to Linux" 9 "$(stat_of .worker.punted)"

room talk 5000
{ listeners 2000 && listeners6 500; } >"$T/all"
members talk <"$T/all"
judge_start --room talk --listeners "$T/all" --log "$T/p1.pub" --expect-ttl 64 --expect-dscp 46
publish p1 5000 --room talk --rate 50 --sr 0.5 --seconds 4
wait_end p1
all_right
reconciles talk
want "packets accepted" "$(stat_of .xdp.accepted)" "$(room_stat talk pkts)"

# A stranger, and what no stream knows.
before=$(stat_of .xdp.drop_source)
in_pub ip addr add 10.1.0.9/24 dev p0
start capture edge "$CRIERCTL" --socket "$SOCKET" capture talk -w "$T/cap.pcapng" --drops --count 20
wait_until 30 eval "api GET /metrics | grep -q '^crier_capture_clients 1$'" || fail "nobody captures"
in_pub "$WIRE" send 10.1.0.9:4000 10.1.0.1:5000 --count 20 >/dev/null
wait_until 30 answers /v1/stats .xdp.drop_source $((before + 20)) || fail "strangers are not counted"
wait_end capture 60
want "exit status of capture" 0 "$status"
want "strangers captured" "20 10.1.0.9 5000 drop_source room talk" \
	"$(tshark -r "$T/cap.pcapng" -T fields -e ip.src -e udp.dstport -e frame.comment 2>/dev/null |
		sort | uniq -c | xargs)"
want "copies of a stranger's" "$(room_stat talk pkts)" "$(stat_of .xdp.accepted)"

# More than punt_pps is not given to Linux; the room does not notice.
ctl set punt_pps 50 >/dev/null
before=$(stat_of .worker.punt_cap)
accepted=$(stat_of .xdp.accepted)
hear ear "$(head -n 1 "$T/all")" 100
in_pub "$WIRE" send 10.1.0.2:4001 10.1.0.1:9999 --count 2000 --interval 0.0005 >/dev/null &
flood=$!
speak 5000 --count 100 >/dev/null
received=$(heard ear received)
wait "$flood"
# Not all of what was sent: the veth's ring of 256 is shared with the flood.  And where the
# machine stalls, net_af_xdp drops without a word what the far veth does not take in time.
reconciles talk
want_least "packets accepted beside a flood" 50 $(($(stat_of .xdp.accepted) - accepted))
want_least "heard beside a flood" $((($(stat_of .xdp.accepted) - accepted) * 4 / 5)) "$received"
want_least "packets over punt_pps" 100 "$(($(stat_of .worker.punt_cap) - before))"
ctl set punt_pps 20000 >/dev/null

# crier-dp ends; addresses and routes stay, and it goes on where it was.
stop dp
want "the address of wan, without crier-dp" 1 "$(in_edge ip -4 -o addr show dev wan | wc -l)"
dp_start --hugepages no
wait_until 30 link_is lan != || fail "lan has no link after the restart"
in_edge ip route replace 10.128.0.0/9 via 10.2.0.2
wait_until 30 next_hops_ready || fail "no next hops after the restart"
hear ear "$(head -n 1 "$T/all")" 50
sent=$(speak 5000 --count 50 | jq -r .hash)
want "heard after the restart" "$sent" "$(heard ear hash)"
stop dp
stop crierd
in_edge "$CRIERD" --flush 2>/dev/null || fail "flush"
in_edge ip link show wan >/dev/null 2>&1 && fail "the TAP is left after a flush"
exit 0
