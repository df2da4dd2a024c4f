/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ingest decision: whose packet is this, and may it pass?  One function,
 * compiled for BPF, where crier.bpf.c acts on it, and natively, where crier-dp
 * learns what it received.  It reads the tables and writes nothing but *out and, when the
 * media port lets something through, the guard's caps.
 *
 * Natively any thread may call it that is between ONLINE and its next quiescent
 * point (table.h, "workers").  A stream's source is what crierd was told, never what
 * came first (RFC 8826 section 4.2.4 and the RTPbleed reports say why).
 *
 * For BPF, the includer has declared the maps that view.h names.
 */
#ifndef CRIER_STEER_H
#define CRIER_STEER_H

#include "guard.h"
#include "packet.h"
#include "table.h"
#include "view.h"

/* How a packet came in. */
struct steer_in {
	__u64 now_ns;  /* CLOCK_MONOTONIC; BPF looks for itself */
	__u32 ifindex; /* by which interface */
	__u32 pad0;
	struct guard_caps *caps; /* BPF has its own */
};

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
	/*
	 * Counted besides the verdict: guard_punt, guard_member, or what the guard would have said
	 * where guard_mode lets it only count; 0: nothing.
	 */
	__u8 guard;
	__u8 local;  /* enum steer_local, if it is to a port of ours */
	__u8 engine; /* of the room that was judged last: enum crier_engine */
	__u8 pad0[2];
	__be16 src_port;
	__be16 dst_port;
	__be32 ssrc; /* RTP and RTCP */
	struct crier_addr src;
	struct crier_addr dst;
	__u64 now_ns; /* when it was accepted */
};

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

/* First stream on an ingest port, 0: none. */
PACKET_INLINE __u32 steer_first(const struct tables *t, __be16 dst_port)
{
	__u32 port = __builtin_bswap16(dst_port);
	const struct crier_ingest *in = steer_ingest(t, port / 64);

	return in ? STEER_ACQUIRE(&in->stream[port % 64]) : 0;
}

/* Notes the room's engine, too. */
PACKET_INLINE enum steer_rank steer_judge(const struct tables *t, const struct crier_stream *s,
					  enum packet_media media, struct steer_result *out)
{
	const struct crier_room *room = steer_room(t, s->room);
	__u32 flags = s->flags;

	out->engine = room ? (__u8)STEER_LOAD(&room->engine) : CRIER_ENGINE_NONE;
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

PACKET_INLINE void steer_name(__u32 stream, const struct crier_stream *s, struct steer_result *out)
{
	out->stream = stream;
	out->room = s->room;
	out->generation = s->generation;
}

/* Where a search for the best match stands: outside of the searching function, see view.h. */
struct steer_search {
	__u32 stream;
	__u32 best; /* enum steer_rank */
};

/* The best match among the streams of a port: *out gets its names. */
PACKET_INLINE void steer_match_all(const struct tables *t, enum packet_media media,
				   struct steer_result *out, struct steer_search *search)
{
	/* Twice as many as may be linked: one who stands on an unlinked stream walks on. */
	for (int i = 0; i < 2 * CRIER_PORT_STREAMS; i++) {
		__u32 stream = STEER_LOAD(&search->stream);
		const struct crier_stream *s = stream ? steer_stream(t, stream) : NULL;
		enum steer_rank rank;

		if (!s)
			break;
		rank = steer_judge(t, s, media, out);
		if (rank > STEER_LOAD(&search->best)) {
			STEER_STORE(&search->best, rank);
			steer_name(stream, s, out);
		}
		if (rank == STEER_ACCEPT)
			break;
		STEER_STORE(&search->stream, STEER_ACQUIRE(&s->next));
	}
}

/* A function of its own for the verifier: view.h says why. */
#ifdef __bpf__

__attribute__((noinline)) int steer_match_once(__u32 media, struct steer_result *out,
					       struct steer_search *search)
{
	if (out && search)
		steer_match_all(NULL, (enum packet_media)media, out, search);
	return 0;
}

#define steer_match_all(t, media, out, search) steer_match_once(media, out, search)

#endif

/* As steer_match_all(), which isn't asked where the first stream decides: most ports have one. */
PACKET_INLINE enum steer_rank steer_match(const struct tables *t, __u32 stream,
					  enum packet_media media, struct steer_result *out)
{
	const struct crier_stream *s = steer_stream(t, stream);
	enum steer_rank rank;

	if (!s)
		return STEER_GONE;
	rank = steer_judge(t, s, media, out);
	if (rank != STEER_ACCEPT && STEER_ACQUIRE(&s->next)) {
		struct steer_search search = {.stream = stream, .best = STEER_GONE};

		steer_match_all(t, media, out, &search);
		return (enum steer_rank)search.best;
	}
	if (rank != STEER_GONE)
		steer_name(stream, s, out);
	return rank;
}

/* A stream accepted it: is there anybody to serve it? */
PACKET_INLINE enum crier_xdp_counter steer_engine(const struct crier_config *config, __u64 now_ns,
						  struct steer_result *out)
{
	out->now_ns = STEER_NOW(now_ns);
	(void)now_ns; /* unused in BPF */
	if (steer_dead(STEER_LOAD(&config->heartbeat_ns),
		       STEER_LOAD(&config->setting[CRIER_SET_dead_man_s]), out->now_ns))
		return CRIER_XDP_drop_deadman;
	/* Either engine's: natively, what has come as far as crier-dp is served there. */
	if (out->engine == CRIER_ENGINE_NONE)
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

/*
 * The guard's verdict, or CRIER_XDP_N where it has none or only counts.  What only is counted
 * is counted once, as it would be dropped once.
 */
PACKET_INLINE enum crier_xdp_counter steer_refuse(__u64 mode, enum crier_xdp_counter verdict,
						  struct steer_result *out)
{
	if (verdict == CRIER_XDP_N || mode == GUARD_ENFORCE)
		return verdict;
	if (mode == GUARD_COUNT && !out->guard)
		out->guard = (__u8)verdict;
	return CRIER_XDP_N;
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
 * The network layer, and the guard's lists: they hold for every packet that has a source.
 * CRIER_XDP_N if it is UDP, with the cursor at its header, the addresses and places in *out
 * and what IP claims its payload's length to be (*damaged: its checksum is wrong); or else
 * the verdict.
 */
PACKET_INLINE enum crier_xdp_counter steer_to_udp(const struct tables *t, __u64 mode,
						  struct cursor *c, struct steer_result *out,
						  __u32 *ip_payload, int *damaged)
{
	int type = packet_eth(c, out->vlan);
	const __u8 *ip = c->pos;
	int next, nd = 0;

	out->l3 = PACKET_ETH_LEN + (out->vlan[0] ? PACKET_VLAN_LEN : 0) +
		  (out->vlan[1] ? PACKET_VLAN_LEN : 0);
	if (type == PACKET_TYPE_IP4) {
		if (ip + PACKET_IP4_LEN > c->end || ip[0] >> 4 != 4)
			return CRIER_XDP_pass_other;
		*ip_payload = steer_ip4(ip, out);
		next = packet_ip4(c);
	} else if (type == PACKET_TYPE_IP6) {
		if (ip + PACKET_IP6_LEN > c->end || ip[0] >> 4 != 6)
			return CRIER_XDP_pass_other;
		*ip_payload = steer_ip6(ip, out);
		nd = packet_is_nd(ip, c->end);
		next = packet_ip6(c);
	} else {
		return CRIER_XDP_pass_not_ip;
	}
	if (mode != GUARD_OFF && !nd && guard_is_blocked(t, &out->src, out->family6) &&
	    steer_refuse(mode, CRIER_XDP_guard_blocked, out) != CRIER_XDP_N)
		return CRIER_XDP_guard_blocked;
	*damaged = next == PACKET_DAMAGED;
	if (next != PACKET_PROTO_UDP && next != PACKET_DAMAGED)
		return steer_not_udp(next);
	out->l4 = out->l3 + (out->family6 ? PACKET_IP6_LEN : PACKET_IP4_LEN);
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
	out->local = (__u8)steer_locals(t, config, &out->dst, &out->src);
	if (!out->local)
		return CRIER_XDP_pass_other;
	return out->dst_port == config->media_port ? CRIER_XDP_pass_media : CRIER_XDP_N;
}

/* Of a packet to one of crier's own ports: what IP says of itself.  CRIER_XDP_N: nothing odd. */
PACKET_INLINE enum crier_xdp_counter steer_ip_odd(const struct tables *t, const struct steer_in *in,
						  int damaged, const struct steer_result *out)
{
	if (damaged)
		return CRIER_XDP_guard_checksum;
	if (guard_is_impossible(t, &out->src, out->family6, out->local & STEER_LOCAL_FROM,
				in->ifindex))
		return CRIER_XDP_guard_impossible;
	return CRIER_XDP_N;
}

/* UDP's length into *out; CRIER_XDP_N, or what is wrong with it. */
PACKET_INLINE enum crier_xdp_counter steer_udp(const __u8 *udp, const __u8 *end, __u32 ip_payload,
					       struct steer_result *out)
{
	__u32 len;

	if (udp + PACKET_UDP_LEN > end)
		return CRIER_XDP_drop_runt;
	len = packet_host16(udp + PACKET_UDP_LENGTH);
	/* What IP has beyond UDP is UDP options (RFC 9868), and nothing to us. */
	if (len < PACKET_UDP_LEN || len > ip_payload || udp + ip_payload > end)
		return CRIER_XDP_drop_length;
	out->payload = out->l4 + PACKET_UDP_LEN;
	out->payload_len = (__u16)(len - PACKET_UDP_LEN);
	return CRIER_XDP_N;
}

/*
 * Which budget pays for it: guard_punt or guard_member, or else which cap it is over.  What
 * members' own budget doesn't hold may come out of everybody's.
 */
PACKET_INLINE enum crier_xdp_counter steer_budget(const struct tables *t,
						  const struct crier_config *config,
						  const struct steer_in *in,
						  const struct steer_result *out)
{
	int member = guard_is_member(t, config, &out->src, out->family6, out->src_port);
	struct guard_caps *caps = guard_caps_of(in->caps);
	__u64 now_ns = STEER_NOW(in->now_ns);

	(void)t; /* unused in BPF */
	if (member && guard_take(caps, GUARD_MEMBER,
				 STEER_LOAD(&config->setting[CRIER_SET_guard_member_pps]), now_ns))
		return CRIER_XDP_guard_member;
	if (guard_take(caps, GUARD_STRANGER, STEER_LOAD(&config->setting[CRIER_SET_guard_punt_pps]),
		       now_ns))
		return CRIER_XDP_guard_punt;
	return member ? CRIER_XDP_guard_member_cap : CRIER_XDP_guard_cap;
}

/* From a listener, or so it looks?  As steer_budget(), or what is wrong with it. */
PACKET_INLINE enum crier_xdp_counter steer_listener(const struct tables *t,
						    const struct crier_config *config,
						    const struct steer_in *in, const __u8 *udp,
						    const __u8 *end, __u32 ip_payload,
						    struct steer_result *out)
{
	enum crier_xdp_counter verdict = steer_udp(udp, end, ip_payload, out);

	if (verdict != CRIER_XDP_N)
		return verdict;
	if (!guard_is_listeners(udp + PACKET_UDP_LEN, out->payload_len, end))
		return CRIER_XDP_guard_media;
	return steer_budget(t, config, in, out);
}

/* To the media port. */
PACKET_INLINE enum crier_xdp_counter steer_media(const struct tables *t, __u64 mode,
						 const struct crier_config *config,
						 const struct steer_in *in, const __u8 *udp,
						 const __u8 *end, __u32 ip_payload,
						 struct steer_result *out)
{
	enum crier_xdp_counter verdict;

	if (mode == GUARD_OFF || out->guard)
		return CRIER_XDP_pass_media;
	verdict = steer_listener(t, config, in, udp, end, ip_payload, out);
	if (verdict == CRIER_XDP_guard_punt || verdict == CRIER_XDP_guard_member) {
		out->guard = (__u8)verdict;
		return CRIER_XDP_pass_media;
	}
	verdict = steer_refuse(mode, verdict, out);
	return verdict == CRIER_XDP_N ? CRIER_XDP_pass_media : verdict;
}

/*
 * The counter that says what becomes of the packet at data .. end: CRIER_XDP_accepted
 * (to the room's engine), pass_* (Linux's), or drop_* and guard_*.  UDP checksums are
 * neither trusted nor verified: local senders leave them partial.
 */
PACKET_INLINE enum crier_xdp_counter steer(const struct tables *t,
					   const struct crier_config *config,
					   const struct steer_in *in, const void *data,
					   const void *end, struct steer_result *out)
{
	struct cursor c = {data, end};
	enum crier_xdp_counter verdict, whose;
	__u32 ip_payload = 0, stream = 0;
	enum packet_media media;
	enum steer_rank rank;
	int damaged = 0;
	const __u8 *udp;
	__u64 mode;

	__builtin_memset(out, 0, sizeof(*out));
	mode = STEER_LOAD(&config->setting[CRIER_SET_guard_mode]);
	verdict = steer_to_udp(t, mode, &c, out, &ip_payload, &damaged);
	if (verdict != CRIER_XDP_N)
		return verdict;
	udp = c.pos;
	whose = steer_whose(t, config, udp, c.end, &stream, out);
	if (whose == CRIER_XDP_pass_other)
		return whose;

	/* It is for one of our own ports. */
	if (mode != GUARD_OFF) {
		verdict = steer_refuse(mode, steer_ip_odd(t, in, damaged, out), out);
		if (verdict != CRIER_XDP_N)
			return verdict;
	}
	if (damaged)
		return CRIER_XDP_pass_other;
	if (whose == CRIER_XDP_pass_media)
		return steer_media(t, mode, config, in, udp, c.end, ip_payload, out);

	/* It is for a stream: from here on, nothing passes. */
	verdict = steer_udp(udp, c.end, ip_payload, out);
	if (verdict != CRIER_XDP_N)
		return verdict;
	media = packet_media(udp + PACKET_UDP_LEN, out->payload_len, c.end, &out->ssrc, &out->pt);
	out->is_rtcp = media == PACKET_MEDIA_RTCP;
	rank = steer_match(t, stream, media, out);
	if (rank != STEER_ACCEPT)
		return steer_refusal(rank);
	return steer_engine(config, in->now_ns, out);
}

#endif
