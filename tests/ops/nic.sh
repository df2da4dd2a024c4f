#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# crier-nic on cards that don't exist: a sysfs of files, and stand-ins for the commands that would
# change the machine.
#
#   0000:01:00.0 ixgbe     eth1  IOMMU group 7     0000:03:00.0 mlx5_core  eth3  group 9
#   0000:01:00.1 ixgbe     eth2  IOMMU group 7     0000:04:00.0 nvme, no network card
#   0000:02:00.0 virtio    eth0, no IOMMU          bond0 over eth2
set -u

NIC=$(cd "$(dirname "$0")/../../scripts" && pwd)/crier-nic
T=$(mktemp -d "${TMPDIR:-/tmp}/crier-nic.XXXXXX") || exit 1
trap 'rm -rf "$T"' EXIT
export CRIER_NIC_ROOT=$T/root PATH=$T/bin:$PATH
SYS=$CRIER_NIC_ROOT/sys
unset SSH_CONNECTION

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

# ---- the machine ---------------------------------------------------------------------------------

# card ADDRESS CLASS DRIVER IFACE-PATH NODE [GROUP]
card()
{
	local dir=$SYS/devices/pci0000:00/$1
	mkdir -p "$dir" "$SYS/bus/pci/devices" "$SYS/bus/pci/drivers/$3"
	ln -s "$dir" "$SYS/bus/pci/devices/$1"
	ln -s "$SYS/bus/pci/drivers/$3" "$dir/driver"
	echo "$2" >"$dir/class"
	echo "$5" >"$dir/numa_node"
	if [ -n "$4" ]; then
		mkdir -p "$dir/$4" "$SYS/class/net"
		ln -s "$dir/$4" "$SYS/class/net/${4##*/}"
		ln -s "$dir/${4%/net/*}" "$dir/$4/device"
	fi
	[ $# -lt 6 ] || {
		mkdir -p "$SYS/kernel/iommu_groups/$6/devices"
		ln -s "$SYS/kernel/iommu_groups/$6" "$dir/iommu_group"
		ln -s "$dir" "$SYS/kernel/iommu_groups/$6/devices/$1"
	}
}

# pages NODE SIZE-KB N
pages()
{
	local dir=$SYS/devices/system/node/node$1/hugepages/hugepages-$2kB
	mkdir -p "$dir"
	echo "$3" | tee "$dir/nr_hugepages" >"$dir/free_hugepages"
}

machine()
{
	rm -rf "$CRIER_NIC_ROOT" "$T/log"
	mkdir -p "$CRIER_NIC_ROOT/proc" "$SYS/class/net" "$SYS/module/vfio/parameters"
	card 0000:01:00.0 0x020000 ixgbe ./net/eth1 1 7
	card 0000:01:00.1 0x020000 ixgbe ./net/eth2 1 7
	card 0000:02:00.0 0x020000 virtio-pci virtio0/net/eth0 -1
	card 0000:03:00.0 0x020000 mlx5_core ./net/eth3 0 9
	card 0000:04:00.0 0x010802 nvme '' 0 10
	mkdir -p "$SYS/class/net/veth7" "$SYS/class/net/bond0"
	ln -s ../eth2 "$SYS/class/net/bond0/lower_eth2"
	pages 0 2048 0
	pages 1 2048 64
	pages 1 1048576 0
	echo 'vendor_id : GenuineIntel' >"$CRIER_NIC_ROOT/proc/cpuinfo"
	: >"$CRIER_NIC_ROOT/proc/mounts" "$T/log"
	echo N >"$SYS/module/vfio/parameters/enable_unsafe_noiommu_mode"
	echo 'default via 192.0.2.1 dev eth0' >"$T/route4"
	: >"$T/route6" "$T/route_ssh"
	rm -f "$T"/stubborn "$T"/nomodule "$T"/short
}

stand_in()
{
	cat >"$T/bin/$1"
	chmod +x "$T/bin/$1"
}

mkdir "$T/bin"
# As the real one: exit status 0 even if it skips a device.
stand_in dpdk-devbind.py <<'END'
#!/bin/bash
echo "devbind $*" >>"${CRIER_NIC_ROOT%/root}/log"
[ ! -e "${CRIER_NIC_ROOT%/root}/stubborn" ] || exit 0
driver=$CRIER_NIC_ROOT/sys/bus/pci/drivers/${2#--bind=}
[ -d "$driver" ] || exit 1
ln -sfn "$driver" "$CRIER_NIC_ROOT/sys/bus/pci/devices/$3/driver"
END
# A kernel short of memory gives 3 hugepages, whatever is asked.
stand_in cat <<'END'
#!/bin/bash
[[ ! -e ${CRIER_NIC_ROOT%/root}/short || ${1-} != */nr_hugepages ]] || exec echo 3
exec /bin/cat "$@"
END
stand_in modprobe <<'END'
#!/bin/bash
echo "modprobe $*" >>"${CRIER_NIC_ROOT%/root}/log"
[ ! -e "${CRIER_NIC_ROOT%/root}/nomodule" ] && mkdir -p "$CRIER_NIC_ROOT/sys/bus/pci/drivers/$1"
END
stand_in mount <<'END'
#!/bin/bash
echo "mount $*" >>"${CRIER_NIC_ROOT%/root}/log"
echo "hugetlbfs ${6#"$CRIER_NIC_ROOT"} hugetlbfs rw,relatime,$4 0 0" >>"$CRIER_NIC_ROOT/proc/mounts"
END
stand_in ip <<'END'
#!/bin/bash
T=${CRIER_NIC_ROOT%/root}
case "$*" in
"-o -4 route show default") cat "$T/route4" ;;
"-o -6 route show default") cat "$T/route6" ;;
"-o route get "*) cat "$T/route_ssh" ;;
*) echo "ip $*" >>"$T/log" ;;
esac
END

# ---- checks --------------------------------------------------------------------------------------

# does WORDS ARG...: it must succeed and say WORDS.
does()
{
	local words=$1 said
	shift
	said=$("$NIC" "$@" 2>&1) || fail "crier-nic $*: exit status $?: $said"
	grep -q -- "$words" <<<"$said" || fail "crier-nic $*: does not say '$words': $said"
}

# refuses STATUS WORDS ARG...: and changes nothing.
refuses()
{
	local want=$1 words=$2 said status before
	shift 2
	before=$(state)
	said=$("$NIC" "$@" 2>&1)
	status=$?
	[ "$status" = "$want" ] || fail "crier-nic $*: want exit status $want, got $status: $said"
	grep -q -- "$words" <<<"$said" || fail "crier-nic $*: does not say '$words': $said"
	[ "$(state)" = "$before" ] || fail "crier-nic $*: refused, yet changed something"
	echo "ok: $(head -n 1 <<<"$said")"
}

state()
{
	find "$CRIER_NIC_ROOT" -type l -printf '%p %l\n' -o -type f -print -exec cat {} + | sort
}

# driver_is ADDRESS DRIVER
driver_is()
{
	local is
	is=$(basename "$(readlink "$SYS/bus/pci/devices/$1/driver")")
	[ "$is" = "$2" ] || fail "$1 has the driver $is, want $2"
}

logged()
{
	grep -qF -- "$1" "$T/log" || fail "'$1' was not run: $(cat "$T/log")"
}

# ---- wrong usage, nothing there ------------------------------------------------------------------

machine
refuses 2 'bind, unbind or show'
refuses 2 'what is "bnid"' bnid eth1
refuses 2 'bind which device' bind
refuses 2 'no option --frce' bind --frce eth1
refuses 2 '--driver wants a value' bind eth1 --driver
refuses 2 'DPDK takes cards from' bind --driver ixgbe eth1
refuses 2 '--noiommu goes with' bind --driver uio_pci_generic --noiommu eth1
refuses 2 'want SIZE:N' bind --hugepages 4M:1 eth1
refuses 2 'is DPDK.s' unbind --driver vfio-pci eth1
refuses 1 'no such device: eth9' bind eth9
refuses 1 'no such device: 0000:09:00.0' show 0000:09:00.0
refuses 1 'crier-dp takes it by --port xdp:veth7' bind veth7
refuses 1 'no network card' bind 04:00.0
said=$(setpriv --reuid=65534 --clear-groups "$NIC" bind eth1 2>&1)
grep -q 'needs root' <<<"$said" || fail "not root: it says '$said'"

# ---- what must not be cut off --------------------------------------------------------------------

refuses 1 'eth0 carries the default route' bind --driver uio_pci_generic eth0
refuses 1 'eth0 carries the default route' bind --driver uio_pci_generic eth1 02:00.0
echo 'default via fe80::1 dev bond0 metric 1024' >"$T/route6"
refuses 1 'eth2 carries the default route' bind eth2
: >"$T/route6"
echo '198.51.100.9 via 192.0.2.1 dev eth1 src 192.0.2.7' >"$T/route_ssh"
SSH_CONNECTION='198.51.100.9 4711 192.0.2.7 22' refuses 1 'eth1 carries this ssh session' bind eth1
# As sudo does it: the variable is gone, and only the caller still has it.
said=$(SSH_CONNECTION='198.51.100.9 4711 192.0.2.7 22' bash -c \
	'unset SSH_CONNECTION; "$@"; exit' sudo "$NIC" bind eth1 2>&1)
grep -q 'eth1 carries this ssh session' <<<"$said" || fail "by sudo, it says '$said'"
does 'eth0 carries the default route' show

# ---- no IOMMU, no module, a devbind that does nothing ---------------------------------------------

: >"$T/route4"
refuses 1 'intel_iommu=on iommu=pt' bind eth0
echo 'vendor_id : AuthenticAMD' >"$CRIER_NIC_ROOT/proc/cpuinfo"
refuses 1 'AMD-Vi.*iommu=pt' bind eth0
touch "$T/nomodule"
refuses 1 'no driver vfio-pci' bind eth1
machine
touch "$T/stubborn"
said=$("$NIC" bind eth1 2>&1) && fail "a devbind that did nothing is taken for success"
grep -q 'could not give it to vfio-pci; its driver is now ixgbe' <<<"$said" || fail "says: $said"

# ---- bind and back -------------------------------------------------------------------------------

machine
before=$(state)
does 'would run: dpdk-devbind.py --force --bind=vfio-pci 0000:01:00.0' --dry-run bind eth1
[ "$(state)" = "$before" ] || fail "a dry run changes something"

does 'shares IOMMU group 7 with 0000:01:00.1 (ixgbe)' bind eth1
driver_is 0000:01:00.0 vfio-pci
logged 'modprobe vfio-pci'
logged 'ip link set dev eth1 down'
does "was ixgbe's" show 01:00.0
does 'already' bind 01:00.0
does 'bound to vfio-pci' bind eth2
does 'back with ixgbe' unbind 01:00.0 01:00.1
driver_is 0000:01:00.0 ixgbe
driver_is 0000:01:00.1 ixgbe
does "is the kernel's already" unbind 01:00.0
! find "$CRIER_NIC_ROOT/run/crier-nic" -type f | grep . || fail "still remembered"

does 'bound to uio_pci_generic (was: virtio-pci)' --force bind eth0 --driver uio_pci_generic
driver_is 0000:02:00.0 uio_pci_generic
rm -r "$CRIER_NIC_ROOT/run"
refuses 1 'was not bound by crier-nic' unbind 02:00.0
does 'back with virtio-pci' unbind --driver virtio-pci 02:00.0
does 'bound to vfio-pci' --force --noiommu bind eth0
grep -qx 1 "$SYS/module/vfio/parameters/enable_unsafe_noiommu_mode" || fail "no unsafe mode"

does 'nothing to bind: --port dpdk:0000:03:00.0' bind eth3
driver_is 0000:03:00.0 mlx5_core
does 'needs no binding' show eth3

# ---- hugepages -----------------------------------------------------------------------------------

machine
does 'bound to' bind --hugepages 2M:512,1G:2 eth1
logged "mount -t hugetlbfs -o pagesize=2M hugetlbfs $CRIER_NIC_ROOT/dev/hugepages"
logged "mount -t hugetlbfs -o pagesize=1G hugetlbfs $CRIER_NIC_ROOT/dev/hugepages1G"
does 'hugepages of 2048kB on node 1: 512' show
does 'hugepages of 1048576kB on node 1: 2' show
does 'hugepages of 2048kB on node 0: 0' show
: >"$T/log"
does 'bound to' bind --hugepages 2M:16,2M:32@0 eth2
does 'node 1: 512' show # never fewer
does 'node 0: 32' show
! grep -q ^mount "$T/log" || fail "mounted twice"
machine
refuses 1 'no NUMA node 5' bind --hugepages 2M:16@5 eth1
refuses 1 'no hugepages of 1G' bind --hugepages 1G:1@0 eth1
touch "$T/short"
"$NIC" bind --hugepages 2M:16 eth1 2>"$T/said" && fail "3 hugepages are taken for 16"
grep -q 'the kernel gave 3 of 16 .* at boot: hugepagesz=2M' "$T/said" || fail "says: $(cat "$T/said")"
driver_is 0000:01:00.0 ixgbe
machine
does 'no hugepages on node 0' --force --noiommu bind eth0
! "$NIC" bind eth1 2>&1 | grep 'no hugepages' || fail "node 1 has hugepages"
echo "ok: bind, unbind, hugepages"
