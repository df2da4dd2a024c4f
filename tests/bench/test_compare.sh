#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# scripts/bench --compare on two small files: what is flagged, what is said, what it exits with.
set -u
cd "$(dirname "$0")/../.." || exit
dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

# line BENCH CASE RATIO [UNIT]
line()
{
	printf '{"bench":"%s","case":"%s","value":1,"unit":"%s","ceiling":1,"ratio":%s}\n' \
		"$1" "$2" "${4:-ns/copy}" "$3"
}

# compare STATUS [argument...]: of old and new; what it says in $said.
compare()
{
	local want=$1 status
	shift
	said=$(scripts/bench --compare "$dir/old" --with "$dir/new" "$@" 2>&1)
	status=$?
	[ "$status" = "$want" ] || fail "want exit $want, got $status: $said"
}

# says PATTERN: one line of it.
says()
{
	[ "$(grep -Ec -- "$1" <<<"$said")" = 1 ] || fail "want one line like '$1': $said"
}

{
	line write 1k 0.80
	line write 1M 0.80
	line memory 1M 0.80 bytes/listener
	line bulk "add 1M" null
} >"$dir/old"

{
	line write 1k 0.761 # 4.9% worse
	line write 1M 0.95
	line memory 1M 0.83 bytes/listener # 3.8% more
	line bulk "add 1M" null
} >"$dir/new"
compare 0
says 'write +1k +0\.8 +0\.761 +ok'
says 'write +1M +0\.8 +0\.95 +ok'
says 'memory +1M +0\.8 +0\.83 +ok'
says 'bulk +add 1M +- +- +no ratio'

{
	line write 1k 0.76 # 5% worse
	line memory 1M 0.85 bytes/listener
	line bulk "add 1M" null
	line fair p99 1
} >"$dir/new"
compare 1
says 'write +1k .*WORSE by 5%'
says 'write +1M +0\.8 +- +missing in the new file'
says 'memory .*WORSE by 6\.[23]%'
says 'fair +p99 +- +1 +new'
[ "$(grep -c WORSE <<<"$said")" = 2 ] || fail "flagged too much: $said"

# Only what is named is compared.
compare 0 fair
says 'fair +p99'
! grep -q write <<<"$said" || fail "compared what was not asked for: $said"

# The latest line of a case counts; one that measured its sink does not.
line write 1k 0.80 >"$dir/old"
{
	line write 1k 0.5
	line write 1k 0.80
} >"$dir/new"
compare 0
sed 's/}$/,"sink_limited":true}/; s/"ratio":0.80/"ratio":null/' "$dir/old" >"$dir/new"
compare 0
says 'write +1k .*does not count'

# Files that are none.
echo 'not json' >"$dir/new"
compare 2
says "$dir/new is no output of scripts/bench --json"
: >"$dir/new"
compare 2
rm "$dir/new"
compare 2
says '--with wants a file'
echo "ok: scripts/bench --compare"
