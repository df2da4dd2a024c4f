#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A flood of each kind that the guard knows, while 5,000 listeners hear a room: each packet of it is
# counted by its name, none gets to Linux, no copy is lost, and no memory is spent.
#
#   pub: the publisher 10.1.0.2, floods ── e0 [edge] e1 ── lsn: 5,000 listeners
. "$(dirname "$0")/lib.sh"

COUNT=20000 # packets of a flood
MEDIA=3478

topology
crierd_start
dp_start
room talk 5000
room strict 5002 --ssrc 0x1234 --pt 111
listeners 5000 | members talk
ctl set guard_punt_pps 1000 >/dev/null || fail "set guard_punt_pps"
EDGE_MAC=$(mac_of edge e0)

# flood KIND FROM TO [option of wire.py flood...]: what it sent is in $sent and $seconds.
flood()
{
	local said
	said=$(in_pub "$WIRE" flood p0 "$EDGE_MAC" "$2" "$3" --kind "$1" --count "$COUNT" "${@:4}") ||
		fail "flood $*"
	sent=$(jq .sent <<<"$said") seconds=$(jq .seconds <<<"$said")
	want_least "packets of a flood" 1000 "$sent"
}

# adds COUNTER...: what these have grown by since $before, together.
adds()
{
	local names
	names=$(printf '"%s",' "$@")
	stat_of ".xdp | [.[${names%,}]] | add - ($(jq "[.[${names%,}]] | add" <<<"$before"))"
}

# ip_in_edge: packets that Linux in edge has ever got.
ip_in_edge()
{
	in_edge nstat -asz IpInReceives Ip6InReceives | awk '/^Ip/ { n += $2 } END { print n }'
}

# refuses COUNTER KIND FROM TO [option...]: all of such a flood is counted so, and nothing is Linux's.
refuses()
{
	local counter=$1 linux
	shift
	before=$(api GET /v1/stats | jq -c .xdp)
	linux=$(ip_in_edge)
	flood "$@"
	want "$counter of a flood of $*" "$sent" "$(adds "$counter")"
	linux=$(($(ip_in_edge) - linux))
	[ "$linux" -lt 50 ] || fail "Linux got $linux packets of it" # the others are not its own
	echo "ok: $counter $sent in $seconds s"
}

# rss NAME: its memory in kB.
rss()
{
	awk '/^VmRSS/ { print $2 }' "/proc/${pids[$1]}/status"
}

somebody_speaks()
{
	[ "$(stat_of .xdp.accepted)" -gt 10 ]
}

judge_start --room talk --listeners <(listeners 5000) --log "$T/p1.pub"
publish p1 5000 --room talk --rate 20 --seconds "${SECONDS_OF_SOUND:-12}"
wait_until 30 somebody_speaks || fail "nobody speaks"
declare -A memory=([crierd]=$(rss crierd) [dp]=$(rss dp))

refuses drop_source rtp 10.1.0.3:4000 10.1.0.1:5002 --sources 200
refuses drop_ssrc rtp 10.1.0.2:4000 10.1.0.1:5002 --ssrc 0x4321
refuses drop_pt rtp 10.1.0.2:4000 10.1.0.1:5002 --pt 96
refuses drop_rtp noise 10.1.0.2:4000 10.1.0.1:5002
refuses drop_runt runt 10.1.0.2:4000 10.1.0.1:5002
refuses drop_length length 10.1.0.2:4000 10.1.0.1:5002
refuses drop_runt runt 10.1.0.3:4000 10.1.0.1:$MEDIA --sources 200
refuses drop_length length 10.1.0.3:4000 10.1.0.1:$MEDIA --sources 200
refuses guard_checksum checksum 10.1.0.2:4000 10.1.0.1:5002
refuses guard_impossible rtp 127.0.0.1:4000 10.1.0.1:5002 --sources 200
refuses guard_impossible rtp 10.2.0.1:4000 10.1.0.1:5002
refuses guard_impossible stun '[ff02::1]:4000' "[fd01::1]:$MEDIA" --sources 200
refuses guard_media rtp 10.1.0.3:4000 10.1.0.1:$MEDIA --sources 200
refuses guard_media noise '[fd01::3]:4000' "[fd01::1]:$MEDIA" --sources 200

ctl guard block 10.1.0.128/25 fd01::bad:0/112 >/dev/null || fail "guard block"
ctl guard allow 10.1.0.129 >/dev/null || fail "guard allow"
refuses guard_blocked rtp 10.1.0.130:4000 10.1.0.1:5002 --sources 100
refuses guard_blocked fragment 10.1.0.130:4000 10.1.0.99:53 --sources 100
refuses guard_blocked stun '[fd01::bad:1]:4000' "[fd01::1]:$MEDIA" --sources 200
refuses drop_source rtp 10.1.0.129:4000 10.1.0.1:5002

# The cap: so many a second go to crierd's socket, and a tenth of that at once.
before=$(api GET /v1/stats | jq -c .xdp) begin=$(date +%s%N)
flood stun 10.1.0.3:4000 10.1.0.1:$MEDIA --sources 100
flood rtcp '[fd01::3]:4000' "[fd01::1]:$MEDIA" --sources 200
want "STUN and RTCP" "$((COUNT * 2))" "$(adds guard_punt guard_cap)"
want_least "of these, punted" 100 "$(adds guard_punt)"
punted=$(adds guard_punt)
# On each CPU so many a nanosecond since then, a tenth of a second's at once, and the first.
most=$(((($(date +%s%N) - begin) / 1000000 + 100 + 1) * CPUS))
[ "$punted" -le "$most" ] || fail "$punted punts are over the cap"
want_least "of these, over the cap" "$COUNT" "$(adds guard_cap)"
want "handed to Linux for the media port" "$punted" "$(adds pass_media)"
echo "ok: guard_punt $punted, guard_cap $(adds guard_cap)"

# A member's reports get through, each of them, while strangers have spent all that is everybody's.
before=$(api GET /v1/stats | jq -c .xdp)
start member lsn "$WIRE" send "$(listeners 1)" 10.2.0.1:$MEDIA --rtcp --count 600
sent_in_all=0
while alive member; do
	flood stun 10.1.0.3:4000 10.1.0.1:$MEDIA --sources 100
	sent_in_all=$((sent_in_all + sent))
done
wait_end member
want "reports that a member sent" 600 "$(jq .sent "$T/member.log")"
want "guard_member" 600 "$(adds guard_member)"
want "guard_member_cap" 0 "$(adds guard_member_cap)"
want "of the flood meanwhile, guard_punt and guard_cap" "$sent_in_all" "$(adds guard_punt guard_cap)"
want_least "of these, over the cap" "$((sent_in_all / 2))" "$(adds guard_cap)"
want "handed to Linux for the media port" "$(adds guard_member guard_punt)" "$(adds pass_media)"
echo "ok: 600 reports of a member, guard_cap $(adds guard_cap)"

for program in crierd dp; do
	grown=$(($(rss "$program") - ${memory[$program]}))
	most=1024
	# AddressSanitizer keeps what was freed
	! grep -q libasan "/proc/${pids[$program]}/maps" || most=65536
	[ "$grown" -le $most ] || fail "$program grew by $grown kB"
done
wait_end p1
all_right
reconciles talk

# ---- it only counts; off -------------------------------------------------------------------------

ctl set guard_mode 1 >/dev/null || fail "set guard_mode 1"
COUNT=2000
before=$(api GET /v1/stats | jq -c .xdp)
flood noise 10.1.0.3:4000 10.1.0.1:$MEDIA
want "guard_media where it only counts" "$sent" "$(adds guard_media)"
want "and Linux's" "$sent" "$(adds pass_media)"
ctl set guard_mode 0 >/dev/null || fail "set guard_mode 0"
before=$(api GET /v1/stats | jq -c .xdp)
flood noise 10.1.0.3:4000 10.1.0.1:$MEDIA
want "guard_media where it is off" 0 "$(adds guard_media)"
want "and Linux's" "$sent" "$(adds pass_media)"
echo "ok: guard_mode 1 and 0"

# Each of its names is in /metrics.
for counter in guard_blocked guard_media guard_cap guard_checksum guard_impossible guard_punt \
	guard_member guard_member_cap; do
	api GET /metrics | grep -q "$counter" || fail "/metrics has no $counter"
done
stop dp
stop crierd
