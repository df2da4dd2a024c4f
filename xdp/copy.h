/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A copy's headers in two steps: what all copies by one via have alike, with sums that want
 * only whose it is; and the rest.  The way in does the first for the via of the last clone's
 * member, which is mostly everybody's: the clones then bring those headers along, just before
 * the payload, and the way out does the second alone.  BPF only.
 */
#ifndef CRIER_COPY_H
#define CRIER_COPY_H

#include "rewrite.h"
#include "target.h"

PACKET_INLINE __u32 copy_head_len(const struct crier_via *via, int family6)
{
	return rewrite_link_len(via) + (family6 ? PACKET_IP6_LEN : PACKET_IP4_LEN) + PACKET_UDP_LEN;
}

/*
 * Masked where the verifier sees it, too: Linux 6.1's forgets a comparison's outcome as soon
 * as clang has made two registers of one.
 */
PACKET_INLINE __u32 copy_offset(__u32 n)
{
	__asm__ volatile("" : "+r"(n));
	return n & 63;
}

PACKET_INLINE int copy_begin4(__u8 *eth, const __u8 *end, const struct target *to,
			      const struct rewrite_packet *packet)
{
	__u32 link = rewrite_link_len(to->via);
	struct rewrite_base base;
	struct rewrite_udp *udp;
	struct rewrite_ip4 *ip;

	if (eth + REWRITE_LINK_MAX > end || link > REWRITE_LINK_MAX)
		return 0;
	ip = (struct rewrite_ip4 *)(eth + link);
	udp = (struct rewrite_udp *)(ip + 1);
	if ((const __u8 *)(udp + 1) > end)
		return 0;
	rewrite_link(eth, to->via, to->hw, to->mac, 0);
	base = rewrite_begin4(ip, udp, packet, to->via->local.w[3]);
	ip->sum = (__u16)base.ip;
	udp->sum = (__u16)base.udp;
	return 1;
}

PACKET_INLINE int copy_begin6(__u8 *eth, const __u8 *end, const struct target *to,
			      const struct rewrite_packet *packet)
{
	__u32 link = rewrite_link_len(to->via);
	struct rewrite_udp *udp;
	struct rewrite_ip6 *ip;

	if (eth + REWRITE_LINK_MAX > end || link > REWRITE_LINK_MAX)
		return 0;
	ip = (struct rewrite_ip6 *)(eth + link);
	udp = (struct rewrite_udp *)(ip + 1);
	if ((const __u8 *)(udp + 1) > end)
		return 0;
	rewrite_link(eth, to->via, to->hw, to->mac, 1);
	udp->sum = (__u16)rewrite_begin6(ip, udp, packet, &to->via->local).udp;
	return 1;
}

/* The first step, `at` bytes from the packet's beginning.  0: it does not fit. */
PACKET_INLINE int copy_begin(struct xdp_md *ctx, __u32 at, const struct crier_kjob *job,
			     const struct target *to)
{
	const struct rewrite_packet packet = {
		.payload_len = job->payload_len,
		.payload_sum = job->payload_sum,
		.src_port = job->src_port,
		.id = job->id,
		.dscp = job->dscp,
		.ttl = job->ttl,
		.df = job->df,
	};
	__u8 *eth = (__u8 *)(long)ctx->data + copy_offset(at);
	const __u8 *end = (const __u8 *)(long)ctx->data_end;

	return to->family6 ? copy_begin6(eth, end, to, &packet)
			   : copy_begin4(eth, end, to, &packet);
}

PACKET_INLINE int copy_end4(__u8 *ip4, const __u8 *end, const struct crier_kjob *job,
			    const struct target *to)
{
	struct rewrite_ip4 *ip = (struct rewrite_ip4 *)ip4;
	struct rewrite_udp *udp = (struct rewrite_udp *)(ip + 1);
	struct rewrite_base base;

	if ((const __u8 *)(udp + 1) > end)
		return 0;
	base.ip = ip->sum;
	base.udp = udp->sum;
	base.id = job->df ? 0 : REWRITE_WITH_ID | job->id;
	rewrite_copy4(ip, udp, base, to->dst.w[3], to->port);
	return 1;
}

PACKET_INLINE int copy_end6(__u8 *ip6, const __u8 *end, const struct target *to)
{
	struct rewrite_ip6 *ip = (struct rewrite_ip6 *)ip6;
	struct rewrite_udp *udp = (struct rewrite_udp *)(ip + 1);
	struct rewrite_base base = {0};

	if ((const __u8 *)(udp + 1) > end)
		return 0;
	base.udp = udp->sum;
	rewrite_copy6(ip, udp, base, &to->dst, to->port);
	return 1;
}

/*
 * The second step, of headers that are `len` bytes long and begin the packet: the member's
 * address and port, and the MACs, over which the job's number lay.
 */
PACKET_INLINE int copy_end(struct xdp_md *ctx, __u32 len, const struct crier_kjob *job,
			   const struct target *to)
{
	__u8 *eth = (__u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	__u32 ip = len - PACKET_UDP_LEN - (to->family6 ? PACKET_IP6_LEN : PACKET_IP4_LEN);

	if (eth + PACKET_ETH_LEN > end || ip > REWRITE_LINK_MAX)
		return 0;
	ip = copy_offset(ip);
	*(__u64 *)eth = (to->hw & 0xffffffffffffULL) | to->mac << 48;
	*(__u32 *)(eth + 8) = (__u32)(to->mac >> 16);
	return to->family6 ? copy_end6(eth + ip, end, to) : copy_end4(eth + ip, end, job, to);
}

#endif
