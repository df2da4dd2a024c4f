#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel engine under traffic on Debian's own kernel, in scripts/vm's machine: a large room by
# page triggers and a small one by its own packets, each copy judged; then both go from engine to
# engine, and the programs are replaced, while the rooms are heard.
#
#   pub ── e0 [edge: crierd, crier-dp, crier-page ═ crier-pagex] e1 ── lsn: 800 and 60 listeners, a
#                                                                      quarter and a third of IPv6
#
# A veth's ring holds 256 frames, and under emulation whoever empties it may come late: low rates.
export CRIER_NET_INSIDE=1 # the machine is sandbox enough, and the kernel's threads are seen
. "$(dirname "$0")/../net/lib.sh"
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034 # lib.sh's
ENGINE=kernel
echo "kernel $(uname -r)"

# wants ROOM ENGINE SERVED: asked for the one, it is served by the other.
wants()
{
	ctl room set "$1" engine="$2" >/dev/null || fail "room set $1 engine=$2"
	becomes "the engine of $1" "$3" "/v1/rooms/$1" .serving
}

# speak_begin NAME [option of publish...]: to both rooms.
speak_begin()
{
	judge_start --listeners "$T/roster" --log "$T/$1.pub" --expect-ttl 64 --expect-dscp 46
	publish "$1" 5000 --room talk --rooms 2 "${@:2}"
	ahead "$1"
}

topology
in_lsn ethtool -K l0 gro on || fail "ethtool"
crierd_start
dp_start_patient --port page:crier-page
room talk1 5000
room talk2 5001
{ listeners 600 && listeners6 200; } >"$T/talk1"
{ listeners 40 2000 && listeners6 20 2000; } >"$T/talk2"
for name in talk1 talk2; do
	members $name <"$T/$name"
	sed "s/^/$name /" "$T/$name" >>"$T/roster"
done
becomes "800 are served by" page /v1/rooms/talk1 .serving
becomes "60 are served by" kernel /v1/rooms/talk2 .serving

# ---- triggers and packets ------------------------------------------------------------------------

speak_begin p1 --rate 5 --seconds 5
wait_end p1
all_right
lost_nothing
reconciles talk1
reconciles talk2
want "copies by frame" 0 "$(stat_of .worker.copies)"
want "copies, crier's word against the sink's" "$(stat_of .xdp.kernel_copies)" \
	"$(($(judged copies_seen) + $(judged rtcp_seen)))"

# ---- from engine to engine -----------------------------------------------------------------------

rm -f "$STAMPS"
speak_begin p2 --rate 5 --seconds 600
switches=0
for _ in 1 2 3; do
	wants talk1 bypass bypass
	wants talk2 bypass bypass
	wants talk1 kernel page
	wants talk2 kernel kernel
	switches=$((switches + 4))
done

# ---- other programs ------------------------------------------------------------------------------

reloads=0
for _ in 1 2 3; do
	before=$(api GET /v1/status | jq -c '[.programs.list[].id]')
	ctl reload >"$T/said" 2>&1 || fail "reload: $(cat "$T/said")"
	now=$(api GET /v1/status | jq -c '[.programs.list[].id]')
	want "programs that are still the old ones" 0 "$(jq -n "$before - ($before - $now) | length")"
	reloads=$((reloads + 1))
done
alive p2 || fail "the publisher ended before $reloads reloads"
stop p2 INT
judge_end
no_harm
want "copies lost" 0 "$(judged lost)"
want "RTCP copies lost" 0 "$(judged rtcp_lost)"
lost_nothing
reconciles talk1
reconciles talk2
want_least "copies by frame" 1 "$(stat_of .worker.copies)"
echo "ok: $switches switches and $reloads reloads: $(judged copies_seen) copies," \
	"$(judged reordered) reordered; the last: $(head -n 1 "$T/said")"
stop dp
stop crierd
