/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sink: judges each copy where it arrives, as if every listener stood there.
 * What is no copy (ARP, ND, other traffic) goes on to Linux.
 *
 * The global functions are verified on their own, once: inlined, their loops would be
 * walked for every combination of tags and families before them.
 */
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tally.h"
#include "wire.h"

#define NO_MEMBER (-1)
#define FRAME_MAX 2048 /* longest payload that is looked at */
#define CAS_TRIES 16

const volatile struct tally_rules rules = {};

#define MAP(name, value_type, entries) \
	struct { \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, entries); \
		__type(key, __u32); \
		__type(value, value_type); \
	} name SEC(".maps")

/* Those of one entry are sized by the loader. */
MAP(cpus, struct tally_cpu, 1);
MAP(members, struct tally_member, 1);
MAP(marks, struct tally_mark, 1);
MAP(streams, struct tally_stream, 1);
MAP(packets, struct tally_packet, 1);
MAP(reports, struct tally_report, 1);
MAP(stamps, struct tally_stamp, TALLY_STAMPS);
MAP(place, __u64, 1); /* the index: see wire_probe_start() */
MAP(events, struct tally_event, TALLY_N *TALLY_EVENTS);
MAP(event_counts, __u64, TALLY_N);

MAP(stream_ids, struct tally_stream_id, 1);

enum kind { KIND_OTHER, KIND_RTP, KIND_RTCP, KIND_UDP };

struct scan {
	__u64 sum; /* of 16-bit words, unfolded */
	struct wire_hash lanes;
	__u64 hash; /* in the end */
};

/* What is known of a packet; filled from the outside in. */
struct view {
	struct wire_key key; /* destination; room is added later */
	__u32 src[4];
	__u64 sum; /* pseudo header and UDP header */
	__u64 now;
	__u32 payload; /* offset */
	__u32 len;     /* of the payload */
	__u32 kind;
	__u32 ssrc; /* network order */
	__u32 seq;  /* RTP, host order */
	__u32 frame_len;
	__u16 sport;
	__u8 ttl, dscp;
	__u8 bad_ip, bad_length, no_checksum, wrong_mac;
	__u32 synth; /* 1: s is filled */
	__u32 pad;
	struct wire_synth s;
	__u64 ntp; /* RTCP sender report */
};

static __always_inline void count(struct tally_cpu *cpu, __u32 n)
{
	cpu->c[n]++;
}

/* Keep the compiler from turning "p + 8 > end" into arithmetic on the end, which is refused. */
#define opaque(var) asm volatile("" : "+r"(var))

/* Sum and hash len bytes at off; 0, or -1 if the frame ends before. */
__noinline int scan_bytes(struct xdp_md *ctx, __u32 off, __u32 len, struct scan *s)
{
	void *end = (void *)(long)ctx->data_end;
	void *p = (void *)(long)ctx->data;
	__u64 sum, a, b, word, next;
	int i;

	if (!s || off > FRAME_MAX || len > FRAME_MAX)
		return -1;
	sum = s->sum;
	a = s->lanes.a;
	b = s->lanes.b;
	p += off;
	for (i = 0; i < FRAME_MAX / 16; i++) {
		if (len < 16)
			break;
		opaque(end);
		if (p + 16 > end)
			return -1;
		word = *(__u64 *)p;
		next = *(__u64 *)(p + 8);
		sum += (word & 0xffffffff) + (word >> 32);
		sum += (next & 0xffffffff) + (next >> 32);
		a = wire_mix(a, word);
		b = wire_mix(b, next);
		p += 16;
		len -= 16;
	}
	if (len & 8) {
		opaque(end);
		if (p + 8 > end)
			return -1;
		word = *(__u64 *)p;
		sum += (word & 0xffffffff) + (word >> 32);
		a = wire_mix(a, word);
		p += 8;
	}
	if (len & 7) {
		word = 0;
		opaque(end);
		if (len & 4) {
			if (p + 4 > end)
				return -1;
			word = *(__u32 *)p;
			p += 4;
		}
		if (len & 2) {
			if (p + 2 > end)
				return -1;
			word |= (__u64) * (__u16 *)p << ((len & 4) * 8);
			p += 2;
		}
		if (len & 1) {
			if (p + 1 > end)
				return -1;
			word |= (__u64) * (__u8 *)p << ((len & 6) * 8);
		}
		sum += (word & 0xffffffff) + (word >> 32);
		a = wire_mix(a, word);
	}
	s->sum = sum;
	s->lanes.a = a;
	s->lanes.b = b;
	return 0;
}

/* The member of that key, or NO_MEMBER. */
__noinline int member_find(struct wire_key *k)
{
	struct wire_probe probe;
	struct tally_member *m;
	__u32 slot, n, mask = rules.index_mask;
	__u64 *word;
	int i;

	if (!k)
		return NO_MEMBER;
	wire_probe_start(&probe, k);
	for (i = 0; i < WIRE_INDEX_PROBES; i++) {
		slot = wire_probe_slot(&probe, mask);
		word = bpf_map_lookup_elem(&place, &slot);
		if (!word || !*word)
			return NO_MEMBER;
		if ((__u32)(*word >> 32) == probe.print) {
			n = (__u32)*word - 1;
			m = bpf_map_lookup_elem(&members, &n);
			if (m && m->addr[0] == k->addr[0] && m->addr[1] == k->addr[1] &&
			    m->addr[2] == k->addr[2] && m->addr[3] == k->addr[3] &&
			    m->port == k->port && (k->room == WIRE_ROOM_ANY || m->room == k->room))
				return n;
		}
		probe.block += probe.step;
	}
	return NO_MEMBER;
}

static __always_inline __u32 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u32)sum;
}

static __always_inline __u64 add128(const __u32 a[4])
{
	return (__u64)a[0] + a[1] + a[2] + a[3];
}

/* One more of this fault: keep the first few whole, for the report. */
__noinline int fault_note(struct view *v, __u32 counter, int stream, int member_pos)
{
	__u32 member = (__u32)member_pos;
	__u32 n, cpu = bpf_get_smp_processor_id();
	struct tally_event *e;
	struct tally_cpu *c;
	__u64 *seen, at;

	if (!v || counter >= TALLY_N || counter >= 32)
		return 0;
	c = bpf_map_lookup_elem(&cpus, &cpu);
	if (c)
		c->c[counter]++;
	seen = bpf_map_lookup_elem(&event_counts, &counter);
	if (!seen || *seen >= TALLY_EVENTS)
		return 0;
	at = __sync_fetch_and_add(seen, 1);
	if (at >= TALLY_EVENTS)
		return 0;
	n = counter * TALLY_EVENTS + (__u32)at;
	e = bpf_map_lookup_elem(&events, &n);
	if (!e)
		return 0;
	e->ns = v->now;
	__builtin_memcpy(e->saddr, v->src, 16);
	__builtin_memcpy(e->daddr, v->key.addr, 16);
	e->sport = v->sport;
	e->dport = v->key.port;
	e->stream = stream;
	e->pos = v->kind == KIND_UDP || v->synth ? (__u32)v->s.seq : v->seq;
	e->len = v->len;
	e->member = (__s32)member;
	return 0;
}

static __always_inline __u32 log2_64(__u64 v)
{
	__u32 r = 0;

	if (v >> 32) {
		v >>= 32;
		r += 32;
	}
	if (v >> 16) {
		v >>= 16;
		r += 16;
	}
	if (v >> 8) {
		v >>= 8;
		r += 8;
	}
	if (v >> 4) {
		v >>= 4;
		r += 4;
	}
	if (v >> 2) {
		v >>= 2;
		r += 2;
	}
	return r + (__u32)(v >> 1);
}

static __always_inline void latency_add(struct tally_cpu *cpu, __u64 ns)
{
	__u32 e, i = (__u32)ns;

	if (ns >= 1 << TALLY_HIST_BITS) {
		e = log2_64(ns) & 63;
		i = ((e - TALLY_HIST_BITS + 1) << TALLY_HIST_BITS) +
		    ((__u32)(ns >> ((e - TALLY_HIST_BITS) & 63)) & ((1 << TALLY_HIST_BITS) - 1));
	}
	if (i < TALLY_HIST)
		cpu->latency[i]++;
	cpu->latency_n++;
	if (ns > cpu->latency_max_ns)
		cpu->latency_max_ns = ns;
}

enum fresh { FRESH, FRESH_LATE, DOUBLED, STALE, CONTENDED };

/* Note position pos in a listener's window of the last 32: is it there already? */
__noinline int window_note(__u32 mark_number, __u32 pos)
{
	struct tally_mark *mark = bpf_map_lookup_elem(&marks, &mark_number);
	__u64 old, next;
	__u32 bits, top;
	int i, ahead;

	if (!mark)
		return CONTENDED;
	for (i = 0; i < CAS_TRIES; i++) {
		int verdict = FRESH;

		old = *(volatile __u64 *)&mark->window;
		bits = (__u32)old;
		top = (__u32)(old >> 32);
		ahead = (int)(pos - top);
		if (!bits) {
			top = pos;
			bits = 1;
		} else if (ahead > 0) {
			bits = ahead < 32 ? bits << (ahead & 31) | 1 : 1;
			top = pos;
		} else if (ahead <= -32) {
			return STALE;
		} else if (bits >> (-ahead & 31) & 1) {
			return DOUBLED;
		} else {
			bits |= 1U << (-ahead & 31);
			verdict = FRESH_LATE;
		}
		next = (__u64)top << 32 | bits;
		if (__sync_val_compare_and_swap(&mark->window, old, next) == old) {
			if (!old)
				mark->first = pos;
			__sync_fetch_and_add(&mark->copies, 1);
			return verdict;
		}
	}
	return CONTENDED;
}

/* The same for sender reports: their NTP time grows. */
__noinline int report_note(__u32 mark_number, __u64 ntp)
{
	struct tally_mark *mark = bpf_map_lookup_elem(&marks, &mark_number);
	__u64 old;
	int i;

	if (!mark)
		return CONTENDED;
	for (i = 0; i < CAS_TRIES; i++) {
		old = *(volatile __u64 *)&mark->rtcp_ntp;
		if (ntp == old)
			return DOUBLED;
		if (ntp < old) {
			__sync_fetch_and_add(&mark->rtcp_copies, 1);
			return FRESH_LATE;
		}
		if (__sync_val_compare_and_swap(&mark->rtcp_ntp, old, ntp) == old) {
			__sync_fetch_and_add(&mark->rtcp_copies, 1);
			return FRESH;
		}
	}
	return CONTENDED;
}

/* An RTP sequence number's position: near the highest one of the stream. */
static __always_inline __u32 position(struct tally_stream *st, __u32 seq)
{
	__u32 highest = *(volatile __u32 *)&st->highest;

	if (!highest)
		return WIRE_POS_BASE + seq;
	return highest + (__u32)(__s32)(__s16)(seq - highest);
}

static __always_inline void position_note(struct tally_stream *st, __u32 pos)
{
	__u32 highest = *(volatile __u32 *)&st->highest;

	if (!highest || (__s32)(pos - highest) > 0)
		*(volatile __u32 *)&st->highest = pos;
}

/* This CPU's record of a packet: when its copies came, what is in them. */
static __always_inline struct tally_packet *packet_record(__u32 cpu, __u32 stream, __u32 pos,
							  __u64 now, __u64 hash)
{
	__u32 n = (cpu * rules.streams + stream) * rules.ring + (pos & (rules.ring - 1));
	struct tally_packet *p = bpf_map_lookup_elem(&packets, &n);

	if (!p)
		return NULL;
	if (p->pos == pos)
		return p;
	if (p->pos && (__s32)(pos - p->pos) < 0)
		return NULL; /* its record is gone: harvested long ago */
	p->pos = 0;
	p->first_ns = now;
	p->last_ns = now;
	p->hash = hash;
	p->copies = 0;
	p->pos = pos;
	return p;
}

static __always_inline struct tally_report *report_record(__u32 cpu, __u32 stream, __u64 ntp,
							  __u64 hash)
{
	__u32 n = (cpu * rules.streams + stream) * TALLY_REPORTS + tally_report_slot(ntp);
	struct tally_report *r = bpf_map_lookup_elem(&reports, &n);

	if (r && r->ntp != ntp) {
		r->ntp = ntp;
		r->hash = hash;
		r->copies = 0;
	}
	return r;
}

/* p holds what is left of the frame: is there a synthetic packet's header? */
static __always_inline void view_synth(void *p, void *end, __u32 len, struct view *v)
{
	struct wire_synth *s = p;

	if (len < sizeof(*s) || p + sizeof(*s) > end || s->magic != WIRE_MAGIC)
		return;
	v->s.room = s->room;
	v->s.slot = s->slot;
	v->s.seq = s->seq;
	v->s.sent_ns = s->sent_ns;
	v->s.check = s->check;
	v->synth = 1;
}

/* RTP, RTCP, synthetic: what the payload says of itself. */
static __always_inline void view_inner(void *p, void *end, struct view *v)
{
	__u32 *head = p;
	__u8 first, second;

	if (v->len < 12 || p + 12 > end)
		return;
	first = (__u8)head[0];
	second = (__u8)(head[0] >> 8);
	if (first >> 6 == 2 && second >= 192 && second <= 223) {
		if (v->len < 20 || p + 20 > end)
			return;
		v->kind = KIND_RTCP;
		v->ssrc = head[1];
		v->ntp = (__u64)bpf_ntohl(head[2]) << 32 | bpf_ntohl(head[3]);
	} else if (first >> 6 == 2) {
		v->kind = KIND_RTP;
		v->seq = bpf_ntohl(head[0]) & 0xffff;
		v->ssrc = head[2];
		view_synth(p + WIRE_RTP_LEN, end, v->len - WIRE_RTP_LEN, v);
	} else {
		view_synth(p, end, v->len, v);
		if (v->synth)
			v->kind = KIND_UDP;
	}
}

/* Number of the stream so named, or -1. */
__noinline int stream_find(__u32 id, __u32 kind)
{
	__u32 slot, at = tally_stream_hash(id, kind);
	struct tally_stream_id *s;
	int i;

	for (i = 0; i < TALLY_STREAM_PROBES; i++) {
		slot = (at + i) & rules.stream_mask;
		s = bpf_map_lookup_elem(&stream_ids, &slot);
		if (!s || !s->stream)
			return -1;
		if (s->id == id && s->kind == kind)
			return s->stream - 1;
	}
	return -1;
}

static __always_inline int stream_of(struct view *v)
{
	int n = -1;

	if (v->kind == KIND_RTP || v->kind == KIND_RTCP)
		n = stream_find(v->ssrc, 0);
	if (n < 0 && v->synth) /* an RTP one too: a wrong SSRC is found out later */
		n = stream_find(v->s.room, 1 + v->s.slot);
	return n;
}

/* From Ethernet inwards; 0, or -1 if it is none of ours. */
static __always_inline int view_outer(struct xdp_md *ctx, struct view *v)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct udphdr *udp;
	__u64 mac, sum = 0;
	__u32 l4_len, off = sizeof(*eth), ip_left;
	__u16 proto;
	int i;

	if ((void *)(eth + 1) > end)
		return -1;
	proto = eth->h_proto;
	mac = *(__u64 *)eth & 0xffffffffffffULL;
	v->wrong_mac = rules.ifaces != 0;
#pragma unroll
	for (i = 0; i < TALLY_IFACES; i++)
		if (mac == rules.mac[i])
			v->wrong_mac = 0;
#pragma unroll
	for (i = 0; i < 2; i++) {
		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		if (data + off + 4 > end)
			return -1;
		proto = *(__u16 *)(data + off + 2);
		off += 4;
	}
	v->frame_len = end - data;
	if (proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data + off;
		__u32 *w = (__u32 *)ip;

		if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl != 5 ||
		    ip->protocol != IPPROTO_UDP || ip->frag_off & bpf_htons(0x3fff))
			return -1;
		sum = (__u64)w[0] + w[1] + w[2] + w[3] + w[4];
		v->bad_ip = fold(sum) != 0xffff;
		v->src[2] = v->key.addr[2] = bpf_htonl(0xffff);
		v->src[3] = ip->saddr;
		v->key.addr[3] = ip->daddr;
		v->ttl = ip->ttl;
		v->dscp = ip->tos >> 2;
		sum = (__u64)ip->saddr + ip->daddr;
		ip_left = bpf_ntohs(ip->tot_len) - sizeof(*ip);
		off += sizeof(*ip);
	} else if (proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = data + off;

		if ((void *)(ip6 + 1) > end || ip6->version != 6 || ip6->nexthdr != IPPROTO_UDP)
			return -1;
		__builtin_memcpy(v->src, &ip6->saddr, 16);
		__builtin_memcpy(v->key.addr, &ip6->daddr, 16);
		v->ttl = ip6->hop_limit;
		v->dscp = (bpf_ntohs(*(__u16 *)ip6) >> 6) & 63;
		sum = add128(v->src) + add128(v->key.addr);
		ip_left = bpf_ntohs(ip6->payload_len);
		off += sizeof(*ip6);
	} else {
		return -1;
	}
	udp = data + off;
	if ((void *)(udp + 1) > end)
		return -1;
	v->sport = udp->source;
	v->key.port = udp->dest;
	v->no_checksum = !udp->check;
	l4_len = bpf_ntohs(udp->len);
	v->payload = off + sizeof(*udp);
	v->bad_length = l4_len != ip_left || l4_len < sizeof(*udp) || off + l4_len > v->frame_len;
	if (v->bad_length)
		l4_len = v->frame_len - off; /* look at it all the same: whose was it? */
	v->len = l4_len - sizeof(*udp);
	sum += (__u64)bpf_htons(IPPROTO_UDP) + udp->len;
	sum += (__u64)udp->source + udp->dest + udp->len + udp->check;
	v->sum = sum;
	view_inner(udp + 1, end, v);
	return 0;
}

/* Sum all, hash all but the check word of a synthetic one. 0: the frame holds it all. */
static __always_inline int view_scan(struct xdp_md *ctx, struct view *v, struct scan *s)
{
	__u32 at = v->kind == KIND_UDP ? 0 : WIRE_RTP_LEN, head;

	s->sum = v->sum;
	s->lanes.a = s->lanes.b = WIRE_SEED;
	if (!v->synth) {
		if (scan_bytes(ctx, v->payload, v->len, s))
			return -1;
		s->hash = wire_hash_end(&s->lanes, v->len);
		return 0;
	}
	head = at + WIRE_CHECK_OFFSET;
	if (scan_bytes(ctx, v->payload, head, s) ||
	    scan_bytes(ctx, v->payload + head + 8, v->len - head - 8, s))
		return -1;
	s->sum += (v->s.check & 0xffffffff) + (v->s.check >> 32);
	s->hash = wire_hash_end(&s->lanes, v->len - 8);
	return 0;
}

/* A packet that belongs to no stream: ours to judge only if a listener gets it. */
static __always_inline int judge_alien(struct view *v)
{
	struct tally_member *m;
	struct tally_mark *mark;
	__u32 n;
	int member;

	v->key.room = rules.rooms == 1 ? 0 : WIRE_ROOM_ANY;
	member = member_find(&v->key);
	if (member < 0)
		return XDP_PASS;
	n = member * rules.slots;
	mark = bpf_map_lookup_elem(&marks, &n);
	if (mark)
		__sync_fetch_and_add(&mark->misdirected, 1);
	fault_note(v, TALLY_alien, -1, member);
	n = member;
	m = bpf_map_lookup_elem(&members, &n);
	return m && m->flags & TALLY_PASS ? XDP_PASS : XDP_DROP;
}

static __always_inline int judge_misdirected(struct view *v, __u32 stream)
{
	struct tally_mark *mark;
	__u32 n;
	int member;

	v->key.room = rules.rooms == 1 ? 0 : WIRE_ROOM_ANY;
	member = member_find(&v->key);
	if (member < 0) {
		fault_note(v, TALLY_stranger, stream, NO_MEMBER);
		return XDP_DROP;
	}
	n = member * rules.slots;
	mark = bpf_map_lookup_elem(&marks, &n);
	if (mark)
		__sync_fetch_and_add(&mark->misdirected, 1);
	fault_note(v, TALLY_other_room, stream, member);
	return XDP_DROP;
}

/* Headers: what a real listener's stack or an operator would object to. */
static __always_inline int judge_headers(struct view *v, struct scan *s, int broken, __u32 stream,
					 int member)
{
	int bad = 0;

	if (v->bad_length || broken) {
		fault_note(v, TALLY_bad_length, stream, member);
		return 1;
	}
	if (v->bad_ip) {
		fault_note(v, TALLY_bad_ip_checksum, stream, member);
		bad = 1;
	}
	if (v->no_checksum || fold(s->sum) != 0xffff) {
		fault_note(v, TALLY_bad_udp_checksum, stream, member);
		bad = 1;
	}
	if (rules.ttl >= 0 && v->ttl != rules.ttl) {
		fault_note(v, TALLY_wrong_ttl, stream, member);
		bad = 1;
	}
	if (rules.dscp >= 0 && v->dscp != rules.dscp) {
		fault_note(v, TALLY_wrong_dscp, stream, member);
		bad = 1;
	}
	if ((rules.from_port && v->sport != rules.from_port) ||
	    (rules.check_from && (v->src[0] != rules.from[0] || v->src[1] != rules.from[1] ||
				  v->src[2] != rules.from[2] || v->src[3] != rules.from[3]))) {
		fault_note(v, TALLY_wrong_source, stream, member);
		bad = 1;
	}
	return bad;
}

/* Count it where it is seen for the first time; 1 if it was. */
static __always_inline int judge_verdict(struct view *v, int verdict, int rtcp, __u32 stream,
					 int member, struct tally_mark *mark)
{
	if (verdict == FRESH)
		return 1;
	if (verdict == FRESH_LATE) {
		__sync_fetch_and_add(&mark->reordered, 1);
		fault_note(v, rtcp ? TALLY_rtcp_reordered : TALLY_reordered, stream, member);
		return 1;
	}
	if (verdict == DOUBLED) {
		__sync_fetch_and_add(&mark->doubled, 1);
		fault_note(v, rtcp ? TALLY_rtcp_doubled : TALLY_doubled, stream, member);
	} else if (verdict == STALE) {
		__sync_fetch_and_add(&mark->stale, 1);
		fault_note(v, TALLY_stale, stream, member);
	} else {
		fault_note(v, TALLY_contended, stream, member);
	}
	return 0;
}

static __always_inline int judge_rtcp(struct view *v, struct scan *s, struct tally_cpu *cpu,
				      __u32 cpu_n, __u32 stream, int member, __u32 mark_n,
				      struct tally_mark *mark)
{
	struct tally_report *r;
	int verdict;

	count(cpu, TALLY_rtcp_copies);
	r = report_record(cpu_n, stream, v->ntp, s->hash);
	if (r && r->hash != s->hash) {
		fault_note(v, TALLY_corrupt, stream, member);
		return 1;
	}
	verdict = report_note(mark_n, v->ntp);
	if (judge_verdict(v, verdict, 1, stream, member, mark) && r)
		r->copies++;
	return 0;
}

/* Is its content what was sent?  sent: when that was, if known. */
static __always_inline int content_ok(struct view *v, struct scan *s, struct tally_stream *st,
				      int udp_ok, __u64 *sent, __u32 *pos)
{
	struct tally_stamp *stamp;
	__u32 slot, expect;
	__u64 ns;

	if (v->synth) {
		if (s->hash != v->s.check || v->s.room != st->room_key || v->s.slot != st->slot)
			return 0;
		*sent = v->s.sent_ns;
		*pos = WIRE_POS_BASE + (__u32)v->s.seq;
		return 1;
	}
	*pos = position(st, v->seq);
	slot = tally_stamp_slot(v->ssrc, v->seq);
	stamp = bpf_map_lookup_elem(&stamps, &slot);
	if (!stamp)
		return udp_ok;
	ns = *(volatile __u64 *)&stamp->ns;
	expect = *(volatile __u32 *)&stamp->seq;
	if (!ns || stamp->ssrc != v->ssrc || expect != v->seq)
		return udp_ok;
	*sent = ns;
	return stamp->hash == s->hash;
}

static __always_inline void judge_fresh(struct view *v, struct tally_cpu *cpu, __u64 sent,
					struct tally_packet *p)
{
	count(cpu, TALLY_fresh);
	if (!cpu->first_ns)
		cpu->first_ns = v->now;
	cpu->last_ns = v->now;
	if (p) {
		p->last_ns = v->now;
		p->copies++;
	}
	if (sent)
		latency_add(cpu, v->now > sent ? v->now - sent : 0);
	else
		count(cpu, TALLY_unstamped);
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	struct view v = {};
	struct scan s = {};
	struct tally_packet *packet;
	struct tally_stream *st;
	struct tally_member *m;
	struct tally_mark *mark;
	struct tally_cpu *cpu;
	__u32 cpu_n, stream, pos = 0, mark_n, n;
	__u64 sent = 0;
	int member, number, bad, broken, verdict, pass;

	if (view_outer(ctx, &v))
		return XDP_PASS;
	v.now = bpf_ktime_get_ns();
	cpu_n = bpf_get_smp_processor_id();
	cpu = bpf_map_lookup_elem(&cpus, &cpu_n);
	if (!cpu)
		return XDP_PASS;
	number = stream_of(&v);
	if (number < 0)
		return judge_alien(&v);
	stream = number;
	st = bpf_map_lookup_elem(&streams, &stream);
	if (!st)
		return XDP_PASS;

	cpu->c[TALLY_bytes] += v.frame_len;
	if (v.wrong_mac) {
		fault_note(&v, TALLY_wrong_mac, stream, NO_MEMBER);
		return XDP_DROP;
	}
	v.key.room = st->room;
	member = member_find(&v.key);
	if (member < 0)
		return judge_misdirected(&v, stream);
	n = member;
	m = bpf_map_lookup_elem(&members, &n);
	mark_n = member * rules.slots + st->slot;
	mark = bpf_map_lookup_elem(&marks, &mark_n);
	if (!m || !mark)
		return XDP_PASS;
	pass = m->flags & TALLY_PASS ? XDP_PASS : XDP_DROP;

	broken = v.bad_length ? 0 : view_scan(ctx, &v, &s);
	bad = judge_headers(&v, &s, broken, stream, member);
	if (v.bad_length || broken) {
		__sync_fetch_and_add(&mark->bad, 1);
		return pass;
	}
	if (v.kind == KIND_RTCP) {
		bad |= judge_rtcp(&v, &s, cpu, cpu_n, stream, member, mark_n, mark);
		if (bad)
			__sync_fetch_and_add(&mark->bad, 1);
		return pass;
	}
	if (!content_ok(&v, &s, st, !v.no_checksum && fold(s.sum) == 0xffff, &sent, &pos)) {
		fault_note(&v, TALLY_corrupt, stream, member);
		__sync_fetch_and_add(&mark->bad, 1);
		return pass;
	}
	position_note(st, pos);
	packet = packet_record(cpu_n, stream, pos, v.now, s.hash);
	if (packet && packet->hash != s.hash) {
		fault_note(&v, TALLY_corrupt, stream, member);
		__sync_fetch_and_add(&mark->bad, 1);
		return pass;
	}
	if (v.kind == KIND_RTP && v.ssrc != st->ssrc) {
		fault_note(&v, TALLY_wrong_ssrc, stream, member);
		bad = 1;
	}
	if (bad)
		__sync_fetch_and_add(&mark->bad, 1);
	count(cpu, TALLY_copies);
	verdict = window_note(mark_n, pos);
	if (judge_verdict(&v, verdict, 0, stream, member, mark))
		judge_fresh(&v, cpu, sent, packet);
	return pass;
}

char _license[] SEC("license") = "GPL";
