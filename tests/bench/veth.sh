# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2153,SC2154 # pids, TESTPMD: of what sources this
# scripts/bench veth: AF_XDP on a veth pair, against dpdk-testpmd on the same.

VETH_PAIRS=5

# The sink: drops all that comes over l0, in the driver, and the driver counts it.
attach_sink()
{
	cat >"$T/drop.bpf.c" <<'C'
__attribute__((section("xdp"), used)) int drop_all(void *ctx)
{
	return 1; /* XDP_DROP */
}
char _license[] __attribute__((section("license"), used)) = "GPL";
C
	clang -O2 -target bpf -c "$T/drop.bpf.c" -o "$T/drop.o" || fail "cannot compile the sink"
	bpftool prog load "$T/drop.o" /sys/fs/bpf/drop_all || fail "cannot load the sink"
	in_lsn bpftool net attach xdpdrv pinned /sys/fs/bpf/drop_all dev l0 ||
		fail "cannot attach the sink to l0"
}

sunk()
{
	in_lsn ethtool -S l0 | awk '/xdp_drops/ { n += $2 } END { print n }'
}

run_testpmd()
{
	testpmd_run edge sunk "--eth-peer=0,$(mac_of lsn l0)"
}

# More is asked of the worker than it can do: 4,096 members, 1,000 packets a second.
run_crier()
{
	crierd_start >/dev/null
	dp_start >/dev/null
	room bench 5000 --payload udp
	ctl set burst_copies "$BURST" >/dev/null
	listeners 4096 | members bench
	start publish pub "$CRIER_LOAD" publish --to 10.1.0.1:5000 --room bench --payload udp \
		--size 112 --rate 1000 --seconds 60
	measure "${pids[dp]}" sunk
	stop publish KILL
	stop dp
	stop crierd
	in_edge "$CRIERD" --flush 2>/dev/null || fail "flush"
}

bench_veth()
{
	local pair crier testpmd
	topology
	attach_sink # which takes ARP too
	in_edge ip neigh replace 10.2.0.2 lladdr "$(mac_of lsn l0)" dev e1 nud permanent
	testpmd_command net_af_xdp0,iface=e1,start_queue=0,queue_count=1 154 --no-huge -m 512
	note "veth: ${TESTPMD[*]}"
	for ((pair = 1; pair <= VETH_PAIRS; pair++)); do
		crier=$(run_crier) || exit 1
		testpmd=$(run_testpmd) || exit 1
		note "veth: pair $pair: crier-dp ${crier% *}/s (core ${crier#* } busy)," \
			"testpmd ${testpmd% *}/s (${testpmd#* } busy)"
		echo "${crier% *} ${testpmd% *}" >>"$T/pairs"
	done
	in_lsn bpftool net detach xdpdrv dev l0
	in_edge ip neigh del 10.2.0.2 dev e1
	report veth "154-byte frames, burst $BURST" "$(cut -d' ' -f1 "$T/pairs" | median)" \
		"copies/s/core" "$(cut -d' ' -f2 "$T/pairs" | median)" \
		"$(awk '{ print $1 / $2 }' "$T/pairs" | median | xargs printf %.3f)"
}
