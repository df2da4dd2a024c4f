/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The headers of a copy.  One code for BPF and for user space.
 *
 * A copy differs from its packet in the link header, addresses, ports and sums alone.
 * What all copies of one packet through one next hop share is summed once, by
 * rewrite_begin4/6, into a struct rewrite_base; rewrite_copy4/6 then adds one
 * listener's address and port (RFC 1071: the order of additions doesn't matter).
 *
 * Sums are of 16-bit words as they lie in memory, so no byte is swapped (RFC 1071,
 * section 2B).  A base is folded to 16 bits; a payload sum may be any 32-bit sum.
 */
#ifndef CRIER_REWRITE_H
#define CRIER_REWRITE_H

#include <linux/types.h>

#include "packet.h"
#include "table.h"

#define REWRITE_LINK_MAX (PACKET_ETH_LEN + 2 * PACKET_VLAN_LEN)

#define REWRITE_DF 0x4000 /* host order */

/* A 16-bit constant in network order; a macro so that BPF and static tables can use it. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define REWRITE_BE16(x) ((__be16)(__u16)(((x)&0xff) << 8 | ((x) >> 8 & 0xff)))
#else
#define REWRITE_BE16(x) ((__be16)(x))
#endif

/* IPv4 and UDP headers as words that are loaded and stored whole. */
struct __attribute__((may_alias)) rewrite_ip4 {
	__u8 version_ihl;
	__u8 tos;
	__be16 len;
	__be16 id;
	__be16 frag;
	__u8 ttl;
	__u8 proto;
	__u16 sum;
	__be32 src;
	__be32 dst;
};
CRIER_ASSERT_SIZE(struct rewrite_ip4, PACKET_IP4_LEN);

struct __attribute__((may_alias)) rewrite_ip6 {
	__u8 version_class[2];
	__u8 class_flow[2];
	__be16 payload_len;
	__u8 next;
	__u8 hops;
	__be32 src[4];
	__be32 dst[4];
};
CRIER_ASSERT_SIZE(struct rewrite_ip6, PACKET_IP6_LEN);

struct __attribute__((may_alias)) rewrite_udp {
	__be16 src;
	__be16 dst;
	__be16 len;
	__u16 sum;
};
CRIER_ASSERT_SIZE(struct rewrite_udp, PACKET_UDP_LEN);

/* What one packet's copies carry, whoever receives them. */
struct rewrite_packet {
	__u32 payload_len; /* UDP payload, bytes */
	__u32 payload_sum; /* its ones' complement sum */
	__be16 src_port;   /* the media port */
	__be16 id;	   /* IPv4 identification of the packet, used if not df */
	__u8 dscp;	   /* 0..63 */
	__u8 ttl;
	__u8 df;
	__u8 pad0;
};
CRIER_ASSERT_SIZE(struct rewrite_packet, 16);

struct rewrite_base {
	__u32 ip;  /* IPv4 header but for dst; unused by IPv6 */
	__u32 udp; /* pseudo header, UDP header and payload, but for dst and its port */
	__u32 id;  /* IPv4 without DF: REWRITE_WITH_ID | the packet's ID; else 0 */
};

#define REWRITE_WITH_ID 0x10000

/*
 * RFC 6864: a datagram that may be fragmented needs an ID of its own between two hosts.
 * Listeners behind one address differ by their port, so copies do by what it mixes to.
 */
static inline __u16 rewrite_id(__u32 id, __be16 port)
{
	return (__u16)(id + port * 40503U);
}

/* For sums of a few 16-bit words: half the work of sum_fold(). */
static inline __u32 rewrite_fold32(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* RFC 768: a computed zero is sent as all ones; zero would mean "no checksum". */
static inline __u16 rewrite_udp_sum(__u32 sum)
{
	__u16 c = (__u16)~rewrite_fold32(sum);

	return c ? c : 0xffff;
}

/* All but dst, its port and the two sums; returns what the sums already know. */
static inline struct rewrite_base rewrite_begin4(struct rewrite_ip4 *ip, struct rewrite_udp *udp,
						 const struct rewrite_packet *p, __be32 local)
{
	__u32 udp_len = PACKET_UDP_LEN + p->payload_len;
	struct rewrite_base base;

	ip->version_ihl = 0x45;
	ip->tos = (__u8)(p->dscp << 2);
	ip->len = REWRITE_BE16(PACKET_IP4_LEN + udp_len);
	ip->id = 0;
	ip->frag = p->df ? REWRITE_BE16(REWRITE_DF) : 0;
	ip->ttl = p->ttl;
	ip->proto = PACKET_PROTO_UDP;
	ip->src = local;
	udp->src = p->src_port;
	udp->len = REWRITE_BE16(udp_len);

	base.ip = sum_fold((__u64)REWRITE_BE16(0x4500 | ip->tos) + ip->len + ip->frag +
			   REWRITE_BE16(ip->ttl << 8 | PACKET_PROTO_UDP) + local);
	/* the length counts twice: in the pseudo header and in UDP's own */
	base.id = p->df ? 0 : REWRITE_WITH_ID | p->id;
	base.udp = sum_fold((__u64)local + REWRITE_BE16(PACKET_PROTO_UDP) + 2 * (__u32)udp->len +
			    udp->src + p->payload_sum);
	return base;
}

static inline void rewrite_copy4(struct rewrite_ip4 *ip, struct rewrite_udp *udp,
				 struct rewrite_base base, __be32 dst, __be16 port)
{
	__u32 dst_sum = (dst & 0xffff) + (dst >> 16);

	if (base.id) {
		ip->id = rewrite_id(base.id, port);
		base.ip += ip->id;
	}
	ip->sum = (__u16)~rewrite_fold32(base.ip + dst_sum);
	ip->dst = dst;
	udp->dst = port;
	udp->sum = rewrite_udp_sum(base.udp + dst_sum + port);
}

static inline __u64 rewrite_sum6(const struct crier_addr *addr)
{
	return (__u64)addr->w[0] + addr->w[1] + addr->w[2] + addr->w[3];
}

static inline struct rewrite_base rewrite_begin6(struct rewrite_ip6 *ip, struct rewrite_udp *udp,
						 const struct rewrite_packet *p,
						 const struct crier_addr *local)
{
	__u32 udp_len = PACKET_UDP_LEN + p->payload_len;
	struct rewrite_base base = {0};

	ip->version_class[0] = (__u8)(0x60 | p->dscp >> 2);
	ip->version_class[1] = (__u8)(p->dscp << 6);
	ip->class_flow[0] = 0;
	ip->class_flow[1] = 0;
	ip->payload_len = REWRITE_BE16(udp_len);
	ip->next = PACKET_PROTO_UDP;
	ip->hops = p->ttl;
	ip->src[0] = local->w[0];
	ip->src[1] = local->w[1];
	ip->src[2] = local->w[2];
	ip->src[3] = local->w[3];
	udp->src = p->src_port;
	udp->len = REWRITE_BE16(udp_len);

	base.udp = sum_fold(rewrite_sum6(local) + REWRITE_BE16(PACKET_PROTO_UDP) +
			    2 * (__u32)udp->len + udp->src + p->payload_sum);
	return base;
}

static inline void rewrite_copy6(struct rewrite_ip6 *ip, struct rewrite_udp *udp,
				 struct rewrite_base base, const struct crier_addr *dst,
				 __be16 port)
{
	ip->dst[0] = dst->w[0];
	ip->dst[1] = dst->w[1];
	ip->dst[2] = dst->w[2];
	ip->dst[3] = dst->w[3];
	udp->dst = port;
	udp->sum = rewrite_udp_sum(base.udp + sum_fold(rewrite_sum6(dst)) + port);
}

/*
 * ---- link header -----------------------------------------------------------------
 */
static inline __u32 rewrite_link_len(const struct crier_via *via)
{
	return PACKET_ETH_LEN + PACKET_VLAN_LEN * (!!via->vlan[0] + !!via->vlan[1]);
}

static inline void rewrite_mac(__u8 *to, __u64 mac)
{
	to[0] = (__u8)mac;
	to[1] = (__u8)(mac >> 8);
	to[2] = (__u8)(mac >> 16);
	to[3] = (__u8)(mac >> 24);
	to[4] = (__u8)(mac >> 32);
	to[5] = (__u8)(mac >> 40);
}

/* 2 bytes in network order at any alignment. */
static inline void rewrite_put16(__u8 *to, __be16 v)
{
	__builtin_memcpy(to, &v, sizeof(v));
}

static inline __u8 *rewrite_tag(__u8 *at, __u16 vlan, __be16 tpid)
{
	__u16 id = vlan - 1;

	rewrite_put16(at, tpid ? tpid : REWRITE_BE16(PACKET_TYPE_VLAN));
	rewrite_put16(at + 2, REWRITE_BE16(id));
	return at + PACKET_VLAN_LEN;
}

/* Writes rewrite_link_len(via) bytes at eth: MACs, up to two tags, the EtherType. */
static inline void rewrite_link(__u8 *eth, const struct crier_via *via, __u64 dst_mac,
				__u64 src_mac, int family6)
{
	__u8 *at = eth + 12;

	rewrite_mac(eth, dst_mac);
	rewrite_mac(eth + 6, src_mac);
	if (via->vlan[0])
		at = rewrite_tag(at, via->vlan[0], via->tpid[0]);
	if (via->vlan[1])
		at = rewrite_tag(at, via->vlan[1], via->tpid[1]);
	rewrite_put16(at, family6 ? REWRITE_BE16(PACKET_TYPE_IP6) : REWRITE_BE16(PACKET_TYPE_IP4));
}

#endif
