#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# TAPs, which have native XDP and take redirects: listeners behind one by a broadcast and by
# triggers.  What comes in by one is crier-dp's in any room: XDP may run on it late, when a
# broadcast's copies share their bytes.
#
#   pub ── e0 ┐                  ┌ e1 ── lsn: listeners
#             [edge: crierd, crier-dp]
#   a program ══ t0 (publishes) ─┴ t1 ══ a program: 300 listeners of both families
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034 # lib.sh's
INTERFACES='e0 e1 t0 t1' PORTS='e0 e1 t0 t1 page:crier-page' ENGINE=kernel
COUNT=40

# served_by ENGINE ROOM
served_by()
{
	[ "$(api GET "/v1/rooms/$2" | jq -r .serving)" = "$1" ]
}

# all_out N ENGINE: what is spoken comes to each of the N behind t1.
all_out()
{
	local sent copies
	start reader edge "$WIRE" tap t1 02:00:00:00:00:01 0.0.0.0:1 0.0.0.0:1 --count 0 --quiet 1
	wait_log reader listening
	wait_until 10 served_by "$2" out || fail "not served by $2: $(api GET /v1/rooms/out)"
	wait_until 10 next_hops_ready || fail "next hops stay unresolved: $(api GET /v1/status)"
	copies=$(stat_of .xdp.kernel_copies)
	sent=$(speak 5000 --count $COUNT --interval 0.03 | jq -r .hash)
	want "heard behind t1" "$1 [$COUNT] [\"$sent\"]" \
		"$(heard reader '| "\(.listeners) \(.counts) \(.hashes)"')"
	want "copies of the kernel engine" $(($1 * COUNT)) $(($(stat_of .xdp.kernel_copies) - copies))
	reconciles out
	echo "ok: $1 listeners behind t1 by $2"
}

# tap_in [--block]
tap_in()
{
	in_edge "$WIRE" tap t0 "$(mac_of edge t0)" 10.5.0.2:4000 10.5.0.1:5002 --count $COUNT \
		--quiet 1 --interval 0.01 "$@" 2>/dev/null | jq -r .hash
}

topology
in_lsn ethtool -K l0 gro on
for n in 0 1; do
	in_edge ip tuntap add t$n mode tap || skip "this kernel has no TAPs"
	in_edge ip link set t$n up
	add_addrs edge t$n 10.$((5 + n)).0.1/24 fd0$((5 + n))::1/64
done
in_edge ip neigh add 10.6.0.2 lladdr 02:00:00:00:00:06 dev t1
in_edge ip neigh add fd06::2 lladdr 02:00:00:00:00:06 dev t1
in_edge ip route add 10.200.0.0/16 via 10.6.0.2
in_edge ip -6 route add fd80::c8:0/112 via fd06::2

crierd_start
want "modes" 'native native' \
	"$(api GET /v1/status | jq -r '[.interfaces[] | select(.name | test("^t")) | .mode] | join(" ")')"
ctl status | grep 'note: t0: t0 is a TAP: .* goes through crier-dp' || fail "status says nothing of TAPs: $(ctl status)"

room out 5000
{ listeners 60 $((72 * 65536)) && listeners6 40 $((200 * 65536)); } | members out
all_out 100 kernel

echo "-- in by a TAP, without crier-dp: named"
ctl room add in --port 5002 --from 10.5.0.2 --engine kernel >/dev/null || fail "room add in"
listeners 4 | members in
want "served by" kernel "$(api GET /v1/rooms/in | jq -r .serving)"
before=$(stat_of .xdp.drop_no_socket)
tap_in >/dev/null
want "packets that are nobody's" $COUNT $(($(stat_of .xdp.drop_no_socket) - before))

echo "-- with crier-dp"
dp_start
wait_log dp 't0: port'
for way in "" --block; do
	for n in 1 2 3 4; do
		hear "ear$n" "10.128.0.$n:5004" $COUNT
	done
	before=$(stat_of .worker.copies)
	# shellcheck disable=SC2086 # nothing, or an option
	sent=$(tap_in $way)
	for n in 1 2 3 4; do
		want "heard by $n" "$sent" "$(heard "ear$n" hash)"
	done
	want "copies by frame" $((4 * COUNT)) $(($(stat_of .worker.copies) - before))
	echo "ok: in by t0 ${way:-without --block}"
done
reconciles in

{ listeners 200 $((72 * 65536)) && listeners6 100 $((200 * 65536)); } | members out
all_out 300 page
stop dp
stop crierd
