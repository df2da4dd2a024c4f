#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel's pktgen drives rooms of payload=udp, in scripts/vm's machine; every copy is judged.
#
#   pub: pktgen ── e0 [edge] e1 ── lsn: 50 listeners in each of 4 rooms, 60 in one of IPv6
#
# Software emulation is slow, and a veth drops what its peer's ring of 256 doesn't hold: low rates.
. "$(dirname "$0")/../net/lib.sh"
modprobe pktgen || skip "the kernel has no pktgen: run by scripts/vm"

PKTGEN=$LIB_DIR/../../scripts/pktgen/kernel
export CRIER_BUILD

# pktgen [option...]: what it says in $sent.
pktgen()
{
	sent=$(nsenter --net=/run/netns/pub "$PKTGEN" --interface p0 --force --json "$@") ||
		fail "pktgen $*"
	echo "pktgen: $sent"
}

topology
crierd_start
dp_start

# ---- four rooms, by turns ------------------------------------------------------------------------

for n in 1 2 3 4; do
	ctl room add "room$n" --port $((5000 + n - 1)) --from 10.1.0.2 --payload udp >/dev/null ||
		fail "room add room$n"
	listeners 50 $((n * 1000)) | members "room$n"
	listeners 50 $((n * 1000)) | sed "s/^/room$n /"
done >"$T/roster"
judge_start --listeners "$T/roster" --pktgen room/4 --log "$T/pktgen.pub"
pktgen --to 10.1.0.1 --port 5000 --rooms 4 --rate 100 --count 1000 --log "$T/pktgen.pub"
want "packets sent" 1000 "$(jq .sent <<<"$sent")"
all_right
want "copies seen" 50000 "$(judged copies_seen)"
for n in 1 2 3 4; do
	reconciles "room$n"
done
rm "$T/pktgen.pub"

# ---- floods that nobody may hear -----------------------------------------------------------------

before=$(stat_of .worker.copies)
pktgen --to 10.1.0.1 --port 5000 --flood random-source --rate 2000 --count 2000
pktgen --to 10.1.0.1 --port 5000 --flood wrong-source --rate 2000 --count 2000
want "copies of a flood" "$before" "$(stat_of .worker.copies)"
want_least "packets refused for their source" 3900 "$(stat_of .xdp.drop_source)"
echo "ok: a flood from wrong sources was refused: $(stat_of .xdp.drop_source)"

# ---- IPv6, with checksums, other sizes -----------------------------------------------------------

ctl room add six --port 5010 --from fd01::2 --payload udp >/dev/null || fail "room add six"
listeners6 60 | members six
listeners6 60 | sed 's/^/six /' >"$T/roster"
judge_start --listeners "$T/roster" --pktgen six --log "$T/pktgen.pub"
pktgen --to fd01::1 --port 5010 --size 600 --rate 60 --count 300 --room six --log "$T/pktgen.pub"
all_right
want "copies seen" 18000 "$(judged copies_seen)"
reconciles six

stop dp
stop crierd
