/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel engine's way out: each clone of a broadcast becomes the copy of one member
 * of its job, with the headers that crier-dp would write, by the same code.
 *
 * Clones of a job are alike, so it doesn't matter which becomes whose.  Those of one CPU
 * run one after the other, in the poll that broadcast them (dev_map_bpf_prog_run() in
 * kernel/bpf/devmap.c): hence no atomics on a job.  Rooms' rows have writers on all CPUs.
 *
 * One program serves all devmaps: the kernel's queue keeps the first one's for the rest of a
 * poll.  So all that is decided comes from the number in the clone's source MAC.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "array.h"

ARRAY(config, crier_config);
ARRAY(pages, crier_page);
ARRAY(members4, crier_page4);
ARRAY(members6, crier_page6);
ARRAY(vias, crier_via);
ARRAY(ports, crier_port);
ARRAY(kjobs, crier_kjob);
ARRAY(kheld, crier_kheld);
ARRAY(kxmit, crier_kxmit);
ARRAY(kernel_counters, crier_room_counters);
ARRAY(xdp_counters, crier_xdp_counters);

#include "capture.h"
#include "copy.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
/* Read by object.c before the kernel is asked to take anything. */
const volatile __u32 crier_abi SEC(".rodata.abi") = CRIER_ABI;

/* The job whose clone this is, or NULL: it is gone. */
PACKET_INLINE struct crier_kjob *job_of(struct xdp_md *ctx, __u32 *place)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	struct crier_kjob *job;
	__u64 number;

	if (data + KERNEL_HEAD > end)
		return 0;
	number = packet_get16(data + 6) | (__u64)packet_get32(data + 8) << 16;
	*place = kernel_place(number);
	job = bpf_map_lookup_elem(&kjobs, place);
	return job && kernel_number(*place, job->serial) == number ? job : 0;
}

PACKET_INLINE void copy_capture(struct xdp_md *ctx, const struct crier_kjob *job)
{
	const struct crier_port *port;
	__u32 n = job->port;

	port = bpf_map_lookup_elem(&ports, &n);
	if (port && capture_packet(ctx, port->ifindex, CRIER_CAPTURE_COPY, owner_room(job->owner)))
		kernel_count(CRIER_XDP_drop_capture, 1);
}

/* For xmit.bpf.c, which sees what became of it. */
PACKET_INLINE void pass_note(__u32 place)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct crier_kxmit *x = bpf_map_lookup_elem(&kxmit, &cpu);

	if (!x)
		return;
	x->place[x->passed % CRIER_KXMIT_BULK] = place;
	x->passed++;
}

/* Whose copy the clone is to be; 0: nobody's, counted. */
PACKET_INLINE int clone_target(struct crier_kjob *job, const struct crier_kheld *held, int last,
			       struct target *to)
{
	__u32 slot;

	if (last && job->held) {
		to->dst = held->dst;
		to->port = held->port;
		to->number = held->via;
		to->family6 = held->family6;
		return 1;
	}
	slot = member_take(job);
	if (slot < 2 * CRIER_PAGE_SLOTS)
		return member_get(job, slot, to);
	kernel_count(CRIER_XDP_kernel_spare, 1);
	return 0;
}

/* By the held member's via, as that was judged on the way in?  Else 0. */
PACKET_INLINE int clone_shares(const struct crier_kjob *job, const struct crier_kheld *held,
			       struct target *to)
{
	__u32 via = held->via;

	if (!job->held || to->number != held->via || to->family6 != held->family6)
		return 0;
	to->hw = held->hw;
	to->mac = held->mac;
	if (!held->len)
		to->via = bpf_map_lookup_elem(&vias, &via);
	return 1;
}

/*
 * Headers for the target's via: those that the clone brings along, or others.  Their length;
 * 0: there are none, counted.
 */
PACKET_INLINE __u32 clone_head(struct xdp_md *ctx, struct crier_kjob *job,
			       const struct crier_kheld *held, struct target *to)
{
	int shares = clone_shares(job, held, to), more;
	__u32 len = shares ? held->len : 0, brings = len;

	if (!shares && !member_judge(job, to))
		return 0;
	job->taken++;
	if (!brings && to->via)
		len = copy_head_len(to->via, to->family6);
	more = (int)len - (job->head ? job->head : KERNEL_HEAD);
	if (len && (!more || !bpf_xdp_adjust_head(ctx, -more)) &&
	    (brings || copy_begin(ctx, 0, job, to)))
		return len;
	why_count(kernel_row(owner_room(job->owner), owner_generation(job->owner)), WHY_MTU);
	return 0;
}

PACKET_INLINE int clone_serve(struct xdp_md *ctx, struct crier_kjob *job, __u32 place, int last)
{
	const struct crier_kheld *held = bpf_map_lookup_elem(&kheld, &place);
	struct target to = {0};
	__u32 len;

	if (!held || !clone_target(job, held, last, &to))
		return XDP_DROP;
	len = clone_head(ctx, job, held, &to);
	if (!len || !copy_end(ctx, len, job, &to))
		return XDP_DROP;
	if (job->watched)
		copy_capture(ctx, job);
	pass_note(place);
	job->written++;
	return XDP_PASS;
}

PACKET_INLINE int egress(struct xdp_md *ctx)
{
	struct crier_kjob *job;
	__u32 place = 0;
	int action, last;

	job = job_of(ctx, &place);
	if (!job) {
		kernel_count(CRIER_XDP_kernel_stale, 1);
		return XDP_DROP;
	}
	last = ++job->seen == job->clones;
	action = clone_serve(ctx, job, place, last);
	if (last)
		kernel_copies_count(job);
	return action;
}

SEC("xdp/devmap")
int crier_egress(struct xdp_md *ctx)
{
	return egress(ctx);
}

/* The same for tests: the kernel runs no devmap program by BPF_PROG_TEST_RUN. */
SEC("xdp")
int crier_egress_run(struct xdp_md *ctx)
{
	return egress(ctx);
}
