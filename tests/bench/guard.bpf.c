/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets for scripts/bench guard: the one that a test run holds gets the next source of
 * 65,536 and goes to the program under test by a tail call, or, made a real frame, to a veth.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "guard_turn.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guard_turn);
} turn SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline const struct guard_turn *next_source(struct xdp_md *ctx)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	__u32 zero = 0, src, sum;
	struct guard_turn *t = bpf_map_lookup_elem(&turn, &zero);

	if (!t)
		return NULL;
	src = guard_turn_source(t, t->n++);
	if (data + 34 > end)
		return t;
	if (t->family6) {
		*(__u32 *)(data + 26) = __builtin_bswap32(src); /* its second word */
		return t;
	}
	src = __builtin_bswap32(src);
	sum = t->sum + (src & 0xffff) + (src >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	*(__u16 *)(data + 24) = (__u16)~sum ^ (__u16)t->spoil;
	*(__u32 *)(data + 26) = src;
	return t;
}

SEC("xdp")
int rotate(struct xdp_md *ctx)
{
	next_source(ctx);
	bpf_tail_call(ctx, &under_test, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	const struct guard_turn *t = next_source(ctx);

	return t ? bpf_redirect(t->ifindex, 0) : XDP_ABORTED;
}

SEC("xdp")
int bare_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}
