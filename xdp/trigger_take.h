/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The injector's far end: a trigger of crier-dp's becomes a job and is broadcast.  Included by
 * crier.bpf.c, after broadcast.h.
 */
#ifndef CRIER_TRIGGER_TAKE_H
#define CRIER_TRIGGER_TAKE_H

#include "trigger.h"

_Static_assert(TRIGGER_PAYLOAD_MAX == KERNEL_PAYLOAD_MAX, "who sends knows what is taken");

/* The head, if the frame is a whole trigger. */
PACKET_INLINE const struct crier_trigger *trigger_whole(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	const struct crier_trigger *t = (const struct crier_trigger *)data;
	__u32 due;

	if (data + TRIGGER_HEAD > end || t->type != CRIER_TRIGGER_TYPE ||
	    t->magic != CRIER_TRIGGER_MAGIC || t->payload_len > KERNEL_PAYLOAD_MAX ||
	    t->payload_len != (__u32)(end - data) - TRIGGER_HEAD)
		return 0;
	due = kernel_bits(t->member[0]) + kernel_bits(t->member[1]) + kernel_bits(t->member[2]) +
	      kernel_bits(t->member[3]);
	return due == t->due && t->port < CRIER_MAX_PORTS ? t : 0;
}

/* Is it the one that its worker waits for?  Then that one goes on, and won't count its unit. */
PACKET_INLINE int trigger_awaited(const struct crier_trigger *t)
{
	__u32 worker = t->worker;
	struct crier_trigger_slot *slot = bpf_map_lookup_elem(&triggers, &worker);
	__u64 serial = t->serial;

	if (!slot || !serial || STEER_LOAD(&slot->sent) != serial ||
	    STEER_LOAD(&slot->taken) == serial)
		return 0;
	STEER_STORE(&slot->taken, serial);
	return 1;
}

PACKET_INLINE void trigger_job(const struct crier_trigger *t, struct crier_kjob *job, int family6,
			       __u32 clones)
{
	job->owner = owner_word(t->room, t->generation, 0, 0);
	job->page = family6 ? 0 : t->page;
	job->page6 = family6 ? t->page : 0;
	job->port = t->port;
	for (int i = 0; i < 4; i++) {
		__u64 w = t->member[i];

		job->occupied[i] = family6 ? 0 : w;
		job->occupied6[i] = family6 ? w : 0;
	}
	job->due = t->due;
	job->clones = (__u16)clones;
	job->seen = job->taken = 0;
	job->held = 0;
	job->payload_len = t->payload_len;
	job->head = broadcast_head(t->port, family6, t->payload_len);
	job->payload_sum = t->payload_sum;
	job->src_port = t->src_port;
	job->id = t->id;
	job->dscp = t->dscp;
	job->ttl = t->ttl;
	job->df = t->df;
}

/*
 * Its job, written; 0: page or port is not what it says.  A page's words of who leaves by
 * which port are not looked at: crier-dp chose by the members' own.
 */
PACKET_INLINE struct crier_kjob *trigger_begin(const struct crier_trigger *t, struct broadcast *b)
{
	__u32 n = t->page, size = broadcast_size(t->due);
	const struct crier_page *page = bpf_map_lookup_elem(&pages, &n);
	struct crier_kjob *job;
	__u64 owner;

	owner = page ? broadcast_owner(page, t->room, t->generation) : 0;
	b->key = t->port * CRIER_KSIZES_N + size;
	if (!owner || !bpf_map_lookup_elem(&devmaps, &b->key))
		return 0;
	job = broadcast_place(&b->number);
	if (job)
		trigger_job(t, job, owner_family6(owner), broadcast_sizes[size]);
	return job;
}

PACKET_INLINE int trigger_take(struct xdp_md *ctx)
{
	const struct crier_trigger *t = trigger_whole(ctx);
	struct crier_room_counters *row;
	struct broadcast b = {0};
	struct crier_kjob *job;
	void *clones;
	__u32 due;

	if (!t || !trigger_awaited(t)) {
		kernel_count(CRIER_XDP_trigger_refused, 1);
		return XDP_DROP;
	}
	kernel_count(CRIER_XDP_trigger_taken, 1);
	due = t->due;
	if (!due)
		return XDP_DROP;
	row = kernel_row(t->room, t->generation);
	KERNEL_ADD(row, due, due);
	job = trigger_begin(t, &b);
	if (!job) {
		kernel_count(CRIER_XDP_trigger_stale, 1);
		KERNEL_ADD(row, tx_full, due);
		return XDP_DROP;
	}
	/* What fails from here on leaves the job's clones untaken: its place's next job counts
	 * them. */
	clones = bpf_map_lookup_elem(&devmaps, &b.key);
	if (!clones || !broadcast_hold(kernel_place(b.number)) ||
	    bpf_xdp_adjust_head(ctx, TRIGGER_HEAD - (int)job->head))
		return XDP_DROP;
	return broadcast_go(ctx, &b, clones);
}

#endif
