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
ARRAY(kernel_counters, crier_room_counters);
ARRAY(xdp_counters, crier_xdp_counters);

#include "kernel.h"
#include "rewrite.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define LOAD(p) (*(volatile __typeof__(*(p)) *)(p))

/* Whose copy a clone becomes, and by which way. */
struct target {
	const struct crier_via *via;
	struct crier_addr dst; /* IPv4: w[3] */
	__u64 hw;	       /* the via's */
	__u64 mac;	       /* the port's */
	__be16 port;
	__u8 family6;
};

/* The lowest set bit's place. */
PACKET_INLINE __u32 lowest(__u64 w)
{
	return kernel_bits((w & -w) - 1);
}

/* Takes the lowest slot out of a snapshot; CRIER_PAGE_SLOTS: it is empty. */
PACKET_INLINE __u32 slot_take(__u64 left[4])
{
	for (__u32 i = 0; i < 4; i++) {
		__u64 w = left[i];

		if (!w)
			continue;
		left[i] = w & (w - 1);
		return i * 64 + lowest(w);
	}
	return CRIER_PAGE_SLOTS;
}

/* The next clone's member: CRIER_PAGE_SLOTS places beyond the v4 ones are v6. */
PACKET_INLINE __u32 member_take(struct crier_kjob *job)
{
	__u32 slot;

	job->seen++;
	if (job->held && job->seen == job->clones)
		return job->held - 1;
	slot = slot_take(job->occupied);
	if (slot < CRIER_PAGE_SLOTS)
		return slot;
	return CRIER_PAGE_SLOTS + slot_take(job->occupied6);
}

/* Is the page still its room's?  No v4 clone may hear what another room's page holds. */
PACKET_INLINE int page_is_jobs(__u32 n, const struct crier_kjob *job)
{
	const struct crier_page *page = bpf_map_lookup_elem(&pages, &n);
	__u64 owner = page ? LOAD(&page->owner) : 0;

	return owner && owner_room(owner) == owner_room(job->owner) &&
	       owner_generation(owner) == owner_generation(job->owner);
}

/* Masked where the verifier sees it, too: clang has proved it needless. */
PACKET_INLINE __u32 place_of(__u32 slot)
{
	__asm__ volatile("" : "+r"(slot));
	return slot & (CRIER_PAGE_SLOTS - 1);
}

/* The member in that slot and his via's number.  CRIER_XDP_N, or the counter that says why not. */
PACKET_INLINE enum crier_xdp_counter member4_get(const struct crier_kjob *job, __u32 slot,
						 struct target *to, __u32 *via)
{
	__u32 n = job->page;
	const struct crier_page4 *page = bpf_map_lookup_elem(&members4, &n);
	__u64 word;

	if (!page || !page_is_jobs(n, job))
		return CRIER_XDP_kernel_stale;
	word = LOAD(&page->member[place_of(slot)]);
	if (!word)
		return CRIER_XDP_kernel_empty;
	to->dst.w[3] = member4_addr(word);
	to->port = member4_port(word);
	*via = member4_via(word);
	return CRIER_XDP_N;
}

PACKET_INLINE enum crier_xdp_counter member6_get(const struct crier_kjob *job, __u32 slot,
						 struct target *to, __u32 *via)
{
	__u32 n = job->page6, zero = 0;
	const struct crier_config *cfg = bpf_map_lookup_elem(&config, &zero);
	__u32 at = cfg ? n - cfg->pages4 : ~0U;
	const struct crier_page6 *page = bpf_map_lookup_elem(&members6, &at);
	const struct crier_member6 *m;
	__u64 word;

	if (!page || !page_is_jobs(n, job))
		return CRIER_XDP_kernel_stale;
	m = &page->member[place_of(slot)];
	word = LOAD(&m->word);
	if (!word)
		return CRIER_XDP_kernel_empty;
	to->dst = m->addr;
	to->port = member6_port(word);
	to->family6 = 1;
	*via = member6_via(word);
	return CRIER_XDP_N;
}

/* Why a copy is not made, as the bypass engine judges: link.c and copy.c. */
enum why { WHY_NOT, WHY_NO_ROUTE, WHY_NO_NEIGHBOUR, WHY_LINK_DOWN, WHY_MTU };

PACKET_INLINE int is_mapped(const struct crier_addr *a)
{
	return !a->w[0] && !a->w[1] && a->w[2] == 0xffff0000;
}

PACKET_INLINE enum why via_judge(const struct crier_kjob *job, struct target *to, __u32 number)
{
	const struct crier_via *via = bpf_map_lookup_elem(&vias, &number);
	__u32 n = job->port, ip_len, state;
	const struct crier_port *port = bpf_map_lookup_elem(&ports, &n);

	if (!via || !number)
		return WHY_NO_ROUTE;
	to->via = via;
	to->hw = LOAD(&via->hw);
	state = (__u32)(to->hw >> 48);
	if (state == CRIER_VIA_PENDING)
		return WHY_NO_NEIGHBOUR;
	if (state == CRIER_VIA_DOWN)
		return WHY_LINK_DOWN;
	if (state != CRIER_VIA_READY || is_mapped(&via->local) == to->family6)
		return WHY_NO_ROUTE;
	/* By another port now: its room leaves this engine, or its page's words follow. */
	if (!port || via->port != n)
		return WHY_LINK_DOWN;
	to->mac = LOAD(&port->mac);
	if (!(to->mac >> 48 & 1))
		return WHY_LINK_DOWN;
	ip_len =
		(to->family6 ? PACKET_IP6_LEN : PACKET_IP4_LEN) + PACKET_UDP_LEN + job->payload_len;
	return ip_len > via->mtu ? WHY_MTU : WHY_NOT;
}

PACKET_INLINE void why_count(struct crier_room_counters *row, enum why why)
{
	if (why == WHY_NO_NEIGHBOUR) {
		kernel_count(CRIER_XDP_kernel_no_neighbour, 1);
		KERNEL_ADD(row, no_neighbour, 1);
		return;
	}
	kernel_count(CRIER_XDP_kernel_dropped, 1);
	if (why == WHY_NO_ROUTE)
		KERNEL_ADD(row, no_route, 1);
	else if (why == WHY_LINK_DOWN)
		KERNEL_ADD(row, link_down, 1);
	else
		KERNEL_ADD(row, mtu, 1);
}

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

/* The clone's headers: what they are longer than kernel.h's shape is added before it. */
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
		   KERNEL_HEAD;

	if (more && bpf_xdp_adjust_head(ctx, -more))
		return XDP_DROP;
	return to->family6 ? write6(ctx, to, &packet, head) : write4(ctx, to, &packet, head);
}

/* The job whose clone this is, or NULL: it is gone. */
PACKET_INLINE struct crier_kjob *job_of(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	struct crier_kjob *job;
	__u64 number;
	__u32 place;

	if (data + KERNEL_HEAD > end)
		return 0;
	number = packet_get16(data + 6) | (__u64)packet_get32(data + 8) << 16;
	place = kernel_place(number);
	job = bpf_map_lookup_elem(&kjobs, &place);
	return job && kernel_number(place, job->serial) == number ? job : 0;
}

PACKET_INLINE int egress(struct xdp_md *ctx)
{
	struct crier_kjob *job = job_of(ctx);
	struct crier_room_counters *row;
	enum crier_xdp_counter verdict;
	struct target to = {0};
	__u32 slot, via = 0;
	enum why why;
	int action;

	if (!job) {
		kernel_count(CRIER_XDP_kernel_stale, 1);
		return XDP_DROP;
	}
	slot = member_take(job);
	if (slot >= 2 * CRIER_PAGE_SLOTS) {
		kernel_count(CRIER_XDP_kernel_spare, 1);
		return XDP_DROP;
	}
	row = kernel_row(owner_room(job->owner), owner_generation(job->owner));
	verdict = slot < CRIER_PAGE_SLOTS ? member4_get(job, slot, &to, &via)
					  : member6_get(job, slot, &to, &via);
	if (verdict != CRIER_XDP_N) {
		job->taken++;
		kernel_count(verdict, 1);
		KERNEL_ADD(row, due, -1ULL);
		return XDP_DROP;
	}
	why = via_judge(job, &to, via);
	if (why == WHY_NOT && !job->held) {
		job->held = slot + 1;
		kernel_count(CRIER_XDP_kernel_spare, 1);
		return XDP_DROP;
	}
	job->taken++;
	action = why == WHY_NOT ? copy_write(ctx, job, &to) : XDP_DROP;
	if (action == XDP_DROP) {
		why_count(row, why == WHY_NOT ? WHY_MTU : why);
		return XDP_DROP;
	}
	kernel_count(CRIER_XDP_kernel_copies, 1);
	KERNEL_ADD(row, copies, 1);
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
