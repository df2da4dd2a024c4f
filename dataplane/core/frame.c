/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame.h"

#include <assert.h>

static uint8_t *template_place(struct frame *f)
{
	uintptr_t at = (uintptr_t)f->memory;

	return f->memory + (FRAME_PLACE - at) % FRAME_PAGE;
}

void frame_begin(struct frame *f, const struct rewrite_packet *packet, const void *payload,
		 bool family6)
{
	uint32_t l4 = family6 ? FRAME_L4_6 : FRAME_L4_4;

	assert(packet->payload_len <= FRAME_PAYLOAD_MAX);
	f->bytes = template_place(f);
	f->packet = *packet;
	f->family6 = family6;
	f->ip_len = l4 - FRAME_L3 + PACKET_UDP_LEN + packet->payload_len;
	f->blocks = (FRAME_L3 + f->ip_len + FRAME_BLOCK - 1) / FRAME_BLOCK;
	memcpy(f->bytes + l4 + PACKET_UDP_LEN, payload, packet->payload_len);
}

void frame_use_link(struct frame *f, const struct link *link)
{
	uint8_t *ip = f->bytes + FRAME_L3;

	memcpy(f->bytes, link->head, LINK_ROOM);
	f->start = FRAME_L3 - link->head_len;
	f->len = link->head_len + f->ip_len;
	if (f->family6)
		f->base = rewrite_begin6((struct rewrite_ip6 *)ip,
					 (struct rewrite_udp *)(f->bytes + FRAME_L4_6), &f->packet,
					 &link->local);
	else
		f->base = rewrite_begin4((struct rewrite_ip4 *)ip,
					 (struct rewrite_udp *)(f->bytes + FRAME_L4_4), &f->packet,
					 link->local.w[3]);
}
