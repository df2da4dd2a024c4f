#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# boot.sh CGROUP UNITS: becomes a systemd of its own that knows the units of the directory UNITS
# and of the tree's installation, and nothing of the host's.
#
# Call it as first process of new mount, pid and cgroup namespaces, inside CGROUP, with a /run that
# is not the host's.  systemctl finds it by nsenter.
set -eu
cgroup=$1 units=$2

# From CGROUP down all is its own: what it makes there can't meet the host's.
mount --make-rprivate /
umount -R /sys
mount -t sysfs sysfs /sys # of this network namespace
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind /run/bpffs /sys/fs/bpf
umount /run/bpffs

for target in sysinit basic sockets multi-user shutdown; do
	printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" >"$units/$target.target"
done
# No journal here.
mkdir -p "$units/service.d"
printf '[Service]\nStandardOutput=append:%s/units.log\nStandardError=inherit\n' "${units%/*}" \
	>"$units/service.d/log.conf"

unset NOTIFY_SOCKET
export container=crier-test SYSTEMD_UNIT_PATH=$units:$CRIER_UNITS
echo "booting in $cgroup"
exec /lib/systemd/systemd --system --unit=basic.target --log-target=console \
	--default-standard-output=null </dev/null
