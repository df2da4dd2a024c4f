/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets, and what must become of them: one table for the native decision
 * (tests/unit/test_packet.c) and for the XDP program (tests/bpf/test_steer.c), over
 * one small world of tables.
 */
#ifndef CRIER_TEST_PACKETS_H
#define CRIER_TEST_PACKETS_H

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "guard.h"
#include "guard_match.h"
#include "packet.h"
#include "tables.h"

/*
 * ---- the world ---------------------------------------------------------------------
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

static inline void world_guard(struct tables *t)
{
	const struct crier_guard_prefix list[] = {
		match_prefix("198.18.0.0/16", CRIER_GUARD_BLOCK),
		match_prefix("198.18.128.0/17", CRIER_GUARD_ALLOW),
		match_prefix("198.18.1.1/32", CRIER_GUARD_ALLOW),
		match_prefix("2001:db8:b::/48", CRIER_GUARD_BLOCK),
		match_prefix("2001:db8:b:1::/64", CRIER_GUARD_ALLOW),
		match_prefix("2001:db8:b0:1::/64", CRIER_GUARD_BLOCK),
		match_prefix("2001:db8:b0:1::7/128", CRIER_GUARD_ALLOW),
		match_prefix("2001:db8:b0:2::7/128", CRIER_GUARD_BLOCK),
	};

	match_guard(t, list, sizeof(list) / sizeof(list[0]));
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

	while (t->member_index->word[at])
		at = (at + 1) % t->config->index_words;
	t->member_index->word[at] = ((uint32_t)hash & ~t->config->index_mask) | slot;
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

/*
 * ---- packets -------------------------------------------------------------------------
 */
struct packet_case {
	const char *name;
	int crier0;		     /* it came in by our end of crier0 */
	const char *src, *dst;	     /* addresses; NULL: 198.51.100.7 and 192.0.2.1 */
	uint16_t sport, dport;	     /* 0: 4000, 5000 */
	const char *payload;	     /* hex, blanks ignored; NULL: RTP_OK */
	uint16_t tpid[2];	     /* VLAN tags, outer first */
	uint16_t type;		     /* EtherType, 0: the family's */
	uint16_t proto;		     /* 0: UDP; 256: 0 */
	uint8_t hops;		     /* 0: 64 */
	uint8_t version_ihl;	     /* 0: right (IPv6: first byte) */
	uint16_t frag;		     /* IPv4 flags and offset */
	int ip_len_add, udp_len_add; /* lies in the length fields */
	uint16_t check_xor;	     /* lie in the IPv4 header's checksum */
	uint16_t trailer;	     /* bytes after the IP packet */
	int cut;		     /* bytes taken off the end */
	enum crier_xdp_counter want;
	enum crier_xdp_counter also; /* counted besides, 0: nothing */
	uint32_t stream;	     /* whose */
	int rtcp;
	enum crier_xdp_counter counted; /* what it is where the guard only counts; 0: as want */
	uint32_t counted_stream;	/* and whose then */
};

#define RTP_HEAD "806f 0001 00000064 11223344 "
#define RTP_OK RTP_HEAD "fc00112233445566"
#define RTP_SSRC(ssrc) "806f 0001 00000064 " ssrc " fc001122"
#define SR_BLOCKLESS(ssrc) "80c80006 " ssrc " 83aa7e80 00000000 00000064 00000001 00000008"
#define RR_BLOCKLESS(ssrc) "80c90001 " ssrc
#define SDES(ssrc) "81ca0003 " ssrc " 01026162 00000000"
#define BYE(ssrc) "81cb0001 " ssrc
#define OURS "11223344"
#define V6 .src = "2001:db8:1::7", .dst = "2001:db8::1", .dport = 5002

#define FROM6(addr) .src = addr, .dst = "2001:db8::1"
#define STREAM6(addr) FROM6(addr), .dport = 5002
#define STUN "0001 0000 2112a442 000102030405060708090a0b"

/* What the guard refuses, what it is where it only counts, and to which stream. */
#define ODD(title, verdict, else_verdict, else_stream, ...) \
	{ \
		.name = title, .want = CRIER_XDP_##verdict, .counted = else_verdict, \
		.counted_stream = else_stream, __VA_ARGS__ \
	}
#define BLOCKED(title, else_verdict, else_stream, ...) \
	ODD(title, guard_blocked, else_verdict, else_stream, __VA_ARGS__)
#define MEDIA(title, verdict, ...) \
	ODD(title, verdict, CRIER_XDP_pass_media, 0, .dport = WORLD_MEDIA_PORT, __VA_ARGS__)
#define LISTENER(title, ...) \
	{ \
		.name = title, .want = CRIER_XDP_pass_media, .also = CRIER_XDP_guard_punt, \
		.dport = WORLD_MEDIA_PORT, __VA_ARGS__ \
	}

#define MEMBER(title, ...) \
	{ \
		.name = title, .want = CRIER_XDP_pass_media, .also = CRIER_XDP_guard_member, \
		.dport = WORLD_MEDIA_PORT, .sport = 5004, __VA_ARGS__ \
	}

static const struct packet_case packet_cases[] = {
	/* What is to be heard */
	{"rtp4", .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 marker", .payload = "80ef 0001 00000064 11223344 00", .want = CRIER_XDP_accepted,
	 .stream = 1},
	{"rtp4 without payload", .payload = RTP_HEAD, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 any source port", .sport = 61000, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 one vlan", .tpid = {0x8100}, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 service vlan", .tpid = {0x88a8}, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 two vlans", .tpid = {0x88a8, 0x8100}, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 two vlans 8100", .tpid = {0x8100, 0x8100}, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 ethernet padding", .trailer = 20, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 don't fragment", .frag = 0x4000, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp4 udp shorter than ip", .udp_len_add = -2, .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp6", V6, .want = CRIER_XDP_accepted, .stream = 3},
	{"rtp6 one vlan", V6, .tpid = {0x8100}, .want = CRIER_XDP_accepted, .stream = 3},
	{"rtp6 two vlans", V6, .tpid = {0x88a8, 0x8100}, .want = CRIER_XDP_accepted, .stream = 3},
	{"rtp6 traffic class", V6, .version_ihl = 0x6b, .want = CRIER_XDP_accepted, .stream = 3},
	{"rtp one csrc", .payload = "816f 0001 00000064 11223344 01020304 aa",
	 .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp csrcs fill it", .payload = "826f 0001 00000064 11223344 01020304 01020304",
	 .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp extension", .payload = "906f 0001 00000064 11223344 bede0001 10ff0000 aa",
	 .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp empty extension", .payload = "906f 0001 00000064 11223344 bede0000",
	 .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp padding", .payload = "a06f 0001 00000064 11223344 aabb0002",
	 .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp only padding", .payload = "a06f 0001 00000064 11223344 00000004",
	 .want = CRIER_XDP_accepted, .stream = 1},
	{"rtp csrc, extension, padding",
	 .payload = "b16f 0001 00000064 11223344 01020304 bede0001 10ff0000 aa01",
	 .want = CRIER_XDP_accepted, .stream = 1},

	/* RTCP on the same port */
	{"sr", .payload = SR_BLOCKLESS(OURS), .want = CRIER_XDP_accepted, .stream = 1, .rtcp = 1},
	{"sr with sdes", .payload = SR_BLOCKLESS(OURS) SDES(OURS), .want = CRIER_XDP_accepted,
	 .stream = 1, .rtcp = 1},
	{"rr", .payload = RR_BLOCKLESS(OURS), .want = CRIER_XDP_accepted, .stream = 1, .rtcp = 1},
	{"rr and bye", .payload = RR_BLOCKLESS(OURS) BYE(OURS), .want = CRIER_XDP_accepted,
	 .stream = 1, .rtcp = 1},
	{"sr with padded sdes",
	 .payload = SR_BLOCKLESS(OURS) "a1ca0004 11223344 01026162 00000000 00000004",
	 .want = CRIER_XDP_accepted, .stream = 1, .rtcp = 1},
	{"sr over v6", V6, .payload = SR_BLOCKLESS("99999999"), .want = CRIER_XDP_accepted,
	 .stream = 3, .rtcp = 1},
	{"bye alone", .payload = BYE(OURS), .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"sdes first", .payload = SDES(OURS) SR_BLOCKLESS(OURS), .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"app alone", .payload = "80cc0002 11223344 61626364", .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"sr of another ssrc", .payload = SR_BLOCKLESS("55667788"), .want = CRIER_XDP_drop_ssrc,
	 .stream = 1, .rtcp = 1},
	{"sr too short", .payload = "80c80001 11223344", .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"sr claims a block",
	 .payload = "81c80006 11223344 83aa7e80 00000000 00000064 00000001 00000008",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"sr length too long",
	 .payload = "80c80007 11223344 83aa7e80 00000000 00000064 00000001 00000008",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"sr length leaves bytes", .payload = SR_BLOCKLESS(OURS) "0000", .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"sr padded first",
	 .payload = "a0c80006 11223344 83aa7e80 00000000 00000064 00000001 00000004",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"second part version 1", .payload = RR_BLOCKLESS(OURS) "41cb0001 11223344",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"more parts than any",
	 .payload = RR_BLOCKLESS(OURS) BYE(OURS) BYE(OURS) BYE(OURS) BYE(OURS) BYE(OURS) BYE(OURS)
		 BYE(OURS) BYE(OURS),
	 .want = CRIER_XDP_drop_rtp, .stream = 1},

	/* Rooms without RTP rules */
	{"udp room", .dport = 5001, .payload = "00", .want = CRIER_XDP_accepted, .stream = 2},
	{"udp room empty", .dport = 5001, .payload = "", .want = CRIER_XDP_accepted, .stream = 2},
	{"udp room pktgen", .dport = 5001, .payload = "be9be955 00000001 64000000 00000000",
	 .want = CRIER_XDP_accepted, .stream = 2},
	{"udp room wrong source port", .dport = 5001, .sport = 4001, .payload = "00",
	 .want = CRIER_XDP_drop_source, .stream = 2},
	{"udp room wrong source", .dport = 5001, .src = "198.51.100.9", .payload = "00",
	 .want = CRIER_XDP_drop_source, .stream = 2},

	/* Refused */
	{"wrong source", .src = "198.51.100.8", .want = CRIER_XDP_drop_source, .stream = 1},
	{"wrong source v6", .src = "2001:db8:1::8", .dst = "2001:db8::1", .dport = 5002,
	 .want = CRIER_XDP_drop_source, .stream = 3},
	{"v6 source, v4 stream", .src = "2001:db8:1::7", .dst = "2001:db8::1",
	 .want = CRIER_XDP_drop_source, .stream = 1},
	{"wrong source and no rtp", .src = "198.51.100.8", .payload = "00",
	 .want = CRIER_XDP_drop_source, .stream = 1},
	{"wrong ssrc", .payload = RTP_SSRC("55667788"), .want = CRIER_XDP_drop_ssrc, .stream = 1},
	{"wrong pt", .payload = "8060 0001 00000064 11223344 00", .want = CRIER_XDP_drop_pt,
	 .stream = 1},
	{"empty", .payload = "", .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"one byte", .payload = "80", .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"eleven bytes", .payload = "806f 0001 00000064 112233", .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"rtp version 0", .payload = "006f 0001 00000064 11223344 00", .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"rtp version 1", .payload = "406f 0001 00000064 11223344 00", .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"rtp version 3", .payload = "c06f 0001 00000064 11223344 00", .want = CRIER_XDP_drop_rtp,
	 .stream = 1},
	{"stun", .payload = "0001 0000 2112a442 000102030405060708090a0b",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"csrcs beyond the end", .payload = "8f6f 0001 00000064 11223344 01020304",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"csrcs in the ethernet padding", .payload = "816f 0001 00000064 11223344", .trailer = 8,
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"extension without header", .payload = "906f 0001 00000064 11223344 bede",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"extension beyond the end", .payload = "906f 0001 00000064 11223344 bede0002 10ff0000",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"extension of 256 KB", .payload = "906f 0001 00000064 11223344 bedeffff 10ff0000",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"padding of nothing", .payload = "a06f 0001 00000064 11223344 aabb0000",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"padding into the header", .payload = "a06f 0001 00000064 11223344 aabb0005",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},
	{"padding of 255", .payload = "a06f 0001 00000064 11223344 aabb00ff",
	 .want = CRIER_XDP_drop_rtp, .stream = 1},

	/* Several streams on a port: the best match, else the furthest word */
	{"first of three", .dport = 5003, .payload = "8060 0001 00000064 aaaaaaaa 00",
	 .want = CRIER_XDP_accepted, .stream = 4},
	{"second of three", .dport = 5003, .src = "198.51.100.8", .payload = RTP_SSRC("bbbbbbbb"),
	 .want = CRIER_XDP_accepted, .stream = 5},
	{"third of three", .dport = 5003, .payload = RTP_SSRC("cccccccc"),
	 .want = CRIER_XDP_accepted, .stream = 6},
	{"third from elsewhere", .dport = 5003, .src = "203.0.113.1",
	 .payload = RTP_SSRC("cccccccc"), .want = CRIER_XDP_accepted, .stream = 6},
	{"first's ssrc, wrong pt", .dport = 5003, .payload = RTP_SSRC("aaaaaaaa"),
	 .want = CRIER_XDP_drop_pt, .stream = 4},
	{"nobody's ssrc", .dport = 5003, .payload = RTP_SSRC("dddddddd"),
	 .want = CRIER_XDP_drop_ssrc, .stream = 4},
	{"second's ssrc from elsewhere", .dport = 5003, .src = "203.0.113.1",
	 .payload = RTP_SSRC("bbbbbbbb"), .want = CRIER_XDP_drop_ssrc, .stream = 6},
	{"three and no rtp", .dport = 5003, .payload = "00", .want = CRIER_XDP_drop_rtp,
	 .stream = 4},

	/* Nobody to serve it */
	{"no engine", .dport = 5004, .want = CRIER_XDP_drop_no_engine, .stream = 7},
	{"kernel engine", .dport = 5005, .want = CRIER_XDP_accepted, .stream = 8},
	{"no engine, wrong ssrc", .dport = 5004, .payload = RTP_SSRC("55667788"),
	 .want = CRIER_XDP_drop_ssrc, .stream = 7},
	{"room gone", .dport = 5006, .want = CRIER_XDP_drop_no_engine},
	{"stream gone", .dport = 5007, .want = CRIER_XDP_drop_no_engine},

	/* Lengths */
	{"udp length 7", .payload = "", .udp_len_add = -1, .want = CRIER_XDP_drop_length},
	{"udp length 0", .payload = "", .udp_len_add = -8, .want = CRIER_XDP_drop_length},
	{"udp longer than ip", .udp_len_add = 1, .want = CRIER_XDP_drop_length},
	{"udp longer than ip in padding", .udp_len_add = 1, .trailer = 9,
	 .want = CRIER_XDP_drop_length},
	{"ip longer than packet", .ip_len_add = 1, .want = CRIER_XDP_drop_length},
	{"ip length 0", .ip_len_add = -48, .want = CRIER_XDP_drop_length},
	{"ip length of its header", .ip_len_add = -28, .want = CRIER_XDP_drop_length},
	{"ip shorter than udp", .ip_len_add = -1, .want = CRIER_XDP_drop_length},
	{"ip length 65535", .ip_len_add = 65535 - 48, .want = CRIER_XDP_drop_length},
	{"v6 longer than packet", V6, .ip_len_add = 1, .want = CRIER_XDP_drop_length},
	{"v6 length 0", V6, .ip_len_add = -28, .want = CRIER_XDP_drop_length},
	{"v6 udp length 0", V6, .udp_len_add = -28, .want = CRIER_XDP_drop_length},
	{"cut in the payload", .cut = 3, .want = CRIER_XDP_drop_length},
	{"cut in the udp header", .cut = 21, .want = CRIER_XDP_drop_runt},
	{"cut after the ports", .cut = 24, .want = CRIER_XDP_drop_runt},
	{"cut in the ports", .cut = 25, .want = CRIER_XDP_pass_other},
	{"cut in the ip header", .cut = 40, .want = CRIER_XDP_pass_other},

	/* Linux's */
	{"arp", .type = 0x0806, .want = CRIER_XDP_pass_not_ip},
	{"802.3 length", .type = 60, .want = CRIER_XDP_pass_not_ip},
	{"arp in a vlan", .tpid = {0x8100}, .type = 0x0806, .want = CRIER_XDP_pass_not_ip},
	{"three vlans", .tpid = {0x8100, 0x8100}, .type = 0x8100, .want = CRIER_XDP_pass_not_ip},
	{"tcp", .proto = 6, .want = CRIER_XDP_pass_other},
	{"icmp", .proto = 1, .want = CRIER_XDP_pass_other},
	{"icmp6", V6, .proto = 58, .want = CRIER_XDP_pass_other},
	{"ip version 5", .version_ihl = 0x55, .want = CRIER_XDP_pass_other},
	{"ihl 4", .version_ihl = 0x44, .want = CRIER_XDP_pass_other},
	{"v6 says 4", V6, .version_ihl = 0x45, .want = CRIER_XDP_pass_other},
	{"options", .version_ihl = 0x46, .want = CRIER_XDP_pass_options},
	{"many options", .version_ihl = 0x4f, .want = CRIER_XDP_pass_options},
	{"first fragment", .frag = 0x2000, .want = CRIER_XDP_pass_fragment},
	{"last fragment", .frag = 0x0010, .want = CRIER_XDP_pass_fragment},
	{"tcp fragment", .proto = 6, .frag = 0x2000, .want = CRIER_XDP_pass_fragment},
	{"v6 fragment", V6, .proto = 44, .want = CRIER_XDP_pass_fragment},
	{"v6 hop by hop", V6, .proto = 256, .want = CRIER_XDP_pass_options},
	{"v6 unknown next header", V6, .proto = 255, .want = CRIER_XDP_pass_other},
	{"v6 routing header", V6, .proto = 43, .want = CRIER_XDP_pass_options},
	{"v6 destination options", V6, .proto = 60, .want = CRIER_XDP_pass_options},
	{"not for us", .dst = "192.0.2.2", .want = CRIER_XDP_pass_other},
	{"not for us any more", .dst = "192.0.2.9", .want = CRIER_XDP_pass_other},
	{"not for us v6", .src = "2001:db8:1::7", .dst = "2001:db8::2", .dport = 5002,
	 .want = CRIER_XDP_pass_other},
	{"multicast", .dst = "224.1.1.1", .want = CRIER_XDP_pass_other},
	{"not for us and bad length", .dst = "192.0.2.2", .udp_len_add = 1,
	 .want = CRIER_XDP_pass_other},
	{"no such port", .dport = 5999, .want = CRIER_XDP_pass_other},
	{"no such port and bad length", .dport = 53, .udp_len_add = 1,
	 .want = CRIER_XDP_pass_other},
	{"highest port", .dport = 65535, .want = CRIER_XDP_pass_other},
	{"bad checksum, not for us", .dst = "192.0.2.2", .check_xor = 1,
	 .want = CRIER_XDP_pass_other},
	{"bad checksum, no such port", .dport = 53, .check_xor = 1, .want = CRIER_XDP_pass_other},
	{"bad checksum, tcp", .proto = 6, .check_xor = 1, .want = CRIER_XDP_pass_other},
	{"bad checksum, fragment", .frag = 0x2000, .check_xor = 1, .want = CRIER_XDP_pass_other},
	{"impossible source, not for us", .src = "127.0.0.1", .dst = "192.0.2.2",
	 .want = CRIER_XDP_pass_other},
	{"impossible source, no such port", .src = "192.0.2.1", .dport = 53,
	 .want = CRIER_XDP_pass_other},

	/* The block list: whatever it is, but neighbour discovery */
	BLOCKED("blocked rtp", CRIER_XDP_drop_source, 1, .src = "198.18.0.1"),
	BLOCKED("blocked in a vlan", CRIER_XDP_drop_source, 1, .src = "198.18.0.1",
		.tpid = {0x8100}),
	BLOCKED("blocked, last address", CRIER_XDP_drop_source, 1, .src = "198.18.127.255"),
	BLOCKED("blocked beside the allowed", CRIER_XDP_drop_source, 1, .src = "198.18.1.2"),
	BLOCKED("blocked tcp", CRIER_XDP_pass_other, 0, .src = "198.18.0.1", .proto = 6),
	BLOCKED("blocked fragment", CRIER_XDP_pass_fragment, 0, .src = "198.18.0.1",
		.frag = 0x2000),
	BLOCKED("blocked options", CRIER_XDP_pass_options, 0, .src = "198.18.0.1",
		.version_ihl = 0x46),
	BLOCKED("blocked, not for us", CRIER_XDP_pass_other, 0, .src = "198.18.0.1",
		.dst = "192.0.2.2"),
	BLOCKED("blocked, bad checksum", CRIER_XDP_pass_other, 0, .src = "198.18.0.1",
		.check_xor = 1),
	BLOCKED("blocked stun", CRIER_XDP_pass_media, 0, .src = "198.18.0.1",
		.dport = WORLD_MEDIA_PORT, .payload = STUN),
	BLOCKED("blocked runt", CRIER_XDP_drop_runt, 0, .src = "198.18.0.1", .cut = 21),
	BLOCKED("blocked after ip", CRIER_XDP_pass_other, 0, .src = "198.18.0.1", .cut = 28),
	BLOCKED("blocked v6", CRIER_XDP_drop_source, 3, .src = "2001:db8:b::1",
		.dst = "2001:db8::1", .dport = 5002),
	BLOCKED("blocked v6, last address", CRIER_XDP_drop_source, 3,
		.src = "2001:db8:b:ffff:ffff:ffff:ffff:ffff", .dst = "2001:db8::1", .dport = 5002),
	BLOCKED("blocked v6 fragment", CRIER_XDP_pass_fragment, 0, STREAM6("2001:db8:b::1"),
		.proto = 44),
	BLOCKED("blocked v6 options", CRIER_XDP_pass_options, 0, STREAM6("2001:db8:b::1"),
		.proto = 60),
	BLOCKED("blocked v6, a tree below", CRIER_XDP_pass_other, 0, STREAM6("2001:db8:b0:1::8"),
		.proto = 6),
	BLOCKED("blocked v6, one host", CRIER_XDP_pass_other, 0, STREAM6("2001:db8:b0:2::7"),
		.proto = 6),
	BLOCKED("blocked ping", CRIER_XDP_pass_other, 0, STREAM6("2001:db8:b::1"), .proto = 58,
		.hops = 255, .payload = "", .sport = 128 << 8),
	BLOCKED("blocked, like discovery from afar", CRIER_XDP_pass_other, 0,
		STREAM6("2001:db8:b::1"), .proto = 58, .hops = 254, .payload = "",
		.sport = 135 << 8),
	BLOCKED("blocked, before discovery", CRIER_XDP_pass_other, 0, STREAM6("2001:db8:b::1"),
		.proto = 58, .hops = 255, .payload = "", .sport = 132 << 8),
	BLOCKED("blocked, after discovery", CRIER_XDP_pass_other, 0, STREAM6("2001:db8:b::1"),
		.proto = 58, .hops = 255, .payload = "", .sport = 138 << 8),
	BLOCKED("blocked, no type", CRIER_XDP_pass_other, 0, STREAM6("2001:db8:b::1"), .proto = 58,
		.hops = 255, .payload = "", .cut = 8),
	{"router solicitation", STREAM6("2001:db8:b::1"), .proto = 58, .hops = 255, .payload = "",
	 .sport = 133 << 8, .want = CRIER_XDP_pass_other},
	{"neighbour solicitation", STREAM6("2001:db8:b::1"), .proto = 58, .hops = 255,
	 .payload = "", .sport = 135 << 8, .want = CRIER_XDP_pass_other},
	{"redirect", STREAM6("2001:db8:b::1"), .proto = 58, .hops = 255, .payload = "",
	 .sport = 137 << 8, .want = CRIER_XDP_pass_other},
	{"arp of the blocked", .src = "198.18.0.1", .type = 0x0806, .want = CRIER_XDP_pass_not_ip},
	{"allowed in the blocked", .src = "198.18.128.0", .want = CRIER_XDP_drop_source,
	 .stream = 1},
	{"allowed host", .src = "198.18.1.1", .want = CRIER_XDP_drop_source, .stream = 1},
	{"beside the blocked", .src = "198.19.0.0", .want = CRIER_XDP_drop_source, .stream = 1},
	{"before the blocked", .src = "198.17.255.255", .want = CRIER_XDP_drop_source, .stream = 1},
	{"allowed v6", STREAM6("2001:db8:b:1::1"), .want = CRIER_XDP_drop_source, .stream = 3},
	{"allowed v6 host", STREAM6("2001:db8:b0:1::7"), .want = CRIER_XDP_drop_source,
	 .stream = 3},
	{"beside the blocked v6", STREAM6("2001:db8:c::"), .want = CRIER_XDP_drop_source,
	 .stream = 3},
	{"beside the blocked v6 host", STREAM6("2001:db8:b0:2::8"), .want = CRIER_XDP_drop_source,
	 .stream = 3},

	/* Our own ports: checksums and sources */
	ODD("bad ip checksum", guard_checksum, CRIER_XDP_pass_other, 0, .check_xor = 0x0100),
	ODD("bad ip checksum, media port", guard_checksum, CRIER_XDP_pass_other, 0, .check_xor = 1,
	    .dport = WORLD_MEDIA_PORT, .payload = STUN),
	ODD("from 0.0.0.0", guard_impossible, CRIER_XDP_drop_source, 1, .src = "0.0.0.0"),
	ODD("from 0.1.2.3", guard_impossible, CRIER_XDP_drop_source, 1, .src = "0.1.2.3"),
	ODD("from 127.0.0.1", guard_impossible, CRIER_XDP_drop_source, 1, .src = "127.0.0.1"),
	ODD("from 224.0.0.1", guard_impossible, CRIER_XDP_drop_source, 1, .src = "224.0.0.1"),
	ODD("from 239.255.255.255", guard_impossible, CRIER_XDP_drop_source, 1,
	    .src = "239.255.255.255"),
	ODD("from 240.0.0.1", guard_impossible, CRIER_XDP_drop_source, 1, .src = "240.0.0.1"),
	ODD("from broadcast", guard_impossible, CRIER_XDP_drop_source, 1, .src = "255.255.255.255"),
	ODD("from ourselves", guard_impossible, CRIER_XDP_drop_source, 1, .src = "192.0.2.1"),
	ODD("from ourselves, media port", guard_impossible, CRIER_XDP_pass_media, 0,
	    .src = "192.0.2.1", .dport = WORLD_MEDIA_PORT, .payload = STUN),
	ODD("from ourselves v6", guard_impossible, CRIER_XDP_drop_source, 3,
	    STREAM6("2001:db8::1")),
	ODD("from ::", guard_impossible, CRIER_XDP_drop_source, 3, STREAM6("::")),
	ODD("from ::1", guard_impossible, CRIER_XDP_drop_source, 3, STREAM6("::1")),
	ODD("from ff02::1", guard_impossible, CRIER_XDP_drop_source, 3, STREAM6("ff02::1")),
	ODD("from ::ffff:198.51.100.7", guard_impossible, CRIER_XDP_drop_source, 3,
	    STREAM6("::ffff:198.51.100.7")),
	ODD("impossible runt", guard_impossible, CRIER_XDP_drop_runt, 0, .src = "127.0.0.1",
	    .cut = 21),
	{"from 1.0.0.0", .src = "1.0.0.0", .want = CRIER_XDP_drop_source, .stream = 1},
	{"from 126.255.255.255", .src = "126.255.255.255", .want = CRIER_XDP_drop_source,
	 .stream = 1},
	{"from 128.0.0.0", .src = "128.0.0.0", .want = CRIER_XDP_drop_source, .stream = 1},
	{"from 223.255.255.255", .src = "223.255.255.255", .want = CRIER_XDP_drop_source,
	 .stream = 1},
	{"from ::2", STREAM6("::2"), .want = CRIER_XDP_drop_source, .stream = 3},
	{"from fe80::1", STREAM6("fe80::1"), .want = CRIER_XDP_drop_source, .stream = 3},
	{"from whom we were", .src = "192.0.2.9", .want = CRIER_XDP_drop_source, .stream = 1},
	{"from ourselves by crier0", .src = "192.0.2.1", .crier0 = 1, .want = CRIER_XDP_drop_source,
	 .stream = 1},
	{"accepted by crier0", .crier0 = 1, .want = CRIER_XDP_accepted, .stream = 1},
	ODD("from 127.0.0.1 by crier0", guard_impossible, CRIER_XDP_drop_source, 1,
	    .src = "127.0.0.1", .crier0 = 1),

	/* The media port: STUN and RTCP */
	LISTENER("stun request", .payload = STUN),
	LISTENER("stun indication", .payload = "0011 0000 2112a442 000102030405060708090a0b"),
	LISTENER("stun of the highest class",
		 .payload = "03ff 0000 2112a442 000102030405060708090a0b"),
	LISTENER("stun with an attribute",
		 .payload = "0001 0004 2112a442 000102030405060708090a0b 80280000"),
	LISTENER("stun and bytes after it", .payload = STUN "00"),
	LISTENER("stun v6", .payload = STUN, FROM6("2001:db8:1::7")),
	LISTENER("stun in a vlan", .payload = STUN, .tpid = {0x8100}),
	LISTENER("stun by crier0", .payload = STUN, .src = "192.0.2.1", .crier0 = 1),
	LISTENER("media port, rr", .payload = RR_BLOCKLESS(OURS)),
	LISTENER("media port, bye alone", .payload = BYE(OURS)),
	LISTENER("media port, lowest rtcp", .payload = "80c00001 11223344"),
	LISTENER("media port, highest rtcp", .payload = "80df0001 11223344"),
	MEMBER("member's stun", .payload = STUN, .src = "198.51.100.44"),
	MEMBER("member's rr", .payload = RR_BLOCKLESS(OURS), .src = "198.51.100.44"),
	MEMBER("member's stun v6", .payload = STUN, FROM6("2001:db8:1::44")),
	MEMBER("member's rr v6 in a vlan", .payload = RR_BLOCKLESS(OURS), FROM6("2001:db8:1::44"),
	       .tpid = {0x8100}),
	LISTENER("member's address, another port", .payload = STUN, .src = "198.51.100.44",
		 .sport = 5005),
	LISTENER("member's address v6, another port", .payload = STUN, FROM6("2001:db8:1::44"),
		 .sport = 5005),
	LISTENER("member's port, another address", .payload = STUN, .src = "198.51.100.43",
		 .sport = 5004),
	LISTENER("who left, another is there", .payload = STUN, .src = "198.51.100.45",
		 .sport = 5004),
	LISTENER("who left v6, another is there", .payload = STUN, FROM6("2001:db8:1::45"),
		 .sport = 5004),
	LISTENER("who left", .payload = STUN, .src = "198.51.100.46", .sport = 5004),
	LISTENER("who left v6", .payload = STUN, FROM6("2001:db8:1::46"), .sport = 5004),
	LISTENER("v6, index says a v4 slot", .payload = STUN, FROM6("2001:db8:1::47"),
		 .sport = 5004),
	LISTENER("v4, index says a v6 slot", .payload = STUN, .src = "198.51.100.47",
		 .sport = 5004),
	MEDIA("member's noise", guard_media, .payload = "40000010 00010203 04050607",
	      .src = "198.51.100.44", .sport = 5004),
	MEDIA("member who is blocked", guard_blocked, .payload = STUN, .src = "198.18.0.44",
	      .sport = 5004),
	MEDIA("media port, rtp", guard_media, .payload = RTP_OK),
	MEDIA("media port, empty", guard_media, .payload = ""),
	MEDIA("media port, first byte alone", guard_media, .payload = "00"),
	MEDIA("media port, short rtcp", guard_media, .payload = "80c90001 112233"),
	MEDIA("media port, below rtcp", guard_media, .payload = "80bf0001 11223344"),
	MEDIA("media port, above rtcp", guard_media, .payload = "80e00001 11223344"),
	MEDIA("media port, rtcp version 1", guard_media, .payload = "40c90001 11223344"),
	MEDIA("media port, dtls", guard_media,
	      .payload = "16fefd 0000 000000000000 0010 0100000000000000"),
	MEDIA("media port, turn channel", guard_media, .payload = "40000010 00010203 04050607"),
	MEDIA("media port, first byte 4", guard_media,
	      .payload = "0401 0000 2112a442 000102030405060708090a0b"),
	MEDIA("stun without cookie", guard_media,
	      .payload = "0001 0000 2112a443 000102030405060708090a0b"),
	MEDIA("stun too short", guard_media,
	      .payload = "0001 0000 2112a442 000102030405060708090a"),
	MEDIA("stun longer than the packet", guard_media,
	      .payload = "0001 0004 2112a442 000102030405060708090a0b"),
	MEDIA("stun into the padding", guard_media,
	      .payload = "0001 0004 2112a442 000102030405060708090a0b", .trailer = 8),
	MEDIA("stun of an odd length", guard_media,
	      .payload = "0001 0002 2112a442 000102030405060708090a0b 8028"),
	MEDIA("media port, udp length 7", drop_length, .payload = "", .udp_len_add = -1),
	MEDIA("media port, udp longer than ip", drop_length, .payload = STUN, .udp_len_add = 1),
	MEDIA("media port, ip longer than packet", drop_length, .payload = STUN, .ip_len_add = 1),
	MEDIA("media port, cut", drop_length, .payload = STUN, .cut = 1),
	MEDIA("media port, runt", drop_runt, .payload = STUN, .cut = 21),
	{"media port of another", .dst = "192.0.2.2", .dport = WORLD_MEDIA_PORT,
	 .want = CRIER_XDP_pass_other},
};

#undef BLOCKED
#undef ODD
#undef LISTENER
#undef MEDIA
#undef FROM6
#undef STREAM6

/* What a case is in a guard_mode: its verdict, what else is counted, whose it is. */
struct packet_want {
	enum crier_xdp_counter verdict, also;
	uint32_t stream;
};

static inline struct packet_want packet_want(const struct packet_case *c, enum guard_mode mode)
{
	struct packet_want w = {c->want, mode == GUARD_OFF ? 0 : c->also, c->stream};

	if (c->counted && mode != GUARD_ENFORCE)
		w = (struct packet_want){c->counted, mode == GUARD_COUNT ? c->want : 0,
					 c->counted_stream};
	return w;
}

#define PACKET_CASES (sizeof(packet_cases) / sizeof(packet_cases[0]))
#define PACKET_MAX 2048

static inline size_t packet_hex(uint8_t *out, const char *hex)
{
	size_t n = 0;
	int high = -1;

	for (; *hex; hex++) {
		int v;

		if (*hex == ' ')
			continue;
		v = isdigit((unsigned char)*hex) ? *hex - '0' : tolower(*hex) - 'a' + 10;
		if (high < 0) {
			high = v;
		} else {
			out[n++] = (uint8_t)(high << 4 | v);
			high = -1;
		}
	}
	assert(high < 0);
	return n;
}

static inline void packet_put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The IP header of len bytes of payload; returns its length. */
static inline size_t packet_build_ip(uint8_t *ip, const struct packet_case *c,
				     const struct crier_addr *src, const struct crier_addr *dst,
				     size_t len)
{
	uint16_t check;

	if (!addr_is_v4(dst)) {
		ip[0] = c->version_ihl ? c->version_ihl : 0x60;
		packet_put16(ip + PACKET_IP6_PAYLOAD, (unsigned int)((int)len + c->ip_len_add));
		ip[PACKET_IP6_NEXT] = (uint8_t)(c->proto ? c->proto : PACKET_PROTO_UDP);
		ip[PACKET_IP6_HOPS] = c->hops ? c->hops : 64;
		memcpy(ip + PACKET_IP6_SRC, src, 16);
		memcpy(ip + PACKET_IP6_DST, dst, 16);
		return PACKET_IP6_LEN;
	}
	ip[0] = c->version_ihl ? c->version_ihl : 0x45;
	packet_put16(ip + PACKET_IP4_TOTAL, (unsigned int)((int)len + 20 + c->ip_len_add));
	packet_put16(ip + PACKET_IP4_FRAG, c->frag);
	ip[PACKET_IP4_TTL] = 64;
	ip[PACKET_IP4_PROTO] = (uint8_t)(c->proto ? c->proto : PACKET_PROTO_UDP);
	memcpy(ip + PACKET_IP4_SRC, &src->w[3], 4);
	memcpy(ip + PACKET_IP4_DST, &dst->w[3], 4);
	check = sum_check(sum_ip4(ip)) ^ c->check_xor;
	memcpy(ip + PACKET_IP4_CHECK, &check, 2);
	return PACKET_IP4_LEN;
}

/* Returns the packet's length; src goes before the case's. */
static inline size_t packet_build_from(uint8_t out[PACKET_MAX], const struct packet_case *c,
				       const struct crier_addr *src)
{
	struct crier_addr dst = world_addr(c->dst ? c->dst : "192.0.2.1");
	uint8_t payload[PACKET_MAX / 2], *p = out;
	size_t len = packet_hex(payload, c->payload ? c->payload : RTP_OK);

	memset(out, 0, PACKET_MAX);
	memcpy(p, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	p += 12;
	for (int i = 0; i < 2 && c->tpid[i]; i++, p += 4) {
		packet_put16(p, c->tpid[i]);
		packet_put16(p + 2, 0x2000u | (unsigned int)(7 + i));
	}
	packet_put16(p, c->type ? c->type : addr_is_v4(&dst) ? PACKET_TYPE_IP4 : PACKET_TYPE_IP6);
	p += 2;
	p += packet_build_ip(p, c, src, &dst, len + PACKET_UDP_LEN);
	packet_put16(p + PACKET_UDP_SRC, c->sport ? c->sport : 4000);
	packet_put16(p + PACKET_UDP_DST, c->dport ? c->dport : 5000);
	packet_put16(p + PACKET_UDP_LENGTH, (unsigned int)((int)len + 8 + c->udp_len_add));
	packet_put16(p + PACKET_UDP_CHECK, 0xdead); /* never looked at */
	p += PACKET_UDP_LEN;
	memcpy(p, payload, len);
	p += len + c->trailer - c->cut;
	return (size_t)(p - out);
}

static inline size_t packet_build(uint8_t out[PACKET_MAX], const struct packet_case *c)
{
	struct crier_addr src = world_addr(c->src ? c->src : "198.51.100.7");

	return packet_build_from(out, c, &src);
}

static inline const char *verdict_name(enum crier_xdp_counter v)
{
	static const char *const names[] = {
#define VERDICT_NAME(name, help) #name,
		CRIER_XDP_COUNTERS(VERDICT_NAME)
#undef VERDICT_NAME
	};

	return (unsigned int)v < CRIER_XDP_N ? names[v] : "?";
}

/* Some good or bad packet with a few bytes changed, cut or lengthened. */
static inline size_t packet_mutate(uint8_t out[PACKET_MAX], uint64_t *state)
{
	static const uint8_t odd[] = {0,    1,	  4,	5,    8,    0x0f, 0x20,
				      0x40, 0x45, 0x60, 0x7f, 0x80, 0xff};
	uint64_t r = packet_random(state);
	size_t len = packet_build(out, &packet_cases[r % PACKET_CASES]);
	unsigned int changes = (unsigned int)(r >> 32) % 5;

	while (changes--) {
		r = packet_random(state);
		out[(r >> 16) % (len + 1)] =
			r & 1 ? (uint8_t)(r >> 8) : odd[(r >> 8) % sizeof(odd)];
	}
	r = packet_random(state);
	if (r % 4 == 0)
		len = (r >> 8) % (len + 1);
	else if (r % 8 == 1)
		len += (r >> 8) % 64;
	/* Most changes break the checksum first; mend it, so that others are reached too. */
	if (r & 64 && len >= 34 && out[12] == 8 && out[13] == 0) {
		uint16_t check;

		memset(out + 24, 0, 2);
		check = sum_check(sum_ip4(out + 14));
		memcpy(out + 24, &check, 2);
	}
	return len;
}

#endif
