// SPDX-License-Identifier: BSD-2-Clause
/* room add|set|del|list|show, stream add|del */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "text.h"

/* Prints or passes on a call's answer as --json asks; takes the reference. */
static int done(const struct cli *cli, json_t *answer, const char *text)
{
	if (!answer)
		return cli_refused(cli);
	if (cli->json)
		json_print(answer);
	else
		puts(text);
	json_decref(answer);
	return CLI_OK;
}

static int put_number(const struct cli *cli, json_t *object, enum cli_opt id, uint64_t most)
{
	uint64_t n;

	if (!cli->opt[id])
		return CLI_OK;
	if (number_parse(cli->opt[id], 0, most, &n))
		return cli_usage(cli, "--%s wants a number from 0 to %" PRIu64 ", not \"%s\"",
				 opt_name(id), most, cli->opt[id]);
	json_object_set_new(object, opt_name(id), json_integer((json_int_t)n));
	return CLI_OK;
}

static int put_choice(const struct cli *cli, json_t *object, enum cli_opt id, const char *choices)
{
	const char *want = cli->opt[id];
	size_t len = want ? strlen(want) : 0;

	if (!want)
		return CLI_OK;
	for (const char *p = choices; p; p = strchr(p, '|'), p = p ? p + 1 : NULL) {
		if (len && strncmp(p, want, len) == 0 && (p[len] == '|' || !p[len])) {
			json_object_set_new(object, opt_name(id), json_string(want));
			return CLI_OK;
		}
	}
	return cli_usage(cli, "--%s is one of %s, not \"%s\"", opt_name(id), choices, want);
}

/*
 * The stream that the options describe.  Whoever may send into a room speaks to
 * all its listeners, so that a source is never left to chance: RTPbleed.
 */
static int stream_from_flags(const struct cli *cli, json_t **out)
{
	json_t *stream;
	uint64_t port;
	int code;

	if (!cli->opt[OPT_PORT])
		return cli_usage(cli,
				 "--port is missing: the UDP port to which the publisher sends");
	if (number_parse(cli->opt[OPT_PORT], 1, 65535, &port))
		return cli_usage(cli, "--port wants a UDP port, 1 to 65535, not \"%s\"",
				 cli->opt[OPT_PORT]);
	if (!cli->opt[OPT_FROM] || !*cli->opt[OPT_FROM]) {
		cli_error("refused: --from is missing. Say who may publish, --from ADDR[:PORT], or "
			  "--from any --ssrc N to let everyone who knows the SSRC");
		return CLI_REFUSED;
	}
	if (strcmp(cli->opt[OPT_FROM], "any") == 0 && cli->opt[OPT_PAYLOAD] &&
	    strcmp(cli->opt[OPT_PAYLOAD], "udp") == 0) {
		cli_error("refused: --from any cannot go with --payload udp, which has no SSRC to "
			  "know the publisher by: name its address");
		return CLI_REFUSED;
	}
	if (strcmp(cli->opt[OPT_FROM], "any") == 0 && !cli->opt[OPT_SSRC]) {
		cli_error("refused: --from any needs --ssrc N, or anyone could speak to the room");
		return CLI_REFUSED;
	}
	stream = xalloc(json_object());
	json_object_set_new(stream, "port", json_integer((json_int_t)port));
	json_object_set_new(stream, "from", json_string(cli->opt[OPT_FROM]));
	code = put_number(cli, stream, OPT_SSRC, UINT32_MAX);
	if (!code)
		code = put_number(cli, stream, OPT_PT, 127);
	if (code) {
		json_decref(stream);
		return code;
	}
	*out = stream;
	return CLI_OK;
}

int cmd_room_add(struct cli *cli)
{
	json_t *stream = NULL, *room = xalloc(json_object());
	char text[256];
	int code = stream_from_flags(cli, &stream);

	json_object_set_new(room, "name", json_string(cli->argv[0]));
	if (!code)
		code = put_choice(cli, room, OPT_PAYLOAD, "rtp|udp");
	if (!code)
		code = put_choice(cli, room, OPT_ENGINE, "auto|bypass|kernel|none");
	if (!code)
		code = put_number(cli, room, OPT_LIMIT, UINT32_MAX);
	if (!code && !json_object_get(room, "name"))
		code = cli_usage(cli, "the room's name is no UTF-8");
	if (!code) {
		json_object_set_new(room, "streams", json_pack("[O]", stream));
		snprintf(text, sizeof(text), "room %.64s is open: publish to UDP port %s",
			 cli->argv[0], cli->opt[OPT_PORT]);
		code = done(cli, api_call(cli->api, "POST", "/v1/rooms", room), text);
	}
	json_decref(stream);
	json_decref(room);
	return code;
}

int cmd_room_set(struct cli *cli)
{
	char *path, text[160];
	json_t *body;
	int code;

	if (strncmp(cli->argv[1], "engine=", 7))
		return cli_usage(cli, "only engine=... of a room can be set, not \"%s\"",
				 cli->argv[1]);
	cli->opt[OPT_ENGINE] = cli->argv[1] + 7;
	body = xalloc(json_object());
	code = put_choice(cli, body, OPT_ENGINE, "auto|bypass|kernel|none");
	if (code) {
		json_decref(body);
		return code;
	}
	path = api_path("/v1/rooms/%s", cli->argv[0]);
	snprintf(text, sizeof(text), "room %.64s has engine %s now", cli->argv[0],
		 cli->opt[OPT_ENGINE]);
	code = done(cli, api_call(cli->api, "PUT", path, body), text);
	json_decref(body);
	free(path);
	return code;
}

int cmd_room_del(struct cli *cli)
{
	char *path = api_path("/v1/rooms/%s", cli->argv[0]);
	char text[128];
	int code;

	snprintf(text, sizeof(text), "room %.64s is deleted", cli->argv[0]);
	code = done(cli, api_call(cli->api, "DELETE", path, NULL), text);
	free(path);
	return code;
}

int cmd_stream_add(struct cli *cli)
{
	char *path = api_path("/v1/rooms/%s/streams", cli->argv[0]);
	json_t *stream = NULL;
	char text[256];
	int code = stream_from_flags(cli, &stream);

	if (!code) {
		snprintf(text, sizeof(text), "room %.64s hears UDP port %s too", cli->argv[0],
			 cli->opt[OPT_PORT]);
		code = done(cli, api_call(cli->api, "POST", path, stream), text);
	}
	json_decref(stream);
	free(path);
	return code;
}

int cmd_stream_del(struct cli *cli)
{
	char *path, ssrc[32] = "", port[16], text[256];
	uint64_t n;
	int code;

	if (number_parse(cli->argv[1], 1, 65535, &n))
		return cli_usage(cli, "\"%s\" is no UDP port", cli->argv[1]);
	snprintf(port, sizeof(port), "%" PRIu64, n);
	if (cli->opt[OPT_SSRC]) {
		if (number_parse(cli->opt[OPT_SSRC], 0, UINT32_MAX, &n))
			return cli_usage(cli, "\"%s\" is no SSRC", cli->opt[OPT_SSRC]);
		snprintf(ssrc, sizeof(ssrc), "%" PRIu64, n);
	}
	path = *ssrc ? api_path("/v1/rooms/%s/streams/%s?ssrc=%s", cli->argv[0], port, ssrc)
		     : api_path("/v1/rooms/%s/streams/%s", cli->argv[0], port);
	snprintf(text, sizeof(text), "room %.64s no longer hears UDP port %s", cli->argv[0], port);
	code = done(cli, api_call(cli->api, "DELETE", path, NULL), text);
	free(path);
	return code;
}

int cmd_room_list(struct cli *cli)
{
	json_t *answer = api_call(cli->api, "GET", "/v1/rooms", NULL), *room;
	struct text *t;
	size_t i;

	if (!answer)
		return cli_refused(cli);
	if (cli->json) {
		json_print(answer);
		json_decref(answer);
		return CLI_OK;
	}
	t = text_new("ROOM|>LISTENERS|>STREAMS|PAYLOAD|ENGINE|SERVED BY");
	json_array_foreach (json_object_get(answer, "rooms"), i, room) {
		text_put(t, "%s", field_str(room, "name"));
		text_put(t, "%" PRId64, field_int(room, "listeners"));
		text_put(t, "%zu", json_array_size(json_object_get(room, "streams")));
		text_put(t, "%s", field_str(room, "payload"));
		text_put(t, "%s", field_str(room, "engine"));
		text_put(t, "%s", field_str(room, "serving"));
	}
	text_print(t, stdout, "");
	json_decref(answer);
	return CLI_OK;
}

static void print_streams(const json_t *streams)
{
	struct text *t = text_new(">UDP PORT|FROM|SSRC|PT|>ACCEPTED|>REFUSED");
	json_t *s;
	size_t i;

	json_array_foreach (streams, i, s) {
		text_put(t, "%" PRId64, field_int(s, "port"));
		text_put(t, "%s", field_str(s, "from"));
		if (field_is_null(s, "ssrc"))
			text_put(t, "any");
		else
			text_put(t, "0x%08" PRIx64, field_int(s, "ssrc"));
		if (field_is_null(s, "pt"))
			text_put(t, "any");
		else
			text_put(t, "%" PRId64, field_int(s, "pt"));
		text_put(t, "%" PRId64, field_int(s, "accepted"));
		text_put(t, "%" PRId64, field_int(s, "refused"));
	}
	text_print(t, stdout, "  ");
}

static void print_numbers(const json_t *object)
{
	const char *key;
	json_t *v;
	void *it;

	for (it = json_object_iter((json_t *)object); it;
	     it = json_object_iter_next((json_t *)object, it)) {
		key = json_object_iter_key(it);
		v = json_object_iter_value(it);
		if (json_is_integer(v))
			printf("  %-16s %" PRId64 "\n", key, field_int(object, key));
	}
}

static void print_room(const json_t *room)
{
	char *name = printable(field_str(room, "name"));
	char *payload = printable(field_str(room, "payload"));
	char *engine = printable(field_str(room, "engine"));
	char *serving = printable(field_str(room, "serving"));
	char *why = printable(field_str(room, "why"));
	time_t created = field_int(room, "created_s");
	char when[64] = "?";
	struct tm tm;

	if (created > 0 && localtime_r(&created, &tm))
		strftime(when, sizeof(when), "%F %T %z", &tm);
	printf("room %s (number %" PRId64 ", generation %" PRId64 "), since %s\n", name,
	       field_int(room, "id"), field_int(room, "generation"), when);
	printf("payload %s, engine %s, served by %s%s%s\n", payload, engine, serving,
	       *why ? ": " : "", why);
	printf("listeners %" PRId64 " (IPv4 %" PRId64 ", IPv6 %" PRId64 ")",
	       field_int(room, "listeners"), field_int(room, "listeners4"),
	       field_int(room, "listeners6"));
	if (field_int(room, "limit"))
		printf(", at most %" PRId64, field_int(room, "limit"));
	if (field_int(room, "unreachable"))
		printf(", %" PRId64 " of them have no route or no neighbour",
		       field_int(room, "unreachable"));
	puts("\nstreams:");
	print_streams(json_object_get(room, "streams"));
	puts("counters:");
	print_numbers(json_object_get(room, "stats"));
	free(name);
	free(payload);
	free(engine);
	free(serving);
	free(why);
}

int cmd_room_show(struct cli *cli)
{
	char *path = api_path("/v1/rooms/%s", cli->argv[0]);
	json_t *room = api_call(cli->api, "GET", path, NULL);

	free(path);
	if (!room)
		return cli_refused(cli);
	if (cli->json)
		json_print(room);
	else
		print_room(room);
	json_decref(room);
	return CLI_OK;
}
