#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The package on a Debian that has only what it depends on: it installs, its programs do the main
# job, it purges, and nothing is left.
#
#   pub ── e0 [edge: crierd and crier-dp in the Debian's root] e1 ── lsn
#
# Built and fetched while there is still a network, that is before lib.sh.
TREE=$(cd "$(dirname "$0")/../.." && pwd)
CACHE=$TREE/build-test/debian # the fresh Debian, for the next time

# Made once for each list of dependencies: Debian's essential packages and these.
fetch_debian()
{
	local wants said
	wants=$(dpkg-deb --field "$1" Depends | sed 's/([^)]*)//g; s/|[^,]*//g; s/ //g')
	[ "$(cat "$CACHE.depends" 2>/dev/null)" != "$wants" ] || return 0
	said=$(timeout 200 mmdebstrap --quiet --variant=essential --include="$wants" bookworm \
		"$CACHE.tar" 2>&1) || {
		echo "skipped: no fresh Debian to install into: $(tail -n 1 <<<"$said")"
		exit 77
	}
	echo "$wants" >"$CACHE.depends"
}

if [ -z "${CRIER_NET_INSIDE-}" ]; then
	DEB=$("$TREE/scripts/package" --output "$CACHE.deb") || exit 1
	export DEB
	fetch_debian "$DEB"
fi
. "$(dirname "$0")/../net/lib.sh"

ROOT=$T/debian

field()
{
	dpkg-deb --field "$DEB" "$1"
}

contains()
{
	local file
	dpkg-deb --contents "$DEB" | awk '{ print $6 }' >"$T/contents"
	for file; do
		grep -qx "./$file" "$T/contents" || fail "the package holds no $file"
	done
}

fresh_debian()
{
	# On the disk and not in memory, mounted here alone; a run that was killed leaves it.
	rm -rf "$CACHE.root"
	mkdir -p "$CACHE.root" "$ROOT"
	mount --bind "$CACHE.root" "$ROOT"
	tar -C "$ROOT" -xf "$CACHE.tar"
	mount -t proc proc "$ROOT/proc"
	mount -t sysfs sysfs "$ROOT/sys"
	mount --bind /sys/fs/bpf "$ROOT/sys/fs/bpf"
	mount --bind /run "$ROOT/run"
	mount --bind /dev "$ROOT/dev"
}

clean()
{
	local status=$?
	umount -R "$ROOT" 2>/dev/null
	rm -rf "$CACHE.root"
	return "$status"
}

# All files but dpkg's own books.
files()
{
	(cd "$ROOT" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache \
		-o -path ./debs \) -prune -o -print | sort)
}

in_debian()
{
	in_edge chroot "$ROOT" "$@"
}

# A start in the chroot, with the names that lib.sh's helpers know.
start_there()
{
	start "$1" edge chroot "$ROOT" "${@:2}"
	wait_log "$1" ': ready'
}

trap 'clean; at_exit' EXIT

# ---- the file --------------------------------------------------------------------------------------

sum=$(sha256sum <"$DEB")
"$TREE/scripts/package" --output "$T/again" >/dev/null 2>&1 || fail "scripts/package, again"
want "the same tree's package" "$sum" "$(sha256sum <"$T/again/${DEB##*/}")"
want "package" crier "$(field Package)"
want "version" "$("$CRIERCTL" --version | awk '{ print $2 }')" "$(field Version)"
grep -q libbpf <<<"$(field Depends)" || fail "no libraries among the dependencies"
contains usr/sbin/crierd usr/bin/crier-dp usr/bin/crierctl usr/bin/crier-load usr/sbin/crier-nic \
	usr/share/man/man8/crierd.8.gz usr/share/man/man8/crier-nic.8.gz \
	usr/share/man/man7/crier-tuning.7.gz \
	usr/share/bash-completion/completions/crierctl usr/lib/systemd/system/crierd.service \
	usr/lib/systemd/system/crierd.socket usr/lib/systemd/system/crier-dp.service \
	usr/lib/crier/crier.bpf.o usr/lib/crier/egress.bpf.o usr/lib/crier/xmit.bpf.o
dpkg-deb --contents "$DEB" | grep -v ' root/root ' | grep . && fail "not all is root's"
want "dates in the package" 1 \
	"$(dpkg-deb --contents "$DEB" | awk '{ print $4, $5 }' | sort -u | wc -l)"
dpkg-deb --ctrl-tarfile "$DEB" | tar -xO ./conffiles >"$T/conffiles"
want "conffiles" "/etc/crier/crierd.yaml /etc/default/crier-dp" "$(paste -sd' ' "$T/conffiles")"
grep -o -- '-march=[^ "]*\|-mavx[^ "]*' "$TREE/build-test/package/compile_commands.json" | sort -u |
	grep -vE '^-march=(x86-64-v2|corei7)$' && fail "some code wants more than x86-64-v2"
echo "ok: $(basename "$DEB"), $(stat -c %s "$DEB") bytes, twice the same"

# ---- install, work, purge ------------------------------------------------------------------------

topology
fresh_debian
before=$(files)
mkdir -p "$ROOT/run/debs" && cp "$DEB" "$ROOT/run/debs/"
in_debian dpkg --install "/run/debs/${DEB##*/}" >"$T/dpkg.log" 2>&1 || fail "dpkg --install"
for program in crierd crier-dp crierctl crier-load; do
	said=$(in_debian "$program" --version) || fail "$program --version"
	want "$program --version" "$program $(field Version)" "$said"
done
want "what crier-nic says of nothing" 2 "$(in_debian crier-nic >/dev/null 2>&1 || echo $?)"

# As installed it starts, and serves nothing yet; then with interfaces.
start_there crierd crierd
stop crierd
printf 'interfaces:\n  - name: e0\n  - name: e1\n' >>"$ROOT/etc/crier/crierd.yaml"
start_there crierd crierd
start_there dp crier-dp --port xdp:e0 --port xdp:e1
in_debian crierctl room add talk --port 5000 --from 10.1.0.2 >/dev/null || fail "room add"
echo 10.128.0.1:5004 | members talk
hear one 10.128.0.1:5004 20
sent=$(speak 5000 --count 20 | jq -r .hash)
want "heard" "$sent" "$(heard one hash)"
stop dp
stop crierd
echo "ok: the main job, by the package's programs"

# An upgrade keeps tables and configuration.
in_debian dpkg --install "/run/debs/${DEB##*/}" >>"$T/dpkg.log" 2>&1 || fail "dpkg --install, again"
grep -q 'name: e1' "$ROOT/etc/crier/crierd.yaml" || fail "the configuration was overwritten"
[ -e "$PIN_DIR/config" ] || fail "an upgrade took the tables"

in_debian dpkg --remove crier >>"$T/dpkg.log" 2>&1 || fail "dpkg --remove"
[ -e "$PIN_DIR" ] && fail "the tables outlive the programs: $(ls "$PIN_DIR")"
in_edge ip link show crier0 >/dev/null 2>&1 && fail "crier0 outlives the programs"
[ -e "$ROOT/etc/crier/crierd.yaml" ] || fail "the configuration goes before the purge"
mkdir "$PIN_DIR"
in_debian dpkg --purge crier >>"$T/dpkg.log" 2>&1 || fail "dpkg --purge"
[ -e "$PIN_DIR" ] && fail "purged, yet there is $PIN_DIR"
[ -e "$RUN_DIR" ] && fail "purged, yet there is $RUN_DIR"
want "what a purge leaves" "" "$(diff <(echo "$before") <(files))"
want "what dpkg knows of it" "" "$(in_debian dpkg-query -W crier 2>/dev/null)"
echo "ok: purged"
