/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs show to `crierctl capture`: the ring buffer "capture".  Off: one load.
 * BPF only; after the maps "config" and "xdp_counters".
 */
#ifndef CRIER_CAPTURE_H
#define CRIER_CAPTURE_H

#include "kernel.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} capture SEC(".maps");

/* Is this verdict, for this room, among what capture was asked for? */
PACKET_INLINE int capture_wants(__u64 wanted, __u32 verdict, __u32 room)
{
	__u32 only = (__u32)(wanted >> 32);

	if (only && only != room)
		return 0;
	if (verdict == CRIER_CAPTURE_COPY)
		return !!(wanted & CRIER_CAPTURE_COPIES);
	if (verdict == CRIER_XDP_accepted)
		return !!(wanted & CRIER_CAPTURE_INPUT);
	return (wanted & CRIER_CAPTURE_DROPS) && crier_refuses((enum crier_xdp_counter)verdict);
}

/* Copies the packet's first bytes; 8 at a time, for helpers that do it are young (5.18). */
PACKET_INLINE __u32 capture_copy(__u8 *to, const __u8 *from, const __u8 *end)
{
	__u32 n = 0;

	for (; n < CRIER_CAPTURE_SNAP; n += 8) {
		const __u8 *p = from + n;

		if (p + 8 > end)
			break;
		*(__u64 *)(to + n) = *(const __u64 *)p;
	}
	for (int i = 0; i < 7 && n < CRIER_CAPTURE_SNAP; i++, n++) {
		const __u8 *p = from + n;

		if (p + 1 > end)
			break;
		to[n] = *p;
	}
	return n;
}

/* Global, so that its loops are verified once and not for each verdict. */
__noinline int capture_packet(struct xdp_md *ctx, __u32 ifindex, __u32 verdict, __u32 room)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	struct crier_capture_rec *rec = bpf_ringbuf_reserve(&capture, sizeof(*rec), 0);

	if (!rec)
		return -1;
	rec->serial = 1;
	rec->time_ns = bpf_ktime_get_ns();
	rec->ifindex = ifindex;
	rec->room = room;
	rec->verdict = verdict;
	rec->len = (__u16)(end - data);
	rec->caplen = (__u16)capture_copy(rec->data, data, end);
	bpf_ringbuf_submit(rec, 0);
	return 0;
}

/* CRIER_CAPTURE_*, and of which room. */
PACKET_INLINE __u64 capture_wanted(const struct crier_config *cfg)
{
	return cfg ? KERNEL_LOAD(&cfg->capture) : 0;
}

/* `verdict` as in struct crier_capture_rec. */
PACKET_INLINE void capture_take(struct xdp_md *ctx, __u64 wanted, __u32 ifindex, __u32 verdict,
				__u32 room)
{
	if (capture_wants(wanted, verdict, room) && capture_packet(ctx, ifindex, verdict, room))
		kernel_count(CRIER_XDP_drop_capture, 1);
}

#endif
