/* SPDX-License-Identifier: BSD-2-Clause */
#include "config_rooms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

#define ROOMS_MAX 10000 /* each is compared with all others */

/* Who has an ingest port: the room's number + 1, and how many streams are on it. */
struct port_use {
	uint32_t room;
	uint32_t streams;
};

struct check {
	struct config_doc *d;
	const struct config *c;
	struct port_use *port; /* 65536 */
};

bool config_is_name(const char *s)
{
	/* As in a path of the API, a label of a metric and a file's name. */
	return strcmp(s, ".") != 0 && strcmp(s, "..") != 0 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       strlen(s);
}

/* ---- streams ---- */

static int check_from(struct config_doc *d, const yaml_node_t *node, const struct config_stream *s,
		      const char *room)
{
	const yaml_node_t *from = doc_key(d, node, "from");
	struct crier_endpoint ep;
	int rc;

	if (s->from == NULL)
		return doc_refuse(d, node,
				  "room %s: a stream without from would take audio from anybody; "
				  "say from: ADDRESS[:PORT], or from: any with an ssrc",
				  room);
	if (strcmp(s->from, "any") == 0)
		return s->ssrc ? 0 : doc_refuse(d, from, "room %s: from: any needs an ssrc", room);
	rc = endpoint_parse_from(s->from, strlen(s->from), &ep);
	if (rc)
		return doc_refuse(d, from, "room %s: from: \"%.60s\": %s", room, s->from,
				  endpoint_strerror(rc));
	if (addr_is_multicast(&ep.addr) || addr_is_unspecified(&ep.addr) ||
	    addr_is_broadcast(&ep.addr))
		return doc_refuse(d, from, "room %s: from: %s is nobody's address", room, s->from);
	return 0;
}

/* There is no RTP header to look at. */
static int check_payload(struct config_doc *d, const yaml_node_t *node,
			 const struct config_room *room, const struct config_stream *s)
{
	const char *key = s->ssrc ? "ssrc" : s->pt ? "pt" : NULL;

	if (room->payload != CRIER_PAYLOAD_UDP || key == NULL)
		return 0;
	return doc_refuse(d, doc_key(d, node, key),
			  "room %s: %s means nothing where payload is udp; name the publisher's "
			  "address in from",
			  room->name, key);
}

static struct crier_endpoint from_of(const struct config_stream *s)
{
	struct crier_endpoint ep = {0};

	if (strcmp(s->from, "any") != 0)
		endpoint_parse_from(s->from, strlen(s->from), &ep);
	return ep;
}

static bool same_stream(const struct config_stream *a, const struct config_stream *b)
{
	struct crier_endpoint from_a = from_of(a), from_b = from_of(b);

	return a->port == b->port && endpoint_equal(&from_a, &from_b) && !a->ssrc == !b->ssrc &&
	       (!a->ssrc || *a->ssrc == *b->ssrc) && !a->pt == !b->pt &&
	       (!a->pt || *a->pt == *b->pt);
}

/* A port is one room's, and no stream is there twice. */
static int check_port(const struct check *k, const yaml_node_t *node, uint32_t n, uint32_t stream)
{
	const struct config_room *room = &k->c->rooms[n];
	const struct config_stream *s = &room->streams[stream];
	const yaml_node_t *at = doc_key(k->d, node, "port");
	struct port_use *use = &k->port[s->port];

	if (use->room && use->room != n + 1)
		return doc_refuse(k->d, at, "room %s: port %u is room %s's", room->name, s->port,
				  k->c->rooms[use->room - 1].name);
	for (uint32_t i = 0; i < stream; i++)
		if (same_stream(&room->streams[i], s))
			return doc_refuse(k->d, node, "room %s: this stream is given twice",
					  room->name);
	use->room = n + 1;
	if (++use->streams > CRIER_PORT_STREAMS)
		return doc_refuse(k->d, at, "room %s: port %u has more than %d streams", room->name,
				  s->port, CRIER_PORT_STREAMS);
	return 0;
}

static int check_stream(const struct check *k, const yaml_node_t *node, uint32_t n, uint32_t stream)
{
	const struct config_room *room = &k->c->rooms[n];
	const struct config_stream *s = &room->streams[stream];
	int rc = doc_bounds(k->d, node, "port", s->port, 1, 65535);

	if (rc == 0 && s->port == k->c->media_port)
		rc = doc_refuse(k->d, doc_key(k->d, node, "port"),
				"room %s: port %u is the media port; publishers need another",
				room->name, s->port);
	if (rc == 0 && s->pt)
		rc = doc_bounds(k->d, node, "pt", *s->pt, 0, 127);
	rc = rc ? rc : check_from(k->d, node, s, room->name);
	rc = rc ? rc : check_payload(k->d, node, room, s);
	return rc ? rc : check_port(k, node, n, stream);
}

static int check_streams(const struct check *k, const yaml_node_t *list, uint32_t n)
{
	const struct config_room *room = &k->c->rooms[n];
	int rc = 0;

	if (room->streams_count > ROOM_STREAMS)
		return doc_refuse(k->d, list, "room %s: more than %d streams", room->name,
				  ROOM_STREAMS);
	for (uint32_t i = 0; rc == 0 && i < room->streams_count; i++)
		rc = check_stream(k, doc_item(k->d, list, i), n, i);
	return rc;
}

/* ---- rooms ---- */

static int check_listeners(struct config_doc *d, const yaml_node_t *list,
			   const struct config_room *room)
{
	struct crier_endpoint ep;

	for (uint32_t i = 0; i < room->listeners_count; i++) {
		const char *s = room->listeners[i];
		int rc = member_parse(s, strlen(s), &ep);

		if (rc)
			return doc_refuse(d, doc_item(d, list, i),
					  "room %s: listener \"%.60s\": %s", room->name, s,
					  endpoint_strerror(rc));
	}
	if (room->limit && room->listeners_count > room->limit)
		return doc_refuse(d, list, "room %s: %u listeners, and a limit of %u", room->name,
				  room->listeners_count, room->limit);
	return 0;
}

static int check_room(const struct check *k, const yaml_node_t *node, uint32_t n)
{
	const struct config_room *room = &k->c->rooms[n];
	int rc;

	if (!config_is_name(room->name))
		return doc_refuse(k->d, doc_key(k->d, node, "name"),
				  "room \"%s\": a name has letters, digits, '.', '_' and '-'",
				  room->name);
	for (uint32_t i = 0; i < n; i++) {
		if (strcmp(k->c->rooms[i].name, room->name) == 0)
			return doc_refuse(k->d, doc_key(k->d, node, "name"),
					  "room %s is given twice", room->name);
	}
	rc = check_streams(k, doc_key(k->d, node, "streams"), n);
	return rc ? rc : check_listeners(k->d, doc_key(k->d, node, "listeners"), room);
}

int config_check_rooms(struct config_doc *d, const struct config *c)
{
	const yaml_node_t *list = doc_key(d, doc_root(d), "rooms");
	struct check k = {.d = d, .c = c, .port = calloc(65536, sizeof(*k.port))};
	int rc = 0;

	if (k.port == NULL)
		return doc_refuse(d, list, "out of memory");
	if (c->rooms_count > ROOMS_MAX)
		rc = doc_refuse(d, list, "rooms: more than %d; add them by the API", ROOMS_MAX);
	for (uint32_t i = 0; rc == 0 && i < c->rooms_count; i++)
		rc = check_room(&k, doc_item(d, list, i), i);
	free(k.port);
	return rc;
}
