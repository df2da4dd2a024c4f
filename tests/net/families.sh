#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# IPv4 and IPv6 listeners in one room, from an IPv4, an IPv6 and a VLAN-tagged publisher.
#
#   pub ── e0 [edge] e1 ── lsn: 100 IPv4 and 100 IPv6 listeners
#       IPv4; IPv6; 802.1Q; 802.1ad + 802.1Q
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
ctl room add four --port 5000 --from 10.1.0.2 --engine bypass >/dev/null || fail "room four"
ctl room add six --port 5002 --from fd01::2 --engine bypass >/dev/null || fail "room six"
for r in four six; do
	{ listeners 100 && listeners6 100; } | members "$r"
done
want "listeners of both families" '100 100' \
	"$(api GET /v1/rooms/six/listeners/count | jq -r '"\(.listeners4) \(.listeners6)"')"

# both_hear WHAT PORT COMMAND...: an IPv4 and an IPv6 listener hear what the command sends.
both_hear()
{
	local what=$1 sent
	shift
	hear v4 "$(listeners 1 3)" 50
	hear v6 "$(listeners6 1 100)" 50
	sent=$(in_pub "$WIRE" "$@" --count 50 | jq -r .hash)
	want "$what, heard by IPv4" "$sent" "$(heard v4 hash)"
	want "$what, heard by IPv6" "$sent" "$(heard v6 hash)"
	want "hop limit" 64 "$(heard v6 ttl)"
	want "traffic class" 46 "$(heard v6 dscp)"
	echo "ok: $what"
}

e0=$(mac_of edge e0)
both_hear "IPv4 publisher" send 10.1.0.2:4000 10.1.0.1:5000
both_hear "IPv6 publisher" send '[fd01::2]:4000' '[fd01::1]:5002'
both_hear "802.1Q publisher" raw p0 "$e0" 10.1.0.2:4000 10.1.0.1:5000 --vlan 5
both_hear "QinQ publisher" raw p0 "$e0" 10.1.0.2:4000 10.1.0.1:5000 --vlan 7,5
both_hear "QinQ IPv6 publisher" raw p0 "$e0" '[fd01::2]:4000' '[fd01::1]:5002' --vlan 7,5

want "IPv6 copies" $((5 * 50 * 100)) "$(stat_of .worker.copies6)"
reconciles four
reconciles six
stop dp
stop crierd
