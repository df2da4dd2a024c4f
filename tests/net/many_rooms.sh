#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An edge node is one listener of many rooms: it hears each of them and no other, through leaves,
# joins and a crierd that was killed, and the guard knows it for as long as it hears one.
#
#   pub: 200 rooms ── e0 [edge] e1 ── lsn: two nodes, by IPv4 and by IPv6, in all of them, and
#                                          one listener of each room alone
. "$(dirname "$0")/lib.sh"

ROOMS=${ROOMS:-200}
MEDIA=3478
NODE=$(listeners 1 100000)
NODE6=$(listeners6 1 100000)

# config: the rooms, with everybody in them.
config()
{
	local n
	printf 'capacity:\n  listeners6: %d\nrooms:\n' $((ROOMS * 256)) # a page of each room
	for n in $(seq "$ROOMS"); do
		printf '  - name: r%d\n    engine: bypass\n    streams:\n' "$n"
		printf '      - port: %d\n        from: 10.1.0.2\n' $((4999 + n))
		printf '    listeners: ["%s", "%s", "%s"]\n' "$NODE" "$NODE6" "$(listeners 1 "$n")"
	done
}

# everybody: who is in which room, from a file of rooms for each node.
everybody()
{
	sed "s/\$/ $NODE/" "$T/in4"
	sed "s/\$/ $NODE6/" "$T/in6"
	paste -d ' ' <(seq -f 'r%g' "$ROOMS") <(listeners "$ROOMS")
}

# change OP ENDPOINT: in the rooms on stdin.
change()
{
	local room
	while read -r room; do
		ctl listener "$1" "$room" "$2" >/dev/null || fail "listener $1 $room $2"
	done
	wait_until 30 next_hops_ready || fail "next hops stay unresolved: $(api GET /v1/status)"
}

# exact: each copy comes to whom it is for, once, and to nobody else.
exact()
{
	everybody >"$T/all"
	want "listeners" "$(wc -l <"$T/all")" "$(api GET /v1/status | jq '.used.listeners4 + .used.listeners6')"
	judge_start --listeners "$T/all" --log "$T/p1.pub"
	publish p1 5000 --room r --rooms "$ROOMS" --rate "${RATE:-5}" --no-rtcp --seconds 3
	wait_end p1
	all_right
	rm -f "$T/judge.json" "$T/p1.pub" "$STAMPS"
}

# reports FROM NAME: ten of its reports are counted as NAME.
reports()
{
	local to=10.2.0.1:$MEDIA before
	[[ $1 != \[* ]] || to="[fd02::1]:$MEDIA"
	before=$(stat_of ".xdp.$2")
	in_lsn "$WIRE" send "$1" "$to" --rtcp --count 10 >/dev/null || fail "reports of $1"
	want "$2 of $1" $((before + 10)) "$(stat_of ".xdp.$2")"
}

topology
config >"$T/crierd.yaml"
crierd_start --config "$T/crierd.yaml"
dp_start
wait_until 30 next_hops_ready || fail "next hops stay unresolved: $(api GET /v1/status)"
seq -f 'r%g' "$ROOMS" | tee "$T/in4" >"$T/in6"
exact
reports "$NODE" guard_member
reports "$NODE6" guard_member

# They leave what they came to first, and every other room; and hear the rest.
head -n $((ROOMS / 2)) "$T/in4" | change del "$NODE"
sed -n "$((ROOMS / 2 + 1)),\$p" "$T/in4" >"$T/rest" && mv "$T/rest" "$T/in4"
sed -n 'p;n' "$T/in6" | change del "$NODE6"
sed -n 'n;p' "$T/in6" >"$T/rest" && mv "$T/rest" "$T/in6"
exact
reports "$NODE" guard_member
reports "$NODE6" guard_member
refused 'not in room r1' ctl listener del r1 "$NODE"

# The next crierd finds all of it in the tables, and goes on.  (Listeners of its configuration
# it would add again.)
stop crierd KILL
sed '/^rooms:/,$d' "$T/crierd.yaml" >"$T/later.yaml"
crierd_start --config "$T/later.yaml"
reports "$NODE" guard_member
head -n -1 "$T/in4" | change del "$NODE"
printf 'r1\nr3\n' | change add "$NODE"
{ tail -n 1 "$T/in4" && printf 'r1\nr3\n'; } >"$T/rest" && mv "$T/rest" "$T/in4"
exact
reports "$NODE" guard_member

# With its last room it becomes a stranger.
change del "$NODE" <"$T/in4"
: >"$T/in4"
reports "$NODE" guard_punt
reports "$NODE6" guard_member
exact
stop dp
stop crierd
