#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# scripts/vm: what it says and how it ends.
set -u
VM=$(dirname "$0")/../../scripts/vm
tmp=$(mktemp -d) || exit
trap 'rm -rf "$tmp"' EXIT

# ends WHAT STATUS WORDS COMMAND...: with that exit status, and WORDS on stderr.
ends()
{
	local what=$1 want=$2 words=$3 got
	shift 3
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	got=$?
	if [ "$got" != "$want" ] || ! grep -qe "$words" "$tmp/err"; then
		echo "FAILED: $what: exit status $got, want $want and '$words'" >&2
		cat "$tmp/out" "$tmp/err" >&2
		exit 1
	fi
	echo "ok: $what: $(tail -n 1 "$tmp/err")"
}

ends "unknown option" 2 'no option --foo' "$VM" --foo
ends "unknown card" 2 "not 'foo'" "$VM" --nic foo true
ends "unknown card beside a known one" 2 "not 'virtio,foo'" "$VM" --nic virtio,foo true
ends "five cables" 2 'up to four' "$VM" --nic virtio,virtio,virtio,virtio,e1000 true
ends "bad number" 2 "from 256 up, not '1'" "$VM" --memory 1 true
ends "no value" 2 'wants a value' "$VM" --cpus
ends "no programs" 125 'scripts/build' "$VM" --build "$tmp" true
ends "no kernel package" 125 'no kernel package' "$VM" --kernel "$tmp/no.deb" true
ends "no such module" 125 'no module foo' "$VM" --module foo true
ends "too slow" 124 'not done after 2 s' "$VM" --timeout 2 true

# shellcheck disable=SC2016 # expanded in the machine
ends "its own status" 7 '^to stderr: a  b$' "$VM" bash -c '
	uname -r
	printf "\001\r\n%s\n" "$PWD"
	head -c 200000 /dev/zero
	echo "to stderr: $1" >/dev/stderr
	exit 7' - 'a  b'
{
	head -n 1 "$tmp/out" | grep -qE '^[0-9.]+-[0-9]+-amd64$' &&
		tail -n +2 "$tmp/out" | cmp - <(printf '\001\r\n/crier\n'; head -c 200000 /dev/zero)
} || {
	echo "FAILED: stdout is not what the command wrote" >&2
	exit 1
}
echo "ok: stdout byte for byte, from $(head -n 1 "$tmp/out")"
