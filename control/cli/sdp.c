// SPDX-License-Identifier: BSD-2-Clause
/*
 * sdp: what a player at ADDR:PORT needs to play the room (RFC 8866).  Opus is
 * always announced as 48000/2, whatever it carries (RFC 7587 section 7), and RTCP
 * comes to the RTP port (RFC 5761).
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define PT_DEFAULT 111 /* what Opus publishers use by habit, where a stream names none */
#define PTS_MAX 16

struct destination {
	char addr[INET6_ADDRSTRLEN];
	const char *family; /* "IP4" or "IP6" */
	uint16_t port;
};

/* "a.b.c.d:port" or "[v6]:port".  0 or -1. */
static int destination_parse(const char *s, struct destination *d)
{
	const char *colon = strrchr(s, ':'), *begin = s, *end = colon;
	unsigned char addr[16];
	char text[INET6_ADDRSTRLEN];
	uint64_t port;
	int family = AF_INET;

	if (!colon || number_parse(colon + 1, 1, 65535, &port))
		return -1;
	if (*s == '[') {
		if (colon == s || colon[-1] != ']')
			return -1;
		family = AF_INET6;
		begin = s + 1;
		end = colon - 1;
	}
	if ((size_t)(end - begin) >= sizeof(text))
		return -1;
	memcpy(text, begin, (size_t)(end - begin));
	text[end - begin] = '\0';
	if (inet_pton(family, text, addr) != 1)
		return -1;
	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((struct in6_addr *)addr)) {
		memmove(addr, addr + 12, 4);
		family = AF_INET;
	}
	inet_ntop(family, addr, d->addr, sizeof(d->addr));
	d->family = family == AF_INET ? "IP4" : "IP6";
	d->port = (uint16_t)port;
	return 0;
}

/* The payload types that the room's streams may use, each once. */
static size_t payload_types(const json_t *room, int pts[PTS_MAX])
{
	const json_t *s;
	size_t i, n = 0;

	json_array_foreach (json_object_get(room, "streams"), i, s) {
		int pt = field_is_null(s, "pt") ? PT_DEFAULT : (int)field_int(s, "pt") & 127;
		size_t j = 0;

		while (j < n && pts[j] != pt)
			j++;
		if (j == n && n < PTS_MAX)
			pts[n++] = pt;
	}
	if (n == 0)
		pts[n++] = PT_DEFAULT;
	return n;
}

static char *sdp_text(const json_t *room, const struct destination *d)
{
	char *text = NULL, *name = printable(field_str(room, "name"));
	size_t len = 0, n;
	FILE *out = xalloc(open_memstream(&text, &len));
	int pts[PTS_MAX];

	n = payload_types(room, pts);
	fprintf(out, "v=0\r\n");
	fprintf(out, "o=- %" PRIu64 " %" PRIu64 " IN %s %s\r\n",
		(uint64_t)field_int(room, "created_s"), (uint64_t)field_int(room, "generation"),
		d->family, d->addr);
	fprintf(out, "s=%s\r\n", *name ? name : "-");
	fprintf(out, "c=IN %s %s\r\n", d->family, d->addr);
	fprintf(out, "t=0 0\r\n");
	fprintf(out, "m=audio %u RTP/AVP", d->port);
	for (size_t i = 0; i < n; i++)
		fprintf(out, " %d", pts[i]);
	fprintf(out, "\r\n");
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "a=rtpmap:%d opus/48000/2\r\n", pts[i]);
		fprintf(out, "a=fmtp:%d minptime=10;useinbandfec=1;sprop-stereo=1;stereo=1\r\n",
			pts[i]);
	}
	fprintf(out, "a=rtcp-mux\r\na=recvonly\r\n");
	if (fclose(out) != 0)
		xalloc(NULL);
	free(name);
	return text;
}

/* No listener of a room can be there: crierd would refuse it, and a player wait for ever. */
static bool is_nobody(const struct destination *d)
{
	struct in6_addr a6;
	struct in_addr a4;

	if (inet_pton(AF_INET6, d->addr, &a6) == 1)
		return IN6_IS_ADDR_MULTICAST(&a6) || IN6_IS_ADDR_UNSPECIFIED(&a6);
	return inet_pton(AF_INET, d->addr, &a4) == 1 &&
	       (IN_MULTICAST(ntohl(a4.s_addr)) || a4.s_addr == INADDR_ANY ||
		a4.s_addr == INADDR_BROADCAST);
}

int cmd_sdp(struct cli *cli)
{
	struct destination d;
	json_t *room, *object;
	char *path, *text;

	if (destination_parse(cli->argv[1], &d))
		return cli_usage(cli, "\"%s\" is no ADDR:PORT ([ADDR]:PORT for IPv6)",
				 cli->argv[1]);
	if (is_nobody(&d))
		return cli_usage(cli, "%s is no address of a listener: name the player's own",
				 d.addr);
	path = api_path("/v1/rooms/%s", cli->argv[0]);
	room = api_call(cli->api, "GET", path, NULL);
	free(path);
	if (!room)
		return cli_refused(cli);
	if (strcmp(field_str(room, "payload"), "udp") == 0) {
		cli_error("room %s carries plain UDP (--payload udp), which no SDP describes",
			  cli->argv[0]);
		json_decref(room);
		return CLI_REFUSED;
	}
	text = sdp_text(room, &d);
	if (cli->json) {
		object = xalloc(json_pack("{s:s}", "sdp", text));
		json_print(object);
		json_decref(object);
	} else {
		fputs(text, stdout);
	}
	free(text);
	json_decref(room);
	return CLI_OK;
}
