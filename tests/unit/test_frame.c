/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames and the header rewrite, judged by a slow reference that shares no line with
 * them: it reads the finished frame byte by byte, as a receiver would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/core/copy.h"
#include "dataplane/core/write.h"
#include "fixture.h"
#include "xdp/addr.h"

static uint8_t buffer[4096] __attribute__((aligned(OUT_ALIGN)));
static uint64_t seed = 1;

/*
 * ---- the reference -----------------------------------------------------------------
 */
static uint32_t be16_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* RFC 1071 as the RFC says it: big-endian words, carries folded in one by one. */
static uint32_t slow_sum(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return sum;
}

/* A UDP datagram and its addresses sum to all ones. */
static void check_udp(const uint8_t *addrs, uint32_t addrs_len, const uint8_t *udp, uint32_t len)
{
	uint8_t tail[4] = {0, 17, (uint8_t)(len >> 8), (uint8_t)len};
	uint32_t sum = slow_sum(0, addrs, addrs_len);

	assert_int_equal(be16_at(udp + 4), len);
	assert_int_not_equal(be16_at(udp + 6), 0);
	sum = slow_sum(sum, tail, 4);
	assert_int_equal(slow_sum(sum, udp, len), 0xffff);
}

struct want {
	uint32_t vlans;
	uint16_t vlan[2];
	const uint8_t *payload;
	uint32_t payload_len;
	uint8_t dscp, ttl, df;
	uint16_t src_port, dst_port; /* host order */
	struct crier_addr local, dst;
	uint8_t dst_mac[6], src_mac[6];
};

static const uint8_t *check_link(const uint8_t *p, const struct want *w, uint32_t type)
{
	assert_memory_equal(p, w->dst_mac, 6);
	assert_memory_equal(p + 6, w->src_mac, 6);
	p += 12;
	for (uint32_t i = 0; i < w->vlans; i++, p += 4) {
		assert_int_equal(be16_at(p), w->vlans == 2 && i == 0 ? 0x88a8 : 0x8100);
		assert_int_equal(be16_at(p + 2), w->vlan[i]);
	}
	assert_int_equal(be16_at(p), type);
	return p + 2;
}

static void check_payload(const uint8_t *udp, const struct want *w)
{
	assert_int_equal(be16_at(udp), w->src_port);
	assert_int_equal(be16_at(udp + 2), w->dst_port);
	if (w->payload_len)
		assert_memory_equal(udp + 8, w->payload, w->payload_len);
}

static void check_frame4(const struct out_frame *f, const struct want *w)
{
	const uint8_t *start = f->buf + f->start, *ip = check_link(start, w, 0x0800);
	uint32_t udp_len = 8 + w->payload_len;

	assert_int_equal(f->len, (ip - start) + 20 + udp_len);
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(ip[1], w->dscp << 2);
	assert_int_equal(be16_at(ip + 2), 20 + udp_len);
	assert_int_equal(be16_at(ip + 6), w->df ? 0x4000 : 0);
	if (w->df)
		assert_int_equal(be16_at(ip + 4), 0);
	assert_int_equal(ip[8], w->ttl);
	assert_int_equal(ip[9], 17);
	assert_memory_equal(ip + 12, &w->local.w[3], 4);
	assert_memory_equal(ip + 16, &w->dst.w[3], 4);
	assert_int_equal(slow_sum(0, ip, 20), 0xffff);
	check_udp(ip + 12, 8, ip + 20, udp_len);
	check_payload(ip + 20, w);
}

static void check_frame6(const struct out_frame *f, const struct want *w)
{
	const uint8_t *start = f->buf + f->start, *ip = check_link(start, w, 0x86dd);
	uint32_t udp_len = 8 + w->payload_len;

	assert_int_equal(f->len, (ip - start) + 40 + udp_len);
	assert_int_equal(be16_at(ip), 0x6000 | w->dscp << 6);
	assert_int_equal(be16_at(ip + 2), 0);
	assert_int_equal(be16_at(ip + 4), udp_len);
	assert_int_equal(ip[6], 17);
	assert_int_equal(ip[7], w->ttl);
	assert_memory_equal(ip + 8, w->local.b, 16);
	assert_memory_equal(ip + 24, w->dst.b, 16);
	check_udp(ip + 8, 32, ip + 40, udp_len);
	check_payload(ip + 40, w);
}

/*
 * ---- making them -------------------------------------------------------------------
 */
static uint32_t rnd(void)
{
	return fixture_random(&seed);
}

static void rnd_bytes(uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		p[i] = (uint8_t)rnd();
}

static void want_random(struct want *w, uint8_t *payload, bool family6)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1}; /* the fixture's port */

	memset(w, 0, sizeof(*w));
	w->vlans = rnd() % 3;
	w->vlan[0] = (uint16_t)(rnd() % 4095);
	w->vlan[1] = (uint16_t)(rnd() % 4095);
	w->payload = payload;
	w->payload_len = rnd() % 4 ? rnd() % 300 : rnd() % (1400 + 1);
	rnd_bytes(payload, w->payload_len);
	if (rnd() % 8 == 0)
		memset(payload, rnd() % 2 ? 0xff : 0, w->payload_len);
	w->dscp = (uint8_t)(rnd() % 64);
	w->ttl = (uint8_t)(1 + rnd() % 255);
	w->df = (uint8_t)(rnd() % 2);
	w->src_port = (uint16_t)rnd();
	w->dst_port = (uint16_t)rnd();
	rnd_bytes(w->dst_mac, 6);
	memcpy(w->src_mac, mac, 6);
	rnd_bytes(w->local.b, 16);
	rnd_bytes(w->dst.b, 16);
	if (family6) {
		w->local.b[0] = 0x20; /* or it might look v4-mapped */
	} else {
		w->local = addr_from4(w->local.w[3]);
		w->dst = addr_from4(w->dst.w[3]);
	}
}

static void via_of(struct tables *t, const struct want *w, bool family6)
{
	struct crier_via *v = &t->vias[5];

	memset(v, 0, sizeof(*v));
	v->port = 1;
	v->mtu = 1500;
	v->local = w->local;
	v->family6 = family6;
	for (uint32_t i = 0; i < w->vlans; i++)
		v->vlan[i] = w->vlan[i] + 1;
	v->tpid[0] = w->vlans == 2 ? htons(0x88a8) : htons(0x8100);
	v->tpid[1] = htons(0x8100);
	v->hw = via_hw(w->dst_mac, CRIER_VIA_READY);
}

static uint32_t packet_sum(const struct want *w)
{
	return sum_fold(sum_bytes(w->payload, w->payload_len));
}

static void frame_of(struct links *links, struct frame *f, const struct want *w, bool family6)
{
	const struct rewrite_packet packet = {
		.payload_len = w->payload_len,
		.payload_sum = packet_sum(w),
		.src_port = htons(w->src_port),
		.id = (uint16_t)rnd(),
		.dscp = w->dscp,
		.ttl = w->ttl,
		.df = w->df,
	};

	links_forget(links);
	frame_begin(f, &packet, w->payload, family6);
	frame_use_link(f, links_get(links, 5, family6));
}

static void test_random(void **state)
{
	static struct frame frame;
	static uint8_t payload[1500];
	struct links links;
	struct fixture f;
	struct tables t;

	(void)state;
	fixture_make(&f, &t, 256, 256);
	links_init(&links, &t);
	links.out_of[1] = 0;
	for (int i = 0; i < 20000; i++) {
		struct out_frame out = {.buf = buffer};
		bool family6 = i % 2;
		struct want w;

		want_random(&w, payload, family6);
		via_of(&t, &w, family6);
		frame_of(&links, &frame, &w, family6);
		memset(buffer, (int)rnd(), sizeof(buffer));
		if (family6) {
			frame_write6(&frame, &out, &w.dst, htons(w.dst_port));
			check_frame6(&out, &w);
		} else {
			frame_write4(&frame, &out, w.dst.w[3], htons(w.dst_port));
			check_frame4(&out, &w);
		}
	}
	tables_close(&t);
}

/* A sum that comes out as zero is sent as all ones, for "none" is what zero says. */
static void test_udp_zero(void **state)
{
	static struct frame frame;
	static uint8_t payload[1500];
	struct links links;
	struct fixture f;
	struct tables t;
	int zeros = 0;

	(void)state;
	fixture_make(&f, &t, 256, 256);
	links_init(&links, &t);
	links.out_of[1] = 0;
	for (int family6 = 0; family6 < 2; family6++) {
		struct want w;

		want_random(&w, payload, family6);
		w.payload_len = 2;
		for (uint32_t v = 0; v < 0x10000; v++) {
			struct out_frame out = {.buf = buffer};
			const uint8_t *udp;

			payload[0] = (uint8_t)(v >> 8);
			payload[1] = (uint8_t)v;
			via_of(&t, &w, family6);
			frame_of(&links, &frame, &w, family6);
			if (family6) {
				frame_write6(&frame, &out, &w.dst, htons(w.dst_port));
				udp = buffer + FRAME_L4_6;
			} else {
				frame_write4(&frame, &out, w.dst.w[3], htons(w.dst_port));
				udp = buffer + FRAME_L4_4;
			}
			assert_int_not_equal(be16_at(udp + 6), 0);
			if (be16_at(udp + 6) != 0xffff)
				continue;
			zeros++;
			if (family6)
				check_frame6(&out, &w);
			else
				check_frame4(&out, &w);
		}
	}
	assert_int_equal(zeros, 2); /* one payload of each family's 65536 */
	tables_close(&t);
}

/* Without DF, two listeners behind one address don't share an ID for the same packet. */
static void test_ids(void **state)
{
	static struct frame frame;
	static uint8_t payload[1500];
	struct out_frame out = {.buf = buffer};
	struct links links;
	struct fixture f;
	struct tables t;
	struct want w;
	uint32_t a, b;

	(void)state;
	fixture_make(&f, &t, 256, 256);
	links_init(&links, &t);
	links.out_of[1] = 0;
	want_random(&w, payload, false);
	w.payload_len = 10;
	w.df = 0;
	via_of(&t, &w, false);
	frame_of(&links, &frame, &w, false);
	frame_write4(&frame, &out, w.dst.w[3], htons(4000));
	a = be16_at(buffer + FRAME_L3 + 4);
	frame_write4(&frame, &out, w.dst.w[3], htons(4001));
	b = be16_at(buffer + FRAME_L3 + 4);
	assert_int_not_equal(a, b);
	tables_close(&t);
}

/* What becomes of a member for each state of its next hop. */
static void test_verdicts(void **state)
{
	static const struct {
		const char *name;
		uint16_t via;
		uint64_t hw_state;
		uint32_t port;
		int link_up;
		uint16_t mtu;
		const char *local;
		enum copy_drop want;
	} tests[] = {
		{"ready", 5, CRIER_VIA_READY, 1, 1, 1500, "192.0.2.1", COPY_OK},
		{"none", 0, CRIER_VIA_READY, 1, 1, 1500, "192.0.2.1", COPY_NO_ROUTE},
		{"out of range", 65535, CRIER_VIA_READY, 1, 1, 1500, "192.0.2.1", COPY_NO_ROUTE},
		{"free", 5, CRIER_VIA_FREE, 1, 1, 1500, "192.0.2.1", COPY_NO_ROUTE},
		{"pending", 5, CRIER_VIA_PENDING, 1, 1, 1500, "192.0.2.1", COPY_NO_NEIGHBOUR},
		{"down", 5, CRIER_VIA_DOWN, 1, 1, 1500, "192.0.2.1", COPY_LINK_DOWN},
		{"port down", 5, CRIER_VIA_READY, 1, 0, 1500, "192.0.2.1", COPY_LINK_DOWN},
		{"not our port", 5, CRIER_VIA_READY, 2, 1, 1500, "192.0.2.1", COPY_LINK_DOWN},
		{"no such port", 5, CRIER_VIA_READY, 9999, 1, 1500, "192.0.2.1", COPY_LINK_DOWN},
		{"other family", 5, CRIER_VIA_READY, 1, 1, 1500, "2001:db8::1", COPY_NO_ROUTE},
		{"mtu fits", 5, CRIER_VIA_READY, 1, 1, 128, "192.0.2.1", COPY_OK},
		{"mtu too small", 5, CRIER_VIA_READY, 1, 1, 127, "192.0.2.1", COPY_MTU},
	};
	static const uint8_t mac[6] = {2};

	(void)state;
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		static struct links links;
		struct fixture f;
		struct tables t;
		const struct link *l;
		enum copy_drop got;

		fixture_make(&f, &t, 256, 256);
		fixture_via(&f, 5, tests[i].port, mac, tests[i].local, tests[i].mtu);
		t.vias[5].hw = via_hw(mac, (uint32_t)tests[i].hw_state);
		t.ports[1].mac = via_hw(mac, (uint32_t)tests[i].link_up);
		links_init(&links, &t);
		links.out_of[1] = 0;
		l = links_get(&links, tests[i].via, false);
		got = l->drop;
		if (got == COPY_OK && 128 > l->mtu)
			got = COPY_MTU;
		if (got != tests[i].want)
			print_error("case: %s\n", tests[i].name);
		assert_int_equal(got, tests[i].want);
		tables_close(&t);
	}
}

/* A via is read anew in each quantum, so a changed MAC is used in the next. */
static void test_links_forget(void **state)
{
	static const uint8_t a[6] = {2, 0, 0, 0, 0, 0xa}, b[6] = {2, 0, 0, 0, 0, 0xb};
	static struct links links;
	struct fixture f;
	struct tables t;

	(void)state;
	fixture_make(&f, &t, 256, 256);
	fixture_via(&f, 5, 1, a, "192.0.2.1", 1500);
	links_init(&links, &t);
	links.out_of[1] = 0;
	assert_memory_equal(links_get(&links, 5, false)->head + 10, a, 6);
	tbl_store(&t.vias[5].hw, via_hw(b, CRIER_VIA_READY));
	links_forget(&links);
	assert_memory_equal(links_get(&links, 5, false)->head + 10, b, 6);
	tables_close(&t);
}

/*
 * ---- ways to write -----------------------------------------------------------------
 */
#define RUN_MOST 65
#define RUN_ROOM (FRAME_BYTES + FRAME_BLOCK) /* a line more: nothing is written behind */

static uint8_t run_want[RUN_MOST][RUN_ROOM] __attribute__((aligned(OUT_ALIGN)));
static uint8_t run_got[RUN_MOST][RUN_ROOM] __attribute__((aligned(OUT_ALIGN)));

static void run_check(const struct write_way *way, const struct frame *f, const uint64_t *word,
		      uint32_t n)
{
	struct out_frame want[RUN_MOST], got[RUN_MOST];

	memset(run_want, 0xee, sizeof(run_want));
	memset(run_got, 0xee, sizeof(run_got));
	for (uint32_t i = 0; i < RUN_MOST; i++) {
		want[i] = (struct out_frame){.buf = run_want[i], .start = 7, .len = 7};
		got[i] = (struct out_frame){.buf = run_got[i], .start = 7, .len = 7};
	}
	for (uint32_t i = 0; i < n; i++)
		frame_write4(f, &want[i], member4_addr(word[i]), member4_port(word[i]));
	way->run4(f, got, word, n);
	for (uint32_t i = 0; i < RUN_MOST; i++) {
		assert_int_equal(got[i].start, want[i].start);
		assert_int_equal(got[i].len, want[i].len);
	}
	assert_memory_equal(run_got, run_want, sizeof(run_got));
}

/* Now and then a member whose UDP sum comes out as zero, which is sent as all ones. */
static void run_members(const struct frame *f, uint64_t word[RUN_MOST])
{
	for (uint32_t i = 0; i < RUN_MOST; i++) {
		uint32_t addr = rnd() % 8 ? rnd() : rnd() % 2 ? 0xffffffff : 0;
		uint32_t sum = f->base.udp + (addr & 0xffff) + (addr >> 16);
		uint16_t port = (uint16_t)(rnd() % 4 ? rnd() : 0xffff - rewrite_fold32(sum));

		word[i] = member4_word(addr, port, (uint16_t)rnd());
	}
}

/* Each way writes what frame_write4() does, byte for byte, and nothing else. */
static void test_ways(void **state)
{
	static struct frame frame;
	static uint8_t payload[FRAME_PAYLOAD_MAX];
	static const uint32_t lens[] = {0, 12, 13, 76, 77, 112, 140, 141, 176, 204, 205, 1400};
	const uint32_t n_lens = sizeof(lens) / sizeof(lens[0]);
	uint64_t word[RUN_MOST];
	uint32_t zeros = 0, ways = 0;
	struct links links;
	struct fixture f;
	struct tables t;

	(void)state;
	fixture_make(&f, &t, 256, 256);
	links_init(&links, &t);
	links.out_of[1] = 0;
	for (uint32_t i = 0; i < 20 * RUN_MOST; i++) {
		struct want w;

		want_random(&w, payload, false);
		if (rnd() % 2) {
			w.payload_len = i % 64 ? lens[rnd() % n_lens] : FRAME_PAYLOAD_MAX;
			rnd_bytes(payload, w.payload_len);
		}
		via_of(&t, &w, false);
		frame_of(&links, &frame, &w, false);
		run_members(&frame, word);
		ways = 0;
		for (const struct write_way *way = write_ways; way->name; way++) {
			if (!way->here())
				continue;
			ways++;
			run_check(way, &frame, word, 1 + i % RUN_MOST);
		}
		zeros += be16_at(run_want[0] + FRAME_L4_4 + 6) == 0xffff;
	}
	if (ways == 1)
		print_message("this CPU has one way to write only\n");
	assert_true(zeros > 0);
	tables_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	     cmocka_unit_test(test_udp_zero),
		cmocka_unit_test(test_ids),	     cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_links_forget), cmocka_unit_test(test_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
