#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# crier0 by a config file, for both families, under strict reverse path filters: local programs
# with ordinary sockets publish into it and listen on any of the host's own addresses.
#
#   [edge] 198.18.0.1, fd72::1 ── crier0 ═ crier0p (198.18.0.2, fd72::2) ── crier
#          10.1.0.1, fd01::1 on e0 too are reached by it
. "$(dirname "$0")/lib.sh"
export QUIET=20 # five listeners take a while to start

topology
in_edge sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1 \
	net.ipv4.conf.all.log_martians=1
cat >"$T/crierd.yaml" <<'EOF'
interfaces: [{name: e0}, {name: e1}]
settings: {queue_pkts: 64} # a busy machine may hold the worker up for some packets
crier0: {address6: "fd72::1/64"}
rooms:
- name: local4
  streams: [{port: 5000, from: 198.18.0.1}]
  listeners: ["10.128.0.1:5004", "198.18.0.1:5004", "10.1.0.1:5004", "[fd01::1]:5004", "[fd72::1]:5004"]
- name: local6
  streams: [{port: 5002, from: "fd72::1"}]
  listeners: ["10.128.0.1:5006", "198.18.0.1:5006", "10.1.0.1:5006", "[fd01::1]:5006", "[fd72::1]:5006"]
EOF

edge_start()
{
	mv -f "$T/crierd.log" "$T/crierd-before.log" 2>/dev/null
	start crierd edge "$CRIERD" --config "$T/crierd.yaml"
	wait_log crierd 'crierd: ready'
}

# round ROOM LISTENERS' PORT FROM TO
round()
{
	local sent at n=0
	hear "$1-far" "10.128.0.1:$2" 100
	for at in 198.18.0.1 10.1.0.1 '[fd01::1]' '[fd72::1]'; do
		n=$((n + 1))
		NS=edge hear "$1-near$n" "$at:$2" 100
	done
	sent=$(in_edge "$WIRE" send "$3" "$4" --count 100 --interval 0.01 | jq -r .hash)
	api GET /v1/stats >"$T/stats.log"
	for at in far near1 near2 near3 near4; do
		want "$1 heard by $at" "$sent" "$(heard "$1-$at" hash)"
	done
	reconciles "$1"
	echo "ok: $1: a local publisher, heard by four local sockets and one far away"
}

edge_start
dp_start --port xdp:crier0p
wait_until 30 next_hops_ready || fail "next hops stay unresolved: $(api GET /v1/status)"
want "its port" true "$(api GET /v1/status | jq '[.interfaces[] | select(.local) | .name == "crier0p"] == [true]')"
want "RX queues of crier0p" "$CPUS" "$(api GET /v1/status | jq '.interfaces[] | select(.local) | .rx_queues')"
round local4 5004 198.18.0.1:4000 198.18.0.2:5000
round local6 5006 '[fd72::1]:4000' '[fd72::2]:5002'

# A restart leaves it as it is; another address in the file moves it.
before=$(in_edge ip -o link show crier0)
stop crierd
edge_start
want "crier0 after a restart" "$before" "$(in_edge ip -o link show crier0)"
stop crierd
sed -i 's/{address6: "fd72::1\/64"}/{address: 10.77.0.1\/24}/' "$T/crierd.yaml"
edge_start
want "its address" "10.77.0.1/24" \
	"$(in_edge ip -j addr show crier0 | jq -r '.[0].addr_info[] | select(.family == "inet") | "\(.local)/\(.prefixlen)"')"
want "its neighbour" "10.77.0.2" "$(in_edge ip -j -4 neigh show dev crier0 nud permanent | jq -r '.[] | select(.dst | startswith("10.77")) | .dst')"
NS=edge hear near 10.77.0.1:5004 20
ctl listener add local4 10.77.0.1:5004 >/dev/null || fail "listener add"
ctl room add moved --port 5010 --from 10.77.0.1 >/dev/null || fail "room add"
ctl listener add moved 10.77.0.1:5004 >/dev/null || fail "listener add"
wait_until 30 next_hops_ready || fail "next hops stay unresolved: $(api GET /v1/status)"
in_edge "$WIRE" send 10.77.0.1:4000 10.77.0.2:5010 --count 20 --interval 0.01 >/dev/null
want "heard at the new address" 20 "$(heard near received)"

# Off: own addresses are no destinations, and the pair goes with --flush.
stop crierd
echo 'crier0: {enable: false}' >"$T/off.yaml"
in_edge ip -o link show crier0 >/dev/null || fail "crier0 is gone before --flush"
stop dp
in_edge "$CRIERD" --flush || fail "--flush"
in_edge ip link show crier0 2>/dev/null && fail "crier0 is left after --flush"

# Somebody else's crier0 is left alone, and said.
in_edge ip link add crier0 type dummy 2>/dev/null || in_edge ip link add crier0 type ifb 2>/dev/null ||
	in_edge ip link add crier0 type veth peer name other0
edge_start
api GET /v1/status | jq -r '.warnings[]' | grep -q 'crier0' || fail "a foreign crier0 goes unnoticed"
stop crierd
