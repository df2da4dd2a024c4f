#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# crier-tuning(7) holds what it promises: its table is computed right, and no setting is left out.
set -u
TREE=$(cd "$(dirname "$0")/../.." && pwd)
PAGE=$TREE/control/crier-tuning.7.scd

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

# Each line anew, from its first three columns.
wrong=$(awk '
	function up(x) { return int(x) < x ? int(x) + 1 : int(x) }
	$1 == "listeners" && $2 == "kbit/s" { table = 1; next }
	/^```/ { table = 0 }
	table {
		frame = $2 * $3 / 8 + 12 + 8 + 20 + 14
		mpps = $1 / $3 / 1000
		want = sprintf("%d %d %.3f %.2f %d %d %d", frame, frame + 24, mpps,
			mpps * (frame + 24) * 8 / 1000, up(mpps / 1.4), up(mpps / 2.7), up(mpps / 20))
		have = $4 " " $5 " " $6 " " $7 " " $8 " " $9 " " $10
		if (want != have)
			print $1, $2, $3 ": " have ", want " want
		lines++
	}
	END { if (lines < 5) print "no table" }
' "$PAGE")
[ -z "$wrong" ] || fail "the table of sizes: $wrong"

sed -n 's/^\tX(\([a-z_0-9]*\), \([0-9]*\),.*/\1 \2/p' "$TREE/xdp/table.h" >"${TMPDIR:-/tmp}/settings.$$"
trap 'rm -f "${TMPDIR:-/tmp}/settings.$$"' EXIT
[ -s "${TMPDIR:-/tmp}/settings.$$" ] || fail "no settings found in xdp/table.h"
while read -r key default; do
	key=${key//_/\\_}
	grep -qF "*$key*" "$PAGE" || fail "nothing is said of the setting $key"
	! grep -qF "*$key* (" "$PAGE" || grep -qF "*$key* ($default)" "$PAGE" ||
		fail "$key does not have the default that the page says, but $default"
done <"${TMPDIR:-/tmp}/settings.$$"
echo "ok: $(basename "$PAGE")"
