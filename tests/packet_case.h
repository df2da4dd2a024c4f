/* SPDX-License-Identifier: BSD-2-Clause */
/* A packet in words, what must become of it, and its bytes. */
#ifndef CRIER_TEST_PACKET_CASE_H
#define CRIER_TEST_PACKET_CASE_H

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "guard.h"
#include "packet.h"
#include "packet_world.h"

#define PACKET_MAX 2048

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

/* The checksum of an IPv4 header, which is 0 so far: RFC 1071, by the letter and not by packet.h.
 */
static inline uint16_t packet_ip4_check(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < PACKET_IP4_LEN; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The IP header of len bytes of payload; returns its length. */
static inline size_t packet_build_ip(uint8_t *ip, const struct packet_case *c,
				     const struct crier_addr *src, const struct crier_addr *dst,
				     size_t len)
{
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
	packet_put16(ip + PACKET_IP4_CHECK, packet_ip4_check(ip) ^ c->check_xor);
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

#endif
