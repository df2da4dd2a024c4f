/* SPDX-License-Identifier: BSD-2-Clause */
/* A publisher without a network stack: whole frames, over DPDK, to a node or to everybody. */
#include "publish.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "fan.h"
#include "load.h"
#include "xdp/log.h"

#define LINK_WAIT_NS (10 * NSEC_PER_SEC)
#define PATIENCE_NS (5 * NSEC_PER_SEC) /* with a device that takes nothing */
#define DRAIN_NS (3 * NSEC_PER_SEC / 2)
#define TURN_NS 10000000
#define GONE_NS (NSEC_PER_SEC / 10) /* DPDK's own thread tidies up after the link went down */
#define TTL 64

static void nap(long ns)
{
	const struct timespec t = {0, ns};

	nanosleep(&t, NULL);
}

static int link_wait(const struct publisher *p)
{
	uint64_t until = now_ns() + LINK_WAIT_NS;

	while (!dpdk_link_up(p->dpdk) && !load_stop && now_ns() < until)
		nap(TURN_NS);
	if (dpdk_link_up(p->dpdk))
		return 0;
	log_err("crier-load publish: --dpdk %s: no link: is the other end there?", p->opt->dpdk);
	return LOAD_WRONG;
}

/* Who is to be sent to directly must be of the publisher's rooms and of his family. */
static int listeners_check(const struct publisher *p)
{
	size_t i;

	for (i = 0; i < p->streams && p->opt->roster.members; i++) {
		if (p->stream[i].fan_room >= 0)
			continue;
		log_err("crier-load publish: room %s has no listeners: give --room before "
			"--generate, or lines ROOM ADDR:PORT in --listeners",
			p->stream[i].room);
		return LOAD_USAGE;
	}
	for (i = 0; i < p->opt->roster.members; i++) {
		struct crier_endpoint ep = roster_endpoint(&p->opt->roster.member[i]);

		if (addr_is_v4(&ep.addr) == addr_is_v4(&p->opt->from.addr))
			continue;
		log_err("crier-load publish: --from and listener %zu are of two families", i + 1);
		return LOAD_USAGE;
	}
	return 0;
}

int publish_dpdk_open(struct publisher *p)
{
	int rc = listeners_check(p);

	if (rc)
		return rc;
	if (dpdk_open(&p->dpdk, p->opt->dpdk))
		return LOAD_WRONG;
	return link_wait(p);
}

/*
 * A memif's ring goes when either end goes, with what is still in it, and DPDK 22.11 faults
 * in a reader who is at work in it just then.  Nothing says when it is empty: give the sink
 * the time to see the end and leave first.  When it has left, the link is down.
 */
static void sink_leave_wait(const struct publisher *p)
{
	uint64_t until = now_ns() + DRAIN_NS;

	while (dpdk_link_up(p->dpdk)) {
		if (now_ns() >= until)
			return;
		nap(TURN_NS);
	}
	nap(GONE_NS);
}

void publish_dpdk_close(struct publisher *p)
{
	if (!p->dpdk)
		return;
	if (p->pkts)
		sink_leave_wait(p);
	dpdk_close(p->dpdk);
}

static void spec_make(const struct publisher *p, const struct crier_endpoint *to,
		      struct frame_spec *spec)
{
	const struct publish_options *o = p->opt;

	*spec = (struct frame_spec){
		.from = o->from,
		.to = *to,
		.ttl = o->ttl ? (uint8_t)o->ttl : TTL,
		.dscp = o->dscp <= 63 ? (uint8_t)o->dscp : 0,
		.fault = o->zero_checksum ? FRAME_NO_UDP_CHECKSUM : FRAME_RIGHT,
	};
	memcpy(spec->src_mac, dpdk_mac(p->dpdk), 6);
	memcpy(spec->dst_mac, o->to_mac, 6);
}

int publish_frame(struct publisher *p, const struct crier_endpoint *to, const void *data,
		  size_t len, enum publish_fault fault)
{
	uint8_t frame[FRAME_MAX_BYTES];
	struct burst_frame out;
	struct frame_spec spec;
	size_t n;

	spec_make(p, to, &spec);
	if (fault == FAULT_SOURCE && p->opt->have_other)
		spec.from = p->opt->other;
	if (fault == FAULT_SOURCE && (!p->opt->have_other || !spec.from.port))
		spec.from.port = p->opt->from.port ^ htons(1);
	if (fault == FAULT_LENGTH)
		spec.fault = FRAME_UDP_TOO_LONG;
	n = frame_build(frame, &spec, data, len);
	if (dpdk_reserve(p->dpdk, &out, 1, (uint32_t)n))
		return -ENOBUFS;
	memcpy(out.data, frame, n);
	return dpdk_send(p->dpdk, PATIENCE_NS) == 1 ? 0 : -EAGAIN;
}

static int burst_write(struct publisher *p, const struct fan *fan,
		       const struct tally_member *const *to, uint32_t n)
{
	struct burst_frame f[BURST_MAX];
	uint32_t i;

	if (dpdk_reserve(p->dpdk, f, n, fan->len))
		return -ENOBUFS;
	for (i = 0; i < n; i++)
		fan_write(fan, f[i].data, to[i]);
	return dpdk_send(p->dpdk, PATIENCE_NS) == n ? 0 : -EAGAIN;
}

int publish_fan(struct publisher *p, const struct publish_stream *s, const void *data, size_t len)
{
	const struct roster *r = &p->opt->roster;
	const struct tally_member *to[BURST_MAX];
	struct frame_spec spec;
	struct fan fan;
	uint32_t n = 0;
	size_t i;
	int rc = 0;

	spec_make(p, &p->opt->from, &spec);
	fan_make(&fan, &spec, data, len);
	for (i = 0; !rc && i < r->members; i++) {
		if ((int)r->member[i].room != s->fan_room)
			continue;
		to[n++] = &r->member[i];
		if (n < BURST_MAX)
			continue;
		rc = burst_write(p, &fan, to, n);
		n = 0;
	}
	return !rc && n ? burst_write(p, &fan, to, n) : rc;
}
