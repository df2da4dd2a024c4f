# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2153,SC2154 # pids, TESTPMD: of what sources this
# scripts/bench bulk and memory: crierd and its tables.

# seconds_of COMMAND...
seconds_of()
{
	local start
	start=$(date +%s%N)
	"$@" >/dev/null || fail "$*"
	calc "($(date +%s%N) - $start) / 1e9"
}

bench_bulk()
{
	local n=1000000 add del
	ip netns list | grep -q edge || topology
	crierd_start --max-listeners 1048576
	room bench 5000
	listeners $n >"$T/list"
	for _ in 1 2 3; do
		seconds_of ctl listener add bench --file "$T/list" >>"$T/add"
		seconds_of ctl listener del bench --file "$T/list" >>"$T/del"
	done
	add=$(median <"$T/add") del=$(median <"$T/del")
	note "bulk: 1,000,000 members added in $add s, deleted in $del s (medians of 3)"
	report bulk "add 1M, one request" "$(calc "$n / $add")" members/s
	report bulk "delete 1M, one request" "$(calc "$n / $del")" members/s
	stop crierd
	in_edge "$CRIERD" --flush 2>/dev/null
}

# ---- memory --------------------------------------------------------------------------------------

# What the kernel charges for the pinned maps.
maps_bytes()
{
	local map
	for map in "$PIN_DIR"/*; do
		bpftool -j map show pinned "$map" 2>/dev/null | jq '.bytes_memlock // 0'
	done | awk '{ n += $1 } END { printf "%.0f", n }'
}

# crierd's own memory: what it maps of the tables is counted with the maps.
crierd_bytes()
{
	awk '/^[0-9a-f]+-/ { map = /bpf-map/ } /^Rss:/ && !map { n += $2 } END { printf "%.0f", n * 1024 }' \
		"/proc/${pids[crierd]}/smaps"
}

# memory_case NAME N4 N6
memory_case()
{
	local maps own each
	crierd_start --max-listeners "$2" --max-listeners6 "${3:-256}"
	room bench 5000
	listeners "$2" | members bench
	[ -z "${3-}" ] || listeners6 "$3" | members bench
	want "listeners" "$(($2 + ${3:-0}))" "$(count_of bench)"
	sleep 2 # what the lists were read into goes back to the kernel each second
	maps=$(maps_bytes) own=$(crierd_bytes)
	note "memory: $1: maps $maps, crierd itself $own bytes"
	each=$(calc "($maps + $own) / ($2 + ${3:-0})")
	report memory "$1" "$each" bytes/listener 64 "$(calc "$each / 64")"
	stop crierd
	in_edge "$CRIERD" --flush 2>/dev/null
}

bench_memory()
{
	ip netns list | grep -q edge || topology
	memory_case "1M IPv4" 1048576
	memory_case "1M IPv4 + 256k IPv6" 1048576 262144
}
