/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the sink knows of a packet, from the outside in.  A parser of its own. */
#ifndef CRIER_LOAD_SINK_VIEW_H
#define CRIER_LOAD_SINK_VIEW_H

#include "pktgen.h"
#include "sink_tables.h"

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

typedef __u16 any16 UNALIGNED;
typedef __u32 any32 UNALIGNED;
typedef __u64 any64 UNALIGNED;
typedef struct ethhdr any_eth UNALIGNED;
typedef struct iphdr any_ip UNALIGNED;
typedef struct ipv6hdr any_ip6 UNALIGNED;
typedef struct udphdr any_udp UNALIGNED;
typedef struct wire_synth any_synth UNALIGNED;
typedef struct pktgen_head any_pktgen UNALIGNED;

enum kind { KIND_OTHER, KIND_RTP, KIND_RTCP, KIND_UDP };

struct scan {
	__u64 sum; /* of 16-bit words, unfolded */
	struct wire_hash lanes;
	__u64 hash; /* in the end */
};

/* What is known of a packet; filled from the outside in. */
struct view {
	const struct tables *t;
	int stream; /* number, or NO_STREAM */
	int member; /* number, or NO_MEMBER */
	__u32 cpu;
	struct wire_key key;	 /* destination; room is added later */
	struct wire_probe probe; /* where the search for it goes on */
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
	__u32 synth;  /* 1: s is filled */
	__u32 pktgen; /* 1: so it is, of what pktgen says */
	struct wire_synth s;
	__u64 ntp; /* RTCP sender report */
};

/* Keep the compiler from turning "p + 8 > end" into arithmetic on the end, which is refused. */
#define opaque(var) asm volatile("" : "+r"(var))

/* Sum and hash len bytes at off; 0, or -1 if the frame ends before. */
VERIFIED_ALONE int scan_bytes(sink_frame *f, __u32 off, __u32 len, struct scan *s)
{
	const void *end = (void *)(long)f->data_end;
	const void *p = (void *)(long)f->data;
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
		word = *(const any64 *)p;
		next = *(const any64 *)(p + 8);
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
		word = *(const any64 *)p;
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
			word = *(const any32 *)p;
			p += 4;
		}
		if (len & 2) {
			if (p + 2 > end)
				return -1;
			word |= (__u64) * (const any16 *)p << ((len & 4) * 8);
			p += 2;
		}
		if (len & 1) {
			if (p + 1 > end)
				return -1;
			word |= (__u64) * (const __u8 *)p << ((len & 6) * 8);
		}
		sum += (word & 0xffffffff) + (word >> 32);
		a = wire_mix(a, word);
	}
	s->sum = sum;
	s->lanes.a = a;
	s->lanes.b = b;
	return 0;
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

/* p holds what is left of the frame: is there a synthetic packet's header? */
static __always_inline void view_synth(const void *p, const void *end, __u32 len, struct view *v)
{
	const any_synth *s = p;

	if (len < sizeof(*s) || p + sizeof(*s) > end || s->magic != WIRE_MAGIC)
		return;
	v->s.room = s->room;
	v->s.slot = s->slot;
	v->s.seq = s->seq;
	v->s.sent_ns = s->sent_ns;
	v->s.check = s->check;
	v->synth = 1;
}

/* The same of the kernel's pktgen: room, number and time as if it were one of ours. */
static __always_inline int view_pktgen(const void *p, const void *end, struct view *v)
{
	sink_rules *rules = tables_rules(v->t);
	const any_pktgen *head = p;
	__u32 n;

	if (!rules->pktgen_rooms || v->len < sizeof(*head) || p + sizeof(*head) > end ||
	    head->magic != bpf_htonl(PKTGEN_MAGIC))
		return 0;
	n = bpf_ntohl(head->n);
	v->s.room = n % rules->pktgen_rooms;
	v->s.seq = n / rules->pktgen_rooms;
	v->s.sent_ns = bpf_ntohl(head->sec) * 1000000000ULL + bpf_ntohl(head->usec) * 1000ULL -
		       rules->pktgen_epoch_ns;
	v->s.check = *(const any64 *)(p + PKTGEN_TIME); /* as a check word: summed, not hashed */
	v->kind = KIND_UDP;
	v->synth = v->pktgen = 1;
	return 1;
}

/* RTP, RTCP, synthetic: what the payload says of itself. */
static __always_inline void view_inner(const void *p, const void *end, struct view *v)
{
	const any32 *head = p;
	__u8 first, second;

	if (view_pktgen(p, end, v) || v->len < 12 || p + 12 > end)
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

/* From Ethernet inwards; 0, or -1 if it is none of ours. */
static __always_inline int view_outer(sink_frame *f, struct view *v)
{
	const void *data = (void *)(long)f->data, *end = (void *)(long)f->data_end;
	sink_rules *rules = tables_rules(v->t);
	const any_eth *eth = data;
	const any_udp *udp;
	__u64 mac, sum = 0;
	__u32 l4_len, off = sizeof(*eth), ip_left;
	__u16 proto;
	int i;

	if ((const void *)(eth + 1) > end)
		return -1;
	proto = eth->h_proto;
	mac = *(const any64 *)data & 0xffffffffffffULL;
	v->wrong_mac = rules->ifaces != 0;
	UNROLL
	for (i = 0; i < TALLY_IFACES; i++)
		if (mac == rules->mac[i])
			v->wrong_mac = 0;
	UNROLL
	for (i = 0; i < 2; i++) {
		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		if (data + off + 4 > end)
			return -1;
		proto = *(const any16 *)(data + off + 2);
		off += 4;
	}
	v->frame_len = end - data;
	if (proto == bpf_htons(ETH_P_IP)) {
		const any_ip *ip = data + off;
		const any32 *w = data + off;

		if ((const void *)(ip + 1) > end || ip->version != 4 || ip->ihl != 5 ||
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
		const any_ip6 *ip6 = data + off;

		if ((const void *)(ip6 + 1) > end || ip6->version != 6 ||
		    ip6->nexthdr != IPPROTO_UDP)
			return -1;
		__builtin_memcpy(v->src, &ip6->saddr, 16);
		__builtin_memcpy(v->key.addr, &ip6->daddr, 16);
		v->ttl = ip6->hop_limit;
		v->dscp = (bpf_ntohs(*(const any16 *)ip6) >> 6) & 63;
		sum = add128(v->src) + add128(v->key.addr);
		ip_left = bpf_ntohs(ip6->payload_len);
		off += sizeof(*ip6);
	} else {
		return -1;
	}
	udp = data + off;
	if ((const void *)(udp + 1) > end)
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
static __always_inline int view_scan(sink_frame *f, struct view *v, struct scan *s)
{
	__u32 at = v->kind == KIND_UDP ? 0 : WIRE_RTP_LEN, head;

	s->sum = v->sum;
	s->lanes.a = s->lanes.b = WIRE_SEED;
	if (!v->synth) {
		if (scan_bytes(f, v->payload, v->len, s))
			return -1;
		s->hash = wire_hash_end(&s->lanes, v->len);
		return 0;
	}
	head = v->pktgen ? PKTGEN_TIME : at + WIRE_CHECK_OFFSET;
	if (scan_bytes(f, v->payload, head, s) ||
	    scan_bytes(f, v->payload + head + 8, v->len - head - 8, s))
		return -1;
	s->sum += (v->s.check & 0xffffffff) + (v->s.check >> 32);
	s->hash = wire_hash_end(&s->lanes, v->len - 8);
	return 0;
}

#endif
