#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel engine on network cards, in scripts/vm's machine with two cables of virtio's and one of
# e1000's: by its own packets and by page triggers, from one card to another and out of the card that
# the packets came by; and what is said of drivers that refuse it.
#
#   pub: p0 ══ e0 [edge: crierd, crier-dp, crier-page] e1 ══ l0: lsn
#                                                      e2 ══ l2       e0, e1: virtio; e2: e1000
#
# A card's ring here holds 256 frames, and qemu may come late to empty it: low rates, small rooms.
export CRIER_NET_INSIDE=1 # the machine is sandbox enough, and cards can't follow into another one
. "$(dirname "$0")/../net/lib.sh"
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034 # lib.sh's
ENGINE=kernel
echo "kernel $(uname -r)"

# card N: its name now.
card()
{
	ip -j link | jq -r --arg m "52:54:00:00:00:0$1" '.[] | select(.address == $m) | .ifname'
}

# add_link NS1 DEV1 NS2 DEV2: by the next cable, in the place of lib.sh's veth pair.
cards=0
add_link()
{
	local end name
	for end in "$1 $2" "$3 $4"; do
		cards=$((cards + 1))
		name=$(card $cards)
		[ -n "$name" ] || skip "no card $cards: scripts/vm --nic virtio,virtio,e1000"
		ip link set "$name" netns "${end% *}" name "${end#* }"
		nsenter --net="/run/netns/${end% *}" ip link set "${end#* }" up
	done
}

# rooms NAME PORT FROM: NAME1 of 90 and NAME2 of 30 listeners, by triggers and by own packets.
rooms()
{
	local n
	{ listeners 70 && listeners6 20; } >"$T/${1}1"
	{ listeners 20 2000 && listeners6 10 2000; } >"$T/${1}2"
	for n in 1 2; do
		ctl room add "$1$n" --engine kernel --port $(($2 + n - 1)) --from "$3" >/dev/null || fail "room add"
		members "$1$n" <"$T/$1$n"
		sed "s/^/$1$n /" "$T/$1$n" >>"$T/$1.roster"
	done
	becomes "90 are served by" page "/v1/rooms/${1}1" .serving
	becomes "30 are served by" kernel "/v1/rooms/${1}2" .serving
}

# exact ROOMS NS FROM TO: what is published there is heard by all, and by no copy of crier-dp's.
exact()
{
	local triggers
	triggers=$(stat_of .worker.triggers)
	judge_start --listeners "$T/$1.roster" --log "$T/$1.pub" --expect-ttl 64 --expect-dscp 46
	start "$1" "$2" "$CRIER_LOAD" publish --from "$3" --to "$4" --log "$T/$1.pub" \
		--stamps "$STAMPS" --room "$1" --rooms 2 --rate 5 --seconds 8 --no-rtcp
	ahead "$1"
	wait_end "$1"
	all_right
	want "copies of $1" 4800 "$(judged copies_seen)"
	reconciles "${1}1"
	reconciles "${1}2"
	# 32, 32 and 6 on a page of IPv4, 20 on one of IPv6
	want "triggers of $1" 160 $(($(stat_of .worker.triggers) - triggers))
	want "copies of crier-dp's" 0 "$(stat_of .worker.copies)"
	lost_nothing
	rm -f "$STAMPS" "$T/judge.json"
}

# has NAME INTERFACE FIELD: of the features table.
has()
{
	api GET /v1/status | jq -r --arg n "$1" --arg i "$2" \
		".features.table[] | select(.name == \$n and .interface == \$i) | .$3"
}

topology
add_link edge e2 lsn l2
add_addrs lsn l0 10.2.0.9/24
in_edge ip link set e1 mtu 9000
refused 'e1: driver virtio_net refuses native XDP: .*MTU' in_edge "$CRIERD" --interface e1,mode=native
in_edge ip link set e1 mtu 1500
crierd_start
dp_start_patient --port page:crier-page
ctl set unit_slots 32 >/dev/null || fail "set unit_slots"
for i in e0 e1; do
	want "driver of $i" virtio_net "$(in_edge ethtool -i $i | sed -n 's/^driver: //p')"
	want "native XDP on $i" true "$(has "native XDP" $i has)"
done

rooms talk 5000 10.1.0.2
exact talk pub 10.1.0.2 10.1.0.1:5000
rooms back 5010 10.2.0.9
exact back lsn 10.2.0.9 10.2.0.1:5010

# ---- a card that can't ---------------------------------------------------------------------------

stop dp
stop crierd
INTERFACES='e0 e1 e2' crierd_start
why='driver e1000 refuses native XDP: Underlying driver does not support XDP'
want "native XDP on e2" false "$(has "native XDP" e2 has)"
has "native XDP" e2 why | grep -q "$why" || fail "why e2 is not native: $(has "native XDP" e2 why)"
api GET /v1/status | jq -r '.interfaces[] | select(.name == "e2") | .notes[]' | grep -q "$why" ||
	fail "status says nothing of e2: $(api GET /v1/status | jq -c .interfaces)"
ctl status | grep -E 'FEATURE|native XDP'
refused 'interface e2 is in generic mode' ctl room set talk2 engine=kernel
becomes "the engine of talk2" none /v1/rooms/talk2 .serving
stop crierd
