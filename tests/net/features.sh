#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What status says that host and interfaces can do, and what it says is lost, follows what is there.
#
#   pub ── e0 (native) [edge: crierd] e1 (generic) ── lsn
. "$(dirname "$0")/lib.sh"

# has NAME [INTERFACE]: true, false, null or nothing.
has()
{
	api GET /v1/status | jq -r --arg n "$1" --arg i "${2-}" \
		'.features.table[] | select(.name == $n and (.interface // "") == $i) | .has'
}

# has_it WANT NAME [INTERFACE]
has_it()
{
	[ "$(has "${@:2}")" = "$1" ]
}

topology
INTERFACES='e0 e1,mode=generic' crierd_start
want "native XDP on e0" true "$(has "native XDP" e0)"
want "native XDP on e1" false "$(has "native XDP" e1)"
want "BPF JIT" "$([ "$(cat /proc/sys/net/core/bpf_jit_enable 2>/dev/null || echo 1)" = 0 ] && echo false || echo true)" "$(has "BPF JIT")"
want "XDP broadcasts" true "$(has "XDP broadcasts")"
want "devmap programs" true "$(has "devmap programs")"
want "BTF" "$([ -r /sys/kernel/btf/vmlinux ] && echo true || echo false)" "$(has BTF)"
case $(has "XDP redirects to it" e0) in
null) echo "skipped: this kernel doesn't tell what devices can do" ;;
false)
	want "zero-copy on a veth" false "$(has "zero-copy AF_XDP" e0)"
	in_pub ethtool -K p0 gro on || fail "ethtool"
	wait_until 10 has_it true "XDP redirects to it" e0 || fail "GRO does not open the veth"
	;;
*) fail "a closed veth takes redirects" ;;
esac
want "rows that do not say what is lost" 0 \
	"$(api GET /v1/status | jq '[.features.table[] | select((.without // "") == "")] | length')"
ctl status >"$T/said" || fail "status"
grep -q 'native XDP  *e1  *NO  *each packet costs more.*(e1 is in generic mode.*as configured)' "$T/said" ||
	fail "$(cat "$T/said")"
grep -q 'programs: built-in, loaded in' "$T/said" || fail "$(cat "$T/said")"
sed -n '/^programs/,$p' "$T/said"
stop crierd
