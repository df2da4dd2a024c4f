#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The benches run for one short round: each looks at what it sends and ends if a header, a payload
# or a sum is wrong.  No figure is judged.
set -u
dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT
export TMPDIR=$dir
last=$(($(nproc) - 1))

# lines N PROGRAM...: it prints so many cases.
lines()
{
	local want=$1 out
	shift
	out=$("$CRIER_BUILD/tests/bench/$1" "${@:2}") || { echo "FAILED: $*" >&2 && exit 1; }
	out=$(jq -c 'select(.bench and .case and has("ratio"))' <<<"$out" | wc -l)
	[ "$out" = "$want" ] || { echo "FAILED: $*: want $want cases, got $out" >&2 && exit 1; }
	echo "ok: $*"
}

lines 3 bench_fair "$last" 4
[ -x "$CRIER_BUILD/tests/bench/bench_dpdk" ] || { echo "skipped: built without DPDK" && exit 77; }
lines 6 bench_dpdk null "$last" 0 1
lines 6 bench_dpdk memif "$last" 0 1
lines 2 bench_workers "$last" 0 1
[ -z "$(ls "$dir")" ] || { echo "FAILED: left behind: $(ls "$dir")" >&2 && exit 1; }
