#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every bad request gets a clear refusal, by crierctl and by plain HTTP; nothing is half done
# unsaid, and crierd lives on.
#
#   [edge] alone
. "$(dirname "$0")/lib.sh"

topology
crierd_start --max-listeners 1024 --max-listeners6 256
room talk 5000 --ssrc 1

echo "-- rooms"
refused 'exists' ctl room add talk --port 5002 --from 10.1.0.2
refused 'in use' ctl room add other --port 5000 --from 10.1.0.2
refused 'from' ctl room add other --port 5002
refused 'ssrc' ctl room add other --port 5002 --from any
refused '10.1.0.300' ctl room add other --port 5002 --from 10.1.0.300
refused '224\|multicast' ctl room add other --port 5002 --from 224.0.0.1
refused 'port' ctl room add other --port 0 --from 10.1.0.2
refused 'port' ctl room add other --port 65536 --from 10.1.0.2
refused 'pt' ctl room add other --port 5002 --from 10.1.0.2 --pt 128
refused 'name' ctl room add "$(printf 'x%.0s' {1..200})" --port 5002 --from 10.1.0.2
refused 'name' ctl room add 'a/b c' --port 5002 --from 10.1.0.2
refused 'nosuch' ctl room del nosuch
refused 'nosuch' ctl room show nosuch
refused 'nosuch' ctl listener add nosuch 10.128.0.1:5004
refused 'nosuch' ctl listener list nosuch
refused 'usage' ctl frobnicate
want "rooms" 1 "$(api GET /v1/rooms | jq '.rooms | length')"

echo "-- listeners"
ctl listener add talk 10.128.0.1:5004 >/dev/null || fail "listener add"
refused 'already\|exists\|is in' ctl listener add talk 10.128.0.1:5004
refused 'not in room talk' ctl listener del talk 10.128.0.9:5004
for bad in 0.0.0.0:5004 10.128.0.1:0 239.1.1.1:5004 255.255.255.255:5004 127.0.0.1:5004 \
	'[::]:5004' '[ff02::1]:5004' '[::1]:5004' '[10.128.0.1]:5004' 10.128.0.1 10.128.0.1:65536 \
	10.128.0.1:5004x fd80::1:5004 10.128.0:5004 :5004 'talk' ' ' 10.128.0.01:+5; do
	refused . ctl listener add talk "$bad"
done
want "listeners" 1 "$(count_of talk)"

echo "-- a bulk list"
{ listeners 100 50 && echo 10.128.0.999:5004 && listeners 100 500; } >"$T/list"
refused 'line 101' ctl listener add talk --file "$T/list"
want "listeners after a bad line" 1 "$(count_of talk)"
refused 'nosuch' ctl listener add talk --file "$T/nosuch"
refused 'capacity\|max-listeners\|enlarge' ctl listener add talk --file <(listeners 2000 100)
echo "listeners in the full room: $(count_of talk)"
refused 'capacity\|max-listeners\|enlarge' ctl listener add talk 10.129.0.1:5004
listeners 2000 100 >"$T/list"
api POST /v1/rooms/talk/listeners/delete -H 'content-type: text/plain' --data-binary "@$T/list" >/dev/null ||
	fail "bulk delete"
want "listeners after bulk delete" 1 "$(count_of talk)"
refused 'capacity\|max-listeners6\|enlarge' ctl listener add talk --file <(listeners6 2000)
api DELETE /v1/rooms/talk >/dev/null
room talk 5000 --ssrc 1
ctl listener add talk 10.128.0.1:5004 >/dev/null || fail "listener add"

echo "-- HTTP"
# status WANT METHOD PATH [curl option...]: the status, and an error that is JSON.
status()
{
	local code
	code=$(curl -s -o "$T/answer" -w '%{http_code}' --max-time 120 --unix-socket "$SOCKET" -X "$2" \
		"http://crier$3" "${@:4}")
	want "$2 $3 ${*:4}" "$1" "$code"
	jq -e '.error | length > 5' "$T/answer" >/dev/null || fail "$2 $3: no reason given: $(cat "$T/answer")"
	echo "ok: $1 $2 $3: $(jq -r .error "$T/answer" | cut -c 1-120)"
}
json=(-H 'content-type: application/json')
status 404 GET /v1/nothing
status 404 GET /v1/rooms/nosuch
status 404 GET /v1/settings/nosuch
status 405 PUT /v1/rooms
status 400 POST /v1/rooms "${json[@]}" -d '{"name": "x", "streams": [{'
status 400 POST /v1/rooms "${json[@]}" -d '[1]'
status 400 POST /v1/rooms "${json[@]}" -d '{"name": 5, "streams": []}'
status 400 POST /v1/rooms "${json[@]}" -d '{"name": "x", "streams": "no"}'
status 400 POST /v1/rooms "${json[@]}" -d '{"name": "x", "streams": [{"port": "many", "from": "10.1.0.2"}]}'
status 400 POST /v1/rooms "${json[@]}" -d '{"name": "x", "frobnicate": 1, "streams": [{"port": 1, "from": "10.1.0.2"}]}'
status 400 POST /v1/rooms/talk/listeners "${json[@]}" -d '{"listener": 17}'
status 400 POST /v1/rooms/talk/listeners "${json[@]}" -d '{"listeners": ["10.128.0.2:5004", null]}'
status 400 PUT /v1/settings/ttl "${json[@]}" -d '{"value": "x"}'
status 400 PUT /v1/settings/ttl "${json[@]}" -d '{"value": 1e99}'
status 400 PUT /v1/settings/ttl "${json[@]}" -d '{"value": 256}'
printf '[%.0s' {1..30000} >"$T/deep"
status 400 POST /v1/rooms "${json[@]}" --data-binary "@$T/deep"
head -c 200000 /dev/zero | tr '\0' ' ' >"$T/large"
status 413 POST /v1/rooms "${json[@]}" --data-binary "@$T/large"
head -c 100000000 /dev/zero | tr '\0' ' ' >"$T/huge"
# libevent itself answers what exceeds every route's limit, and not in JSON.
want "100 MB" 413 "$(curl -s -o "$T/answer" -w '%{http_code}' --unix-socket "$SOCKET" \
	-H 'content-type: text/plain' --data-binary "@$T/huge" http://crier/v1/rooms/talk/listeners)"
refused 'larger\|longer' ctl listener add talk --file "$T/huge"
head -c 50000 /dev/urandom >"$T/noise"
status 400 POST /v1/rooms/talk/listeners -H 'content-type: text/plain' --data-binary "@$T/noise"
status 400 POST /v1/rooms "${json[@]}" --data-binary "@$T/noise" -H 'expect:'
status 400 POST /v1/restore --data-binary '{"crier":"save","abi":99}'
status 400 POST /v1/restore --data-binary "@$T/noise"
timeout 5 socat - "UNIX-CONNECT:$SOCKET" <"$T/noise" >/dev/null 2>&1

refused 'crierd' "$CRIERCTL" --socket /run/nosuch.sock status
alive crierd || fail "crierd is gone"
want "listeners in the end" 1 "$(count_of talk)"
stop crierd

echo "-- more clients than descriptors"
start crierd edge prlimit --nofile=256:256 "$CRIERD" --interface e0 --interface e1
wait_log crierd 'crierd: ready'
start crowd edge python3 -c 'import socket, time
held = []
for _ in range(200):
    held.append(socket.socket(socket.AF_UNIX))
    held[-1].connect("'"$SOCKET"'")
time.sleep(3)'
wait_log crierd 'another client'
wait_end crowd
[ "$(wc -l <"$T/crierd.log")" -lt 100 ] || fail "crierd spins while it has no descriptor left"
wait_until 60 api GET /v1/status || fail "crierd serves nobody after a crowd of clients"
want "listeners after the crowd" 1 "$(count_of talk)"
stop crierd
