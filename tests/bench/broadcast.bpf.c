/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel engine is measured against and with: a broadcast that does nothing else,
 * and the far end that counts what came of either.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "broadcast.h"

/* Places beyond the members asked for stay empty. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BROADCAST_CPUS);
	__type(key, __u32);
	__type(value, struct broadcast_count);
} counts SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int is_udp4(const struct xdp_md *ctx)
{
	const __u8 *p = (const __u8 *)(long)ctx->data;

	return p + 24 <= (const __u8 *)(long)ctx->data_end && p[12] == 8 && p[13] == 0 &&
	       p[23] == 17;
}

/* An IPv4 UDP packet goes out as often as the map has entries. */
SEC("xdp")
int broadcast_bare(struct xdp_md *ctx)
{
	return is_udp4(ctx) ? (int)bpf_redirect_map(&out, 0, BPF_F_BROADCAST) : XDP_PASS;
}

/* All such packets end here. */
SEC("xdp")
int broadcast_sink(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct broadcast_count *c = bpf_map_lookup_elem(&counts, &cpu);

	if (!c || !is_udp4(ctx))
		return XDP_PASS;
	c->frames++;
	return XDP_DROP;
}
