#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Listeners behind VLAN interfaces, 802.1Q and QinQ: copies leave with the right tags.
#
#   pub ── e0 [edge] e1 ──────────────── l0 lsn
#                    e1.7  10.7.0.1 ──── l0.7    10.7.0.2, a router to 10.200.0.0/16
#                    e1.8.9 10.9.0.1 ─── l0.8.9  10.9.0.2, a router to 10.201.0.0/16
. "$(dirname "$0")/lib.sh"

topology
in_edge ip link add link e1 name e1.1 type vlan id 1 2>/dev/null ||
	skip "this kernel has no VLAN devices (CONFIG_VLAN_8021Q); test_egress, test_packet and tags.sh cover the tags"
in_edge ip link del e1.1

# vlan NS DEV ID TYPE ADDR
vlan()
{
	nsenter --net="/run/netns/$1" ip link add link "$2" name "$2.$3" type vlan proto "$4" id "$3"
	nsenter --net="/run/netns/$1" ip link set "$2.$3" up
	[ -z "$5" ] || add_addrs "$1" "$2.$3" "$5"
}
vlan edge e1 7 802.1q 10.7.0.1/24
vlan lsn l0 7 802.1q 10.7.0.2/24
vlan edge e1 8 802.1ad ''
vlan lsn l0 8 802.1ad ''
vlan edge e1.8 9 802.1q 10.9.0.1/24
vlan lsn l0.8 9 802.1q 10.9.0.2/24
in_edge ip route add 10.200.0.0/16 via 10.7.0.2
in_edge ip route add 10.201.0.0/16 via 10.9.0.2
in_lsn ip route add local 10.200.0.0/15 dev lo
in_edge ethtool -K e1 txvlan off rxvlan off
in_lsn ethtool -K l0 txvlan off rxvlan off

crierd_start
dp_start
room talk 5000
printf '%s\n' 10.128.0.1:5004 10.200.0.1:5004 10.201.0.1:5004 | members talk
for at in 10.128.0.1 10.200.0.1 10.201.0.1; do
	hear "at$at" "$at:5004" 50
done
sent=$(speak 5000 --count 50 | jq -r .hash)
for at in 10.128.0.1 10.200.0.1 10.201.0.1; do
	want "heard at $at" "$sent" "$(heard "at$at" hash)"
done
reconciles talk
stop dp
stop crierd
