/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsers, checksums and the ingest decision, natively.  Each packet lies at the end
 * of a block of its own, so that the sanitizers see any read beyond it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "packets.h"
#include "steer.h"

#define SECOND_NS 1000000000ULL

#define WORLD_PORT 5 /* that packets come in by, interface 1; the next one is crier0 */

static struct tables world;
static struct guard_caps caps;

static enum crier_xdp_counter judge_by(uint32_t ifindex, const uint8_t *packet, size_t len,
				       struct steer_result *out)
{
	const struct steer_in in = {
		.now_ns = world.config->heartbeat_ns, .ifindex = ifindex, .caps = &caps};
	uint8_t *copy = malloc(len ? len : 1);
	enum crier_xdp_counter v;

	assert_non_null(copy);
	memcpy(copy, packet, len);
	caps = (struct guard_caps){0}; /* time stands still here */
	v = steer(&world, world.config, &in, copy, copy + len, out);
	free(copy);
	return v;
}

static enum crier_xdp_counter judge(const uint8_t *packet, size_t len, struct steer_result *out)
{
	return judge_by(1, packet, len, out);
}

static int wrong_in_mode(enum guard_mode mode)
{
	int wrong = 0;

	tbl_store(&world.config->setting[CRIER_SET_guard_mode], mode);
	for (size_t i = 0; i < PACKET_CASES; i++) {
		const struct packet_case *c = &packet_cases[i];
		const struct packet_want w = packet_want(c, mode);
		uint8_t packet[PACKET_MAX];
		struct steer_result r;
		size_t len = packet_build(packet, c);
		enum crier_xdp_counter v = judge_by(c->crier0 ? 2 : 1, packet, len, &r);

		if (v == w.verdict && r.guard == w.also && r.stream == w.stream &&
		    r.is_rtcp == c->rtcp)
			continue;
		print_error("%s, mode %d: %s and %s, stream %u, rtcp %d; "
			    "want %s and %s, stream %u, rtcp %d\n",
			    c->name, mode, verdict_name(v), verdict_name(r.guard), r.stream,
			    r.is_rtcp, verdict_name(w.verdict), verdict_name(w.also), w.stream,
			    c->rtcp);
		wrong++;
	}
	return wrong;
}

static void verdicts(void **state)
{
	int wrong = wrong_in_mode(GUARD_OFF);

	(void)state;
	wrong += wrong_in_mode(GUARD_COUNT);
	wrong += wrong_in_mode(GUARD_ENFORCE); /* last, for the tests that follow */
	assert_int_equal(wrong, 0);
}

/* What crier-dp builds its frames from. */
static void places(void **state)
{
	const struct packet_case tagged = {.src = "2001:db8:1::7",
					   .dst = "2001:db8::1",
					   .dport = 5002,
					   .tpid = {0x88a8, 0x8100}};
	const struct packet_case plain = {.name = ""};
	const struct packet_case icmp6 = {V6, .proto = 58};
	uint8_t packet[PACKET_MAX];
	struct crier_addr want;
	struct steer_result r;

	(void)state;
	assert_int_equal(judge(packet, packet_build(packet, &plain), &r), CRIER_XDP_accepted);
	assert_int_equal(r.l3, 14);
	assert_int_equal(r.l4, 34);
	assert_int_equal(r.payload, 42);
	assert_int_equal(r.payload_len, 20);
	assert_int_equal(r.family6, 0);
	assert_int_equal(r.pt, 111);
	assert_int_equal(r.ssrc, htonl(0x11223344));
	assert_int_equal(r.src_port, htons(4000));
	assert_int_equal(r.dst_port, htons(5000));
	assert_int_equal(r.room, 1);
	assert_int_equal(r.generation, 101);
	assert_int_equal(r.vlan[0] | r.vlan[1], 0);
	want = world_addr("198.51.100.7");
	assert_memory_equal(&r.src, &want, sizeof(want));

	assert_int_equal(judge(packet, packet_build(packet, &tagged), &r), CRIER_XDP_accepted);
	assert_int_equal(r.l3, 22);
	assert_int_equal(r.l4, 62);
	assert_int_equal(r.payload, 70);
	assert_int_equal(r.family6, 1);
	assert_int_equal(r.vlan[0], 8);
	assert_int_equal(r.vlan[1], 9);
	want = world_addr("2001:db8::1");
	assert_memory_equal(&r.dst, &want, sizeof(want));

	/* and by which it knows neighbour discovery */
	assert_int_equal(judge(packet, packet_build(packet, &icmp6), &r), CRIER_XDP_pass_other);
	assert_int_equal(r.family6, 1);
	assert_int_equal(r.l3, 14);
}

/* A good packet cut at every byte: never accepted, refused only once it is clearly ours. */
static void truncated(void **state)
{
	const struct packet_case cases[] = {
		{.name = "v4"},
		{.name = "v4, two vlans", .tpid = {0x88a8, 0x8100}},
		{.name = "v6", V6},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t packet[PACKET_MAX];
		size_t len = packet_build(packet, &cases[i]);
		struct steer_result r;
		size_t l4;

		assert_int_equal(judge(packet, len, &r), CRIER_XDP_accepted);
		l4 = r.l4;
		for (size_t cut = 0; cut < len; cut++) {
			enum crier_xdp_counter v = judge(packet, cut, &r);

			if (cut < r.l3 || cut < 14)
				assert_int_equal(v, CRIER_XDP_pass_not_ip);
			else if (cut < l4 + 4)
				assert_true(v == CRIER_XDP_pass_other ||
					    v == CRIER_XDP_pass_not_ip);
			else if (cut < l4 + 8)
				assert_int_equal(v, CRIER_XDP_drop_runt);
			else
				assert_int_equal(v, CRIER_XDP_drop_length);
		}
	}
}

static void mutations(void **state)
{
	uint64_t seed = 20260101;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint8_t packet[PACKET_MAX];
		size_t len = packet_mutate(packet, &seed);
		struct steer_result r;

		if (judge(packet, len, &r) != CRIER_XDP_accepted)
			continue;
		assert_true((size_t)r.payload + r.payload_len <= len);
		assert_true(r.stream && r.room && r.generation);
	}
}

static void dead_man(void **state)
{
	const struct {
		const char *name;
		uint64_t heartbeat, dead_man_s, now;
		enum crier_xdp_counter want;
	} cases[] = {
		{"fresh", 5 * SECOND_NS, 10, 6 * SECOND_NS, CRIER_XDP_accepted},
		{"just alive", 5 * SECOND_NS, 10, 15 * SECOND_NS, CRIER_XDP_accepted},
		{"dead", 5 * SECOND_NS, 10, 15 * SECOND_NS + 1, CRIER_XDP_drop_deadman},
		{"for ever", 5 * SECOND_NS, 0, 1ULL << 62, CRIER_XDP_accepted},
		{"never stamped", 0, 10, 100 * SECOND_NS, CRIER_XDP_accepted},
		{"another CPU's clock", 15 * SECOND_NS, 10, 15 * SECOND_NS - 1, CRIER_XDP_accepted},
	};
	const struct packet_case good = {.name = ""};
	uint64_t heartbeat = world.config->heartbeat_ns;
	uint8_t packet[PACKET_MAX];
	size_t len = packet_build(packet, &good);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct steer_in in = {.now_ns = cases[i].now};
		struct steer_result r;

		world.config->heartbeat_ns = cases[i].heartbeat;
		world.config->setting[CRIER_SET_dead_man_s] = cases[i].dead_man_s;
		assert_int_equal(steer(&world, world.config, &in, packet, packet + len, &r),
				 cases[i].want);
	}
	world.config->heartbeat_ns = heartbeat;
	world.config->setting[CRIER_SET_dead_man_s] = 600;
}

/* Switching a room's engine is one store. */
static void engine_switch(void **state)
{
	const struct packet_case good = {.name = ""};
	uint8_t packet[PACKET_MAX];
	size_t len = packet_build(packet, &good);
	struct steer_result r;

	(void)state;
	world.rooms[1].engine = CRIER_ENGINE_NONE;
	assert_int_equal(judge(packet, len, &r), CRIER_XDP_drop_no_engine);
	assert_int_equal(r.stream, 1);
	world.rooms[1].engine = CRIER_ENGINE_BYPASS;
	assert_int_equal(judge(packet, len, &r), CRIER_XDP_accepted);
	world.rooms[1].generation++;
	assert_int_equal(judge(packet, len, &r), CRIER_XDP_drop_no_engine);
	world.rooms[1].generation--;
}

/* Numbers in the tables that lead nowhere, and chains that never end. */
static void damaged_tables(void **state)
{
	const struct packet_case good = {.name = ""};
	uint8_t packet[PACKET_MAX];
	size_t len = packet_build(packet, &good);
	struct crier_stream was = world.streams[1];
	struct steer_result r;

	(void)state;
	world.streams[1].room = 1 << 20;
	assert_int_equal(judge(packet, len, &r), CRIER_XDP_drop_no_engine);
	world.streams[1] = was;
	world.streams[1].ssrc = 1;
	world.streams[1].next = 1;
	assert_int_equal(judge(packet, len, &r), CRIER_XDP_drop_ssrc);
	world.streams[1].next = 1 << 30;
	assert_int_equal(judge(packet, len, &r), CRIER_XDP_drop_ssrc);
	world.streams[1] = was;
	world.ingest[5000 / 64].stream[5000 % 64] = 1 << 30;
	assert_int_equal(judge(packet, len, &r), CRIER_XDP_drop_no_engine);
	world.ingest[5000 / 64].stream[5000 % 64] = 1;
	assert_int_equal(judge(packet, len, &r), CRIER_XDP_accepted);
}

/* The oldest checksum code there is: 16 bits at a time, RFC 1071 section 4.1. */
static uint16_t naive_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)sum);
}

static void checksums(void **state)
{
	uint8_t bytes[1500];
	uint64_t seed = 7;

	(void)state;
	/* RFC 1071 section 3 */
	assert_int_equal(sum_fold(sum_bytes("\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8)), htons(0xddf2));
	assert_int_equal(sum_fold(0), 0);
	assert_int_equal(sum_fold(~0ULL), 0xffff);
	assert_int_equal(sum_check_udp(0xffff), 0xffff);
	assert_int_equal(sum_check_udp(0), 0xffff);

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(packet_random(&seed) >> 40);
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_int_equal(sum_fold(sum_bytes(bytes, len)) % 0xffff,
				 naive_sum(bytes, len) % 0xffff);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(sum_fold(sum_bytes(bytes, sizeof(bytes))), 0xffff);
}

/* RFC 1624: changing a word and its checksum is as summing again. */
static void replacement(void **state)
{
	uint64_t seed = 99;

	(void)state;
	/* RFC 1624 section 4: the case that RFC 1141's formula gets wrong */
	assert_int_equal(check_replace16(htons(0xdd2f), htons(0x5555), htons(0x3285)),
			 htons(0x0000));
	for (int i = 0; i < 100000; i++) {
		uint64_t words[3] = {packet_random(&seed), packet_random(&seed),
				     packet_random(&seed)};
		uint8_t *p = (uint8_t *)words;
		uint16_t check = sum_check(sum_bytes(p, 20)), was16, is16 = (uint16_t)(seed >> 20);
		uint32_t was32, is32 = (uint32_t)(seed >> 8);

		memcpy(&was16, p + 6, 2);
		memcpy(p + 6, &is16, 2);
		check = check_replace16(check, was16, is16);
		memcpy(&was32, p + 12, 4);
		memcpy(p + 12, &is32, 4);
		check = check_replace32(check, was32, is32);
		assert_int_equal(sum_fold(sum_bytes(p, 20) + check), 0xffff);
	}
}

static int world_up(void **state)
{
	(void)state;
	if (tables_alloc(&world, &world_size))
		return -1;
	world_init(&world);
	world_crier0(&world, WORLD_PORT + 1, 2);
	return 0;
}

static int world_down(void **state)
{
	(void)state;
	tables_close(&world);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),	  cmocka_unit_test(places),
		cmocka_unit_test(truncated),	  cmocka_unit_test(mutations),
		cmocka_unit_test(dead_man),	  cmocka_unit_test(engine_switch),
		cmocka_unit_test(damaged_tables), cmocka_unit_test(checksums),
		cmocka_unit_test(replacement),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
