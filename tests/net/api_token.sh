#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The API over TCP asks for its token: the right one opens it, a wrong one and none do not, and
# nothing is changed by those.
#
#   [edge] alone
. "$(dirname "$0")/lib.sh"

topology
(umask 077 && echo not-to-be-guessed >"$T/token")
config()
{
	printf 'interfaces:\n  - name: e0\napi:\n  tcp: 127.0.0.1:8080\n%s\n' "$1" >"$T/crierd.yaml"
}
config ''
refused 'token' in_edge timeout --foreground 60 "$CRIERD" --config "$T/crierd.yaml"
config "  token_file: $T/nosuch"
refused 'token file.*nosuch' in_edge timeout --foreground 60 "$CRIERD" --config "$T/crierd.yaml"
for empty in '' '\n'; do # one that anybody can guess
	# shellcheck disable=SC2059 # an escape
	printf "$empty" >"$T/empty"
	config "  token_file: $T/empty"
	refused 'token file.*nothing in' in_edge timeout --foreground 60 "$CRIERD" --config "$T/crierd.yaml"
done
config "  token_file: $T/token"
start crierd edge "$CRIERD" --config "$T/crierd.yaml"
wait_log crierd 'crierd: ready'
room talk 5000

# tcp WANT METHOD PATH [curl option...]
tcp()
{
	local code
	code=$(in_edge curl -s -o "$T/answer" -w '%{http_code}' --max-time 60 -X "$2" \
		"http://127.0.0.1:8080$3" "${@:4}")
	want "$2 $3 ${*:4}" "$1" "$code"
	jq -e . "$T/answer" >/dev/null || fail "$2 $3: no JSON: $(cat "$T/answer")"
}
right='Authorization: Bearer not-to-be-guessed'
tcp 200 GET /v1/rooms/talk -H "$right"
tcp 200 GET /v1/rooms/talk -H "${right/Bearer/bearer}"
tcp 401 GET /v1/rooms/talk
for wrong in 'Bearer not-to-be-guesse' 'Bearer not-to-be-guessed2' 'Bearer ' 'Bearer' \
	'Basic not-to-be-guessed' 'Digest not-to-be-guessed' 'not-to-be-guessed' ''; do
	tcp 401 DELETE /v1/rooms/talk -H "Authorization: $wrong"
	tcp 401 POST /v1/rooms/talk/listeners -H "Authorization: $wrong" \
		-H 'content-type: text/plain' -d 10.128.0.1:5004
done
want "the room, still there" '"talk" 0' "$(api GET /v1/rooms/talk | jq -c .name,.listeners | xargs -d '\n')"
tcp 200 DELETE /v1/rooms/talk -H "$right"
stop crierd
