/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ingest decision: whose packet is this, and may it pass?  One function,
 * compiled for BPF, where crier.bpf.c acts on it, and natively, where crier-dp
 * learns what it received.  It reads the tables and writes nothing but *out.
 *
 * Natively any thread may call it that is between ONLINE and its next quiescent
 * point (table.h, "workers").  A stream's source is what crierd was told, never what
 * came first (RFC 8826 section 4.2.4 and the RTPbleed reports say why).
 *
 * For BPF, the includer has declared the maps by the names in table.h.
 */
#ifndef CRIER_STEER_H
#define CRIER_STEER_H

#include "packet.h"
#include "table.h"

/* What steer() learned; fields that it did not reach are 0. */
struct steer_result {
	__u32 stream;	  /* that accepted it, or that came nearest to */
	__u32 room;	  /* of that stream */
	__u32 generation; /* the room's */
	__u16 l3;	  /* offsets from the first byte */
	__u16 l4;
	__u16 payload;
	__u16 payload_len;
	__u16 vlan[2]; /* outer, inner VLAN id + 1, 0: none */
	__u8 family6;
	__u8 is_rtcp;
	__u8 pt; /* RTP only */
	__u8 pad0;
	__be16 src_port;
	__be16 dst_port;
	__be32 ssrc; /* RTP and RTCP */
	struct crier_addr src;
	struct crier_addr dst;
};

/*
 * ---- the tables, seen from either side -----------------------------------------------
 *
 * Each accessor returns NULL for a number that has no element.
 */
#ifdef __bpf__

#define STEER_LOAD(p) (*(volatile __typeof__(*(p)) *)(p))
#define STEER_ACQUIRE(p) STEER_LOAD(p) /* addresses depend on what was read */
#define STEER_NOW(now_ns) bpf_ktime_get_ns()
struct tables;

#define STEER_ELEMENT(type, name, map) \
	PACKET_INLINE const type *steer_##name(const struct tables *t, __u32 n) \
	{ \
		(void)t; \
		return bpf_map_lookup_elem(&map, &n); \
	}
STEER_ELEMENT(struct crier_config, config, config)
STEER_ELEMENT(struct crier_ingest, ingest, ingest)
STEER_ELEMENT(struct crier_local, local, locals)
STEER_ELEMENT(struct crier_stream, stream, streams)
STEER_ELEMENT(struct crier_room, room, rooms)

#else

#include "tables.h"

#define STEER_LOAD(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define STEER_ACQUIRE(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define STEER_NOW(now_ns) (now_ns)

#define STEER_ELEMENT(type, name, array, count) \
	PACKET_INLINE const type *steer_##name(const struct tables *t, __u32 n) \
	{ \
		return n < (count) ? &t->array[n] : NULL; \
	}
STEER_ELEMENT(struct crier_config, config, config, 1)
STEER_ELEMENT(struct crier_ingest, ingest, ingest, CRIER_INGEST_ENTRIES)
STEER_ELEMENT(struct crier_local, local, locals, t->config->locals)
STEER_ELEMENT(struct crier_stream, stream, streams, t->config->max_streams)
STEER_ELEMENT(struct crier_room, room, rooms, t->config->max_rooms)

#endif

/*
 * Has crierd been gone for too long?  A heartbeat of 0 was never stamped and is not
 * judged; one from the future is another CPU's clock, a few ns ahead.
 */
PACKET_INLINE int steer_dead(__u64 heartbeat_ns, __u64 dead_man_s, __u64 now_ns)
{
	return dead_man_s && heartbeat_ns && now_ns > heartbeat_ns &&
	       now_ns - heartbeat_ns > dead_man_s * 1000000000ULL;
}

/* How far a stream's rules let a packet come; the furthest stream's word counts. */
enum steer_rank {
	STEER_GONE, /* stream or room is being deleted */
	STEER_SOURCE,
	STEER_RTP,
	STEER_SSRC,
	STEER_PT,
	STEER_ACCEPT,
};

PACKET_INLINE int steer_addr_equal(const struct crier_addr *a, const struct crier_addr *b)
{
	return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}

PACKET_INLINE int steer_is_local(const struct tables *t, const struct crier_config *config,
				 const struct crier_addr *addr)
{
	__u32 mask = config->locals - 1;
	__u32 at = local_hash(addr);

	for (__u32 i = 0; i < CRIER_LOCAL_PROBES; i++) {
		const struct crier_local *l = steer_local(t, (at + i) & mask);
		__u32 state;

		if (!l)
			return 0;
		state = STEER_ACQUIRE(&l->state);
		if (!state)
			return 0;
		if (state == 1 && steer_addr_equal(&l->addr, addr))
			return 1;
	}
	return 0;
}

/* First stream on an ingest port, 0: none. */
PACKET_INLINE __u32 steer_first(const struct tables *t, __be16 dst_port)
{
	__u32 port = __builtin_bswap16(dst_port);
	const struct crier_ingest *in = steer_ingest(t, port / 64);

	return in ? STEER_ACQUIRE(&in->stream[port % 64]) : 0;
}

PACKET_INLINE enum steer_rank steer_judge(const struct tables *t, const struct crier_stream *s,
					  enum packet_media media, const struct steer_result *out)
{
	const struct crier_room *room = steer_room(t, s->room);
	__u32 flags = s->flags;

	if (!room || STEER_LOAD(&s->state) != 1 || STEER_LOAD(&room->generation) != s->generation ||
	    !s->generation)
		return STEER_GONE;
	if ((flags & CRIER_STREAM_FROM) && !steer_addr_equal(&s->from, &out->src))
		return STEER_SOURCE;
	if ((flags & CRIER_STREAM_FROM_PORT) && s->from_port != out->src_port)
		return STEER_SOURCE;
	if (s->payload == CRIER_PAYLOAD_UDP)
		return STEER_ACCEPT;
	if (media == PACKET_MEDIA_NONE)
		return STEER_RTP;
	if ((flags & CRIER_STREAM_SSRC) && s->ssrc != out->ssrc)
		return STEER_SSRC;
	if ((flags & CRIER_STREAM_PT) && media == PACKET_MEDIA_RTP && s->pt != out->pt)
		return STEER_PT;
	return STEER_ACCEPT;
}

/* The best match among the streams of a port: *out gets its names. */
PACKET_INLINE enum steer_rank steer_match(const struct tables *t, __u32 stream,
					  enum packet_media media, struct steer_result *out)
{
	enum steer_rank best = STEER_GONE;

	/* Twice as many as may be linked: one who stands on an unlinked stream walks on. */
	for (int i = 0; i < 2 * CRIER_PORT_STREAMS && stream; i++) {
		const struct crier_stream *s = steer_stream(t, stream);
		enum steer_rank rank;

		if (!s)
			break;
		rank = steer_judge(t, s, media, out);
		if (rank > best) {
			best = rank;
			out->stream = stream;
			out->room = s->room;
			out->generation = s->generation;
		}
		if (best == STEER_ACCEPT)
			break;
		stream = STEER_ACQUIRE(&s->next);
	}
	return best;
}

/*
 * Loops that are inlined into one another are verified anew for each state of the outer
 * one, too much for 6.1 (a million instructions).  In BPF they are global functions,
 * which the kernel verifies once and by themselves; each pointer may be NULL to its mind.
 */
#ifdef __bpf__

__attribute__((noinline)) int steer_is_local_once(const struct crier_config *config,
						  const struct crier_addr *addr)
{
	return config && addr && steer_is_local(NULL, config, addr);
}

__attribute__((noinline)) int steer_match_once(__u32 stream, __u32 media, struct steer_result *out)
{
	return out ? steer_match(NULL, stream, (enum packet_media)media, out) : STEER_GONE;
}

#define steer_is_local(t, config, addr) steer_is_local_once(config, addr)
#define steer_match(t, stream, media, out) (enum steer_rank) steer_match_once(stream, media, out)

#endif

/* A stream accepted it: is there anybody to serve it? */
PACKET_INLINE enum crier_xdp_counter steer_engine(const struct tables *t,
						  const struct crier_config *config, __u64 now_ns,
						  const struct steer_result *out)
{
	const struct crier_room *room = steer_room(t, out->room);

	(void)now_ns; /* unused in BPF */
	if (steer_dead(STEER_LOAD(&config->heartbeat_ns),
		       STEER_LOAD(&config->setting[CRIER_SET_dead_man_s]), STEER_NOW(now_ns)))
		return CRIER_XDP_drop_deadman;
	if (!room || STEER_LOAD(&room->engine) != CRIER_ENGINE_BYPASS)
		return CRIER_XDP_drop_no_engine;
	return CRIER_XDP_accepted;
}

PACKET_INLINE enum crier_xdp_counter steer_refusal(enum steer_rank rank)
{
	switch (rank) {
	case STEER_SOURCE:
		return CRIER_XDP_drop_source;
	case STEER_RTP:
		return CRIER_XDP_drop_rtp;
	case STEER_SSRC:
		return CRIER_XDP_drop_ssrc;
	case STEER_PT:
		return CRIER_XDP_drop_pt;
	default:
		return CRIER_XDP_drop_no_engine;
	}
}

/* What a network-layer parser's answer means when it isn't UDP. */
PACKET_INLINE enum crier_xdp_counter steer_not_udp(int next)
{
	switch (next) {
	case PACKET_OPTIONS:
		return CRIER_XDP_pass_options;
	case PACKET_FRAGMENT:
		return CRIER_XDP_pass_fragment;
	default:
		return CRIER_XDP_pass_other;
	}
}

/* Addresses into *out; returns how long the IP header says its payload is. */
PACKET_INLINE __u32 steer_ip4(const __u8 *ip, struct steer_result *out)
{
	__u32 total;

	out->src.w[2] = out->dst.w[2] = 0xffff0000; /* ::ffff:0:0 in network order */
	out->src.w[3] = packet_get32(ip + PACKET_IP4_SRC);
	out->dst.w[3] = packet_get32(ip + PACKET_IP4_DST);
	total = packet_host16(ip + PACKET_IP4_TOTAL);
	return total > PACKET_IP4_LEN ? total - PACKET_IP4_LEN : 0;
}

PACKET_INLINE __u32 steer_ip6(const __u8 *ip, struct steer_result *out)
{
	for (int i = 0; i < 4; i++) {
		out->src.w[i] = packet_get32(ip + PACKET_IP6_SRC + 4 * i);
		out->dst.w[i] = packet_get32(ip + PACKET_IP6_DST + 4 * i);
	}
	out->family6 = 1;
	return packet_host16(ip + PACKET_IP6_PAYLOAD);
}

/*
 * Down to UDP.  CRIER_XDP_N if that is what it is, with the cursor at its header, the
 * addresses and places in *out, and what IP claims its payload's length to be; or else
 * the verdict.
 */
PACKET_INLINE enum crier_xdp_counter steer_to_udp(struct cursor *c, struct steer_result *out,
						  __u32 *ip_payload)
{
	int type = packet_eth(c, out->vlan);
	const __u8 *ip = c->pos;
	int next;

	out->l3 = PACKET_ETH_LEN + (out->vlan[0] ? PACKET_VLAN_LEN : 0) +
		  (out->vlan[1] ? PACKET_VLAN_LEN : 0);
	if (type == PACKET_TYPE_IP4)
		next = packet_ip4(c);
	else if (type == PACKET_TYPE_IP6)
		next = packet_ip6(c);
	else
		return CRIER_XDP_pass_not_ip;
	if (next != PACKET_PROTO_UDP)
		return steer_not_udp(next);

	if (type == PACKET_TYPE_IP4) {
		*ip_payload = steer_ip4(ip, out);
		out->l4 = out->l3 + PACKET_IP4_LEN;
	} else {
		*ip_payload = steer_ip6(ip, out);
		out->l4 = out->l3 + PACKET_IP6_LEN;
	}
	return CRIER_XDP_N;
}

/* Whose is it?  Until the destination port is known it is Linux's.  CRIER_XDP_N: a stream's. */
PACKET_INLINE enum crier_xdp_counter steer_whose(const struct tables *t,
						 const struct crier_config *config, const __u8 *udp,
						 const __u8 *end, __u32 *stream,
						 struct steer_result *out)
{
	if (udp + 4 > end)
		return CRIER_XDP_pass_other;
	out->src_port = packet_get16(udp + PACKET_UDP_SRC);
	out->dst_port = packet_get16(udp + PACKET_UDP_DST);
	*stream = steer_first(t, out->dst_port);
	if (!*stream && out->dst_port != config->media_port)
		return CRIER_XDP_pass_other;
	if (!steer_is_local(t, config, &out->dst))
		return CRIER_XDP_pass_other;
	return out->dst_port == config->media_port ? CRIER_XDP_pass_media : CRIER_XDP_N;
}

/*
 * The counter that says what becomes of the packet at data .. end: CRIER_XDP_accepted
 * (to the room's engine), pass_* (Linux's) or drop_*.  now_ns is CLOCK_MONOTONIC (BPF
 * looks for itself).  UDP checksums are neither trusted nor verified: local senders
 * leave them partial.
 */
PACKET_INLINE enum crier_xdp_counter steer(const struct tables *t, __u64 now_ns, const void *data,
					   const void *end, struct steer_result *out)
{
	struct cursor c = {data, end};
	const struct crier_config *config = steer_config(t, 0);
	__u32 ip_payload = 0, stream = 0, len;
	enum crier_xdp_counter verdict;
	enum packet_media media;
	enum steer_rank rank;
	const __u8 *udp;

	__builtin_memset(out, 0, sizeof(*out));
	if (!config)
		return CRIER_XDP_pass_other;
	verdict = steer_to_udp(&c, out, &ip_payload);
	if (verdict != CRIER_XDP_N)
		return verdict;
	udp = c.pos;
	verdict = steer_whose(t, config, udp, c.end, &stream, out);
	if (verdict != CRIER_XDP_N)
		return verdict;

	/* It is for a stream: from here on, nothing passes. */
	if (udp + PACKET_UDP_LEN > c.end)
		return CRIER_XDP_drop_runt;
	len = packet_host16(udp + PACKET_UDP_LENGTH);
	/* What IP has beyond UDP is UDP options (RFC 9868), and nothing to us. */
	if (len < PACKET_UDP_LEN || len > ip_payload || udp + ip_payload > c.end)
		return CRIER_XDP_drop_length;
	len -= PACKET_UDP_LEN;
	out->payload = out->l4 + PACKET_UDP_LEN;
	out->payload_len = (__u16)len;

	media = packet_media(udp + PACKET_UDP_LEN, len, c.end, &out->ssrc, &out->pt);
	out->is_rtcp = media == PACKET_MEDIA_RTCP;
	rank = steer_match(t, stream, media, out);
	if (rank != STEER_ACCEPT)
		return steer_refusal(rank);
	return steer_engine(t, config, now_ns, out);
}

#endif
