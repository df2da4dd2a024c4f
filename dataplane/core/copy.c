/* SPDX-License-Identifier: BSD-2-Clause */
#include "copy.h"

#include <assert.h>

void copier_init(struct copier *c, const struct tables *t, copy_lend *lend, void *lender)
{
	memset(c, 0, sizeof(*c));
	links_init(&c->links, t);
	c->lend = lend;
	c->lender = lender;
	c->way = write_way_best();
}

static uint16_t member_via(const struct walk_burst *b, uint32_t i)
{
	return b->family6 ? member6_via(b->word[i]) : member4_via(b->word[i]);
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

/* Do four members have the bits of `mask` in common with that one? */
static bool words_alike(const uint64_t *word, uint64_t that, uint64_t mask)
{
	uint64_t differ = (word[0] ^ that) | (word[1] ^ that) | (word[2] ^ that) | (word[3] ^ that);

	return !(differ & mask);
}

/* How many members from i on share its next hop: mostly all, so looked at in fours. */
static uint32_t run_length(const struct walk_burst *b, uint32_t i)
{
	const uint64_t via = b->family6 ? member6_word(0, 0xffff) : member4_word(0, 0, 0xffff);
	const uint64_t that = b->word[i];
	uint32_t end = i + 1;

	while (end + 4 <= b->n && words_alike(&b->word[end], that, via))
		end += 4;
	while (end < b->n && !((b->word[end] ^ that) & via))
		end++;
	return end - i;
}

static void run_write(struct copier *c, const struct walk_burst *b, uint32_t i, struct out *o,
		      uint32_t n)
{
	struct out_frame *out = &o->frame[o->used];

	o->used += n;
	if (!b->family6) {
		c->way->run4(&c->frame, out, &b->word[i], n);
		return;
	}
	for (uint32_t k = 0; k < n; k++) {
		out_prefetch(out, k, n);
		frame_write6(&c->frame, &out[k], &b->addr[i + k], member6_port(b->word[i + k]));
	}
}

/* Copies for n members from i on, who share a next hop: as many as it has frames. */
static void run_copy(struct copier *c, const struct walk_burst *b, uint32_t i, uint32_t n,
		     struct copy_counts *counts)
{
	enum copy_drop drop;
	struct out *o = via_switch(c, member_via(b, i), b->n - i, &drop);
	uint32_t fits = o ? o->n - o->used : 0;

	if (fits > n)
		fits = n;
	if (fits)
		run_write(c, b, i, o, fits);
	counts->copies += fits;
	counts->bytes += (uint64_t)fits * c->frame.len;
	if (b->family6)
		counts->copies6 += fits;
	counts->drop[drop] += n - fits;
}

void copy_burst(struct copier *c, const struct walk_burst *b, struct copy_counts *counts)
{
	assert(b->family6 == c->frame.family6);
	for (uint32_t i = 0; i < c->n_outs; i++)
		c->outs[i] = (struct out){0};
	for (uint32_t i = 0, n; i < b->n; i += n) {
		n = run_length(b, i);
		run_copy(c, b, i, n, counts);
	}
}
