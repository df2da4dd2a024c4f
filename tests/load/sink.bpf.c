/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sink as an XDP program: judges each copy where it arrives, by the rules of
 * sink_copy.h.  What is no copy (ARP, ND, other traffic) goes on to Linux.
 *
 * The global functions (VERIFIED_ALONE) are verified on their own, once: inlined, their
 * loops would be walked for every combination of tags and families before them.
 */
#include "sink_copy.h"

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	struct view v = {};

	if (copy_look(ctx, &v, NULL, bpf_ktime_get_ns()))
		return XDP_PASS;
	return copy_judge(ctx, &v, copy_stream(&v));
}

char _license[] SEC("license") = "GPL";
