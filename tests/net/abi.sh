#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Tables of another ABI, or that are no tables of crier's, are refused by crierd and crier-dp with
# a message that says how to go on; nothing in them is changed.
#
#   [edge] alone
. "$(dirname "$0")/lib.sh"

topology
crierd_start
room talk 5000
ABI=$(printf %02x "$(api GET /v1/status | jq .abi)")
stop crierd

# set_word OFFSET HEX...: bytes of the pinned config, by the kernel's own means.
set_word()
{
	local offset=$1 value
	shift
	value=$(bpftool -j map lookup pinned "$PIN_DIR/config" key hex 00 00 00 00 |
		jq -r '.value | join(" ")' | sed 's/0x//g')
	read -ra bytes <<<"$value"
	bytes=("${bytes[@]:0:offset}" "$@" "${bytes[@]:offset+$#}")
	bpftool map update pinned "$PIN_DIR/config" key hex 00 00 00 00 value hex "${bytes[@]}" ||
		fail "cannot write the config map"
}

# briefly PROGRAM...: one that isn't refused would serve for ever.
briefly()
{
	in_edge timeout --foreground 60 "$@"
}

set_word 8 63 00 00 00
refused 'abi' briefly "$CRIERD" --interface e0 --interface e1
refused 'abi' briefly "$CRIER_DP" --port xdp:e0
set_word 8 "$ABI" 00 00 00
set_word 0 ff
refused 'not made by crier' briefly "$CRIERD" --interface e0 --interface e1
refused 'not made by crier' briefly "$CRIER_DP" --port xdp:e0
set_word 0 31

crierd_start
want "the room, after all that" talk "$(api GET /v1/rooms | jq -r '.rooms[].name')"
stop crierd
