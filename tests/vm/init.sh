#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The first process of scripts/vm's machine: makes it one, runs the command, switches it off.
#
# Port 1 of the virtio console takes the command's stdout, port 2 its stderr, port 3 its exit status.
# Without ports, or a command, it is a shell on the serial line.
export PATH=/usr/sbin:/usr/bin HOME=/root TERM=${TERM:-linux} LANG=C.UTF-8
export CRIER_BUILD=/crier/build

chmod 755 / # DPDK loads no drivers from below a directory that all may write to
chmod 1777 /tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm /dev/hugepages
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
mount -t hugetlbfs hugetlbfs /dev/hugepages
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr
echo vm >/proc/sys/kernel/hostname
ip link set lo up
modprobe -a virtio_pci virtio_net e1000 2>/dev/null
cd /crier || cd /

switch_off()
{
	echo o >/proc/sysrq-trigger
	sleep 60
}

if [ ! -f /vm/command ]; then
	stty sane
	setsid -c bash -l
	switch_off
fi

modprobe virtio_console
until port=$(compgen -G '/dev/vport*p3'); do # they come one after the other
	sleep 0.05
done
port=${port%3}
# A port takes one opening only: by way of cat, so that /dev/stdout can be opened like any other.
{
	{
		eval "$(cat /vm/command)" </dev/null 2>&3 3>&- | cat >"${port}1"
		echo "${PIPESTATUS[0]}" >/vm/status
	} 3>&1 >&4 | cat >"${port}2"
} 4>&1
cat /vm/status >"${port}3"
switch_off
