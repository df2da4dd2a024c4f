#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel refuses one of crierd's programs when it starts (tests/bpf/refuse.h says how): log and
# status say what is lost, the rest works, and a reload brings it back.  Then it refuses, under
# traffic, one step of a reload after the other: what was at work goes on, no copy is lost, and
# crierd holds nothing more than before.
#
#   pub ── e0 [edge: crierd, crier-dp] e1 ── lsn: 30 listeners, IPv4 and IPv6
. "$(dirname "$0")/lib.sh"
ENGINE=auto
REFUSE=$CRIER_BUILD/tests/bpf/crier_refuse.so
[ -e "$REFUSE" ] || skip "this build has no crier_refuse.so: sanitizers don't go with it"

# refuse [LINE...]: see refuse.h; nothing without a line.
refuse()
{
	printf '%s\n' "$@" >"$T/refuse.new"
	mv "$T/refuse.new" "$T/refuse"
}

refusing_crierd()
{
	LD_PRELOAD=$REFUSE CRIER_REFUSE=$T/refuse crierd_start
}

# has NAME: of the features' table.
has()
{
	api GET /v1/status | jq -r --arg n "$1" '.features.table[] | select(.name == $n) | .has'
}

has_it()
{
	[ "$(has "$2")" = "$1" ]
}

# lost NAME WORDS LOG: the feature is missing, log and status' warnings say why and what is lost.
lost()
{
	want "$1" false "$(has "$1")"
	api GET /v1/status | jq -e --arg w "$2" --arg l "$3" \
		'[.warnings[] | select(contains($w) and contains($l))] | length == 1' >/dev/null ||
		fail "status does not warn of $2: $(api GET /v1/status | jq -c .warnings)"
	wait_log crierd "$3.*$2"
	ctl status | grep -q "$3" || fail "crierctl status does not speak of $3"
	echo "ok: $(grep -m 1 "$3" "$T/crierd.log" | cut -c 1-200)"
}

warns_of_it()
{
	api GET /v1/status | jq -e '[.warnings[] | select(contains("refused by a test"))] | length > 0' >/dev/null
}

# back NAME...: after a reload that is not refused nothing is missing.
back()
{
	local name
	refuse
	ctl reload >/dev/null || fail "reload: $(ctl reload 2>&1)"
	for name; do
		wait_until 30 has_it true "$name" || fail "$name does not come back"
	done
	! warns_of_it || fail "it still warns: $(api GET /v1/status | jq -c .warnings)"
}

served_by()
{
	[ "$(api GET /v1/rooms/talk | jq -r .serving)" = "$1" ]
}

becomes_served()
{
	wait_until 30 served_by "$1" || fail "the room is not served by $1: $(api GET /v1/rooms/talk)"
}

topology
in_lsn ethtool -K l0 gro on || skip "this veth has no GRO to open it"

refuse 'prog_load crier_trigger 1 0 13'
refusing_crierd
room talk 5000
{ listeners 20 && listeners6 10; } >"$T/list"
members talk <"$T/list"
becomes_served kernel
lost "page triggers" "the program crier_trigger" "no page triggers"
ctl reload >/dev/null || fail "a reload with what was refused before"
want "page triggers" false "$(has "page triggers")"
back "page triggers"
stop crierd

refuse 'prog_load crier_xmit 1 0 22'
refusing_crierd
becomes_served kernel
lost "drops by tracepoint" "the program crier_xmit" "are counted as copies"
back "drops by tracepoint"
stop crierd

refuse 'prog_load crier_egress 1 0 22'
refusing_crierd
dp_start
becomes_served bypass
lost "devmap programs" "the program crier_egress" "no kernel engine"
back "devmap programs" "page triggers" "drops by tracepoint"
becomes_served kernel

# held: descriptors of crierd, programs on links, pins.
held()
{
	local fds
	fds=("/proc/${pids[crierd]}/fd"/*)
	echo "${#fds[@]} $(api GET /v1/status | jq -c '[.programs.list[].id]')" \
		"$(in_edge ip -j link show | jq -c '[.[].xdp.prog.id // empty]')" \
		"$(find "$PIN_DIR" -mindepth 1 | wc -l)"
}

# half_way WORDS LINE...
half_way()
{
	local words=$1 before
	shift
	before=$(held)
	refuse "$@"
	refused "$words.*the programs at work stay" ctl reload
	refuse
	grep -q "no reload: .*$words" "$T/crierd.log" || fail "crierd's log does not speak of $words"
	want "what crierd holds" "$before" "$(held)"
	becomes_served kernel
}

judge_start --room talk --listeners "$T/list" --log "$T/p1.pub"
publish p1 5000 --room talk --rate 25 --seconds 60
sleep 0.3
half_way "cannot make the devmaps of e[01]: Cannot allocate memory; free memory" 'map_create clones 3 1 12'
half_way "cannot change the devmaps of e[01]: Cannot allocate memory" \
	'map_update_batch devmaps 1 0 22' 'map_update devmaps 12 1 12'
half_way "in the place of .*link_e" 'link_update - 2 1 16'
half_way "in the place of .*link_:trigger" 'link_update - 4 1 16'
half_way "tracepoint xdp_devmap_xmit: No such file" 'raw_tracepoint_open - 1 1 2'
half_way "tracepoint xdp_devmap_xmit: Operation not permitted" 'obj_pin xmit_link_next 1 1 1'
half_way "the program crier_egress" 'prog_load crier_egress 1 1 22'
ctl reload >/dev/null || fail "reload: $(ctl reload 2>&1)"
alive p1 || fail "the publisher ended before all that"
stop p1 INT
all_right
reconciles talk
want "due" "$(($(room_stat talk pkts) * 30))" "$(room_stat talk due)"
stop dp
stop crierd
