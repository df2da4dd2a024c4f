# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the network tests, the demo and the benches stand on; sourced first thing by each script.
#
#        pub                          edge                                lsn
#   ┌───────────────┐   ┌───────────────────────────────┐   ┌──────────────────────────────┐
#   │ publishers    │   │ crierd, crier-dp              │   │ a router and, behind it, all │
#   │            p0 ├───┤ e0                         e1 ├───┤ l0              listeners    │
#   │     10.1.0.2  │   │ 10.1.0.1             10.2.0.1 │   │ 10.2.0.2      10.128.0.0/9   │
#   │      fd01::2  │   │ fd01::1               fd02::1 │   │ fd02::2         fd80::/64    │
#   └───────────────┘   └───────────────────────────────┘   └──────────────────────────────┘
#
# A script that sources this file is started anew in mount, network and pid namespaces of its own,
# with tmpfs on /run and a bpffs of its own on /sys/fs/bpf.  However it ends, kill -9 included, the
# kernel takes all of it away: processes, interfaces, pins, mounts.  Nothing of the host is touched.
#
# Programs come from $CRIER_BUILD (default: build/ of the tree).  CRIER_KEEP=DIR keeps logs there.
set -u
shopt -s lastpipe # what fails at a pipe's end fails the script

LIB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CRIER_BUILD=$(cd "${CRIER_BUILD:-$LIB_DIR/../../build}" && pwd) || exit 1
export CRIER_BUILD

skip()
{
	echo "skipped: $*"
	exit 77
}

if [ -z "${CRIER_NET_INSIDE-}" ]; then
	[ "$(id -u)" = 0 ] || skip "needs root, for namespaces and BPF"
	exec setpriv --pdeathsig KILL \
		unshare --mount --net --pid --fork --kill-child --mount-proc \
		env CRIER_NET_INSIDE=1 "$BASH" "$0" "$@"
fi

CRIERD=$CRIER_BUILD/control/crierd
CRIER_DP=$CRIER_BUILD/dataplane/crier-dp
CRIERCTL=$CRIER_BUILD/control/cli/crierctl
# shellcheck disable=SC2034 # for the scripts
CRIER_LOAD=$CRIER_BUILD/tests/load/crier-load

T=/run/t # logs and what a test writes
# shellcheck disable=SC2034
PIN_DIR=/sys/fs/bpf/crier
RUN_DIR=/run/crier
SOCKET=$RUN_DIR/crier.sock

CPUS=$(nproc)
DP_CPU=$((CPUS - 1)) # crier-dp's own; all else keeps off it where there is another
# Any test also runs with DP_WORKERS=N: on the last N CPUs, the leader on the last.
[ "${DP_WORKERS:-1}" -le "$CPUS" ] || skip "needs $DP_WORKERS CPUs"
DP_CPUS=$(seq -s, "$DP_CPU" -1 $((CPUS - ${DP_WORKERS:-1})))
REST_CPUS=0-$((CPUS > 1 ? CPUS - 2 : 0))

declare -A pids=() # of what start() started

# ---- verdicts ------------------------------------------------------------------------------------

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

# The tail of every log, when a script fails; a sanitizer's report is in one of them.
show_logs()
{
	local log
	if api GET /v1/stats >"$T/stats" 2>/dev/null; then
		jq -c 'walk(if type == "object" then with_entries(select(.value != 0)) else . end) |
			to_entries[]' "$T/stats" >"$T/stats.log"
	fi
	for log in "$T"/*.log; do
		[ -s "$log" ] || continue
		echo "---- ${log##*/}"
		tail -n "${LOG_LINES:-40}" "$log"
	done >&2
}

at_exit()
{
	local status=$?
	trap - EXIT
	[ "$status" = 0 ] || [ "$status" = 77 ] || show_logs
	if [ -n "${CRIER_KEEP-}" ]; then
		mkdir -p "$CRIER_KEEP" && cp -r "$T" "$CRIER_KEEP/"
	fi
	exit "$status"
}

# want WHAT EXPECTED GOT
want()
{
	[ "$2" = "$3" ] || fail "$1: want $2, got $3"
}

# want_least WHAT LEAST GOT
want_least()
{
	[ "$3" -ge "$2" ] 2>/dev/null || fail "$1: want at least $2, got $3"
}

# refused WORDS COMMAND...: it must fail with exit status 1 or 2 and say WORDS (a grep -i pattern).
refused()
{
	local words=$1 said status
	shift
	said=$("$@" 2>&1 </dev/null)
	status=$?
	[ "$status" = 1 ] || [ "$status" = 2 ] || fail "$*: want a refusal, got exit $status: $said"
	grep -qi -- "$words" <<<"$said" || fail "$*: its refusal does not speak of '$words': $said"
	echo "ok: refused: $(head -n 1 <<<"$said" | cut -c 1-150)"
}

# wait_until SECONDS COMMAND...: polls; the bound is generous, for it only decides how long a
# failure takes.
wait_until()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# ---- topology ------------------------------------------------------------------------------------

# Publishers keep to one CPU: a veth queues by CPU, and a stream spread over queues gets reordered
# before crier ever sees it.
in_pub()
{
	nsenter --net=/run/netns/pub taskset -c 0 "$@"
}

in_edge()
{
	nsenter --net=/run/netns/edge "$@"
}

in_lsn()
{
	nsenter --net=/run/netns/lsn "$@"
}

add_netns()
{
	ip netns add "$1"
	nsenter --net="/run/netns/$1" ip link set lo up
	# No router advertisements and no duplicate address detection: addresses work at once.
	nsenter --net="/run/netns/$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.default.accept_ra=0 net.ipv6.conf.default.router_solicitations=0
}

# add_link NS1 DEV1 NS2 DEV2: a veth pair.
#
# As many queues as there are CPUs, or two CPUs share one 256-slot ring.  A veth without a qdisc
# drops what its peer's full ring doesn't take; with one it says "busy", an AF_XDP sender sees
# EAGAIN, and the test measures crier and not the ring.  Checksum offload stays on at the
# publisher's end on purpose: crier must never trust the checksum that comes in.
add_link()
{
	ip link add "$2" netns "$1" numrxqueues "$CPUS" numtxqueues "$CPUS" type veth \
		peer name "$4" netns "$3" numrxqueues "$CPUS" numtxqueues "$CPUS"
	local ns dev
	for ns in "$1 $2" "$3 $4"; do
		dev=${ns#* } ns=${ns% *}
		# And a tag must stay in its frame, or XDP at the other end does not see it.
		nsenter --net="/run/netns/$ns" ethtool -K "$dev" gro off tso off gso off \
			txvlan off rxvlan off 2>/dev/null
		nsenter --net="/run/netns/$ns" tc qdisc add dev "$dev" root pfifo limit 10000
		nsenter --net="/run/netns/$ns" ip link set "$dev" up
	done
}

# add_addrs NS DEV ADDR...
add_addrs()
{
	local ns=$1 dev=$2 addr
	shift 2
	for addr; do
		nsenter --net="/run/netns/$ns" ip addr add "$addr" dev "$dev"
	done
}

topology()
{
	add_netns pub
	add_netns edge
	add_netns lsn
	add_link pub p0 edge e0
	add_link edge e1 lsn l0
	add_addrs pub p0 10.1.0.2/24 fd01::2/64
	add_addrs edge e0 10.1.0.1/24 fd01::1/64
	add_addrs edge e1 10.2.0.1/24 fd02::1/64
	add_addrs lsn l0 10.2.0.2/24 fd02::2/64
	in_edge ip route add 10.128.0.0/9 via 10.2.0.2
	in_edge ip -6 route add fd80::/64 via fd02::2
	in_lsn ip route add local 10.128.0.0/9 dev lo
	in_lsn ip -6 route add local fd80::/64 dev lo
	in_lsn sysctl -qw net.ipv6.ip_nonlocal_bind=1
	in_lsn ip route add default via 10.2.0.1
	in_lsn ip -6 route add default via fd02::1
	in_pub ip route add default via 10.1.0.1
	in_pub ip -6 route add default via fd01::1
}

# listeners N [FIRST] [PORT]: N addresses behind the router, one a line, from 10.128.0.0 + FIRST.
listeners()
{
	awk -v n="$1" -v first="${2:-1}" -v port="${3:-5004}" 'BEGIN {
		for (i = first; i < first + n; i++)
			printf "10.%d.%d.%d:%d\n", 128 + int(i / 65536), int(i / 256) % 256, i % 256, port
	}'
}

# listeners6 N [FIRST] [PORT]
listeners6()
{
	awk -v n="$1" -v first="${2:-1}" -v port="${3:-5004}" 'BEGIN {
		for (i = first; i < first + n; i++)
			printf "[fd80::%x:%x]:%d\n", int(i / 65536), i % 65536, port
	}'
}

# ---- programs ------------------------------------------------------------------------------------

# start NAME NS COMMAND...: in the background, log in $T/NAME.log.
start()
{
	local name=$1 ns=$2 cpus=$REST_CPUS
	shift 2
	[ "$ns" != pub ] || cpus=0
	: >"$T/$name.log" # now, lest an earlier one's words be taken for its own
	nsenter --net="/run/netns/$ns" taskset -c "$cpus" "$@" >>"$T/$name.log" 2>&1 </dev/null &
	pids[$name]=$!
}

alive()
{
	kill -0 "${pids[$1]}" 2>/dev/null
}

said_or_dead()
{
	grep -q -- "$2" "$T/$1.log" || ! alive "$1"
}

# wait_log NAME PATTERN [SECONDS]: until the program has said so.
wait_log()
{
	wait_until "${3:-60}" said_or_dead "$1" "$2"
	grep -q -- "$2" "$T/$1.log" && return
	alive "$1" && fail "$1 did not say '$2' within ${3:-60} s"
	fail "$1 ended before it said '$2'"
}

gone()
{
	! alive "$1"
}

# wait_end NAME [SECONDS]: its exit status in $status, after it has ended by itself.
wait_end()
{
	wait_until "${2:-120}" gone "$1" || fail "$1 did not end within ${2:-120} s"
	wait "${pids[$1]}"
	status=$?
	unset "pids[$1]"
}

# stop NAME [SIGNAL]: an ordered end must be a clean one (a sanitizer's report makes it unclean).
stop()
{
	local signal=${2:-TERM}
	[ -n "${pids[$1]-}" ] || return 0
	kill "-$signal" "${pids[$1]}" 2>/dev/null
	wait_end "$1" 60
	[ "$signal" = KILL ] || want "exit status of $1 after SIG$signal" 0 "$status"
}

# crierd_start [option...]: with $INTERFACES (e0 e1).
crierd_start()
{
	local i options=()
	for i in ${INTERFACES:-e0 e1}; do
		options+=(--interface "$i")
	done
	mv -f "$T/crierd.log" "$T/crierd-before.log" 2>/dev/null
	start crierd edge "$CRIERD" "${options[@]}" "$@"
	wait_log crierd 'crierd: ready'
}

# dp_start [option...]: with $PORTS (e0 e1), interfaces or such as dpdk:net_null0.
dp_start()
{
	local i options=()
	for i in ${PORTS:-e0 e1}; do
		[[ $i == *:* ]] || i=xdp:$i
		options+=(--port "$i")
	done
	mv -f "$T/dp.log" "$T/dp-before.log" 2>/dev/null
	: >"$T/dp.log"
	nsenter --net=/run/netns/edge "$CRIER_DP" "${options[@]}" --cpu "$DP_CPUS" "$@" \
		>>"$T/dp.log" 2>&1 </dev/null &
	pids[dp]=$!
	wait_log dp 'crier-dp: ready'
	# A room's packets may wait for long: where a busy machine stalls, that is no overload.
	[ -z "${pids[crierd]-}" ] || ctl set queue_pkts "${QUEUE_PKTS:-64}" >/dev/null ||
		fail "set queue_pkts"
}

ctl()
{
	timeout --foreground 120 "$CRIERCTL" --socket "$SOCKET" "$@"
}

# api METHOD PATH [curl option...]: the body of the answer; fails on 4xx and 5xx.
api()
{
	local method=$1 path=$2
	shift 2
	curl -sS --fail-with-body --max-time 120 --unix-socket "$SOCKET" -X "$method" \
		"http://crier$path" "$@"
}

answers()
{
	[ "$(api GET "$1" | jq -r "$2")" = "$3" ]
}

# becomes WHAT VALUE PATH FILTER: until the API's answer at PATH says so.
becomes()
{
	wait_until 60 answers "$3" "$4" "$2" ||
		fail "$1: want $2, stays $(api GET "$3" | jq -rc "$4")"
}

# stat_of FILTER: one number of /v1/stats.
stat_of()
{
	api GET /v1/stats | jq -r "$1"
}

# room_stat ROOM FIELD
room_stat()
{
	api GET /v1/stats | jq -r --arg r "$1" ".rooms[] | select(.name == \$r) | .$2"
}

# ---- rooms and packets made by hand --------------------------------------------------------------

WIRE=$LIB_DIR/wire.py
PUB=10.1.0.2:4000 # where publishers made by hand send from

# room NAME PORT [option of room add...]: for a publisher in pub.  crier-dp's alone, unless ENGINE
# says another: auto may have XDP serve a small room, whose copies a stalled sink's ring drops.
room()
{
	ctl room add "$1" --port "$2" --from 10.1.0.2 --engine "${ENGINE:-bypass}" "${@:3}" >/dev/null || fail "room add $1"
}

# members ROOM: adds the listeners on stdin, and waits until their next hops are known.
members()
{
	ctl listener add "$1" --file - >/dev/null || fail "listener add $1"
	wait_until 30 next_hops_ready || fail "next hops stay unresolved: $(api GET /v1/status)"
}

next_hops_ready()
{
	api GET /v1/status | jq -e '.vias.total > 0 and .vias.pending == 0'
}

count_of()
{
	api GET "/v1/rooms/$1/listeners/count" | jq .listeners
}

# hear NAME ADDR:PORT COUNT: an ordinary UDP socket at that address; its verdict by heard().
hear()
{
	start "$1" "${NS:-lsn}" "$WIRE" recv "$2" --count "$3" --quiet "${QUIET:-3}"
	wait_log "$1" listening
}

# heard NAME FIELD: when it has ended; for command substitution, hence no wait.
heard()
{
	wait_until 120 gone "$1" || fail "$1 does not end"
	tail -n 1 "$T/$1.log" | jq -r ".$2"
}

# speak PORT [option of wire.py send...]: what it sent, as JSON.
speak()
{
	in_pub "$WIRE" send "$PUB" "10.1.0.1:$1" "${@:2}"
}

# mac_of NS DEV
mac_of()
{
	nsenter --net="/run/netns/$1" ip -j link show "$2" | jq -r '.[0].address'
}

# quiet_now: no sweep is under way, and none begins.
quiet_now()
{
	[ "$(stat_of '.worker.jobs - .worker.jobs_done - .worker.jobs_gone')" = 0 ]
}

# taken_in: crier-dp has read all that XDP gave it; for scripts in which its sockets stay open.
taken_in()
{
	[ "$(stat_of '.xdp.accepted - .worker.rx_pkts')" = 0 ]
}

# reconciles ROOM: packets x members = copies + drops by name.
reconciles()
{
	wait_until 30 quiet_now
	api GET /v1/stats | jq -e --arg r "$1" '.rooms[] | select(.name == $r) |
		.due == .copies + .no_route + .no_neighbour + .link_down + .mtu + .tx_full' >/dev/null ||
		fail "the counters of $1 do not reconcile: $(room_stat "$1" '')"
}

# ---- the judge: crier-load -----------------------------------------------------------------------

STAMPS=/sys/fs/bpf/stamps # where the sink pins what publishers note of their packets

# judge_start [option of crier-load sink...]: it takes every packet for the listeners it is given
# and reads the logs of publishers p1, p2, .. (or those of the options).
judge_start()
{
	start sink lsn "$CRIER_LOAD" sink --interface l0 --stamps "$STAMPS" --report "$T/judge.json" \
		--expect-port 3478 "$@"
	wait_log sink 'crier-load: ready'
}

# publish NAME PORT [option of crier-load publish...]: in the background, log in $T/NAME.pub.
publish()
{
	start "$1" pub "$CRIER_LOAD" publish --from 10.1.0.2 --to "10.1.0.1:$2" --log "$T/$1.pub" \
		--stamps "$STAMPS" "${@:3}"
}

# judge_end: the sink's verdict is in $T/judge.json; it ends by itself when all that was due came,
# or after a silence.  wrong is what it found at fault.
judge_end()
{
	wait_end sink 300
	[ -s "$T/judge.json" ] || fail "the sink left no report"
}

judged()
{
	jq -r ".$1" "$T/judge.json"
}

# all_right: every copy that was due came, once, to its own listener, undamaged.
all_right()
{
	judge_end
	want "what the sink found wrong" '[]' "$(jq -c .wrong "$T/judge.json")"
	want "exit status of the sink" 0 "$status"
	want "copies seen" "$(judged copies_due)" "$(judged copies_seen)"
	want_least "copies due" 1 "$(judged copies_due)"
	echo "ok: $(jq -r '"\(.copies_seen) copies of \(.copies_due) to \(.listeners) listeners, " +
		"latency p50 \(.latency_us.p50) p99 \(.latency_us.p99) us"' "$T/judge.json")"
}

# no_harm: whatever was lost, nothing was doubled, misdirected or damaged.
no_harm()
{
	local field
	for field in doubled rtcp_doubled misdirected bad_checksum corrupt wrong_mac bad_length unsent; do
		want "$field" 0 "$(judged "$field")"
	done
}

# ---- beginning -----------------------------------------------------------------------------------

mount -t tmpfs -o mode=755 crier-test /run
mount -t bpf bpf /sys/fs/bpf
mkdir -p "$T" /run/netns
# This script is its pid namespace's init: it must take signals itself.
trap at_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
