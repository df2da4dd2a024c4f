/* SPDX-License-Identifier: BSD-2-Clause */
#include "copy.h"

#include <assert.h>

#define unlikely(x) __builtin_expect(!!(x), 0)

#define COPY_AHEAD 16

#define VIA_NONE (~0U) /* no member's: the first member of a burst looks up its own */

void copier_init(struct copier *c, const struct tables *t, copy_lend *lend, void *lender)
{
	memset(c, 0, sizeof(*c));
	links_init(&c->links, t);
	c->lend = lend;
	c->lender = lender;
}

/* Turns the frame to this next hop.  Returns its port, or NULL and why in drop. */
static struct out *via_switch(struct copier *c, uint16_t via, uint32_t left, enum copy_drop *drop)
{
	const struct link *link = links_get(&c->links, via, c->frame.family6);
	struct out *o;

	*drop = link->drop;
	if (*drop == COPY_OK && c->frame.ip_len > link->mtu)
		*drop = COPY_MTU;
	if (*drop != COPY_OK)
		return NULL;
	frame_use_link(&c->frame, link);
	o = &c->outs[link->out];
	if (!o->n)
		c->lend(c->lender, link->out, left, o);
	*drop = COPY_TX_FULL; /* why, once its frames are used up */
	if (o->n && frame_room(c->frame.packet.payload_len) > o->room) {
		*drop = COPY_MTU;
		return NULL;
	}
	return o;
}

/*
 * Buffers that were not used for long are not in the cache: asking for them some copies
 * ahead keeps more of them on their way than the store buffer alone would.  Always
 * inlined: gcc takes a function that only prefetches for one without effect.
 */
static inline __attribute__((always_inline)) void out_prefetch(const struct out *o)
{
	uint32_t ahead = o->used + COPY_AHEAD < o->n ? o->used + COPY_AHEAD : o->n - 1;
	const uint8_t *buf = o->frame[ahead].buf;

	__builtin_prefetch(buf, 1);
	__builtin_prefetch(buf + 64, 1);
	__builtin_prefetch(buf + 128, 1);
}

static inline __attribute__((always_inline)) void burst_copy(struct copier *c,
							     const struct walk_burst *b,
							     struct copy_counts *counts,
							     bool family6)
{
	uint32_t current = VIA_NONE;
	struct out none = {0}, *o = &none;
	enum copy_drop drop = COPY_OK;
	uint64_t copies = 0, bytes = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		uint64_t word = b->word[i];
		uint16_t via = family6 ? member6_via(word) : member4_via(word);
		struct out_frame *f;

		if (unlikely(via != current)) {
			current = via;
			o = via_switch(c, via, b->n - i, &drop);
			if (!o)
				o = &none;
		}
		if (unlikely(o->used == o->n)) {
			counts->drop[drop]++;
			continue;
		}
		out_prefetch(o);
		f = &o->frame[o->used++];
		if (family6)
			frame_write6(&c->frame, f, &b->addr[i], member6_port(word));
		else
			frame_write4(&c->frame, f, member4_addr(word), member4_port(word));
		copies++;
		bytes += f->len;
	}
	counts->copies += copies;
	counts->bytes += bytes;
	if (family6)
		counts->copies6 += copies;
}

void copy_burst(struct copier *c, const struct walk_burst *b, struct copy_counts *counts)
{
	assert(b->family6 == c->frame.family6);
	for (uint32_t i = 0; i < c->n_outs; i++)
		c->outs[i] = (struct out){0};
	if (b->family6)
		burst_copy(c, b, counts, true);
	else
		burst_copy(c, b, counts, false);
}
