/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame: what all copies of a packet share is laid out once as a template, a copy
 * is the template stored into a port's buffer with one listener's fields patched in.
 *
 * The IP header stands at FRAME_L3 in template and buffer alike, and the link header
 * ends there, so a frame starts at FRAME_L3 minus the link header's length: a next hop
 * with VLAN tags changes the bytes before FRAME_L3 and moves none behind it.
 *
 * Used by one thread.
 */
#ifndef CRIER_FRAME_H
#define CRIER_FRAME_H

#include <stdbool.h>
#include <string.h>

#include "link.h"
#include "out.h"
#include "xdp/rewrite.h"

#define FRAME_L3 LINK_ROOM
#define FRAME_L4_4 (FRAME_L3 + PACKET_IP4_LEN)
#define FRAME_L4_6 (FRAME_L3 + PACKET_IP6_LEN)
#define FRAME_BLOCK 64 /* copies are stored in blocks of this size, a cache line */

/* The longest UDP payload, and the buffer that a copy of it needs. */
#define FRAME_PAYLOAD_MAX 3800
#define FRAME_BYTES 3904
_Static_assert(FRAME_L4_6 + PACKET_UDP_LEN + FRAME_PAYLOAD_MAX <= FRAME_BYTES,
	       "the longest payload fits the template");
_Static_assert(FRAME_BYTES % FRAME_BLOCK == 0, "whole blocks");

/*
 * A CPU takes a load for dependent on an earlier store if the last 12 bits of their
 * addresses are the same.  Ports' buffers begin at pages and halves of pages, so the
 * template is kept away from those: at an unlucky place a copy took 15 ns instead of 12.
 */
#define FRAME_PAGE 4096
#define FRAME_PLACE 1024

struct frame {
	uint8_t memory[FRAME_BYTES + FRAME_PAGE];
	uint8_t *bytes; /* the template, somewhere in memory; set by frame_begin() */
	struct rewrite_packet packet;
	struct rewrite_base base;
	uint32_t ip_len;     /* IP header to the payload's end */
	uint32_t start, len; /* of the frame, with the link header in use */
	uint32_t blocks;     /* FRAME_BLOCKs that cover it */
	bool family6;
};

/* Bytes of buffer that a copy of this payload takes, both families and any link header. */
static inline uint32_t frame_room(uint32_t payload_len)
{
	uint32_t end = FRAME_L4_6 + PACKET_UDP_LEN + payload_len;

	return (end + FRAME_BLOCK - 1) / FRAME_BLOCK * FRAME_BLOCK;
}

/* Lays out the template but for the link: payload of packet->payload_len bytes. */
void frame_begin(struct frame *f, const struct rewrite_packet *packet, const void *payload,
		 bool family6);

/* Copies go by this next hop from now on: its link header and local address. */
void frame_use_link(struct frame *f, const struct link *link);

static inline void frame_store(const struct frame *f, uint8_t *buf)
{
	typedef uint64_t block __attribute__((vector_size(16), may_alias));
	const block *from = (const block *)__builtin_assume_aligned(f->bytes, FRAME_BLOCK);
	block *to = (block *)__builtin_assume_aligned(buf, FRAME_BLOCK);
	uint32_t left = f->blocks;

	do {
		block a = from[0], b = from[1], c = from[2], d = from[3];

		to[0] = a;
		to[1] = b;
		to[2] = c;
		to[3] = d;
		from += 4;
		to += 4;
	} while (--left);
}

static inline void frame_write4(const struct frame *f, struct out_frame *out, __be32 addr,
				__be16 port)
{
	uint8_t *buf = out->buf;

	frame_store(f, buf);
	rewrite_copy4((struct rewrite_ip4 *)(buf + FRAME_L3),
		      (struct rewrite_udp *)(buf + FRAME_L4_4), f->base, addr, port);
	out->start = f->start;
	out->len = f->len;
}

static inline void frame_write6(const struct frame *f, struct out_frame *out,
				const struct crier_addr *addr, __be16 port)
{
	uint8_t *buf = out->buf;

	frame_store(f, buf);
	rewrite_copy6((struct rewrite_ip6 *)(buf + FRAME_L3),
		      (struct rewrite_udp *)(buf + FRAME_L4_6), f->base, addr, port);
	out->start = f->start;
	out->len = f->len;
}

#endif
