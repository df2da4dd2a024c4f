# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2153,SC2154 # pids, json: of what sources this
# scripts/bench kernel: the kernel engine's copies on a veth, against a broadcast that does nothing
# else, on the same interfaces and in turns; and crier's AF_XDP port beside them.
#
# What a copy costs is all CPU time of the machine, the publisher's and the far end's with it: the
# far end counts each frame that came and drops it.  One packet is under way at a time, so that no
# ring overflows; what did not come is told.

KERNEL_ROUNDS=21 KERNEL_S=0.25
FAN=$CRIER_BUILD/tests/bench/bench_broadcast
COUNTS=/sys/fs/bpf/counts SAVED=/sys/fs/bpf/crier_xdp_saved

# fan_send N FLIGHT: packets of which N copies each are to come; a line of JSON
fan_send()
{
	in_pub "$FAN" send p0 "$(mac_of edge e0)" "$COUNTS" "$1" "$KERNEL_S" "$2" \
		"${pids[dp]:-0}"
}

fan_bare()
{
	in_edge "$FAN" bare "$1" e1 "$PIN_DIR/link_e0" "$SAVED" || fail "the bare broadcast"
	fan_send "$1" 0
	in_edge "$FAN" restore "$PIN_DIR/link_e0" "$SAVED" || fail "crier's program back on e0"
}

# kernel_lines CASE: rounds on stdin, {ours, bare} each.  Medians over the rounds in which nobody else
# had more than a tenth of the CPU time, or over all if there is none: "disturbed".
kernel_lines()
{
	jq -c -s --arg case "$1" 'def median: sort | if length % 2 == 1 then .[length / 2 | floor]
			else (.[length / 2] + .[length / 2 - 1]) / 2 end;
		def figure: .seen / .busy;
		def quiet: .busy < .own * 1.1 + 0.02;
		def round(n): . * n | floor | . / n;
		map(select((.ours | quiet) and ((.bare // .ours) | quiet))) as $quiet |
		length as $all |
		(if $quiet | length > 0 then $quiet else . end) |
		{bench: "kernel", case: $case, value: (map(.ours | figure) | median | round(1)),
		 unit: "copies/s/core",
		 ceiling: (if .[0].bare then map(.bare | figure) | median | round(1) else null end),
		 ratio: (if .[0].bare then map((.ours | figure) / (.bare | figure)) | median | round(1000)
			else null end),
		 rounds: $all, disturbed: ($all - ($quiet | length))}' |
		report_lines
}

# What did not come; and the same figures by the CPU time of who is at work alone.
kernel_note()
{
	jq -r -s --arg case "$1" 'def median: sort | .[length / 2 | floor];
		def lost: map(.due - .seen) | add;
		def own: .seen / .own;
		"\($case): did not come: \(map(.ours) | lost) of \(map(.ours.due) | add)" +
		(if .[0].bare then ", of the bare broadcast \(map(.bare) | lost)" else "" end) +
		"; by the CPU time of those at work \(map(.ours | own) | median | floor) copies/s" +
		(if .[0].bare then ", bare \(map(.bare | own) | median | floor), ratio " +
			(map((.ours | own) / (.bare | own)) | median * 1000 | floor | . / 1000 | tostring)
		else "" end)' |
		while read -r line; do note "kernel: $line"; done
}

# kernel_case CASE N FLIGHT [BARE]: the room has N members.  BARE: how many a bare broadcast has, 0: none
# is run; else N.
kernel_case()
{
	local round bare=null
	for ((round = 1; round <= KERNEL_ROUNDS; round++)); do
		[ "${4-$2}" = 0 ] || bare=$(fan_bare "${4-$2}")
		printf '{"ours":%s,"bare":%s}\n' "$(fan_send "$2" "$3")" "$bare" >>"$T/rounds"
	done
	kernel_note "$1" <"$T/rounds"
	kernel_lines "$1" <"$T/rounds"
	rm "$T/rounds"
}

served_by()
{
	[ "$(api GET /v1/rooms/bench | jq -r .serving)" = "$1" ]
}

# kernel_room N ENGINE SERVING: the room gets N members in all.
kernel_room()
{
	local had
	had=$(count_of bench)
	listeners $(($1 - had)) $((had + 1)) | members bench
	ctl room set bench engine="$2" >/dev/null || fail "room set"
	wait_until 10 served_by "$3" || fail "$1 members are served by $(api GET /v1/rooms/bench)"
}

bench_kernel()
{
	local n
	topology
	in_lsn "$FAN" sink l0 "$COUNTS" || fail "the sink"
	in_edge ip neigh replace 10.2.0.2 lladdr "$(mac_of lsn l0)" dev e1 nud permanent
	crierd_start >/dev/null
	ctl set unit_slots 256 >/dev/null || fail "set"
	room bench 5000 --payload udp
	for n in 16 64 128 256; do
		kernel_room "$n" kernel kernel
		kernel_case "own packet, $n members" "$n" 0
	done
	# crier-dp has two packets to work on, so that it need not wait for the publisher.
	{ ctl set unit_slots 128 && ctl set pace_pct 0; } >/dev/null || fail "set"
	dp_start --port page:crier-page >/dev/null
	KERNEL_ROUNDS=9 KERNEL_S=0.5
	for n in 1000 10000 50000; do
		kernel_room "$n" kernel page
		kernel_case "triggers, $n members" "$n" 1 128
	done
	kernel_room "$n" bypass bypass
	kernel_case "AF_XDP, $n members" "$n" 1 0
}
