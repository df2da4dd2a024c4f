/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose is it?  The stream that a packet says it is of, and the listener it is for. */
#ifndef CRIER_LOAD_SINK_FIND_H
#define CRIER_LOAD_SINK_FIND_H

#include "sink_view.h"

/* The member of v's key, or NO_MEMBER; the search goes on at v->probe. */
VERIFIED_ALONE int member_find(struct view *v)
{
	struct wire_probe probe;
	struct tally_member *m;
	__u32 slot, n;
	__u64 *word;
	int i;

	if (!v)
		return NO_MEMBER;
	probe = v->probe;
	for (i = 0; i < WIRE_INDEX_PROBES; i++) {
		slot = wire_probe_slot(&probe, tables_rules(v->t)->index_mask);
		word = tables_place(v->t, slot);
		if (!word || !*word)
			return NO_MEMBER;
		if ((__u32)(*word >> 32) == probe.print) {
			n = (__u32)*word - 1;
			m = tables_members(v->t, n);
			if (m && m->addr[0] == v->key.addr[0] && m->addr[1] == v->key.addr[1] &&
			    m->addr[2] == v->key.addr[2] && m->addr[3] == v->key.addr[3] &&
			    m->port == v->key.port &&
			    (v->key.room == WIRE_ROOM_ANY || m->room == v->key.room))
				return n;
		}
		probe.block += probe.step;
	}
	return NO_MEMBER;
}

/* Number of the stream so named, or NO_STREAM. */
VERIFIED_ALONE int stream_find(struct view *v, __u32 id, __u32 kind)
{
	__u32 at = tally_stream_hash(id, kind);
	struct tally_stream_id *s;
	int i;

	if (!v)
		return NO_STREAM;
	for (i = 0; i < TALLY_STREAM_PROBES; i++) {
		s = tables_stream_ids(v->t, (at + i) & tables_rules(v->t)->stream_mask);
		if (!s || !s->stream)
			return NO_STREAM;
		if (s->id == id && s->kind == kind)
			return s->stream - 1;
	}
	return NO_STREAM;
}

static __always_inline int stream_of(struct view *v)
{
	int n = NO_STREAM;

	if (v->pktgen)
		return stream_find(v, v->s.room, PKTGEN_KIND);
	if (v->kind == KIND_RTP || v->kind == KIND_RTCP)
		n = stream_find(v, v->ssrc, 0);
	if (n < 0 && v->synth) /* an RTP one too: a wrong SSRC is found out later */
		n = stream_find(v, v->s.room, 1 + v->s.slot);
	return n;
}

/* Whoever listens there, in whichever room. */
static __always_inline int member_find_any(struct view *v)
{
	v->key.room = tables_rules(v->t)->rooms == 1 ? 0 : WIRE_ROOM_ANY;
	wire_probe_start(&v->probe, &v->key);
	return member_find(v);
}

#endif
