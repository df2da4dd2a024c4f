#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The injector, the veth pair by which triggers reach XDP: made where it is of use, adopted by the
# next crierd, made again when somebody removed it, refused where its name is taken, and flushed.
#
#   [edge: crierd] crier-page ═ crier-pagex (crier_trigger);  e0, e1 and e2 to pub and lsn
. "$(dirname "$0")/lib.sh"

# link NAME FILTER
link()
{
	in_edge ip -d -j link show "$1" 2>/dev/null | jq -r ".[0]$2"
}

warnings()
{
	api GET /v1/status | jq -r '.warnings[]'
}

warns()
{
	warnings | grep -q "$1"
}

warns_not()
{
	! warns "$1"
}

# unloaded PROGRAM'S-NUMBER
unloaded()
{
	! bpftool prog show id "$1"
}

serves()
{
	[ "$(link crier-pagex .xdp.prog.name)" = crier_trigger ]
}

conf_start()
{
	printf '%s\n' "$@" >"$T/crierd.yaml"
	crierd_start --config "$T/crierd.yaml"
}

topology
add_link edge e2 lsn l2
crierd_start
for end in crier-page crier-pagex; do
	want "kind of $end" veth "$(link $end .linkinfo.info_kind)"
	want "flags of $end" true "$(link $end '.flags | contains(["UP", "NOARP"])')"
	want "RX and TX queues of $end" "$CPUS $CPUS" "$(link $end '|"\(.num_rx_queues) \(.num_tx_queues)"')"
	want "addresses of $end" 0 "$(in_edge ip -j addr show dev $end | jq '.[0].addr_info | length')"
	want_least "MTU of $end" 2000 "$(link $end .mtu)"
done
want "mode of its program" 1 "$(link crier-pagex .xdp.mode)"
want "its program" crier_trigger "$(link crier-pagex .xdp.prog.name)"
want "program on the near end" null "$(link crier-page .xdp)"
want "warnings of it" '' "$(warnings | grep -i injector)"
echo "ok: $(link crier-page '| "\(.ifname) \(.flags) mtu \(.mtu) \(.ifalias)"')"

# The next crierd takes it over: the same pair, the same attachment, its own program.
before=$(link crier-page .ifindex) program=$(link crier-pagex .xdp.prog.id)
stop crierd KILL
want "the pair without crierd" "$before" "$(link crier-page .ifindex)"
crierd_start
want "the pair of the next crierd" "$before" "$(link crier-page .ifindex)"
[ "$(link crier-pagex .xdp.prog.id)" != "$program" ] || fail "it has the old program still"
stop crierd KILL
crierd_start --pin-dir "$PIN_DIR/"
want "the pair by the pin dir with a slash" "$before ''" "$(link crier-page .ifindex) '$(warnings | grep -i injector)'"
stop crierd KILL
crierd_start

# Removed while crierd runs: made again, said once.
for _ in 1 2; do
	in_edge ip link del crier-page || fail "ip link del"
	wait_until 20 serves ||
		fail "it is not made again: $(warnings)"
done
want "times said" 2 "$(grep -c 'crier-page was removed' "$T/crierd.log")"
in_edge ip link set crier-page down
wait_until 20 warns 'crier-page is down' || fail "down goes unnoticed"
in_edge ip link set crier-page up
wait_until 20 warns_not 'crier-page is down' || fail "up again goes unnoticed"

# Another name, none, and one that something else has.
stop crierd
conf_start 'kernel: {injector: pages}'
want "the program of the other pair" crier_trigger "$(link pagesx .xdp.prog.name)"
want "the first pair" '' "$(link crier-page .ifname)"
stop crierd
conf_start 'kernel: {injector: none}'
want "a pair that is not wanted" '' "$(link pages .ifname)"
stop crierd
in_edge ip link add crier-page type veth peer name other
conf_start ''
warns 'crier-page or crier-pagex is there that crierd did not make' ||
	fail "a name that is taken goes unnoticed: $(warnings)"
want "times said" 1 "$(grep -c 'crierd did not make' "$T/crierd.log")"
want "somebody else's pair" 'veth null' "$(link other '| "\(.linkinfo.info_kind) \(.xdp)"')"
in_edge ip link del crier-page
wait_until 20 serves ||
	fail "not made when the name is free: $(warnings)"

# Another crierd of this namespace leaves it alone, also when it flushes.
printf '%s\n' 'crier0: {enable: false}' 'media_port: 3479' >"$T/second.yaml"
second=(--config "$T/second.yaml" --run-dir /run/crier2 --pin-dir /sys/fs/bpf/crier2)
refused 'e0 already carries the XDP program "crier_xdp"' \
	in_edge "$CRIERD" "${second[@]}" --socket /run/crier2.sock --interface e0
start second edge "$CRIERD" "${second[@]}" --socket /run/crier2.sock --interface e2
wait_log second 'crierd: ready'
grep -q 'crier-page is the injector of another crierd, whose pins are under /sys/fs/bpf/crier' \
	"$T/second.log" || fail "the second crierd says nothing of it"
stop second
in_edge "$CRIERD" --flush "${second[@]:2}" || fail "--flush of the second"
want "the program after that" crier_trigger "$(link crier-pagex .xdp.prog.name)"

# Generic mode has no kernel engine, hence no injector.
stop crierd
program=$(link crier-pagex .xdp.prog.id)
in_edge "$CRIERD" --flush || fail "--flush"
want "the pair after --flush" '' "$(link crier-page .ifname)$(link crier-pagex .ifname)"
want "pins left" '' "$(find "$PIN_DIR" -mindepth 1 2>/dev/null)"
wait_until 10 unloaded "$program" || fail "its program is left: $(bpftool prog show id "$program")"
INTERFACES="e0,mode=generic e1" crierd_start
want "a pair in generic mode" '' "$(link crier-page .ifname)"
stop crierd
