#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The guard's lists: 100,000 prefixes in one request, a crierd that is killed (-9) in the middle of
# changes, save and restore over a flush.
#
#   [edge] alone
. "$(dirname "$0")/lib.sh"

# prefixes N4 N6 FIRST: /28s and /56s, every seventh an address of its own.
prefixes()
{
	awk -v n4="$1" -v n6="$2" -v first="$3" 'BEGIN {
		for (i = first; i < first + n4; i++)
			printf "%d.%d.%d.%d%s\n", 20 + int(i / 1048576), int(i / 4096) % 256,
				int(i / 16) % 256, i % 16 * 16 + (i % 7 ? 0 : 5), i % 7 ? "/28" : ""
		for (i = first; i < first + n6; i++)
			printf "2001:%x:%x:%x00::%s\n", 3503 + int(i / 16777216), int(i / 256) % 65536,
				i % 256, i % 7 ? "/56" : "7"
	}'
}

guard()
{
	api GET /v1/guard | jq -c '[.mode, .block, .allow]'
}

# turns: the longest turn of crierd's loop in us, and how many took more than 2 ms.
turns()
{
	api GET /metrics | awk '/^crier_loop_turn_max_seconds/ { max = $2 * 1e6 }
		/^crier_loop_turns_over_2ms_total/ { over = $2 } END { print int(max), over }'
}

topology
cat >"$T/crierd.yaml" <<'YAML'
capacity:
  guard_prefixes: 100000
YAML
crierd_start --config "$T/crierd.yaml"
want "what a fresh guard has" '["enforce",0,0]' "$(guard)"

# ---- many ----
prefixes 70000 30000 0 >"$T/many"
for what in add again replace; do
	options=()
	[ "$what" = replace ] && options=(--replace)
	start=$(date +%s%N)
	ctl guard block "${options[@]}" --file "$T/many" >"$T/said.log" || fail "guard block"
	echo "100,000 prefixes, $what: $((($(date +%s%N) - start) / 1000000)) ms: $(cat "$T/said.log")"
done
want "prefixes" '["enforce",100000,0]' "$(guard)"
read -r longest over < <(turns)
echo "longest turn of the loop $longest us, $over of more than 2 ms"
ctl guard list block >"$T/listed" || fail "guard list"
want "prefixes listed" 100000 "$(sort -u "$T/listed" | wc -l)"
refused 'enlarge capacity.guard_prefixes' ctl guard allow 10.0.0.0/8
sed '90000s/$/0/' "$T/listed" >"$T/bad"
refused 'bad: line 90000: .*nothing was changed' ctl guard block --replace --file "$T/bad"
want "prefixes after refusals" '["enforce",100000,0]' "$(guard)"
want "each was what was given" '{"deleted":100000,"missing":0,"block":0,"allow":0}' \
	"$(ctl guard del --file "$T/many" --json | jq -c .)"
ctl guard block --file "$T/listed" >/dev/null || fail "guard block of what was listed"

# ---- killed ----
prefixes 3000 1000 0 >"$T/a"
prefixes 500 200 500000 >"$T/b"
kills=0
for moment in 0 0.002 0.005 0.01 0.015 0.02 0.03 0.05 0.1 0.2; do
	for list in b a; do
		ctl guard block --replace --file "$T/$list" >/dev/null 2>&1 &
		changing=$!
		sleep "$moment"
		stop crierd KILL
		wait "$changing"
		crierd_start --config "$T/crierd.yaml"
		kills=$((kills + 1))
		now=$(guard)
		case $now in
		'["enforce",100000,0]' | '["enforce",4000,0]' | '["enforce",700,0]') ;;
		*) fail "lists after kill $kills: $now" ;;
		esac
		want "prefixes listed after kill $kills" "$(jq '.[1]' <<<"$now")" \
			"$(ctl guard list block | sort -u | wc -l)"
	done
	ctl guard block --replace --file "$T/a" >/dev/null || fail "guard block after a kill"
done
echo "$kills kills"

# ---- kept ----
ctl guard allow 20.0.0.17 2001:db8::/64 >/dev/null || fail "guard allow"
want "mode" count "$(ctl guard mode count)"
ctl guard list >"$T/before"
stop crierd
crierd_start --config "$T/crierd.yaml"
ctl guard list | diff "$T/before" - >&2 || fail "an ordered stop lost lists"
ctl save "$T/saved" || fail "save"
stop crierd
in_edge "$CRIERD" --flush || fail "flush"
crierd_start --config "$T/crierd.yaml"
want "the guard after a flush" '["enforce",0,0]' "$(guard)"
ctl guard block 99.0.0.0/8 >/dev/null || fail "guard block"
ctl restore "$T/saved" || fail "restore"
ctl guard list | diff "$T/before" - >&2 || fail "restored is not what was saved"
want "mode restored" count "$(ctl guard mode)"
stop crierd

# What the file says is added at each start, unless it has been moved since.
cat >>"$T/crierd.yaml" <<'YAML'
guard:
  mode: enforce
  block: [77.0.0.0/8, 77.1.0.0/16, "2001:db8:77::/48"]
  allow: [77.1.2.3]
YAML
crierd_start --config "$T/crierd.yaml"
becomes "lists after a start with others in the file" '["enforce",4003,3]' /v1/guard \
	'[.mode, .block, .allow] | tostring'
{ ctl guard del 77.1.0.0/16 77.0.0.0/8 2001:db8:77::/48 &&
	ctl guard allow 77.1.0.0/16 2001:db8:77::/48; } >/dev/null || fail "guard del"
stop crierd
crierd_start --config "$T/crierd.yaml"
becomes "lists after one more start" '["enforce",4001,5]' /v1/guard '[.mode, .block, .allow] | tostring'
want "one that was moved" 'allow 77.1.0.0/16' "$(ctl guard list | grep 77.1.0.0)"
want "warnings of what was moved" 1 "$(ctl status | grep -c 'WARNING:.*guard')"
ctl status | grep -q "WARNING: 2 of the guard's prefixes .*77.1.0.0/16 is one" || fail "no warning of two that were moved"
stop crierd
printf 'guard:\n  allow: [10.0.0.0/8]\n  block:\n    - 10.0.0.0/8\n' >"$T/bad.yaml"
refused 'bad.yaml:2: guard: 10.0.0.0/8 is on both lists' in_edge "$CRIERD" --config "$T/bad.yaml"

# A table made for fewer: the save is refused, and says which size to enlarge.
in_edge "$CRIERD" --flush || fail "flush"
crierd_start
refused 'enlarge capacity.guard_prefixes.*nothing was restored' ctl restore "$T/saved"
want "the guard after that" '["enforce",0,0]' "$(guard)"
stop crierd
