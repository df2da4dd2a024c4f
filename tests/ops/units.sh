#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The units under a real systemd: both programs do the main job with exactly the rights that the
# units give, and are started again when that helps, and only then.
#
#   pub ── e0 [edge: systemd as pid 1] e1 ── lsn
. "$(dirname "$0")/../net/lib.sh"

BOOT=$(cd "$(dirname "$0")" && pwd)/boot.sh
UNITS=$T/units

# ---- what the tree installs, at its place ----------------------------------------------------------

# over DIR LOWER: DIR shows LOWER's files above its own; what is written goes nowhere.
over()
{
	mkdir -p "$T/over$1/upper" "$T/over$1/work"
	mount -t overlay overlay -o "lowerdir=$2$1,upperdir=$T/over$1/upper,workdir=$T/over$1/work" "$1" ||
		skip "this kernel has no overlayfs"
}

install_tree()
{
	local prefix
	prefix=$(meson introspect --buildoptions "$CRIER_BUILD" |
		jq -r '.[] | select(.name == "prefix").value')
	DESTDIR=$T/root meson install -C "$CRIER_BUILD" --no-rebuild --quiet || fail "meson install"
	export CRIER_UNITS=$prefix/lib/systemd/system
	EXAMPLES=$prefix/share/doc/crier/examples
	mkdir -p "$T/root/etc/crier" "$T/root/etc/default"
	over "$prefix" "$T/root"
	mount -t tmpfs etc "$T/root/etc" && mkdir -p "$T/root/etc/upper" "$T/root/etc/work"
	mount -t overlay overlay -o \
		"lowerdir=/etc,upperdir=$T/root/etc/upper,workdir=$T/root/etc/work" /etc
	mkdir -p /etc/crier
}

# ---- systemd -------------------------------------------------------------------------------------

# A cgroup with all below it; it fails while somebody lives there.
remove_cgroup()
{
	find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
	[ ! -d "$1" ]
}

boot()
{
	local root old
	root=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
	[ -n "$root" ] || skip "no cgroup2 is mounted"
	[ -x /lib/systemd/systemd ] || skip "no systemd is installed"
	# A run that was killed outright leaves its cgroup, empty.
	for old in "$root"/crier-units.*; do
		[ ! -d "$old" ] || remove_cgroup "$old"
	done
	CGROUP=$(mktemp -d "$root/crier-units.XXXXXX") || skip "no cgroup can be made"
	trap 'shut_down; at_exit' EXIT
	mkdir -p "$UNITS" /run/bpffs
	mount --bind /sys/fs/bpf /run/bpffs
	(
		echo "$BASHPID" >"$CGROUP/cgroup.procs" || exit 1
		exec nsenter --net=/run/netns/edge unshare --mount --pid --cgroup --uts --fork \
			--kill-child --mount-proc "$BOOT" "$CGROUP" "$UNITS"
	) >"$T/systemd.log" 2>&1 </dev/null &
	BOOTED=$!
	wait_until 20 systemd_is_up || fail "systemd does not come up"
}

systemd_is_up()
{
	INIT=$(pgrep -P "$BOOTED" | head -n 1)
	[ -n "$INIT" ] && sd systemctl show -P Version
}

shut_down()
{
	local status=$?
	kill -KILL "$INIT" "$BOOTED" 2>/dev/null
	wait "$BOOTED" 2>/dev/null
	wait_until 20 remove_cgroup "$CGROUP"
	return "$status"
}

# Inside, as systemd sees it.
sd()
{
	nsenter --target "$INIT" --mount --pid --cgroup -- "$@"
}

# shown UNIT PROPERTY
shown()
{
	sd systemctl show -P "$2" "$1"
}

becomes_so()
{
	[ "$(shown "$1" "$2")" = "$3" ]
}

# is UNIT PROPERTY VALUE: soon.
is()
{
	wait_until 20 becomes_so "$@" || fail "$2 of $1: want $3, stays $(shown "$1" "$2")"
}

proc_status()
{
	sd sed -n "s/^$2:[ \t]*//p" "/proc/$(shown "$1" MainPID)/status"
}

in_unit()
{
	sd nsenter --target "$(shown "$1" MainPID)" --mount -- "${@:2}"
}

# ---- checks --------------------------------------------------------------------------------------

# caps NAME...: the mask that /proc shows.
caps()
{
	capsh --drop="$(capsh --print | sed -n 's/^Bounding set =//p' | tr , '\n' |
		grep -vxF "$(printf '%s\n' "$@")" | paste -sd,)" -- -c \
		"sed -n 's/^CapBnd:.//p' /proc/self/status"
}

# locked_up UNIT CAP...
locked_up()
{
	local unit=$1 set
	for set in CapBnd CapEff CapPrm; do
		want "$set of $unit" "$(caps "${@:2}")" "$(proc_status "$unit" "$set")"
	done
	want "NoNewPrivs of $unit" 1 "$(proc_status "$unit" NoNewPrivs)"
	want "seccomp mode of $unit" 2 "$(proc_status "$unit" Seccomp)"
	in_unit "$unit" touch /usr/x 2>/dev/null && fail "$unit can write to /usr"
	in_unit "$unit" touch /sys/module/x 2>/dev/null && fail "$unit can write to /sys"
	in_unit "$unit" touch /run/crier/x || fail "$unit can't write to /run/crier"
	want "files of /home that $unit sees" 0 "$(in_unit "$unit" find /home -mindepth 1 | wc -l)"
}

copies_come()
{
	local sent
	hear "$1" 10.128.0.1:5004 20
	sent=$(speak 5000 --count 20 | jq -r .hash)
	want "heard ($1)" "$sent" "$(heard "$1" hash)"
}

# exposed UNIT MOST: systemd's own mark for what the unit leaves open, 0 (nothing) to 100.
exposed()
{
	systemd-analyze security --offline=yes --no-pager --threshold="$2" "$CRIER_UNITS/$1" \
		>"$T/$1.security" || fail "$1 leaves more open than $2"
}

configure()
{
	printf 'interfaces:\n  - name: e0\n  - name: e1\n' >/etc/crier/crierd.yaml
	echo 'CRIER_DP_OPTIONS="--port xdp:e0 --port xdp:e1"' >/etc/default/crier-dp
}

topology
install_tree

said=$(systemd-analyze verify --man=no "$CRIER_UNITS"/crier* 2>&1) || fail "verify: $said"
want "what systemd-analyze verify says" "" "$(grep -i crier <<<"$said")"
exposed crierd.service 25
exposed crier-dp.service 25

configure
boot
sd systemctl start crierd.socket crier-dp.service crierd.service || fail "systemctl start"
locked_up crierd.service cap_bpf cap_perfmon cap_net_admin
locked_up crier-dp.service cap_net_raw cap_ipc_lock
room talk 5000
echo 10.128.0.1:5004 | members talk
copies_come one
echo "ok: the main job with the units' rights"

# Other programs, with no more rights than these; the kernel engine's way out as well.
before=$(api GET /v1/status | jq -c '[.programs.list[].id]')
sd systemctl reload crierd.service || fail "systemctl reload: $(sd journalctl -u crierd 2>&1 | tail -n 3)"
now=$(api GET /v1/status | jq -c '[.programs.list[].id]')
want "programs that stay after a reload" 0 "$(jq -n "$before - ($before - $now) | length")"
want_least "programs" 3 "$(jq length <<<"$now")"
copies_come reloaded
echo "ok: reloaded"

# Killed: started again, with rooms and the media port as they were.
want "sockets on the media port" 1 "$(in_edge ss -Hlun sport = 3478 | wc -l)"
sd systemctl kill --signal=KILL crierd crier-dp
is crierd.service NRestarts 1
is crier-dp.service NRestarts 1
is crierd.service ActiveState active
is crier-dp.service ActiveState active
want "sockets on the media port" 1 "$(in_edge ss -Hlun sport = 3478 | wc -l)"
becomes "listeners after the restart" 1 /v1/rooms/talk .listeners
copies_come two
echo "ok: killed and started again"

# crierd stops, copies go on, the lock of the worker stays.
sd systemctl stop crierd.socket crierd.service
copies_come three
in_unit crier-dp.service test -e /run/crier/worker.0.lock || fail "the worker's lock went with crierd"

# What no second start would mend gets none.
echo 'media_port: none' >/etc/crier/crierd.yaml
sd systemctl start crierd.service 2>/dev/null && fail "crierd starts with a wrong configuration"
is crierd.service ExecMainStatus 2
is crierd.service ActiveState failed
sd systemctl stop crier-dp.service
want "how crier-dp ended" success "$(shown crier-dp.service Result)"
echo 'CRIER_DP_OPTIONS=""' >/etc/default/crier-dp
sd systemctl start crier-dp.service 2>/dev/null && fail "crier-dp starts without a port"
is crier-dp.service ExecMainStatus 2
is crier-dp.service ActiveState failed
[ -d /run/crier ] || fail "/run/crier went"
echo "ok: wrong configuration is not tried again"

# The drop-in for DPDK gives what it says, and takes nothing that other ports need.
configure
mkdir "$UNITS/crier-dp.service.d"
cp "$EXAMPLES/crier-dp-dpdk.conf" "$UNITS/crier-dp.service.d/dpdk.conf"
said=$(SYSTEMD_UNIT_PATH=$UNITS:$CRIER_UNITS: systemd-analyze verify --man=no crier-dp.service 2>&1)
want "what systemd-analyze verify says of the drop-in" "" "$(grep -i crier <<<"$said")"
sd systemctl daemon-reload
sd systemctl start crierd.service crier-dp.service || fail "systemctl start, with the drop-in"
locked_up crier-dp.service cap_net_raw cap_ipc_lock cap_net_admin
copies_come four
echo "ok: the drop-in for DPDK"
