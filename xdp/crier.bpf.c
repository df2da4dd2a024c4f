/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP: a packet for a known stream from its allowed source goes to the AF_XDP socket
 * of its interface and RX queue; everything else is Linux's, or is refused and
 * counted.  The decision itself is steer.h's, with guard.h's.
 *
 * One program serves all interfaces; a second one the injector, by which crier-dp asks for
 * broadcasts.  The maps are made by load.c, with the sizes that crierd was told; max_entries
 * below are placeholders.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "array.h"

ARRAY(config, crier_config);
ARRAY(rooms, crier_room);
ARRAY(streams, crier_stream);
ARRAY(ingest, crier_ingest);
ARRAY(locals, crier_local);
ARRAY(ports, crier_port);
ARRAY(guard, crier_guard);
ARRAY(guard_buckets, crier_guard_bucket);
ARRAY(member_index, crier_index);
ARRAY(members4, crier_page4);
ARRAY(members6, crier_page6);
ARRAY(xdp_counters, crier_xdp_counters);
ARRAY(stream_counters, crier_stream_counters);
ARRAY(pages, crier_page);
ARRAY(vias, crier_via);
ARRAY(kjobs, crier_kjob);
ARRAY(kheld, crier_kheld);
ARRAY(kernel_counters, crier_room_counters);
ARRAY(triggers, crier_trigger_slot);

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, CRIER_MAX_PORTS *CRIER_MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

/* Each holds one interface many times over. */
struct devmap {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct bpf_devmap_val));
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct devmap);
} devmaps SEC(".maps");

/* ifindex -> port number */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CRIER_MAX_PORTS);
	__type(key, __u32);
	__type(value, __u32);
} port_numbers SEC(".maps");

#define PORT_HINTS 256

/* The program's own: see steer_port_number(). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PORT_HINTS);
	__type(key, __u32);
	__type(value, __u32);
} port_hints SEC(".maps");

/* The program's own; a reload hands it to the next one. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guard_caps);
} guard_caps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct steer_clock);
} steer_clock SEC(".maps");

#include "steer.h"

#include "broadcast.h"

#include "trigger_take.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
/* Read by object.c before the kernel is asked to take anything. */
const volatile __u32 crier_abi SEC(".rodata.abi") = CRIER_ABI;

static __always_inline void count(__u32 cpu, enum crier_xdp_counter which)
{
	struct crier_xdp_counters *counters = bpf_map_lookup_elem(&xdp_counters, &cpu);

	if (counters)
		counters->c[which & 63]++;
}

/* The stream's own counters on this CPU, of what a stream knows. */
static __always_inline void count_stream(__u32 cpu, const struct crier_config *cfg,
					 const struct steer_result *to, int accepted)
{
	struct crier_stream_counters *counters;
	__u32 key;

	if (!to->stream)
		return;
	key = cpu * cfg->max_streams + to->stream;
	counters = bpf_map_lookup_elem(&stream_counters, &key);
	if (!counters)
		return;
	if (!accepted) {
		counters->refused++;
		return;
	}
	counters->accepted++;
	counters->bytes += to->payload_len;
	counters->last_ns = to->now_ns;
}

/* To the socket of this interface and queue, if there is one. */
static __always_inline int to_socket(struct xdp_md *ctx)
{
	__u32 port = steer_port_number(NULL, ctx->ingress_ifindex);
	__u32 queue = ctx->rx_queue_index;

	if (!port || queue >= CRIER_MAX_QUEUES)
		return XDP_DROP;
	return bpf_redirect_map(&xsks, port * CRIER_MAX_QUEUES + queue, XDP_DROP);
}

static __always_inline void capture_if_wanted(struct xdp_md *ctx, const struct crier_config *cfg,
					      enum crier_xdp_counter verdict, __u32 room)
{
	__u64 wanted = capture_wanted(cfg);

	if (wanted)
		capture_take(ctx, wanted, ctx->ingress_ifindex, verdict, room);
}

SEC("xdp")
int crier_xdp(struct xdp_md *ctx)
{
	const void *data = (const void *)(long)ctx->data;
	const void *end = (const void *)(long)ctx->data_end;
	const struct steer_in in = {.ifindex = ctx->ingress_ifindex};
	struct broadcast broadcast = {0};
	struct steer_result to;
	enum crier_xdp_counter verdict;
	__u32 cpu = bpf_get_smp_processor_id();
	const struct crier_config *cfg = steer_config(NULL, 0);
	int action = XDP_DROP, kernel = 0;

	if (!cfg)
		return XDP_PASS;
	verdict = steer(NULL, cfg, &in, data, end, &to);
	if (to.guard) {
		count(cpu, to.guard);
		/* where the guard only counts, this is how to see what it would drop */
		capture_if_wanted(ctx, cfg, to.guard, to.room);
	}
	if (verdict >= CRIER_XDP_pass_not_ip && verdict <= CRIER_XDP_pass_media) {
		count(cpu, verdict);
		return XDP_PASS;
	}
	if (verdict == CRIER_XDP_accepted && to.engine == CRIER_ENGINE_KERNEL)
		kernel = broadcast_begin(ctx, &to, &broadcast);
	if (verdict == CRIER_XDP_accepted && !kernel) {
		action = to_socket(ctx);
		if (action != XDP_REDIRECT)
			verdict = CRIER_XDP_drop_no_socket;
	}
	count(cpu, verdict);
	if (verdict == CRIER_XDP_accepted && to.is_rtcp)
		count(cpu, CRIER_XDP_accepted_rtcp);
	count_stream(cpu, cfg, &to, verdict == CRIER_XDP_accepted);
	capture_if_wanted(ctx, cfg, verdict, to.room);
	return kernel ? broadcast_send(ctx, &to, &broadcast) : action;
}

SEC("xdp")
int crier_trigger(struct xdp_md *ctx)
{
	return trigger_take(ctx);
}
