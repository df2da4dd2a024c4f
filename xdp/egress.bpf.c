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

#include "table.h"

#define ARRAY(map, element) \
	struct { \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, 1); \
		__type(key, __u32); \
		__type(value, struct element); \
	} map SEC(".maps")

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
#include "rewrite.h"
#include "target.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
/* Read by object.c before the kernel is asked to take anything. */
const volatile __u32 crier_abi SEC(".rodata.abi") = CRIER_ABI;

PACKET_INLINE int write4(struct xdp_md *ctx, const struct target *to,
			 const struct rewrite_packet *packet, __u32 head)
{
	__u8 *eth = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end, *ip;
	struct rewrite_base base;
	struct rewrite_udp *udp;

	if (eth + REWRITE_LINK_MAX > end || head > REWRITE_LINK_MAX)
		return XDP_DROP;
	ip = eth + head;
	if (ip + PACKET_IP4_LEN + PACKET_UDP_LEN > end)
		return XDP_DROP;
	rewrite_link(eth, to->via, to->hw, to->mac, 0);
	udp = (struct rewrite_udp *)(ip + PACKET_IP4_LEN);
	base = rewrite_begin4((struct rewrite_ip4 *)ip, udp, packet, to->via->local.w[3]);
	rewrite_copy4((struct rewrite_ip4 *)ip, udp, base, to->dst.w[3], to->port);
	return XDP_PASS;
}

PACKET_INLINE int write6(struct xdp_md *ctx, const struct target *to,
			 const struct rewrite_packet *packet, __u32 head)
{
	__u8 *eth = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end, *ip;
	struct rewrite_base base;
	struct rewrite_udp *udp;

	if (eth + REWRITE_LINK_MAX > end || head > REWRITE_LINK_MAX)
		return XDP_DROP;
	ip = eth + head;
	if (ip + PACKET_IP6_LEN + PACKET_UDP_LEN > end)
		return XDP_DROP;
	rewrite_link(eth, to->via, to->hw, to->mac, 1);
	udp = (struct rewrite_udp *)(ip + PACKET_IP6_LEN);
	base = rewrite_begin6((struct rewrite_ip6 *)ip, udp, packet, &to->via->local);
	rewrite_copy6((struct rewrite_ip6 *)ip, udp, base, &to->dst, to->port);
	return XDP_PASS;
}

/* The clone's headers.  There is room for them, but for a job of an older program (kernel.h). */
PACKET_INLINE int copy_write(struct xdp_md *ctx, const struct crier_kjob *job,
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
	__u32 head = rewrite_link_len(to->via);
	int more = (int)(head + (to->family6 ? PACKET_IP6_LEN : PACKET_IP4_LEN) + PACKET_UDP_LEN) -
		   (job->head ? job->head : KERNEL_HEAD);

	if (more && bpf_xdp_adjust_head(ctx, -more))
		return XDP_DROP;
	return to->family6 ? write6(ctx, to, &packet, head) : write4(ctx, to, &packet, head);
}

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

/* The last clone's member, as he was on the way in. */
PACKET_INLINE int held_get(__u32 place, struct target *to)
{
	const struct crier_kheld *held = bpf_map_lookup_elem(&kheld, &place);
	__u32 via;

	if (!held)
		return 0;
	via = held->via;
	to->via = bpf_map_lookup_elem(&vias, &via);
	to->dst = held->dst;
	to->hw = held->hw;
	to->mac = held->mac;
	to->port = held->port;
	to->family6 = held->family6;
	return !!to->via;
}

PACKET_INLINE void copy_capture(struct xdp_md *ctx, const struct crier_kjob *job)
{
	__u64 wanted = capture_wanted();
	const struct crier_port *port;
	__u32 n = job->port;

	if (!wanted)
		return;
	port = bpf_map_lookup_elem(&ports, &n);
	if (port)
		capture_take(ctx, wanted, port->ifindex, CRIER_CAPTURE_COPY,
			     owner_room(job->owner));
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

PACKET_INLINE int egress(struct xdp_md *ctx)
{
	struct crier_room_counters *row;
	struct target to = {0};
	struct crier_kjob *job;
	__u32 place = 0, slot;

	job = job_of(ctx, &place);
	if (!job) {
		kernel_count(CRIER_XDP_kernel_stale, 1);
		return XDP_DROP;
	}
	row = kernel_row(owner_room(job->owner), owner_generation(job->owner));
	if (++job->seen == job->clones && job->held) {
		if (!held_get(place, &to))
			return XDP_DROP;
	} else {
		slot = member_take(job);
		if (slot >= 2 * CRIER_PAGE_SLOTS) {
			kernel_count(CRIER_XDP_kernel_spare, 1);
			return XDP_DROP;
		}
		if (!member_judge(job, row, slot, &to))
			return XDP_DROP;
	}
	job->taken++;
	if (copy_write(ctx, job, &to) == XDP_DROP) {
		why_count(row, WHY_MTU);
		return XDP_DROP;
	}
	copy_capture(ctx, job);
	pass_note(place);
	kernel_count(CRIER_XDP_kernel_copies, 1);
	KERNEL_ADD(row, copies, 1);
	return XDP_PASS;
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
