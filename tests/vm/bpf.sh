#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The BPF programs on Debian's own kernel, in scripts/vm's machine: load, attach, and steer packets.
echo "kernel $(uname -r)"
failed=0
"$CRIER_BUILD/tests/bpf/test_bpf_load" || failed=1
"$CRIER_BUILD/tests/bpf/test_bpf_steer" 20000 || failed=1 # a million are for a real CPU
"$CRIER_BUILD/tests/bpf/test_bpf_kernel" || failed=1
"$CRIER_BUILD/tests/bpf/test_bpf_reload" quick || failed=1
"$CRIER_BUILD/tests/bpf/test_bpf_trigger" || failed=1
exit "$failed"
