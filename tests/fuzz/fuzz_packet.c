/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a packet: the decision must not read beyond them, and what it accepts
 * must lie within them.
 */
#include <stdint.h>
#include <stdlib.h>

#include "packets.h"
#include "steer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct tables world;
static struct crier_guard_prefix prefixes[WORLD_PREFIXES];

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* As the lists read, and not as the tree made of them is searched. */
static bool is_blocked(const struct steer_result *r)
{
	return match_naive(prefixes, WORLD_PREFIXES, &r->src, r->family6) == CRIER_GUARD_BLOCK;
}

static void check(const uint8_t *data, size_t len, enum guard_mode mode)
{
	const uint8_t *end = data + len;
	struct steer_result r;
	struct guard_caps caps = {0};
	const struct steer_in in = {.now_ns = world.config->heartbeat_ns, .caps = &caps};
	enum crier_xdp_counter v = steer(&world, world.config, &in, data, end, &r);

	must(v <= CRIER_XDP_pass_media || crier_refuses(v));
	must(v != CRIER_XDP_accepted_rtcp);
	if (v == CRIER_XDP_guard_blocked || r.guard == CRIER_XDP_guard_blocked)
		must(is_blocked(&r));
	/* What comes as far as a port of ours was looked up; neighbour discovery never does. */
	if (mode == GUARD_ENFORCE && r.dst_port)
		must(v == CRIER_XDP_guard_blocked || !is_blocked(&r));
	if (v == CRIER_XDP_guard_blocked) {
		must(mode == GUARD_ENFORCE);
	} else if (v > CRIER_XDP_pass_media) {
		/* Only what is addressed to a stream or the media port is ours to drop. */
		must(r.dst_port && r.l4);
		must(steer_first(&world, r.dst_port) || r.dst_port == world.config->media_port);
		must(steer_is_local(&world, world.config, &r.dst));
	}
	if (r.guard == CRIER_XDP_guard_member)
		must(guard_is_member(&world, world.config, &r.src, r.family6, r.src_port));
	if (r.guard == CRIER_XDP_guard_punt || r.guard == CRIER_XDP_guard_member)
		must(v == CRIER_XDP_pass_media && mode != GUARD_OFF);
	else
		must(!r.guard || (mode == GUARD_COUNT && crier_refuses(r.guard)));
	must(v < CRIER_XDP_guard_challenge || mode == GUARD_ENFORCE);
	if (v != CRIER_XDP_accepted)
		return;
	must(r.l3 < r.l4 && r.l4 + PACKET_UDP_LEN == r.payload);
	must((size_t)r.payload + r.payload_len <= len);
	must(r.stream && r.stream < world.config->max_streams);
	must(world.streams[r.stream].room == r.room &&
	     world.rooms[r.room].generation == r.generation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!world.config) {
		must(!tables_alloc(&world, &world_size));
		world_init(&world);
		world_prefixes(prefixes);
	}
	/* the packet itself says in which mode it is judged */
	world.config->setting[CRIER_SET_guard_mode] = len ? data[len - 1] % 3u : 0;
	check(data, len, (enum guard_mode)world.config->setting[CRIER_SET_guard_mode]);
	return 0;
}
