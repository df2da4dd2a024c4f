/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel engine's way in: a packet of a small room becomes a job and is broadcast.
 * Included by crier.bpf.c, after its maps and steer.h.
 */
#ifndef CRIER_BROADCAST_H
#define CRIER_BROADCAST_H

#include "hold.h"

static const __u16 broadcast_sizes[CRIER_KSIZES_N] = {
#define BROADCAST_SIZE(n) n,
	CRIER_KSIZES(BROADCAST_SIZE)
#undef BROADCAST_SIZE
};

/* The least size for so many.  By arithmetic, for the verifier would follow each branch. */
PACKET_INLINE __u32 broadcast_size(__u32 members)
{
	__u32 i = 0;

#define BROADCAST_LESS(n) i += ((__u32)(n)-members) >> 31;
	CRIER_KSIZES(BROADCAST_LESS)
#undef BROADCAST_LESS
	return i < CRIER_KSIZES_N ? i : CRIER_KSIZES_N - 1;
}

/* What is on a page that leaves by this port goes into to[]; *no_route counts who has no way. */
PACKET_INLINE __u32 broadcast_snapshot(const struct crier_page *page, __u64 to[4], __u32 *no_route)
{
	__u32 n = 0;

	for (int i = 0; i < 4; i++) {
		__u64 all = STEER_LOAD(&page->occupied[i]);
		__u64 here = STEER_LOAD(&page->egress[i]) & all;

		to[i] = here;
		n += kernel_bits(here);
		*no_route += kernel_bits(all & ~here);
	}
	return n;
}

/* The page's owner word if it is that room's, else 0. */
PACKET_INLINE __u64 broadcast_owner(const struct crier_page *page, __u32 room, __u32 generation)
{
	__u64 owner = STEER_LOAD(&page->owner);

	return owner_room(owner) == room && owner_generation(owner) == generation ? owner : 0;
}

PACKET_INLINE const struct crier_page *broadcast_page(__u32 n, __u32 port,
						      const struct steer_result *to)
{
	const struct crier_page *page = bpf_map_lookup_elem(&pages, &n);

	if (!page || !broadcast_owner(page, to->room, to->generation))
		return 0;
	/* Without a member who has a way out the page speaks of no port. */
	if (page->egress_port != port &&
	    (page->egress[0] | page->egress[1] | page->egress[2] | page->egress[3]))
		return 0;
	return page;
}

/*
 * A clone of the place's last job that was never seen could not be made, the last one in any
 * case: so its copies are not counted yet.
 */
PACKET_INLINE void broadcast_settle(const struct crier_kjob *job)
{
	struct crier_room_counters *row;
	__u64 lost = (__u64)job->due - job->taken;

	if (job->taken >= job->due)
		return;
	kernel_count(CRIER_XDP_kernel_lost, lost);
	row = kernel_row(owner_room(job->owner), owner_generation(job->owner));
	KERNEL_ADD(row, tx_full, lost);
	if (job->seen < job->clones)
		kernel_copies_count(job);
}

/* The next place of this CPU's ring, settled; its number in *number. */
PACKET_INLINE struct crier_kjob *broadcast_place(__u64 *number)
{
	__u32 cpu = bpf_get_smp_processor_id(), place;
	struct crier_xdp_counters *counters = bpf_map_lookup_elem(&xdp_counters, &cpu);
	struct crier_kjob *job;
	__u64 serial;

	if (!counters)
		return 0;
	serial = counters->c[CRIER_XDP_kernel_jobs] + 1;
	place = cpu * CRIER_KJOBS + (__u32)(serial % CRIER_KJOBS);
	job = bpf_map_lookup_elem(&kjobs, &place);
	if (!job)
		return 0;
	counters->c[CRIER_XDP_kernel_jobs] = serial;
	broadcast_settle(job);
	job->serial = serial;
	job->written = job->undone = 0;
	*number = kernel_number(place, serial);
	return job;
}

PACKET_INLINE void broadcast_settings(struct crier_kjob *job, __u64 serial)
{
	__u32 zero = 0;
	const struct crier_config *cfg = bpf_map_lookup_elem(&config, &zero);

	if (!cfg)
		return;
	job->src_port = cfg->media_port;
	job->id = (__be16)serial;
	job->dscp = (__u8)STEER_LOAD(&cfg->setting[CRIER_SET_dscp]);
	job->ttl = (__u8)STEER_LOAD(&cfg->setting[CRIER_SET_ttl]);
	job->df = (__u8)STEER_LOAD(&cfg->setting[CRIER_SET_df]);
}

/*
 * Are clones of what came in by this interface frames of their own?  In generic mode they share
 * one packet's bytes, and so they may where Linux runs a native program late, on an skb: so
 * does a TAP, depending on how a program writes into it (tun_get_user() in drivers/net/tun.c).
 */
PACKET_INLINE int broadcast_is_native(__u32 ifindex)
{
	const struct crier_port *port = steer_port(NULL, steer_port_number(NULL, ifindex));

	/* in this order, against crierd's */
	return port && STEER_ACQUIRE(&port->mode) == CRIER_PORT_NATIVE &&
	       !(STEER_LOAD(&port->flags) & CRIER_PORT_LATE);
}

/*
 * Room for the longest headers that leave by the port.  A broadcast takes no frame that is
 * longer than the device's own, a tag and all (xdp_ok_fwd_dev()): a payload that needs that
 * much leaves less room, and is too long for the headers that lack it.
 */
PACKET_INLINE __u8 broadcast_head(__u32 port, int family6, __u32 payload_len)
{
	const struct crier_port *p = bpf_map_lookup_elem(&ports, &port);
	int head = KERNEL_HEAD, most;

	if (!p)
		return KERNEL_HEAD;
	head += PACKET_VLAN_LEN * (STEER_LOAD(&p->tags) & 3);
	head += family6 ? PACKET_IP6_LEN - PACKET_IP4_LEN : 0;
	head = head < KERNEL_HEAD_MAX ? head : KERNEL_HEAD_MAX;
	most = (int)p->mtu + PACKET_ETH_LEN + PACKET_VLAN_LEN - (int)payload_len;
	head = head < most ? head : most;
	return (__u8)(head > KERNEL_HEAD ? head : KERNEL_HEAD);
}

/* What broadcast_begin() leaves for broadcast_send(). */
struct broadcast {
	__u64 number;
	__u32 key; /* in "devmaps" */
	__u32 pad0;
};

/*
 * 1: the packet is the kernel engine's, and its job is written but for the payload's sum.
 * 0: it is not, or cannot be: crier-dp may have it.  Global, so that it is verified by
 * itself.
 */
__attribute__((noinline)) int broadcast_begin(struct xdp_md *ctx, const struct steer_result *to,
					      struct broadcast *out)
{
	const struct crier_room *room;
	const struct crier_page *page4, *page6;
	struct crier_room_counters *row;
	struct crier_kjob *job;
	__u64 word, number = 0;
	__u32 n4, n6, port, key, due, size, no_route = 0;

	if (!to || !out || to->payload_len > KERNEL_PAYLOAD_MAX)
		return 0;
	n4 = to->room;
	room = bpf_map_lookup_elem(&rooms, &n4);
	if (!room || STEER_LOAD(&room->engine) != CRIER_ENGINE_KERNEL ||
	    !broadcast_is_native(ctx->ingress_ifindex))
		return 0;
	word = STEER_LOAD(&room->kernel);
	n4 = kernel_page4(word);
	n6 = kernel_page6(word);
	port = kernel_port(word);
	page4 = n4 ? broadcast_page(n4, port, to) : 0;
	page6 = n6 ? broadcast_page(n6, port, to) : 0;
	if ((n4 && !page4) || (n6 && !page6))
		return 0;
	key = port * CRIER_KSIZES_N;
	if (port && !bpf_map_lookup_elem(&devmaps, &key))
		return 0;
	job = broadcast_place(&number);
	if (!job)
		return 0;
	job->owner = owner_word(to->room, to->generation, 0, 0);
	job->page = n4;
	job->page6 = n6;
	job->port = port;
	for (int i = 0; i < 4; i++)
		job->occupied[i] = job->occupied6[i] = 0;
	due = page4 ? broadcast_snapshot(page4, job->occupied, &no_route) : 0;
	due += page6 ? broadcast_snapshot(page6, job->occupied6, &no_route) : 0;
	size = broadcast_size(due);
	job->due = (__u16)due;
	job->clones = broadcast_sizes[size];
	job->seen = job->taken = 0;
	job->held = 0;
	job->payload_len = to->payload_len;
	job->head = broadcast_head(port, !!n6, to->payload_len);
	broadcast_settings(job, job->serial);
	row = kernel_row(to->room, to->generation);
	KERNEL_ADD(row, pkts, 1);
	KERNEL_ADD(row, bytes, to->payload_len);
	KERNEL_ADD(row, due, due + no_route);
	if (no_route)
		KERNEL_ADD(row, no_route, no_route);
	out->number = number;
	out->key = key + size;
	return 1;
}

/* Ones' complement sum of what follows `head` bytes, folded.  Global as broadcast_begin(). */
__attribute__((noinline)) int broadcast_sum(struct xdp_md *ctx, __u32 head)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	const __u8 *payload = data + (head & 127);
	__u64 sum = 0;
	__u32 n = 0;

	for (; n < KERNEL_PAYLOAD_MAX; n += 8) {
		const __u8 *p = payload + n;

		if (p + 8 > end)
			break;
		sum += (__u64)packet_get32(p) + packet_get32(p + 4);
	}
	if (payload + n + 4 <= end) {
		sum += packet_get32(payload + n);
		n += 4;
	}
	if (payload + n + 2 <= end) {
		sum += packet_get16(payload + n);
		n += 2;
	}
	if (payload + n + 1 <= end)
		sum += payload[n];
	return sum_fold(sum);
}

/* Number and key go their ways: the one into a packet of kernel.h's shape, which goes, too. */
PACKET_INLINE int broadcast_go(struct xdp_md *ctx, const struct broadcast *b, void *clones)
{
	__u8 *data, *end;

	if (!broadcast_begin_copies(ctx, kernel_place(b->number)))
		return XDP_DROP;
	data = (__u8 *)(long)ctx->data;
	end = (__u8 *)(long)ctx->data_end;
	if (data + KERNEL_HEAD > end)
		return XDP_DROP;
	*(__u16 *)(data + 6) = (__u16)b->number;
	*(__u16 *)(data + 8) = (__u16)(b->number >> 16);
	*(__u16 *)(data + 10) = (__u16)(b->number >> 32);
	return (int)bpf_redirect_map(clones, 0, BPF_F_BROADCAST);
}

/*
 * Gives the packet the shape of kernel.h, sums its payload and broadcasts it.  Whatever
 * fails leaves the job's clones untaken, which its place's next job counts lost.
 */
__attribute__((noinline)) int broadcast_send(struct xdp_md *ctx, const struct steer_result *to,
					     const struct broadcast *b)
{
	__u32 place, key, len;
	struct crier_kjob *job;
	void *clones;
	int tail, more;

	if (!to || !b)
		return XDP_DROP;
	place = kernel_place(b->number);
	key = b->key;
	job = bpf_map_lookup_elem(&kjobs, &place);
	clones = bpf_map_lookup_elem(&devmaps, &key);
	if (!job || !clones || !broadcast_hold(place))
		return XDP_DROP;
	len = to->payload_len;
	tail = (int)(to->payload + len) - (int)(ctx->data_end - ctx->data);
	if (tail && bpf_xdp_adjust_tail(ctx, tail))
		return XDP_DROP;
	more = (int)job->head - (int)to->payload;
	if (more && bpf_xdp_adjust_head(ctx, -more))
		return XDP_DROP;
	job->payload_sum = (__u32)broadcast_sum(ctx, job->head);
	return broadcast_go(ctx, b, clones);
}

#endif
