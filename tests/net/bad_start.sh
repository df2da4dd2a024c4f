#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What keeps a program from starting is said on stderr with what to do, exit status 1; whatever
# runs already goes on.
#
#   [edge] with spare interfaces x0 .. x1
. "$(dirname "$0")/lib.sh"

topology
in_edge ip link add x0 type veth peer name x1

d()
{
	in_edge timeout --foreground 60 "$CRIERD" "$@"
}

echo "-- crierd's place"
mkdir -p /run/plain
refused 'bpf' d --interface e0 --pin-dir /run/plain/crier
refused 'nowhere' d --interface e0 --pin-dir /run/nowhere/crier
: >/run/file
refused '/run/file' d --interface e0 --run-dir /run/file/crier
refused 'nosuch' d --interface nosuch
refused 'loopback.*crier0' d --interface lo
in_edge ip tuntap add t0 mode tun && in_edge ip link set t0 up
refused 't0 has no MAC address' d --interface t0
in_edge ip link del t0
refused 'mode' d --interface e0,mode=warp
d --interface e0,mode=warp >/dev/null 2>&1
want "exit status of a wrong command line" 2 $?
refused 'max-listeners' d --interface e0 --max-listeners many
refused 'usage\|option\|frobnicate' d --frobnicate
install -d -o 65534 "$T/nobody"
refused 'bpf\|root\|CAP_\|permission\|permitted' in_edge timeout --foreground 60 setpriv --reuid=65534 --clear-groups \
	--bounding-set=-all --inh-caps=-all "$CRIERD" --interface e0 --run-dir "$T/nobody"

refused 'too old' in_edge timeout --foreground 60 setarch "$(uname -m)" --uname-2.6 "$CRIERD" --interface e0

echo "-- a foreign XDP program"
cat >"$T/pass.bpf.c" <<'C'
__attribute__((section("xdp"), used)) int foreign(void *ctx)
{
	return 2; /* XDP_PASS */
}
char _license[] __attribute__((section("license"), used)) = "GPL";
C
clang -O2 -target bpf -c "$T/pass.bpf.c" -o "$T/pass.o" || fail "clang"
bpftool prog load "$T/pass.o" /sys/fs/bpf/foreign || fail "bpftool prog load"
in_edge bpftool net attach xdpdrv pinned /sys/fs/bpf/foreign dev e1 || fail "bpftool net attach"
foreign=$(in_edge ip -j link show e1 | jq '.[0].xdp.prog.id')
refused 'foreign' d --interface e1
want "the foreign program, still there" "$foreign" "$(in_edge ip -j link show e1 | jq '.[0].xdp.prog.id')"
in_edge bpftool net detach xdpdrv dev e1

echo "-- the config file"
config()
{
	cat >"$T/crierd.yaml"
}
config <<<$'interfaces:\n  - name: e0\nfrobnicate: 1'
refused 'crierd.yaml:3: .*frobnicate' d --config "$T/crierd.yaml"
config <<<$'interfaces: [\n'
refused 'crierd.yaml:3: ' d --config "$T/crierd.yaml"
head -c 100000 /dev/urandom >"$T/crierd.yaml"
refused 'crierd.yaml' d --config "$T/crierd.yaml"
refused 'nosuch.yaml' d --config "$T/nosuch.yaml"

echo "-- an interface that is down"
INTERFACES="e0 e1 x0" crierd_start
grep -q 'x0 is down' "$T/crierd.log" || fail "crierd says nothing of an interface that is down"
api GET /v1/status | jq -e '.warnings[] | select(test("x0"))' || fail "nor does its status"
stop crierd

echo "-- beside a live crierd"
crierd_start
room talk 5000
refused 'another crierd\|already\|live' d --interface e0 --interface e1
refused 'another crierd\|already\|live' d --interface x0 --pin-dir /sys/fs/bpf/other
alive crierd || fail "crierd was disturbed"
want "rooms of the live crierd" 1 "$(api GET /v1/rooms | jq '.rooms | length')"

echo "-- a start that fails leaves what serves as it was"
stop crierd
kept()
{
	local dev
	for dev in e0 e1 x0; do
		in_edge ip -j link show "$dev" | jq -c '.[0].xdp.mode'
	done
	bpftool -j link show pinned /sys/fs/bpf/crier/link_e1 | jq .id
	ls /sys/fs/bpf/crier
	bpftool map dump pinned /sys/fs/bpf/crier/ports | md5sum
}
before=$(kept)
start taken edge python3 -c 'import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 4000))
print("bound", flush=True)
time.sleep(600)'
wait_log taken bound
printf 'interfaces:\n  - name: e0\n  - name: e1\nmedia_port: 4000\n' >"$T/crierd.yaml"
refused 'UDP port 4000' d --config "$T/crierd.yaml"
stop taken KILL
refused 'nosuch' d --config "$T/crierd.yaml" --interface nosuch
printf 'api:\n  tcp: 127.0.0.1:8080\n  token_file: %s\n' "$T/nosuch" >>"$T/crierd.yaml"
refused 'token file' d --config "$T/crierd.yaml"
want "pins and ports" "$before" "$(kept)"
crierd_start
grep 'media port' "$T/crierd.log" && fail "a start that failed changed the media port"
stop crierd
# Generic and native programs cannot be on an interface at once: what its driver refuses is tried
# without the one that serves.
INTERFACES="e0 e1 x0,mode=generic" crierd_start
stop crierd
in_edge ip link set x1 mtu 9000
before=$(kept)
refused 'x0.*native' d --interface e0 --interface e1 --interface x0,mode=native
want "pins, ports and modes" "$before" "$(kept)"
crierd_start --max-listeners 2000000
want "capacity of tables that are smaller" true \
	"$(api GET /v1/status | jq '.capacity.listeners4 < 2000000')"

echo "-- tables larger than memory"
# memory_group BYTES: the name of a control group that has no more, or nothing.
memory_group()
{
	local dir file
	for dir in /sys/fs/cgroup/memory/crier-test.$$ /sys/fs/cgroup/crier-test.$$; do
		file=$dir/memory.max
		[[ $dir != */memory/* ]] || file=$dir/memory.limit_in_bytes
		mkdir "$dir" 2>/dev/null || continue
		echo "$1" 2>/dev/null >"$file" && echo "$dir" && return
		rmdir "$dir"
	done
}
stop crierd
in_edge "$CRIERD" --flush || fail "flush"
group=$(memory_group $((200 << 20)))
if [ -n "$group" ]; then
	# shellcheck disable=SC2016
	said=$(in_edge timeout --foreground 60 bash -c 'echo $$ >"$1/cgroup.procs" && exec "$2" \
		--interface e0 --max-listeners 8000000' - "$group" "$CRIERD" 2>&1)
	status=$?
	wait_until 10 rmdir "$group"
	want "exit status without memory" 1 "$status"
	grep 'no room for table .* MB); free memory, or lower capacity.listeners' <<<"$said" || fail "it says: $said"
	want "pins that a start without memory left" 0 "$(find /sys/fs/bpf/crier -type f 2>/dev/null | wc -l)"
else
	echo "skipped: no control group for memory can be made here"
fi
crierd_start
room talk 5000

echo "-- crier-dp"
p()
{
	in_edge timeout --foreground 60 "$CRIER_DP" "$@"
}
refused 'usage\|port' p
refused 'port' p --port tape:e0
refused 'nosuch' p --port xdp:nosuch
refused 'x0' p --port xdp:x0
refused 'queue' p --port xdp:e0,queue=77
refused 'cpu' p --port xdp:e0 --cpu 4096
refused "run on CPU $CPUS: .*CPUs 0 to $((CPUS - 1))" p --port xdp:e0 --cpu "0-$CPUS"
[ "$CPUS" = 1 ] || refused "2 workers send on queues .*ethtool -L e0 combined" \
	p --port "xdp:e0,queue=$((CPUS - 1))" --cpu 0,1
refused 'CPU 0 is named twice' p --port xdp:e0 --cpu 0,0
refused 'as in 2,4-7' p --port xdp:e0 --cpu 0,
refused 'from the lower' p --port xdp:e0 --cpu 3-1
refused 'more than 64' p --port xdp:e0 --cpu 0-100
refused 'crierd' p --port xdp:e0 --pin-dir /sys/fs/bpf/nothing
refused 'bpf\|root\|CAP_\|permission\|permitted' timeout --foreground 60 setpriv --reuid=65534 --clear-groups \
	--bounding-set=-all --inh-caps=-all "$CRIER_DP" --port xdp:e0
dp_start
refused 'queue\|in use\|busy' p --port xdp:e0
alive dp || fail "crier-dp was disturbed"
listeners 3 | members talk
hear ear "$(listeners 1 3)" 20
speak 5000 --count 20 >/dev/null
want "heard after all that" 20 "$(heard ear received)"
stop dp
stop crierd
