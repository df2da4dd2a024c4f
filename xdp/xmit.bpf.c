/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a device did not take of the kernel engine's copies: the program on the way out has
 * counted them, then the kernel hands up to 16 at once to the device and tells by tracepoint
 * how many that took, always the first of them (bq_xmit_all() in kernel/bpf/devmap.c).
 *
 * The tracepoint speaks of every such transmission on this machine, of all programs and
 * network namespaces, and counts among the dropped what the program on the way out dropped
 * itself.  So the count of those goes by "kxmit": what crier's program let pass on this CPU
 * since the last time is what there was to send, and nothing: not ours.  Hence also nothing
 * is counted twice while an old and a new one of this program are attached together.
 *
 * A raw tracepoint, for no structure of the kernel's is read: it needs no BTF.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "array.h"

ARRAY(kjobs, crier_kjob);
ARRAY(kxmit, crier_kxmit);
ARRAY(kernel_counters, crier_room_counters);
ARRAY(xdp_counters, crier_xdp_counters);
ARRAY(port_counters, crier_port_counters);

#include "kernel.h"

/* Read by object.c before the kernel is asked to take anything. */
const volatile __u32 crier_abi SEC(".rodata.abi") = CRIER_ABI;
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The tracepoint's, in their order. */
enum { ARG_FROM, ARG_TO, ARG_SENT, ARG_DROPS, ARG_ERR };

/* One copy was none: of which room its job tells, which is there until the poll ends. */
static __always_inline __u32 uncopy(__u32 place, int err)
{
	struct crier_kjob *job = bpf_map_lookup_elem(&kjobs, &place);
	struct crier_room_counters *row;

	if (!job)
		return 0;
	row = kernel_row(owner_room(job->owner), owner_generation(job->owner));
	/* It is not counted before its job's last clone. */
	if (job->seen < job->clones)
		job->undone++;
	else
		KERNEL_ADD(row, copies, -1ULL);
	if (err)
		KERNEL_ADD(row, link_down, 1);
	else
		KERNEL_ADD(row, tx_full, 1);
	return job->port;
}

static __always_inline void port_count(__u32 port, __u64 lost)
{
	__u32 key = bpf_get_smp_processor_id() * CRIER_MAX_PORTS + port % CRIER_MAX_PORTS;
	struct crier_port_counters *row = bpf_map_lookup_elem(&port_counters, &key);

	if (row)
		row->tx_full += lost;
}

SEC("raw_tp/xdp_devmap_xmit")
int crier_xmit(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id(), port = 0;
	struct crier_kxmit *x = bpf_map_lookup_elem(&kxmit, &cpu);
	__u32 sent = (__u32)ctx->args[ARG_SENT], drops = (__u32)ctx->args[ARG_DROPS];
	int err = (int)ctx->args[ARG_ERR];
	__u64 first, n;

	if (!x)
		return 0;
	first = x->seen;
	n = x->passed - first;
	x->seen = x->passed;
	/* More than this transmission had: those before went by while nobody looked. */
	if (n <= sent || n > sent + drops)
		return 0;
	for (__u32 i = 0; i < CRIER_KXMIT_BULK; i++)
		if (i >= sent && i < n)
			port = uncopy(x->place[(first + i) % CRIER_KXMIT_BULK], err);
	kernel_count(CRIER_XDP_kernel_tx_full, n - sent);
	port_count(port, n - sent);
	return 0;
}
