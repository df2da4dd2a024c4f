/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who gets a broadcast's last clone.  Only with it does the kernel ring the device's bell for
 * all that it queued before (XDP_XMIT_FLUSH in bq_xmit_all() of kernel/bpf/devmap.c), and it
 * does not if the program on the way out drops what stands in the queue then: copies of this
 * and of other rooms would lie in the device's ring until the next broadcast.  So its member
 * is chosen on the way in, whole, and whatever becomes of him meanwhile, his copy leaves.
 * A packet without such a member is not broadcast.
 */
#ifndef CRIER_HOLD_H
#define CRIER_HOLD_H

#include "capture.h"
#include "copy.h"

enum hold { HOLD_NONE, HOLD_FOUND, HOLD_GO_ON };

/*
 * Takes the job's next member out of its snapshot.  By itself, so that the verifier sees it
 * once, whatever number of members have no way out.
 */
__attribute__((noinline)) int broadcast_hold_next(__u32 place)
{
	struct crier_kjob *job = bpf_map_lookup_elem(&kjobs, &place);
	struct crier_kheld *held = bpf_map_lookup_elem(&kheld, &place);
	struct target to = {0};
	__u32 slot;

	if (!job || !held)
		return HOLD_NONE;
	slot = member_take(job);
	if (slot >= 2 * CRIER_PAGE_SLOTS)
		return HOLD_NONE;
	if (!member_get(job, slot, &to) || !member_judge(job, &to))
		return HOLD_GO_ON;
	held->dst = to.dst;
	held->hw = to.hw;
	held->mac = to.mac;
	held->port = to.port;
	held->via = to.number;
	held->family6 = to.family6;
	held->len = (__u8)copy_head_len(to.via, to.family6);
	job->held = slot + 1;
	return HOLD_FOUND;
}

/*
 * For a job that is written: 1: it may be broadcast.  0: not one of its members has a way
 * out, and each is counted.
 */
PACKET_INLINE int broadcast_hold(__u32 place)
{
	for (int i = 0; i < 2 * CRIER_PAGE_SLOTS + 1; i++) {
		int found = broadcast_hold_next(place);

		if (found != HOLD_GO_ON)
			return found == HOLD_FOUND;
	}
	return 0;
}

/*
 * Writes the headers by that member's via into a packet of kernel.h's shape, for all who
 * leave by the same; if there is room.
 */
__attribute__((noinline)) int broadcast_begin_copies(struct xdp_md *ctx, __u32 place)
{
	struct crier_kjob *job = bpf_map_lookup_elem(&kjobs, &place);
	struct crier_kheld *held = bpf_map_lookup_elem(&kheld, &place);
	struct target to = {0};
	__u32 zero = 0, via;
	const struct crier_config *cfg = bpf_map_lookup_elem(&config, &zero);

	if (!job || !held)
		return 0;
	job->watched = (__u8)capture_wants(capture_wanted(cfg), CRIER_CAPTURE_COPY,
					   owner_room(job->owner));
	via = held->via;
	to.via = bpf_map_lookup_elem(&vias, &via);
	to.hw = held->hw;
	to.mac = held->mac;
	to.family6 = held->family6;
	if (!to.via)
		return 0;
	if (held->len > job->head) {
		/* The device takes no such frame, or nearly: see broadcast_head(). */
		held->len = 0;
		return 1;
	}
	return copy_begin(ctx, job->head - held->len, job, &to);
}

#endif
