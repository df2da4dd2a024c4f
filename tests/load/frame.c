/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame.h"

#include <string.h>

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t sum_bytes(uint32_t sum, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static uint16_t checksum(uint32_t sum)
{
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static size_t link_write(uint8_t *p, const struct frame_spec *s, int v4)
{
	size_t at = 12;
	int i;

	memcpy(p, s->dst_mac, 6);
	memcpy(p + 6, s->src_mac, 6);
	for (i = 0; i < s->vlans; i++, at += 4) {
		put16(p + at, i + 1 < s->vlans ? 0x88a8 : 0x8100);
		put16(p + at + 2, (uint32_t)(100 + i));
	}
	put16(p + at, v4 ? 0x0800 : 0x86dd);
	return at + 2;
}

static size_t ip4_write(uint8_t *p, const struct frame_spec *s, size_t l4)
{
	uint16_t sum;

	memset(p, 0, 20);
	p[0] = 0x45;
	p[1] = (uint8_t)(s->dscp << 2);
	put16(p + 2, (uint32_t)(20 + l4));
	p[6] = 0x40;
	p[8] = s->ttl;
	p[9] = 17;
	memcpy(p + 12, s->from.addr.b + 12, 4);
	memcpy(p + 16, s->to.addr.b + 12, 4);
	sum = checksum(sum_bytes(0, p, 20));
	put16(p + 10, s->fault == FRAME_BAD_IP_CHECKSUM ? sum ^ 0x0100 : sum);
	return 20;
}

static size_t ip6_write(uint8_t *p, const struct frame_spec *s, size_t l4)
{
	memset(p, 0, 40);
	p[0] = (uint8_t)(0x60 | s->dscp >> 2);
	p[1] = (uint8_t)(s->dscp << 6);
	put16(p + 4, (uint32_t)l4);
	p[6] = 17;
	p[7] = s->ttl;
	memcpy(p + 8, s->from.addr.b, 16);
	memcpy(p + 24, s->to.addr.b, 16);
	return 40;
}

size_t frame_build(uint8_t out[FRAME_MAX_BYTES], const struct frame_spec *s, const void *payload,
		   size_t len)
{
	int v4 = addr_is_v4(&s->to.addr);
	size_t addr_len = v4 ? 4 : 16, addr_at = 16 - addr_len, l4 = 8 + len, at;
	uint8_t *udp, extra[4] = {0, 17};
	uint32_t sum;
	uint16_t check;

	at = link_write(out, s, v4);
	at += v4 ? ip4_write(out + at, s, l4) : ip6_write(out + at, s, l4);
	udp = out + at;
	memcpy(udp, &s->from.port, 2);
	memcpy(udp + 2, &s->to.port, 2);
	put16(udp + 4, (uint32_t)l4);
	put16(udp + 6, 0);
	memcpy(udp + 8, payload, len);

	sum = sum_bytes(0, s->from.addr.b + addr_at, addr_len);
	sum = sum_bytes(sum, s->to.addr.b + addr_at, addr_len);
	put16(extra + 2, (uint32_t)l4);
	sum = sum_bytes(sum, extra, 4);
	check = checksum(sum_bytes(sum, udp, l4));
	if (!check)
		check = 0xffff;
	if (s->fault == FRAME_BAD_UDP_CHECKSUM)
		check ^= 0x0400;
	put16(udp + 6, s->fault == FRAME_NO_UDP_CHECKSUM ? 0 : check);
	if (s->fault == FRAME_UDP_TOO_LONG)
		put16(udp + 4, (uint32_t)(l4 + 1));
	if (s->fault == FRAME_UDP_TOO_SHORT)
		put16(udp + 4, (uint32_t)(l4 - 1));
	if (s->fault == FRAME_FLIPPED)
		udp[8 + len - 1] ^= 0x10;
	return at + l4 - (s->fault == FRAME_CUT ? 3 : 0);
}
