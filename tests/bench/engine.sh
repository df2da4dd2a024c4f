# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# scripts/bench write, guard, index, fair, null, memif, scale and workers: the engine in a process of its own.

# in_process PROGRAM [argument...]: the lines of a bench program, which runs where crier-dp would.
# Before all others, for it stands for a core that is crier's alone.
in_process()
{
	local program=$1 out
	shift
	[ -x "$CRIER_BUILD/tests/bench/$program" ] ||
		fail "$program was not built: DPDK is missing (scripts/deps), or switched off"
	out=$(TMPDIR=$T nice -n -20 "$CRIER_BUILD/tests/bench/$program" "$@") ||
		fail "$program $*: $out"
	printf '%s\n' "$out"
}

bench_write()
{
	in_process bench_write "$DP_CPU" | report_lines
}

bench_guard()
{
	in_process bench_guard "$DP_CPU" | report_lines
}

bench_index()
{
	in_process bench_index "$DP_CPU" | report_lines
}

bench_fair()
{
	in_process bench_fair "$DP_CPU" >"$T/fair"
	note "fair: $(jq -r '"2 x \(.packets) packets; the room of 1M had \(.big_pps) packets/s, " +
		"\(.big_dropped) of them dropped; ceiling is the figure alone, 1: within 1 ms of it"' \
		"$T/fair" | head -n 1)"
	report_lines <"$T/fair"
}

# ---- on DPDK devices -----------------------------------------------------------------------------

DPDK_RUNS=3 DPDK_ROUNDS=21

# dpdk_runs MODE: of several runs each case's median one, by its ratio.  Memory lies elsewhere in
# each, and with it now and then a figure.  Runs in which the sink was the limit do not count,
# unless all are such.
dpdk_runs()
{
	local run
	for ((run = 1; run <= DPDK_RUNS; run++)); do
		in_process bench_dpdk "$1" "$DP_CPU" 0 "$DPDK_ROUNDS" || exit 1
	done | jq -c -s 'to_entries | group_by(.value.case) | sort_by(.[0].key)[] | map(.value) |
		(map(select(.sink_limited | not)) | sort_by(.ratio)) as $good |
		($good[(($good | length) - 1) / 2 | floor] // .[0]) + {runs: ($good | length)}'
}

# As bench_dpdk does: hugepages where enough are free.
testpmd_memory()
{
	if [ "$(awk '/HugePages_Free/ { print $2 }' /proc/meminfo)" -ge 256 ]; then
		echo --in-memory
	else
		echo --no-huge -m 512
	fi
}

# The far end of a memif for testpmd: a socket in $T.
sink_start()
{
	start sink edge "$CRIER_BUILD/tests/bench/bench_dpdk" sink "$T/testpmd.memif" 0
	wait_until 10 test -S "$T/testpmd.memif" || fail "no sink"
}

# testpmd_rate BENCH: frames/s of a busy core, once.
testpmd_rate()
{
	local rate
	[ "$1" != memif ] || sink_start
	rate=$(testpmd_run edge testpmd_sent) || exit 1
	[ "$1" != memif ] || wait_end sink 10 # its client has gone
	echo "${rate% *}"
}

# testpmd_beside BENCH VDEV: lines of its own, for it is no ceiling: its frames' payload is not
# written, and its buffers come from a cache.
testpmd_beside()
{
	local bytes memory run rates
	read -ra memory < <(testpmd_memory)
	[ -e /run/netns/edge ] || topology
	for bytes in 154 218; do
		testpmd_command "$2" "$bytes" "${memory[@]}"
		note "$1: ${TESTPMD[*]}"
		rates=$(for ((run = 1; run <= DPDK_RUNS; run++)); do
			testpmd_rate "$1" || exit 1
		done) || exit 1
		report "$1" "dpdk-testpmd txonly, $bytes bytes" "$(median <<<"$rates")" frames/s/core
	done
}

bench_null()
{
	dpdk_runs null | report_lines
	testpmd_beside null net_null0,size=64,copy=0
}

bench_memif()
{
	[ "$CPUS" -gt 1 ] || fail "memif needs a core for its sink"
	dpdk_runs memif | report_lines
	testpmd_beside memif \
		"net_memif0,role=client,id=0,socket-abstract=no,socket=$T/testpmd.memif,rsize=12"
}

bench_scale()
{
	local svg=build-test/bench/scale.svg
	in_process bench_dpdk scale "$DP_CPU" 0 21 >"$T/scale"
	report_lines <"$T/scale"
	mkdir -p "${svg%/*}"
	jq -r '[.members, .value, .ceiling] | @tsv' "$T/scale" | awk -f tests/bench/plot.awk >"$svg" ||
		fail "cannot write $svg"
	note "scale: $svg"
}

bench_workers()
{
	[ "$CPUS" -gt 1 ] || fail "two workers need two cores"
	in_process bench_workers "$DP_CPU" $((DP_CPU - 1)) >"$T/workers"
	note "workers: the engine on net_null, a send queue each: no sink takes part. Ceiling of two: twice one."
	[ "$CPUS" -gt 2 ] || note "workers: with $CPUS CPUs all else on this machine takes from them, too"
	report_lines <"$T/workers"
}
