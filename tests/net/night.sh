#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# That night: a crowd comes and goes, strangers flood every port, operators turn knobs, crierd is
# killed (-9) again and again, other programs are loaded, routes of others flap; all at once and in
# an order by chance.  Who stays hears each packet once, and in the morning nothing is left over.
#
#   pub: 4 rooms, floods ── e0 [edge: crierd, crier-dp,  e1 ── l0 lsn: who stays, and guests
#                               crier-page ═ crier-pagex] e2 ── l1 lsn: others, by routes that flap
#
# SEED=N repeats an order, SECONDS_=N makes the night longer.  Of three seeds one kills crier-dp
# instead of rooms' changing engines: then the crowd's room has gaps, and rooms of XDP's alone none.
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2034 # lib.sh's
INTERFACES='e0 e1 e2' PORTS='e0 e1 e2 page:crier-page' ENGINE=auto

SEED=${SEED:-$((SRANDOM % 32768))}
NIGHT=${SECONDS_:-14}
RANDOM=$SEED
DP_DIES=$((SEED % 3 == 0))

# either N ODD EVEN
either()
{
	[ $(($1 % 2)) = 1 ] && echo "$2" || echo "$3"
}

echo "SEED=$SEED SECONDS_=$NIGHT: $(either $DP_DIES "crier-dp dies" "rooms change engines")"

# ---- what happens ----------------------------------------------------------------------------------
# Each is told numbers by chance.  Those of one slot come one after the other, slots side by side.

declare -A slots=() # what runs in the background, by slot
declare -A done_=() # how often what was begun

wrong()
{
	echo "$*" >>"$T/wrong"
}

# try COMMAND...: it may fail only where crierd was killed meanwhile.
try()
{
	local before after said
	before=$(cat "$T/kills")
	said=$("$@" 2>&1 </dev/null) && return
	sleep 0.2 # the kill may be noted just now
	after=$(cat "$T/kills")
	[[ $before != "$after" || $after == *down ]] || wrong "$*: $said"
	return 1
}

now_ns()
{
	awk '{ printf "%.0f\n", $1 * 1e9 }' /proc/uptime
}

# A crowd of some hundred at once, at random in or out.
crowd()
{
	local file=come$(($1 % 4))
	try ctl listener "$(either "$2" add del)" big --file "$T/$file"
}

# few: so many that the room outgrows one broadcast, and is small again.
few()
{
	local room
	room=$(either "$1" raw small)
	try ctl listener add "$room" --file "$T/few-$room"
	sleep "0.$((1 + $2 % 3))"
	try ctl listener del "$room" --file "$T/few-$room"
}

# guests: each comes once, and all that was said while they were in is theirs.
guests()
{
	local file=$T/guests.${done_[guests]} from until
	[ -e "$file" ] || return
	try ctl listener add big --file "$file" || return
	from=$(($(now_ns) + 50000000))
	sleep "1.$(($1 % 10))"
	until=$(($(now_ns) - 500000000)) # what waits when they leave is theirs no more
	awk -v from="$from" -v until="$until" '{ print "big", $1, from, until }' "$file" >>"$T/windows"
	try ctl listener del big --file "$file"
}

# fly: another room comes and goes on the pages that others leave.
fly()
{
	ctl room del fly >/dev/null 2>&1 # there still, if crierd was killed before it could go
	try ctl room add fly --port 5006 --from 10.1.0.2 --engine "$(either "$1" auto bypass)" ||
		return
	try ctl listener add fly --file "$T/fly"
	sleep "0.$((1 + $2 % 8))"
	try ctl room del fly
}

# Lists of thousands, and ways to change them.
lists()
{
	case $(($1 % 5)) in
	0) try ctl guard block --replace --file "$T/block$(($2 % 2))" ;;
	1) try ctl guard allow --replace --file "$T/allow$(($2 % 2))" ;;
	2) try ctl guard block 99.0.0.0/8 ;;
	3) try ctl guard del --file "$T/allow0" ;;
	4) try ctl guard clear "$(either "$2" block allow)" ;;
	esac
}

# kind from to option.. of a flood, and the counter that tells all of it whatever the guard's mode is.
floods=(
	"rtp 10.1.0.2:4000 10.1.0.1:5002 --ssrc 0x4321 =drop_ssrc"
	"rtp 10.1.0.2:4000 10.1.0.1:5000 --ssrc 0x4321 =drop_ssrc"
	"noise 10.1.0.2:4000 10.1.0.1:5002 =drop_rtp"
	"runt 10.1.0.2:4000 10.1.0.1:5004 =drop_runt"
	"runt 10.1.0.2:4000 10.1.0.1:5000 =drop_runt"
	"rtp 10.1.0.9:4000 10.1.0.1:5002 --sources 200 ="
	"rtp 10.1.0.9:4000 10.1.0.1:5004 --sources 200 ="
	"rtp 127.0.0.1:4000 10.1.0.1:5000 ="
	"checksum 10.1.0.9:4000 10.1.0.1:5002 ="
	"rtp 10.1.7.1:4000 10.1.0.1:5002 --sources 100 ="
	"fragment 10.1.7.1:4000 10.1.0.99:53 --sources 100 ="
	"stun 10.1.0.9:4000 10.1.0.1:3478 --sources 100 ="
	"rtp 10.1.0.9:4000 10.1.0.1:3478 --sources 100 ="
	"rtcp [fd01::9]:4000 [fd01::1]:3478 --sources 200 ="
)

flood()
{
	local line=${floods[$1 % ${#floods[@]}]} what said
	what=${line%=*}
	# shellcheck disable=SC2086 # words
	said=$(in_pub "$WIRE" flood p0 "$EDGE_MAC" ${what#* } --count 8000 --kind ${what%% *} 2>&1) ||
		wrong "flood $line: $said"
	[ -z "${line#*=}" ] || echo "${line#*=} $(jq .sent <<<"$said")" >>"$T/flooded"
}

# Listeners' reports come meanwhile.
report()
{
	in_lsn "$WIRE" send "$(listeners 1 $((1 + $1 % 40)))" 10.2.0.1:3478 --rtcp --count 50 >/dev/null ||
		wrong "report"
}

# Counters never go back, not even where crierd has died or engines change.
scrape()
{
	try api GET /metrics || return
	api GET /metrics | grep -E '^crier_(xdp|room)_.*_total' | grep -Ev 'fly' |
		LC_ALL=C sort >"$T/metrics.now"
	[ ! -s "$T/metrics.now" ] || [ ! -s "$T/metrics.last" ] ||
		LC_ALL=C join "$T/metrics.last" "$T/metrics.now" | awk '$3 < $2' >>"$T/wrong"
	mv "$T/metrics.now" "$T/metrics.last"
}

# A save is whole, whatever changes meanwhile: whoever stays is in it.
save()
{
	try ctl save "$T/save.now" || return
	tail -n 1 "$T/save.now" | jq -e .end >/dev/null || wrong "a save without its end"
	jq -r 'select(.listeners) | .listeners | .room as $r | .add[] | "\($r) \(.)"' "$T/save.now" | sort >"$T/saved"
	LC_ALL=C comm -23 <(LC_ALL=C sort "$T/stay4") <(LC_ALL=C sort "$T/saved") | sed 's/^/not saved: /' >>"$T/wrong"
	mv "$T/save.now" "$T/save"
}

# Next hops of who is behind e2.
hops()
{
	case $(($1 % 6)) in
	0) in_edge ip route replace 10.200.0.0/16 via 10.3.0.$((2 + $2 % 2)) ;;
	1) in_edge ip route del 10.200.0.0/16 ;;
	2) in_edge ip route replace 10.200.0.0/24 via 10.3.0.3 ;;
	3) in_edge ip neigh replace 10.3.0.3 lladdr "$L1_MAC" dev e2 nud reachable ;;
	4) in_edge ip neigh flush dev e2 ;;
	5)
		in_edge ip link set e2 down
		sleep "0.0$(($2 % 10))"
		in_edge ip link set e2 up
		in_edge ip route replace 10.200.0.0/16 via 10.3.0.2
		;;
	esac >/dev/null 2>&1
}

settings=("unit_slots 128" "unit_slots 96" "unit_slots 64" "pace_pct 0" "pace_pct 50" "pace_pct 90" "pace_pct 100"
	"burst_copies 0" "burst_copies 3" "burst_copies 7" "burst_copies 10" "burst_copies 300" "quantum_copies 32" "quantum_copies 4096"
	"guard_mode 0" "guard_mode 1" "guard_mode 2" "guard_mode 2" "guard_punt_pps 0" "guard_punt_pps 9000"
	"guard_member_pps 0" "guard_member_pps 20000" "idle_sleep 0" "idle_sleep 1" "idle_spin_us 0"
	"idle_spin_us 900" "ttl 9" "ttl 200" "dscp 0" "dscp 46" "df 0" "df 1" "queue_pkts 32" "queue_pkts 64")
[ $DP_DIES = 1 ] || settings+=("unit_slots 32" "unit_slots 48")

set_one()
{
	# shellcheck disable=SC2086 # two words
	ctl set ${settings[$1 % ${#settings[@]}]} >/dev/null || fail "set ${settings[$1 % ${#settings[@]}]}"
}

# Four in a row: some of them while a sweep is under way.
engine()
{
	local rooms=(small big big raw) engines=(auto kernel bypass) digits=$2 room
	room=${rooms[$1 % 4]}
	for _ in 1 2 3 4; do
		ctl room set "$room" engine="${engines[digits % 3]}" >/dev/null ||
			fail "room set $room engine=${engines[digits % 3]}"
		digits=$((digits / 3))
	done
}

reload()
{
	ctl reload >/dev/null || fail "reload"
}

kill_crierd()
{
	echo "${done_[kill_crierd]} down" >"$T/kills"
	stop crierd KILL
	sleep "0.$(($1 % 4))"
	crierd_start --config "$T/crierd.yaml"
	echo "${done_[kill_crierd]} up" >"$T/kills"
}

kill_dp()
{
	stop dp KILL
	sleep "0.$(($1 % 4))"
	dp_start
}

# happens WHAT N N: in its slot, or here; what finds its slot taken falls out.
happens()
{
	done_[$1]=$((${done_[$1]:-0} + 1))
	case $1 in
	set_one | engine | reload | kill_crierd | kill_dp) "$@" ;;
	*)
		[ -z "${slots[$1]-}" ] || ! kill -0 "${slots[$1]}" 2>/dev/null || return
		"$@" &
		slots[$1]=$!
		;;
	esac
}

# ---- what must not be left over --------------------------------------------------------------------

fds()
{
	find "/proc/${pids[$1]}/fd" -type l -printf '%l\n' | sed 's/\[*[0-9]*\]*$//' | sort | uniq -c
}

# What crierd holds, and what its pins hold.
left()
{
	echo "crierd:" && fds crierd
	echo "crier-dp:" && fds dp
	echo "pins:" && ls "$PIN_DIR"
	echo "links:" && in_edge ip -o link | cut -d : -f 2
	echo "namespaces:" && ls /run/netns
	echo "tables:" && api GET /v1/status | jq -c '(.used | del(.vias)), .warnings'
	grep -h map_id "/proc/${pids[crierd]}"/fdinfo/* 2>/dev/null | sort -u | wc -l
}

as_before()
{
	left >"$T/left"
	diff "$T/before" "$T/left" >"$T/left.diff"
}

# prefixes N: thousands of both families, that nobody here has, and one that floods come from.
prefixes()
{
	awk -v seed="$SEED$1" 'BEGIN {
		srand(seed)
		for (i = 0; i < 5000; i++)
			printf "%d.%d.%d.0/24\n", 20 + int(rand() * 50), rand() * 256, rand() * 256
		for (i = 0; i < 2000; i++)
			printf "2001:db8:%x::%x\n", rand() * 65536, rand() * 65536
	}' | sort -u
}

# ---- the evening -------------------------------------------------------------------------------------

topology
add_link edge e2 lsn l1
add_addrs edge e2 10.3.0.1/24
add_addrs lsn l1 10.3.0.2/24 10.3.0.3/24
add_addrs pub p0 10.1.0.3/24
in_edge ip route add 10.200.0.0/16 via 10.3.0.2
in_lsn ethtool -K l0 gro on
in_lsn ethtool -K l1 gro on
EDGE_MAC=$(mac_of edge e0) L1_MAC=$(mac_of lsn l1)

{ listeners 40 && listeners6 10; } >"$T/stay-small"
{ listeners 40 1000 && listeners6 10 1000; } >"$T/stay-raw"
{ listeners 900 10000 && listeners6 100 10000; } >"$T/stay-big"
{ listeners 100 2000 && listeners6 60 2000; } >"$T/few-small"
{ listeners 100 3000 && listeners6 60 3000; } >"$T/few-raw"
for n in $(seq "$NIGHT"); do
	{ listeners 70 $((40000 + n * 70)) && listeners6 30 $((40000 + n * 30)); } >"$T/guests.$n"
done
cat "$T"/guests.* >"$T/guests"
for n in 0 1 2 3; do
	{ listeners 200 $((50000 + n * 1000)) && listeners6 50 $((50000 + n * 1000)) &&
		listeners 250 $((72 * 65536 + n * 250)); } >"$T/come$n"
done
{ listeners 300 80000 && listeners6 100 60000; } >"$T/fly"
for n in 0 1; do
	{ prefixes $n && printf '10.1.7.0/24\n'; } >"$T/block$n"
	prefixes 7$n | sed 's/^\([0-9]*\)\./1\1./; s/^2001:db8/2001:db9/' >"$T/allow$n"
done
for room in small raw big; do
	sed "s/^/$room /" "$T/stay-$room"
done >"$T/stay"
grep -v '\[' "$T/stay" >"$T/stay4"
: >"$T/windows"
: >"$T/wrong"
: >"$T/flooded"
echo up >"$T/kills"

printf 'capacity:\n  guard_prefixes: 25000\n' >"$T/crierd.yaml"
crierd_start --config "$T/crierd.yaml"
dp_start
ctl set tx_wait_us 500000 >/dev/null || fail "set"
room small 5000 --ssrc "$("$CRIER_LOAD" ssrc small)" --pt 111
room big 5002 --ssrc "$("$CRIER_LOAD" ssrc big)" --pt 111
room raw 5004 --payload udp
members small <"$T/stay-small"
members raw <"$T/stay-raw"
# Who stays stands beside who goes, on the same pages.
cat "$T"/come? | paste -d '\n' "$T/stay-big" - | sed '/^$/d' | members big
cat "$T"/come? | ctl listener del big --file - >/dev/null || fail "listener del"

who=(--room small --listeners "$T/stay-small" --churners "$T/few-small"
	--room raw --listeners "$T/stay-raw" --churners "$T/few-raw"
	--room fly --churners "$T/fly" --room big --churners "$T/guests")
for n in 0 1 2 3; do
	who+=(--churners "$T/come$n")
done
who+=("$(either $DP_DIES --churners --listeners)" "$T/stay-big")
for n in 1 2 3 4; do
	who+=(--log "$T/p$n.pub")
done
judge_start --interface l1 "${who[@]}" --windows "$T/windows" --idle 4
stop crierd KILL
crierd_start --config "$T/crierd.yaml"
for room in small raw; do
	wait_until 20 answers /v1/rooms/$room .serving kernel || fail "$room: $(api GET /v1/rooms/$room)"
done
sleep 0.5
left >"$T/before"

publish p1 5000 --room small --rate 50 --sr 1 --seconds "$NIGHT" --wrong-ssrc 9 --wrong-source 13 --other 10.1.0.3 --runt 17
publish p2 5002 --room big --rate 25 --sr 1 --seconds "$NIGHT" --wrong-pt 7 --wrong-version 11 --wrong-ssrc 5
publish p3 5004 --room raw --rate 40 --payload udp --seconds "$NIGHT" --wrong-source 7 --other 10.1.0.3
publish p4 5006 --room fly --rate 25 --seconds "$NIGHT"

# ---- the night -----------------------------------------------------------------------------------------

happenings=(crowd crowd crowd guests guests fly fly lists lists flood flood flood report scrape save hops hops
	set_one set_one set_one reload kill_crierd)
read -ra more < <(either $DP_DIES "kill_dp" "few few engine engine engine")
happenings+=("${more[@]}")
begin=$SECONDS
while alive p1; do
	what=${happenings[RANDOM % ${#happenings[@]}]} a=$RANDOM b=$RANDOM c=$RANDOM
	# What a crierd leaks dies with it: let the last one live for some while.
	[ "$what" != kill_crierd ] || [ $((SECONDS - begin)) -lt $((NIGHT * 2 / 3)) ] || what=reload
	[ -z "${VERBOSE-}" ] || echo "$(now_ns) $what $a $b"
	happens "$what" "$a" "$b"
	sleep "0.0$((c % 10))"
done
reload
for slot in "${!slots[@]}"; do
	wait "${slots[$slot]}"
done
echo "it happened:$(for what in "${!done_[@]}"; do echo -n " $what ${done_[$what]}"; done)"

# ---- the morning ---------------------------------------------------------------------------------------

for p in 1 2 3 4; do
	wait_end p$p
done
judge_end
echo "$(judged copies_seen) copies of $(judged copies_due) to who stayed, $(judged churner_copies) to others," \
	"$(judged reordered) reordered, $(wc -l <"$T/windows") guests' stays"
full=$(api GET /v1/status | jq '[.interfaces[] | select(.name == "e1") | .tx_full] | add')
[ "$full" = 0 ] || echo "e1's ring was full for $full copies of the kernel engine's"
[ ! -s "$T/wrong" ] || fail "$(head -n 20 "$T/wrong")"
no_harm
for field in stale other_room alien stranger; do
	want "$field" 0 "$(judged $field)"
done
# Nothing paces a small room's copies: what a ring of 256 did not take is counted, and all that may miss.
lost=$(judged "lost + .rtcp_lost + $(either $DP_DIES 0 .window_lost)")
[ "$lost" -le "$full" ] || fail "lost: $lost, of which $full for want of room"
for room in small raw $(either $DP_DIES "" big); do
	want_least "copies due in $room" 1000 "$(jq ".rooms[] | select(.room == \"$room\") | .copies_due" "$T/judge.json")"
done

# The counters say so, too.
for room in small:1 raw:3 $(either $DP_DIES "" big:2); do
	read -r good < <(awk '/^end/ { print $3 + $4 }' "$T/p${room#*:}.pub")
	reconciles "${room%:*}"
	want "packets of ${room%:*}" "$good" "$(room_stat "${room%:*}" pkts)"
done
bad_sent()
{
	cat "$T"/p[123].pub "$T/flooded" | awk -v kinds=" $1 " -v counter="$2" '
		$1 == "bad" && index(kinds, " " $4 " ") { n++ } $1 == counter { n += $2 } END { print n + 0 }'
}
want "drop_ssrc" "$(bad_sent wrong-ssrc drop_ssrc)" "$(stat_of .xdp.drop_ssrc)"
want "drop_pt" "$(bad_sent wrong-pt drop_pt)" "$(stat_of .xdp.drop_pt)"
want "drop_rtp" "$(bad_sent "wrong-version runt" drop_rtp)" "$(stat_of .xdp.drop_rtp)"

# Whoever came is gone, whoever stayed is there.
in_edge ip route replace 10.200.0.0/16 via 10.3.0.2
in_edge ip route del 10.200.0.0/24 2>/dev/null
ctl room del fly >/dev/null 2>&1
cat "$T/guests" "$T"/come? | ctl listener del big --file - >/dev/null || fail "listener del"
for room in small raw; do
	ctl listener del $room --file "$T/few-$room" >/dev/null || fail "listener del"
done
for room in small raw big; do
	ctl listener list $room | grep -v '\[' | sort | diff <(grep -v '\[' "$T/stay-$room" | sort) - >&2 ||
		fail "others are in $room"
	want "listeners of $room" "$(wc -l <"$T/stay-$room")" "$(count_of $room)"
done
for room in small raw; do
	ctl room set $room engine=auto >/dev/null || fail "room set"
done
for setting in "unit_slots 128" "guard_mode 2"; do
	# shellcheck disable=SC2086 # two words
	ctl set $setting >/dev/null || fail "set $setting"
done
wait_until 20 as_before || fail "left over in the morning: $(cat "$T/left.diff")"

stop dp
stop crierd
in_edge "$CRIERD" --flush || fail "--flush"
[ ! -e "$PIN_DIR" ] || fail "left behind: $(ls "$PIN_DIR")"
