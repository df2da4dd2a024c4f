/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel engine's members: whose copy a clone becomes, and why it does not.  Shared by
 * the way in, which chooses the member of the last clone, and the way out, which serves the
 * others.  BPF only; after the maps "config", "pages", "members4", "members6", "vias",
 * "ports", "kjobs", "kernel_counters", "xdp_counters" and "kheld".
 */
#ifndef CRIER_TARGET_H
#define CRIER_TARGET_H

#include "kernel.h"

/* Whose copy a clone becomes, and by which way. */
struct target {
	const struct crier_via *via;
	struct crier_addr dst; /* IPv4: w[3] */
	__u64 hw;	       /* the via's */
	__u64 mac;	       /* the port's */
	__be16 port;
	__u16 number; /* of the via */
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

/*
 * The job's next member: CRIER_PAGE_SLOTS places beyond the v4 ones are v6, and beyond those
 * there is none.
 */
PACKET_INLINE __u32 member_take(struct crier_kjob *job)
{
	__u32 slot = slot_take(job->occupied);

	return slot < CRIER_PAGE_SLOTS ? slot : CRIER_PAGE_SLOTS + slot_take(job->occupied6);
}

/* Is the page still its room's?  No v4 clone may hear what another room's page holds. */
PACKET_INLINE int page_is_jobs(__u32 n, const struct crier_kjob *job)
{
	const struct crier_page *page = bpf_map_lookup_elem(&pages, &n);
	__u64 owner = page ? KERNEL_LOAD(&page->owner) : 0;

	return owner && owner_room(owner) == owner_room(job->owner) &&
	       owner_generation(owner) == owner_generation(job->owner);
}

/* Masked where the verifier sees it, too: clang has proved it needless. */
PACKET_INLINE __u32 place_of(__u32 slot)
{
	__asm__ volatile("" : "+r"(slot));
	return slot & (CRIER_PAGE_SLOTS - 1);
}

/* The member in that slot.  CRIER_XDP_N, or the counter that says why not. */
PACKET_INLINE enum crier_xdp_counter member4_get(const struct crier_kjob *job, __u32 slot,
						 struct target *to)
{
	__u32 n = job->page;
	const struct crier_page4 *page = bpf_map_lookup_elem(&members4, &n);
	__u64 word;

	if (!page || !page_is_jobs(n, job))
		return CRIER_XDP_kernel_stale;
	word = KERNEL_LOAD(&page->member[place_of(slot)]);
	if (!word)
		return CRIER_XDP_kernel_empty;
	to->dst.w[3] = member4_addr(word);
	to->port = member4_port(word);
	to->number = member4_via(word);
	return CRIER_XDP_N;
}

PACKET_INLINE enum crier_xdp_counter member6_get(const struct crier_kjob *job, __u32 slot,
						 struct target *to)
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
	word = KERNEL_LOAD(&m->word);
	if (!word)
		return CRIER_XDP_kernel_empty;
	to->dst = m->addr;
	to->port = member6_port(word);
	to->family6 = 1;
	to->number = member6_via(word);
	return CRIER_XDP_N;
}

/* Why a copy is not made, as the bypass engine judges: link.c and copy.c. */
enum why { WHY_NOT, WHY_NO_ROUTE, WHY_NO_NEIGHBOUR, WHY_LINK_DOWN, WHY_MTU };

PACKET_INLINE int is_mapped(const struct crier_addr *a)
{
	return !a->w[0] && !a->w[1] && a->w[2] == 0xffff0000;
}

PACKET_INLINE enum why via_judge(const struct crier_kjob *job, struct target *to)
{
	__u32 number = to->number, n = job->port, ip_len, state;
	const struct crier_via *via = bpf_map_lookup_elem(&vias, &number);
	const struct crier_port *port = bpf_map_lookup_elem(&ports, &n);

	if (!via || !number)
		return WHY_NO_ROUTE;
	to->via = via;
	to->hw = KERNEL_LOAD(&via->hw);
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
	to->mac = KERNEL_LOAD(&port->mac);
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

/* The member of that slot; 0: there is none any more, and it is counted. */
PACKET_INLINE int member_get(struct crier_kjob *job, __u32 slot, struct target *to)
{
	enum crier_xdp_counter verdict;
	struct crier_room_counters *row;

	verdict = slot < CRIER_PAGE_SLOTS ? member4_get(job, slot, to) : member6_get(job, slot, to);
	if (verdict == CRIER_XDP_N)
		return 1;
	job->taken++;
	kernel_count(verdict, 1);
	row = kernel_row(owner_room(job->owner), owner_generation(job->owner));
	KERNEL_ADD(row, due, -1ULL);
	return 0;
}

/* May he have a copy?  0: it is counted why not. */
PACKET_INLINE int member_judge(struct crier_kjob *job, struct target *to)
{
	enum why why = via_judge(job, to);

	if (why == WHY_NOT)
		return 1;
	job->taken++;
	why_count(kernel_row(owner_room(job->owner), owner_generation(job->owner)), why);
	return 0;
}

#endif
