/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel engine: what the program that broadcasts and the one on the way out share.
 * BPF only.
 *
 * Between them a packet has one shape, whatever it came as: room for the headers of any of
 * its copies, in which Ethernet's source MAC is the job's number (copy.h says what else may
 * stand there), then the payload and nothing after.  Room there must be on the way in: a frame that
 * came by a zero-copy socket's ring has none before its head once it is redirected
 * (xdp_convert_zc_to_xdp_frame() in net/core/xdp.c), so on the way out a head may shrink but not
 * grow.
 */
#ifndef CRIER_KERNEL_H
#define CRIER_KERNEL_H

#include "packet.h"
#include "table.h"

/* The least room: IPv4 without a tag. */
#define KERNEL_HEAD (PACKET_ETH_LEN + PACKET_IP4_LEN + PACKET_UDP_LEN)
#define KERNEL_HEAD_MAX (PACKET_ETH_LEN + 2 * PACKET_VLAN_LEN + PACKET_IP6_LEN + PACKET_UDP_LEN)
/* Longest payload that the engine takes; a bound that the verifier needs. */
#define KERNEL_PAYLOAD_MAX 1536

/*
 * A job's number as it travels in the source MAC: its place in "kjobs" in the lower bits,
 * above it the lower bits of its serial.
 */
#define KERNEL_PLACE_BITS 22 /* 2^14 CPUs of 256 jobs */
#define KERNEL_SERIAL_BITS 26

PACKET_INLINE __u64 kernel_number(__u32 place, __u64 serial)
{
	return place | (serial & ((1ULL << KERNEL_SERIAL_BITS) - 1)) << KERNEL_PLACE_BITS;
}

PACKET_INLINE __u32 kernel_place(__u64 number)
{
	return (__u32)number & ((1U << KERNEL_PLACE_BITS) - 1);
}

#define KERNEL_LOAD(p) (*(volatile __typeof__(*(p)) *)(p))

/* Bits set; BPF has no instruction for it. */
PACKET_INLINE __u32 kernel_bits(__u64 w)
{
	w -= w >> 1 & 0x5555555555555555ULL;
	w = (w & 0x3333333333333333ULL) + (w >> 2 & 0x3333333333333333ULL);
	w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (__u32)(w * 0x0101010101010101ULL >> 56);
}

PACKET_INLINE void kernel_count(enum crier_xdp_counter which, __u64 n)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct crier_xdp_counters *counters = bpf_map_lookup_elem(&xdp_counters, &cpu);

	if (counters)
		counters->c[which & 63] += n;
}

/* The room's row, if it is still that room's. */
PACKET_INLINE struct crier_room_counters *kernel_row(__u32 room, __u32 generation)
{
	struct crier_room_counters *row = bpf_map_lookup_elem(&kernel_counters, &room);

	return row && row->generation == generation ? row : 0;
}

#define KERNEL_ADD(row, field, n) \
	do { \
		if (row) \
			__sync_fetch_and_add(&(row)->field, n); \
	} while (0)

/* A job's copies, once: with its last clone, or when its place is used again. */
PACKET_INLINE void kernel_copies_count(const struct crier_kjob *job)
{
	struct crier_room_counters *row;
	__u64 left = (__u64)job->written - job->undone;

	if (!job->written)
		return;
	kernel_count(CRIER_XDP_kernel_copies, job->written);
	row = kernel_row(owner_room(job->owner), owner_generation(job->owner));
	if (left)
		KERNEL_ADD(row, copies, left);
}

#endif
