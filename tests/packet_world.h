/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small world of tables, in which packets.h says what must become of a packet.
 *
 *   local addresses   192.0.2.1, 2001:db8::1
 *   media port        3478
 *   block list        198.18.0.0/16, 2001:db8:b::/48, 2001:db8:b0:1::/64, 2001:db8:b0:2::7/128
 *   allow list        198.18.128.0/17, 198.18.1.1/32, 2001:db8:b:1::/64, 2001:db8:b0:1::7/128
 *   crier0            the interface that test says
 *   members           198.51.100.44, 198.18.0.44 and 2001:db8:1::44, each with port 5004
 *
 *   port  stream  room      from                     ssrc      pt   engine
 *   5000  1       1 rtp     198.51.100.7             11223344  111  bypass
 *   5001  2       2 udp     198.51.100.7:4000        -         -    bypass
 *   5002  3       3 rtp     2001:db8:1::7            -         -    bypass
 *   5003  4       1 rtp     198.51.100.7             aaaaaaaa  96   bypass
 *         5       1 rtp     198.51.100.8             bbbbbbbb  -
 *         6       3 rtp     any                      cccccccc  -
 *   5004  7       4 rtp     any                      11223344  -    none
 *   5005  8       5 udp     any                      -         -    kernel
 *   5006  9       6 rtp     any                      11223344  -    room gone
 *   5007  10      1 rtp     any                      -         -    stream free
 */
#ifndef CRIER_TEST_PACKET_WORLD_H
#define CRIER_TEST_PACKET_WORLD_H

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "guard_match.h"
#include "members.h"
#include "tables.h"

#define WORLD_MEDIA_PORT 3478

static const struct tables_size world_size = {
	.members4 = 1024,
	.members6 = 256,
	.rooms = 15,
	.streams = 31,
	.vias = 31,
	.locals = 16,
};

static inline struct crier_addr world_addr(const char *s)
{
	struct crier_addr a;

	if (addr_parse(s, strlen(s), &a))
		abort();
	return a;
}

static inline void world_local(struct tables *t, const char *s, uint32_t state)
{
	struct crier_addr a = world_addr(s);
	uint32_t mask = t->config->locals - 1, at = local_hash(&a);

	while (t->locals[at & mask].state)
		at++;
	t->locals[at & mask] = (struct crier_local){.addr = a, .state = state};
}

static inline void world_room(struct tables *t, uint32_t n, enum crier_payload payload,
			      enum crier_engine engine)
{
	t->rooms[n].generation = 100 + n;
	t->rooms[n].payload = payload;
	t->rooms[n].engine = engine;
}

/* from: NULL is any; ssrc, pt: 0 is any. */
static inline void world_stream(struct tables *t, uint32_t n, uint16_t port, uint32_t room,
				const char *from, uint32_t ssrc, uint8_t pt)
{
	struct crier_stream *s = &t->streams[n];
	uint32_t *link = &t->ingest[port / 64].stream[port % 64];
	struct crier_endpoint ep = {0};

	while (*link)
		link = &t->streams[*link].next;
	*link = n;
	*s = (struct crier_stream){
		.room = room,
		.generation = t->rooms[room].generation,
		.port = htons(port),
		.ssrc = htonl(ssrc),
		.pt = pt,
		.payload = (uint8_t)t->rooms[room].payload,
		.state = 1,
	};
	if (from && endpoint_parse_from(from, strlen(from), &ep))
		abort();
	s->from = ep.addr;
	s->from_port = ep.port;
	s->flags = (from ? CRIER_STREAM_FROM : 0) | (ep.port ? CRIER_STREAM_FROM_PORT : 0) |
		   (ssrc ? CRIER_STREAM_SSRC : 0) | (pt ? CRIER_STREAM_PT : 0);
}

#define WORLD_PREFIXES 8

static inline void world_prefixes(struct crier_guard_prefix out[WORLD_PREFIXES])
{
	const struct crier_guard_prefix list[WORLD_PREFIXES] = {
		match_prefix("198.18.0.0/16", CRIER_GUARD_BLOCK),
		match_prefix("198.18.128.0/17", CRIER_GUARD_ALLOW),
		match_prefix("198.18.1.1/32", CRIER_GUARD_ALLOW),
		match_prefix("2001:db8:b::/48", CRIER_GUARD_BLOCK),
		match_prefix("2001:db8:b:1::/64", CRIER_GUARD_ALLOW),
		match_prefix("2001:db8:b0:1::/64", CRIER_GUARD_BLOCK),
		match_prefix("2001:db8:b0:1::7/128", CRIER_GUARD_ALLOW),
		match_prefix("2001:db8:b0:2::7/128", CRIER_GUARD_BLOCK),
	};

	memcpy(out, list, sizeof(list));
}

static inline void world_guard(struct tables *t)
{
	struct crier_guard_prefix list[WORLD_PREFIXES];

	world_prefixes(list);
	match_guard(t, list, WORLD_PREFIXES);
}

/* Our end of crier0. */
static inline void world_crier0(struct tables *t, uint32_t port, uint32_t ifindex)
{
	t->ports[port].flags = CRIER_PORT_LOCAL;
	t->ports[port].ifindex = ifindex;
}

/* A word of the index of members, at the first place that is free for it. */
static inline void world_index(struct tables *t, const char *s, uint16_t port, uint32_t slot)
{
	struct crier_addr a = world_addr(s);
	uint64_t hash = member_hash(t->config->index_seed, &a, !addr_is_v4(&a), htons(port));
	uint32_t at = (uint32_t)((hash >> 32) * t->config->index_words >> 32);
	uint32_t *word = (uint32_t *)t->member_index; /* all elements' */

	while (word[at])
		at = (at + 1) % t->config->index_words;
	word[at] = ((uint32_t)hash & ~t->config->index_mask) | slot;
}

static inline void world_member(struct tables *t, const char *s, uint16_t port, uint32_t slot)
{
	uint32_t page = slot / CRIER_PAGE_SLOTS, place = slot % CRIER_PAGE_SLOTS;
	struct crier_addr a = world_addr(s);

	if (addr_is_v4(&a)) {
		t->members4[page].member[place] = member4_word(a.w[3], htons(port), 7);
	} else {
		page6_members(t, page)->member[place].addr = a;
		page6_members(t, page)->member[place].word = member6_word(htons(port), 7);
	}
	world_index(t, s, port, slot);
}

static inline void world_members(struct tables *t)
{
	uint32_t slot6 = t->config->pages4 * CRIER_PAGE_SLOTS;

	t->config->index_seed = 0x0123456789abcdefULL;
	world_member(t, "198.51.100.44", 5004, 2 * CRIER_PAGE_SLOTS + 3);
	world_member(t, "198.18.0.44", 5004, 2 * CRIER_PAGE_SLOTS + 4);
	world_member(t, "2001:db8:1::44", 5004, slot6 + 200);
	/* They left, and others came; or they are in the index, and in no slot. */
	world_index(t, "198.51.100.45", 5004, 2 * CRIER_PAGE_SLOTS + 3);
	world_index(t, "2001:db8:1::45", 5004, slot6 + 200);
	world_index(t, "198.51.100.46", 5004, 2 * CRIER_PAGE_SLOTS + 5);
	world_index(t, "2001:db8:1::46", 5004, slot6 + 201);
	world_index(t, "2001:db8:1::47", 5004, 2 * CRIER_PAGE_SLOTS + 3);
	world_index(t, "198.51.100.47", 5004, slot6 + 200);
	/* They are there by another port now. */
	world_index(t, "198.51.100.44", 5006, 2 * CRIER_PAGE_SLOTS + 3);
	world_index(t, "2001:db8:1::44", 5006, slot6 + 200);
	world_member(t, "2001:db8:1::48", 5004, slot6 + 202);
	page6_members(t, t->config->pages4)->member[202].word &= ~CRIER_MEMBER6_VALID;
}

static inline void world_init(struct tables *t)
{
	world_guard(t);
	world_members(t);
	/* most tests are of other things than the cap */
	t->config->setting[CRIER_SET_guard_punt_pps] = 10000000;
	t->config->setting[CRIER_SET_guard_member_pps] = 10000000;
	t->config->media_port = htons(WORLD_MEDIA_PORT);
	world_local(t, "192.0.2.1", 1);
	world_local(t, "192.0.2.9", 2); /* was ours once */
	world_local(t, "2001:db8::1", 1);
	world_room(t, 1, CRIER_PAYLOAD_RTP, CRIER_ENGINE_BYPASS);
	world_room(t, 2, CRIER_PAYLOAD_UDP, CRIER_ENGINE_BYPASS);
	world_room(t, 3, CRIER_PAYLOAD_RTP, CRIER_ENGINE_BYPASS);
	world_room(t, 4, CRIER_PAYLOAD_RTP, CRIER_ENGINE_NONE);
	world_room(t, 5, CRIER_PAYLOAD_UDP, CRIER_ENGINE_KERNEL);
	world_room(t, 6, CRIER_PAYLOAD_RTP, CRIER_ENGINE_BYPASS);
	world_stream(t, 1, 5000, 1, "198.51.100.7", 0x11223344, 111);
	world_stream(t, 2, 5001, 2, "198.51.100.7:4000", 0, 0);
	world_stream(t, 3, 5002, 3, "2001:db8:1::7", 0, 0);
	world_stream(t, 4, 5003, 1, "198.51.100.7", 0xaaaaaaaa, 96);
	world_stream(t, 5, 5003, 1, "198.51.100.8", 0xbbbbbbbb, 0);
	world_stream(t, 6, 5003, 3, NULL, 0xcccccccc, 0);
	world_stream(t, 7, 5004, 4, NULL, 0x11223344, 0);
	world_stream(t, 8, 5005, 5, NULL, 0, 0);
	world_stream(t, 9, 5006, 6, NULL, 0x11223344, 0);
	t->rooms[6].generation = 0;
	world_stream(t, 10, 5007, 1, NULL, 0, 0);
	t->streams[10].state = 0;
}

#endif
