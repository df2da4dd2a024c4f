#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# save and restore carry rooms, streams, listeners and settings over a flush.
#
#   [edge] alone
. "$(dirname "$0")/lib.sh"

topology
crierd_start
room talk 5000 --ssrc 0x10 --pt 111
room raw 5002 --payload udp
ctl room add open --port 5004 --from any --ssrc 7 >/dev/null || fail "room open"
{ listeners 5000 && listeners6 500; } | members talk
listeners 3 | members raw
ctl set ttl 33 >/dev/null || fail "set"

# everything: all that a save has to carry, without what is new each time.
everything()
{
	api GET /v1/rooms | jq -S '[.rooms[] | del(.id, .generation, .created_s, .stats) |
		.streams |= map(del(.accepted, .refused))] | sort_by(.name)'
	for r in talk raw open; do
		api GET "/v1/rooms/$r/listeners" | sort
	done
	api GET /v1/settings | jq -S '[.settings[] | {key, value}]'
}
everything >"$T/before"
ctl save "$T/saved" || fail "save"
stop crierd
in_edge "$CRIERD" --flush || fail "flush"
crierd_start
want "rooms after the flush" 0 "$(api GET /v1/rooms | jq '.rooms | length')"
ctl restore "$T/saved" || fail "restore"
becomes "unreachable listeners" 0 /v1/rooms/talk .unreachable
everything >"$T/after"
diff "$T/before" "$T/after" >&2 || fail "restored is not what was saved"

refused 'talk\|exists' ctl restore "$T/saved"
ctl restore --merge "$T/saved" || fail "restore --merge"
everything | diff "$T/before" - >&2 || fail "merging the same again changed something"
# Not half of one, either: what it would add is away just now.
api DELETE /v1/rooms/talk >/dev/null || fail "room del"
ctl listener del raw "$(listeners 1)" >/dev/null || fail "listener del"
everything >"$T/less"
refused_whole()
{
	refused "$@"
	everything | diff "$T/less" - >&2 || fail "a refused restore changed something"
}
refused_whole 'room raw exists' ctl restore "$T/saved"
sed '$d' "$T/saved" >"$T/cut"
refused_whole 'is the save whole' ctl restore --merge "$T/cut"
sed '/"setting"/s/:33}/:3300}/' "$T/saved" >"$T/bad"
refused_whole 'bounds' ctl restore --merge "$T/bad"
# What a later crierd's save means this one can't know.
sed 's/"format":1/"format":2/' "$T/saved" >"$T/later"
refused_whole 'of format 2.*none above 1.*as new as' ctl restore --merge "$T/later"
ctl restore --merge "$T/saved" || fail "restore --merge of what was away"
becomes "unreachable listeners" 0 /v1/rooms/talk .unreachable
everything | diff "$T/before" - >&2 || fail "a restore of what was away is not what was saved"
# What another ABI's crierd saved is how rooms get across.
sed 's/"abi":[0-9]*/"abi":99/' "$T/saved" >"$T/foreign"
ctl restore --merge "$T/foreign" || fail "restore of another ABI's save"
everything | diff "$T/before" - >&2 || fail "merging the same again changed something"
ctl save - | diff "$T/saved" - >&2 || fail "save - differs from save FILE"
stop crierd
