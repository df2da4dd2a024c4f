# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2153,SC2154 # pids, TESTPMD: of what sources this
# What benches share that run dpdk-testpmd beside crier: same burst, frame, core and sink.

WARM_S=1 WINDOW_S=3 BURST=64

# ns of CPU that the sender has had, its softirqs with it.  What other programs took of the core
# meanwhile is neither side's.
cpu_ns()
{
	cat /proc/"$1"/task/*/schedstat | awk '{ n += $1 } END { printf "%.0f", n }'
}

# measure PID COUNT: frames/s of a busy core over a fixed window, and how much of one the sender
# had.  The command COUNT prints how many frames there were.
measure()
{
	local n0 n1 t0 t1 c0 c1
	sleep "$WARM_S"
	n0=$($2) t0=$(date +%s%N) c0=$(cpu_ns "$1")
	sleep "$WINDOW_S"
	n1=$($2) t1=$(date +%s%N) c1=$(cpu_ns "$1")
	[ "$n1" -gt "$n0" ] || fail "$2 counts no frames"
	awk -v n=$((n1 - n0)) -v t=$((t1 - t0)) -v c=$((c1 - c0)) \
		'BEGIN { printf "%.0f %.3f\n", n / (c / 1e9), c / t }'
}

# testpmd_command VDEV FRAME_BYTES EAL_OPTION...: into TESTPMD.
testpmd_command()
{
	TESTPMD=(dpdk-testpmd -l "0,$DP_CPU" --main-lcore 0 "${@:3}" --no-pci --no-telemetry
		--log-level 4 --vdev "$1" --
		-i --forward-mode=txonly "--txpkts=$2" "--burst=$BURST" --txd=1024 --rxd=1024
		--nb-cores=1 --total-num-mbufs=16384)
}

# testpmd_run NETNS COUNT [option...]: as measure, of TESTPMD.
testpmd_run()
{
	mkfifo "$T/testpmd.in"
	exec 7<>"$T/testpmd.in"
	: >"$T/testpmd.log" # now, lest an earlier one's words be taken for its own
	# by lines, or its answers stay in a buffer until it ends
	nsenter --net="/run/netns/$1" stdbuf -oL "${TESTPMD[@]}" "${@:3}" <&7 >>"$T/testpmd.log" 2>&1 &
	pids[testpmd]=$!
	wait_log testpmd 'testpmd>'
	echo start >&7
	measure "${pids[testpmd]}" "$2"
	printf 'stop\nquit\n' >&7
	wait_end testpmd 30
	exec 7>&-
	rm "$T/testpmd.in"
}

# What testpmd itself counts as sent.
testpmd_sent()
{
	local answers
	answers=$(grep -c TX-packets "$T/testpmd.log")
	echo 'show port stats 0' >&7
	wait_until 10 eval "[ \$(grep -c TX-packets '$T/testpmd.log') -gt $answers ]" ||
		fail "testpmd does not answer"
	awk '/TX-packets/ { n = $2 } END { print n }' "$T/testpmd.log"
}
