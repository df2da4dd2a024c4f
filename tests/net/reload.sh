#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Other XDP programs under traffic, twenty times in a row: a room of the kernel engine and one of
# crier-dp lose nothing and hear nothing twice.  Objects that are broken in any way are refused by
# name, and the programs at work stay.
#
#   pub: 2 rooms ── e0 [edge: crierd, crier-dp] e1 ── lsn: 60 listeners each, IPv4 and IPv6
. "$(dirname "$0")/lib.sh"

RELOADS=20
OBJECTS=$CRIER_BUILD/xdp
BPF=$T/bpf

# ids: of the programs at work.
ids()
{
	api GET /v1/status | jq -c '[.programs.list[].id]'
}

# on_links: of the programs on e0 and e1, as the kernel tells.
on_links()
{
	in_edge ip -j link show | jq -c '[.[] | select(.ifname == "e0" or .ifname == "e1") | .xdp.prog.id] | unique'
}

# patch FILE SECTION OFFSET HEX: in an ELF object.
patch()
{
	python3 - "$@" <<'PY'
import struct, sys
name, section, offset, new = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3]), bytes.fromhex(sys.argv[4])
elf = bytearray(open(name, "rb").read())
at, = struct.unpack_from("<Q", elf, 40)
size, count, names = struct.unpack_from("<HHH", elf, 58)
heads = [struct.unpack_from("<IIQQQQ", elf, at + i * size) for i in range(count)]
for head in heads:
    begin = heads[names][4] + head[0]
    if elf[begin:elf.index(0, begin)] == section:
        elf[head[4] + offset:head[4] + offset + len(new)] = new
        open(name, "wb").write(elf)
        sys.exit()
sys.exit("no section")
PY
}

# broken WORDS [COMMAND...]: after the command has spoiled $BPF, a reload is refused with WORDS.
broken()
{
	local words=$1 before links
	shift
	rm -rf "$BPF"
	mkdir "$BPF"
	cp "$OBJECTS"/{crier,egress,xmit}.bpf.o "$BPF"
	"$@" || fail "$*"
	before=$(ids) links=$(on_links)
	refused "$words" ctl reload
	want "programs after a refusal" "$before" "$(ids)"
	want "programs on links after a refusal" "$links" "$(on_links)"
}

# reloaded FROM [option of reload...]: there are new programs, on every interface.
reloaded()
{
	local from=$1 before now
	shift
	before=$(ids)
	ctl reload "$@" >"$T/said" 2>&1 || fail "reload: $(cat "$T/said")"
	now=$(ids)
	want "where they come from" "$from" "$(api GET /v1/status | jq -r .programs.from)"
	want "programs that are still the old ones" 0 "$(jq -n "$before - ($before - $now) | length")"
	want "what is on the interfaces" "$(jq -c '.[:1]' <<<"$now")" "$(on_links)"
	want "what is on the injector" "$(jq '.[1]' <<<"$now")" \
		"$(in_edge ip -j link show crier-pagex | jq '.[0].xdp.prog.id')"
}

# caps_of: the number of the map that holds the guard's budgets; scripts/vm's machine has no bpftool.
caps_of()
{
	command -v bpftool >/dev/null || return 0
	bpftool -j prog show id "$(ids | jq '.[0]')" | jq -r '.map_ids[]' | while read -r id; do
		bpftool -j map show id "$id"
	done | jq -r 'select(.name == "guard_caps") | .id'
}

refusals()
{
	broken "no egress.bpf.o" rm "$BPF/egress.bpf.o"
	broken "no crier.bpf.o" rm "$BPF/crier.bpf.o"
	broken "no xmit.bpf.o" rm "$BPF/xmit.bpf.o"
	broken "cannot open" truncate -s 5000 "$BPF/crier.bpf.o"
	broken "cannot open" truncate -s 0 "$BPF/egress.bpf.o"
	broken "ABI 77 of the tables" patch "$BPF/crier.bpf.o" .rodata.abi 0 4d000000
	broken "ABI 77 of the tables" patch "$BPF/egress.bpf.o" .rodata.abi 0 4d000000
	# r0 = *(u64 *)(r9 + 0), where r9 holds nothing yet.
	broken "refuses the program.*R9" patch "$BPF/crier.bpf.o" xdp 0 7990000000000000
	broken "refuses the program crier_xmit.*R9" patch "$BPF/xmit.bpf.o" raw_tp/xdp_devmap_xmit 0 7990000000000000
	broken "refuses the program crier_egress.*R9" patch "$BPF/egress.bpf.o" xdp/devmap 0 7990000000000000
	grep -q 'no reload: ' "$T/crierd.log" || fail "crierd's log does not speak of refusals"
}

topology
mkdir "$BPF"
crierd_start --bpf-dir "$BPF"
dp_start
for n in 1 2; do
	room "r$n" $((4999 + n)) --ssrc "$("$CRIER_LOAD" ssrc "r$n")"
	{ listeners 40 $((n * 200)) && listeners6 20 $((n * 200)); } >"$T/r$n"
	sed "s/^/r$n /" "$T/r$n" >>"$T/all"
	members "r$n" <"$T/r$n"
done
judge_start --listeners "$T/all" --log "$T/p1.pub" --expect-ttl 64 --expect-dscp 46
wait_until 10 ctl room set r1 engine=kernel || fail "room set: $(ctl room set r1 engine=kernel 2>&1)"
ctl room set r2 engine=bypass >/dev/null || fail "room set"
becomes "the first room's engine" kernel /v1/rooms/r1 .serving
becomes "the second room's engine" bypass /v1/rooms/r2 .serving

publish p1 5000 --room r --rooms 2 --rate 25 --sr 0.5 --seconds 120
sleep 0.3
# Without objects there, or by wish, the built-in programs.
reloaded built-in
caps=$(caps_of)
from=built-in
if [ -e "$OBJECTS/crier.bpf.o" ]; then
	cp "$OBJECTS"/{crier,egress,xmit}.bpf.o "$BPF"
	reloaded built-in --built-in
	from=$BPF
fi
for _ in $(seq "$RELOADS"); do
	reloaded "$from"
done
alive p1 || fail "the publisher ended before $RELOADS reloads"
echo "ok: $RELOADS reloads, the last: $(head -n 1 "$T/said")"
want "the guard's budgets are" "$caps" "$(caps_of)"

if [ "$from" = built-in ]; then
	echo "skipped: there are no objects here to be spoiled"
else
	refusals
fi
alive p1 || fail "the publisher ended before all refusals"

stop p1 INT
all_right
want "RTCP lost" 0 "$(judged rtcp_lost)"
for n in 1 2; do
	reconciles "r$n"
	want "due in r$n" "$(($(room_stat "r$n" pkts) * 60))" "$(room_stat "r$n" due)"
done
for loss in kernel_lost kernel_stale kernel_dropped kernel_no_neighbour drop_no_socket; do
	want "$loss" 0 "$(stat_of ".xdp.$loss")"
done


# An interface that comes later gets the programs of now, as a restarted crierd's do in place.
rm -r "$BPF"
crierd_before=$(on_links)
stop crierd KILL
crierd_start --bpf-dir "$BPF"
[ "$(on_links)" != "$crierd_before" ] || fail "a restart left the old programs on the interfaces"
want "what is on the interfaces" "$(ids | jq -c '.[:1]')" "$(on_links)"
stop dp
stop crierd
