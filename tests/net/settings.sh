#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# DSCP, TTL and DF of copies follow "set" with the next packet; a packet larger than the way out's
# MTU is a counted drop.
#
#   pub ── e0 [edge] e1 ── lsn, where tshark looks
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
room talk 5000
{ listeners 10 && listeners6 10; } | members talk

# headers: DSCP, TTL and DF of an IPv4 copy, DSCP and hop limit of an IPv6 copy.
headers()
{
	start tshark lsn tshark -q -i l0 -f 'udp port 5004' -a duration:30 -c 20 -w "$T/l0.pcapng"
	wait_log tshark 'Capturing on'
	sleep 1 # it says so shortly before it does
	speak 5000 --count 1 >/dev/null
	wait_end tshark
	tshark -r "$T/l0.pcapng" -T fields -e ip.dsfield.dscp -e ip.ttl -e ip.flags.df \
		-e ipv6.tclass.dscp -e ipv6.hlim 2>/dev/null | sort -u | tr -s '\t\n' ' '
}

want "headers by default" ' 46 64 46 64 1 ' "$(headers)"
for setting in 'dscp 10' 'ttl 7' 'df 0'; do
	# shellcheck disable=SC2086 # two words
	ctl set $setting >/dev/null || fail "set $setting"
done
want "headers as set" ' 10 7 10 7 0 ' "$(headers)"
want "what get says" 7 "$(api GET /v1/settings/ttl | jq .value)"
refused 255 ctl set ttl 256
refused ttl ctl set ttl many
refused 'no such setting' ctl set frobnicate 1

want "TTL after refusals" 7 "$(api GET /v1/settings/ttl | jq .value)"
in_edge ip link set e1 mtu 1280 # the least that IPv6 allows
becomes "the MTU of e1" 1280 /v1/status '.interfaces[] | select(.name == "e1") | .mtu'
# too_large: a packet too large for all of the 20.
too_large()
{
	local before
	before=$(room_stat talk mtu)
	speak 5000 --count 1 --size 1300 >/dev/null
	wait_until 30 taken_in && reconciles talk
	[ $(($(room_stat talk mtu) - before)) = 20 ]
}

# Members are given their new ways out by a scan, a moment after the interface's MTU is known.
wait_until 30 too_large || fail "copies larger than the MTU are made"
before=$(room_stat talk mtu)
speak 5000 --count 5 --size 1300 >/dev/null
wait_until 30 taken_in || fail "crier-dp did not take all packets"
reconciles talk
want "copies not made for want of MTU" 100 "$(($(room_stat talk mtu) - before))"
stop dp
stop crierd
