#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# crier-dp without crierd, over tables filled by hand (dp_fixture); topology as in lib.sh.
#
# What it refuses, that each listener of both families gets each packet byte for byte, that
# counters add up, that it survives its interface, and what a restart costs.
. "$(dirname "$0")/lib.sh"

FIXTURE=$CRIER_BUILD/tests/net/dp_fixture
N=1000 N6=200
FIRST4=10.0.0.1:20000 # whom dp_fixture makes first, and a later one of each family
LATER4=10.0.3.100:20867
LATER6='[fd00::64]:20099'

fixture_start()
{
	start fixture edge "$FIXTURE" --pin-dir "$PIN_DIR" --in e0 --out e1 --local 10.1.0.1 \
		--src 10.2.0.1 --src6 fd02::1 --mac "$(mac_of lsn l0)" --port 6000 \
		--members $N --members6 $N6
	wait_log fixture ready
}

dp=(nsenter --net=/run/netns/edge "$CRIER_DP")

say()
{
	in_pub "$WIRE" send 10.1.0.2:4000 10.1.0.1:6000 --count "$1" --interval "${2:-0.02}"
}

# As lib.sh's dp_start, but there is no crierd to be told settings.
dp_alone()
{
	: >"$T/dp.log"
	"${dp[@]}" --port xdp:e0 --port xdp:e1 --cpu "$DP_CPU" >>"$T/dp.log" 2>&1 </dev/null &
	pids[dp]=$!
	wait_log dp 'crier-dp: ready'
}

carrier()
{
	in_edge ip -j link show "$1" | jq -e '.[0].operstate == "UP"'
}

said()
{
	grep -q -- "$2" "$T/$1.log"
}

# ready_times N: so often it has opened e1.
ready_times()
{
	[ "$(grep -c '^e1: port' "$T/dp.log")" = "$1" ]
}

topology
mkdir -p "$RUN_DIR"
in_lsn ip route add local 10.0.0.0/16 dev lo
in_lsn ip -6 route add local fd00::/64 dev lo

refused 'crierd' "${dp[@]}" --port xdp:e0
fixture_start
refused 'no interface' "${dp[@]}" --port xdp:nosuch0
refused 'not a port of crierd' "${dp[@]}" --port xdp:lo
refused 'no queue 63' "${dp[@]}" --port xdp:e0,queue=63
refused 'only ",queue=N"' "${dp[@]}" --port xdp:e0,queue=x
refused 'named twice' "${dp[@]}" --port xdp:e0 --port xdp:e0
refused 'ports are xdp:IFACE' "${dp[@]}" --port pcap:e0
refused 'CPU' "${dp[@]}" --port xdp:e0 --cpu 1000
refused 'usage' "${dp[@]}"
refused 'slots 0 to' "${dp[@]}" --port xdp:e0 --worker-slot 63
refused 'run-dir' "${dp[@]}" --port xdp:e0 --run-dir /nonexistent
in_edge ip link set e1 down
refused 'is down' "${dp[@]}" --port xdp:e1
in_edge ip link set e1 up

dp_alone
refused 'no free queue' "${dp[@]}" --port xdp:e0

hear first "$FIRST4" 50
hear later "$LATER4" 50
hear six "$LATER6" 50
sent=$(say 50)
for name in first later six; do
	want "packets at $name" 50 "$(heard $name received)"
	want "hash at $name" "$(jq -r .hash <<<"$sent")" "$(heard $name hash)"
done

# The interface goes down and comes back, with nothing old in its ring; then it is deleted, and
# crier-dp goes on.
hear again "$FIRST4" 10
in_edge ip link set e1 down
say 5 >/dev/null
wait_until 20 said dp 'counted link_down until it is up again'
in_edge ip link set e1 up
wait_until 20 carrier e1 || fail "e1 did not come back"
wait_until 20 ready_times 2 || fail "crier-dp did not open e1 again"
sent=$(say 10 | jq -r .hash)
want "heard after the link came back" "$sent" "$(heard again hash)"

stop dp
before=$(date +%s%N)
dp_alone
echo "restart: ready after $((($(date +%s%N) - before) / 1000000)) ms"
hear restarted "$LATER6" 10
say 10 >/dev/null
want "packets after a restart" 10 "$(heard restarted received)"

in_edge ip link del e1
wait_log dp 'e1 is gone'
say 3 >/dev/null
alive dp || fail "crier-dp died with its interface"
stop dp

stop fixture
json=$(tail -n 1 "$T/fixture.log")
echo "$json" | jq -e '.room | .due == .copies + .no_route + .no_neighbour + .link_down + .mtu + .tx_full' \
	>/dev/null || fail "counters don't add up: $json"
want "packets swept" 78 "$(jq .room.pkts <<<"$json")"
want "copies due" $((78 * (N + N6))) "$(jq .room.due <<<"$json")"
want_least "copies counted link_down" $((3 * (N + N6))) "$(jq .room.link_down <<<"$json")"
want "sweeps begun and ended" "$(jq .jobs <<<"$json")" "$(jq .jobs_done <<<"$json")"
