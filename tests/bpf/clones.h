/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the kernel engine by BPF_PROG_TEST_RUN share: a room of one page a family,
 * next hops of all kinds on one port, its devmaps, and the frames that crier-dp would write.
 */
#ifndef CRIER_TEST_CLONES_H
#define CRIER_TEST_CLONES_H

#include "sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/bpf.h>
#include <sched.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/core/frame.h"
#include "load.h"
#include "packets.h"

#define PORT 5
#define ROOM 2 /* of packets.h: payload udp, stream 2 on port 5001 */
#define ROOM_PORT 5001
#define PAGE4 1
#define VIAS 6 /* 1 to 3 IPv4 and 4 to 6 IPv6: without, with one and with two tags */

static struct loader *loader;
static struct tables world;
static uint32_t page6;

struct bytes {
	uint8_t data[4096];
	uint32_t len;
};

/* Runs a program; what is left of the packet in *out. */
static inline int run(int fd, const struct bytes *in, struct bytes *out)
{
	struct xdp_md ctx = {.data_end = in->len, .ingress_ifindex = 1};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->data, .data_size_in = in->len,
		    .data_out = out->data, .data_size_out = sizeof(out->data), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));
	int ret = bpf_prog_test_run_opts(fd, &opts);

	if (ret)
		fail_msg("BPF_PROG_TEST_RUN of %u bytes: %s", in->len, strerror(-ret));
	out->len = opts.data_size_out;
	return (int)opts.retval;
}

static inline uint64_t counter(enum crier_xdp_counter which)
{
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < world.config->cpus; cpu++)
		sum += tbl_load(&world.xdp_counters[cpu].c[which]);
	return sum;
}

static inline struct crier_room_counters *row(void)
{
	return &world.kernel_counters[ROOM];
}

/* ---- the world ---- */

static inline void via_set(uint32_t n, uint32_t tags, bool family6)
{
	world.vias[n] = (struct crier_via){
		.port = PORT,
		.vlan = {tags ? 100 + 1 : 0, tags > 1 ? 7 + 1 : 0},
		.tpid = {tags > 1 ? htons(0x88a8) : 0, 0},
		.mtu = 1500,
		.family6 = family6,
		.local = world_addr(family6 ? "2001:db8:7::9" : "203.0.113.5"),
		.hw = via_hw((const uint8_t *)"\x02\xaa\xbb\xcc\xdd\x01", CRIER_VIA_READY),
	};
	world.vias[n].hw += (uint64_t)n << 40;
}

static inline void occupy(uint32_t page, uint32_t place, bool leaves)
{
	world.pages[page].occupied[place / 64] |= 1ULL << place % 64;
	if (leaves)
		world.pages[page].egress[place / 64] |= 1ULL << place % 64;
}

static inline void member_put(bool family6, uint32_t place, uint32_t via)
{
	__be16 port = htons((uint16_t)(6000 + place));

	if (family6) {
		struct crier_member6 *m =
			&world.members6[page6 - world.config->pages4].member[place];

		m->addr = world_addr("2001:db8:9::");
		m->addr.b[15] = (uint8_t)place;
		m->word = member6_word(port, (uint16_t)via);
	} else {
		world.members4[PAGE4].member[place] =
			member4_word(htonl(0x0a800000 + place * 77), port, (uint16_t)via);
	}
	occupy(family6 ? page6 : PAGE4, place, via);
}

static inline void page_make(uint32_t page, bool family6)
{
	memset(&world.pages[page], 0, sizeof(world.pages[page]));
	world.pages[page].owner = owner_word(ROOM, world.rooms[ROOM].generation, 3, family6);
	world.pages[page].egress_port = PORT;
}

/* Which via is the first member's: he is the one held for the last clone. */
static uint32_t via_turn;

/* n4 and n6 members, some places apart, by all the vias of their family in turn. */
static inline void members_make(uint32_t n4, uint32_t n6)
{
	memset(&world.members4[PAGE4], 0, sizeof(world.members4[PAGE4]));
	memset(world.members6, 0, sizeof(world.members6[0]));
	page_make(PAGE4, false);
	page_make(page6, true);
	for (uint32_t i = 0; i < n4; i++)
		member_put(false, i * 255 / n4, 1 + (i + via_turn) % 3);
	for (uint32_t i = 0; i < n6; i++)
		member_put(true, i * 255 / n6, 4 + (i + via_turn) % 3);
	world.rooms[ROOM].kernel = kernel_word(n4 ? PAGE4 : 0, n6 ? page6 : 0, PORT);
	world.rooms[ROOM].engine = CRIER_ENGINE_KERNEL;
	*row() = (struct crier_room_counters){.generation = world.rooms[ROOM].generation};
}

static inline void setting_set(enum crier_setting key, uint64_t value)
{
	tbl_store(&world.config->setting[key], value);
}

static inline void payload_fill(uint8_t *payload, uint32_t len)
{
	uint64_t seed = len + 1;

	for (uint32_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(packet_random(&seed) >> 20);
}

static inline uint64_t number_of(const struct bytes *clone)
{
	uint64_t n = 0;

	memcpy(&n, clone->data + 6, 6);
	return n;
}

static inline int egress(const struct bytes *clone, struct bytes *copy)
{
	return run(loader_egress_run_fd(loader), clone, copy);
}

/* ---- crier-dp's side ---- */

static inline void frame_native(struct bytes *out, const struct crier_kjob *job,
				const uint8_t *payload, bool family6, uint32_t place)
{
	static struct frame frame;
	static struct links links;
	static uint8_t buf[FRAME_BYTES] __attribute__((aligned(64)));
	const struct rewrite_packet packet = {
		.payload_len = job->payload_len,
		.payload_sum = sum_fold(sum_bytes(payload, job->payload_len)),
		.src_port = world.config->media_port,
		.id = job->id,
		.dscp = (uint8_t)setting(&world, CRIER_SET_dscp),
		.ttl = (uint8_t)setting(&world, CRIER_SET_ttl),
		.df = (uint8_t)setting(&world, CRIER_SET_df),
	};
	const struct crier_member6 *m = &world.members6[0].member[place];
	uint64_t word = family6 ? m->word : world.members4[PAGE4].member[place];
	struct out_frame to = {.buf = buf};
	const struct link *link;

	links_init(&links, &world);
	links.out_of[PORT] = 0;
	link = links_get(&links, family6 ? member6_via(word) : member4_via(word), family6);
	assert_int_equal(link->drop, COPY_OK);
	frame_begin(&frame, &packet, payload, family6);
	frame_use_link(&frame, link);
	if (family6)
		frame_write6(&frame, &to, &m->addr, member6_port(word));
	else
		frame_write4(&frame, &to, member4_addr(word), member4_port(word));
	memcpy(out->data, buf + to.start, to.len);
	out->len = to.len;
}

static inline bool same(const struct bytes *a, const struct bytes *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

/* Which member's frame is it, of those not seen yet?  -1: nobody's. */
static inline int whose(const struct bytes *copy, const struct bytes *frame, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (frame[i].len && same(copy, &frame[i]))
			return (int)i;
	return -1;
}

static struct bytes frames[CRIER_PAGE_SLOTS];

/* Jobs are a CPU's own. */
static inline void stay_here(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static inline int world_up(void **state)
{
	uint32_t ifindex = 1, port = PORT;
	char err[LOADER_ERR_LEN], dir[128];
	int ret, numbers;

	(void)state;
	stay_here();
	sandbox_run("ip link set lo up");
	snprintf(dir, sizeof(dir), "%s/crier", sandbox_dir);
	ret = loader_open(&loader, dir, &world_size, &world, err);
	if (ret != 1) {
		print_error("loader_open: %d: %s\n", ret, err);
		return -1;
	}
	world_init(&world);
	/* Also from an IPv6 publisher. */
	world.streams[2].flags = 0;
	world.ports[PORT] = (struct crier_port){
		.ifindex = 1, .mode = CRIER_PORT_NATIVE, .mtu = 1500, .tags = 2};
	world.ports[PORT].mac = 0x010203040502ULL | 1ULL << 48;
	page6 = world.config->pages4;
	for (uint32_t n = 1; n <= VIAS; n++)
		via_set(n, (n - 1) % 3, n > 3);
	tables_publish(&world);
	numbers = tables_map_fd(&world, "port_numbers");
	if (loader_egress(loader)) {
		print_error("%s\n", loader_egress(loader));
		return -1;
	}
	ret = loader_devmaps(loader, PORT, 1);
	if (!ret)
		ret = bpf_map_update_elem(numbers, &ifindex, &port, BPF_ANY);
	if (ret)
		print_error("devmaps: %s\n", strerror(-ret));
	return ret;
}

static inline int world_down(void **state)
{
	(void)state;
	loader_close(loader);
	return 0;
}

#endif
