#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What a listener hears is what was said, byte for byte, packet by packet, in order; RTCP too.
#
#   pub ── e0 [edge] e1 ── lsn: 300 listeners, of which three are sockets that hash
. "$(dirname "$0")/lib.sh"

topology
crierd_start
dp_start
room talk 5000 --ssrc 0x1234 --pt 111
listeners 300 | members talk

# The first, one in the middle and the last member; sizes from an empty payload to 1,199 bytes.
for n in 1 150 300; do
	hear "l$n" "$(listeners 1 "$n")" 500
done
sent=$(speak 5000 --count 500 | jq -r .hash)
for n in 1 150 300; do
	want "packets heard by listener $n" 500 "$(heard "l$n" received)"
	want "what listener $n heard" "$sent" "$(heard "l$n" hash)"
	want "where it came from" "10.2.0.1:$(api GET /v1/status | jq .media_port)" "$(heard "l$n" source)"
	want "its TTL" 64 "$(heard "l$n" ttl)"
	want "its DSCP" 46 "$(heard "l$n" dscp)"
done
echo "ok: 500 packets, exact at 3 of 300 listeners"

hear sr "$(listeners 1 7)" 20
sent=$(speak 5000 --rtcp --count 20 | jq -r .hash)
want "sender reports heard" "$sent" "$(heard sr hash)"
echo "ok: RTCP sender reports"

want "members met" $((520 * 300)) "$(room_stat talk due)"
want "copies" $((520 * 300)) "$(room_stat talk copies)"
reconciles talk
want "worker's copies" $((520 * 300)) "$(stat_of .worker.copies)"
stop dp
stop crierd
