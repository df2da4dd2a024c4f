#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The BPF programs on Debian's own kernel, in scripts/vm's machine: load, attach, and steer packets.
echo "kernel $(uname -r)"
failed=0
for name in test_bpf_load test_bpf_steer; do
	"$CRIER_BUILD/tests/bpf/$name" || failed=1
done
exit "$failed"
