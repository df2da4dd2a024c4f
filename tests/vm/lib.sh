# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the machine's network tests need beside ../net/lib.sh, to be sourced after it.

# dp_start_patient [option...]: crier-dp and the kernel's threads, in a machine whose own time may be
# taken away at any moment.  The kernel then leaves softirqs to threads that wait their turn behind
# crier-dp, which goes on filling the rings that they are to empty; and a second is no long wait.
dp_start_patient()
{
	local pid threads=0
	for pid in $(pgrep '^ksoftirqd'); do
		chrt -f -p 20 "$pid" || fail "chrt"
		threads=$((threads + 1))
	done
	want "threads of softirqs" "$CPUS" $threads
	dp_start "$@"
	ctl set tx_wait_us 1000000 >/dev/null || fail "set tx_wait_us"
}

# ahead NAME: a publisher goes before all else on its CPU, for what it sends to catch up with its time
# would be more than a ring holds.
ahead()
{
	# shellcheck disable=SC2154 # ../net/lib.sh's
	chrt -f -p 10 "${pids[$1]}" || fail "chrt"
}

# lost_nothing: neither the kernel engine nor crier-dp has, by its own word.
lost_nothing()
{
	local loss
	for loss in .worker.triggers_lost .worker.overload_pkts .xdp.trigger_stale .xdp.kernel_lost \
		.xdp.kernel_stale .xdp.kernel_dropped .xdp.kernel_no_neighbour .xdp.kernel_tx_full \
		.xdp.drop_no_socket; do
		want "$loss" 0 "$(stat_of $loss)"
	done
}
