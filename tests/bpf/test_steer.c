/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDP program by BPF_PROG_TEST_RUN: the packets of packets.h, and many mutations
 * of them, must get the verdict that the native code gives, and move the same
 * counters.
 *
 * test_bpf_steer [PACKETS]: how many mutated and random ones go through `mass`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "packets.h"
#include "steer.h"
#include "steered.h"

#define MUTATIONS 60000
#define MASS 940000 /* a million with these */
#define MASS_STEP 1000

static int mass_packets = MASS;

static bool is_pass(enum crier_xdp_counter v)
{
	return v >= CRIER_XDP_pass_not_ip && v <= CRIER_XDP_pass_media;
}

/* Runs one packet and compares everything it did with what is wanted. */
static bool agrees_by(uint32_t ifindex, const uint8_t *packet, size_t len,
		      enum crier_xdp_counter want, const struct steer_result *r, const char *name)
{
	bool ok, stream = !is_pass(want) && r->stream;
	struct counts before, after;
	int action, want_action = want == CRIER_XDP_accepted ? XDP_REDIRECT
				  : is_pass(want)	     ? XDP_PASS
							     : XDP_DROP;

	counts_read(&before);
	action = run_by(ifindex, packet, len);
	counts_read(&after);
	before.c[want]++;
	if (r->guard)
		before.c[r->guard]++;
	if (want == CRIER_XDP_accepted && r->is_rtcp)
		before.c[CRIER_XDP_accepted_rtcp]++;
	if (stream && want == CRIER_XDP_accepted) {
		before.accepted++;
		before.bytes += r->payload_len;
	} else if (stream) {
		before.refused++;
	}
	ok = action == want_action && !memcmp(&before, &after, sizeof(before));
	if (ok)
		return true;
	print_error("%s: action %d, want %d (%s)\n", name, action, want_action, verdict_name(want));
	for (int i = 0; i < CRIER_XDP_N; i++)
		if (before.c[i] != after.c[i])
			print_error("  %s %+ld\n", verdict_name(i),
				    (long)(after.c[i] - before.c[i]));
	print_error("  stream accepted %+ld refused %+ld bytes %+ld\n",
		    (long)(after.accepted - before.accepted),
		    (long)(after.refused - before.refused), (long)(after.bytes - before.bytes));
	return false;
}

static bool agrees(const uint8_t *packet, size_t len, enum crier_xdp_counter want,
		   const struct steer_result *r, const char *name)
{
	return agrees_by(LO, packet, len, want, r, name);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* The native verdict; the kernel's budget is its own, and here never spent. */
static enum crier_xdp_counter native(uint32_t ifindex, const uint8_t *packet, size_t len,
				     struct steer_result *r)
{
	struct guard_caps caps = {0};
	const struct steer_in in = {.now_ns = now_ns(), .ifindex = ifindex, .caps = &caps};

	return steer(&world, world.config, &in, packet, packet + len, r);
}

static int wrong_in_mode(enum guard_mode mode)
{
	int wrong = 0;

	tbl_store(&world.config->setting[CRIER_SET_guard_mode], mode);
	for (size_t i = 0; i < PACKET_CASES; i++) {
		const struct packet_case *c = &packet_cases[i];
		const struct packet_want w = packet_want(c, mode);
		uint32_t ifindex = c->crier0 ? crier0 : LO;
		struct steer_result r;
		uint8_t packet[PACKET_MAX];
		size_t len = packet_build(packet, c);

		native(ifindex, packet, len, &r);
		r.stream = w.stream;
		r.is_rtcp = (uint8_t)c->rtcp;
		r.guard = (uint8_t)w.also;
		wrong += !agrees_by(ifindex, packet, len, w.verdict, &r, c->name);
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

/* The kernel takes no packet without an Ethernet header. */
static void truncated(void **state)
{
	const struct packet_case cases[] = {{.name = "v4"},
					    {.name = "v4, two vlans", .tpid = {0x88a8, 0x8100}},
					    {.name = "v6", V6}};
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t packet[PACKET_MAX];
		size_t len = packet_build(packet, &cases[i]);

		for (size_t cut = ETH_HLEN; cut < len; cut++) {
			struct steer_result r;
			enum crier_xdp_counter want = native(LO, packet, cut, &r);

			wrong += !agrees(packet, cut, want, &r, cases[i].name);
		}
	}
	assert_int_equal(wrong, 0);
}

static void mutations(void **state)
{
	uint64_t seed = (uint64_t)time(NULL) | 1;
	uint64_t kinds[CRIER_XDP_N] = {0};
	int wrong = 0;

	(void)state;
	print_message("seed %lu\n", (unsigned long)seed);
	for (int i = 0; i < MUTATIONS && wrong < 10; i++) {
		uint8_t packet[PACKET_MAX];
		size_t len = packet_mutate(packet, &seed);
		enum crier_xdp_counter want;
		struct steer_result r;

		if (len < ETH_HLEN)
			continue;
		want = native(LO, packet, len, &r);
		kinds[want]++;
		wrong += !agrees(packet, len, want, &r, "mutation");
	}
	assert_int_equal(wrong, 0);
	/* They reach every verdict of the table. */
	for (size_t i = 0; i < PACKET_CASES; i++)
		if (!kinds[packet_cases[i].want])
			fail_msg("no mutation was %s", verdict_name(packet_cases[i].want));
}

/*
 * ---- the guard -----------------------------------------------------------------------
 */

/* Lists of many sizes: the kernel's lookup is the naive one's, at and beside each prefix. */
static void lists(void **state)
{
	uint64_t seed = (uint64_t)time(NULL) | 1;
	static const uint32_t sizes[] = {1, 2, 8, 9, 81, 700};
	struct crier_guard_prefix list[700];
	int wrong = 0;

	(void)state;
	print_message("seed %lu\n", (unsigned long)seed);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		match_random(list, sizes[i], &seed);
		match_guard(&world, list, sizes[i]);
		for (int k = 0; k < 2000 && wrong < 10; k++) {
			int family6 = k & 1;
			struct packet_case c = {.name = "list", .proto = 6};
			struct crier_addr src = match_probe(list, sizes[i], family6, &seed);
			uint8_t packet[PACKET_MAX];
			size_t len;

			c.dst = family6 ? "2001:db8::1" : NULL;
			len = packet_build_from(packet, &c, &src);
			wrong += run(packet, len) !=
				 (match_naive(list, sizes[i], &src, family6) == CRIER_GUARD_BLOCK
					  ? XDP_DROP
					  : XDP_PASS);
		}
	}
	assert_int_equal(wrong, 0);
	world_guard(&world);
}

/* So many a second and CPU, a tenth of that at once. */
static void cap(void **state)
{
	const struct packet_case stun = {.name = "", .dport = WORLD_MEDIA_PORT, .payload = STUN};
	uint8_t packet[PACKET_MAX];
	size_t len = packet_build(packet, &stun);
	uint64_t pps = 2000, start, most, passed = 0, punted, capped;
	struct counts before, after;

	(void)state;
	tbl_store(&world.config->setting[CRIER_SET_guard_punt_pps], pps);
	counts_read(&before);
	usleep(100000);
	start = now_ns();
	for (int i = 0; i < 5000; i++)
		passed += run(packet, len) == XDP_PASS;
	most = pps / 10 + 1 + (now_ns() - start) * pps / 1000000000;
	counts_read(&after);
	punted = after.c[CRIER_XDP_guard_punt] - before.c[CRIER_XDP_guard_punt];
	capped = after.c[CRIER_XDP_guard_cap] - before.c[CRIER_XDP_guard_cap];
	assert_int_equal(passed, punted);
	assert_int_equal(punted + capped, 5000);
	assert_in_range(punted, pps / 10, world.config->cpus * most);
	tbl_store(&world.config->setting[CRIER_SET_guard_punt_pps], 0);
	assert_int_equal(run(packet, len), XDP_DROP);
	tbl_store(&world.config->setting[CRIER_SET_guard_mode], GUARD_COUNT);
	assert_int_equal(run(packet, len), XDP_PASS);
	tbl_store(&world.config->setting[CRIER_SET_guard_mode], GUARD_ENFORCE);
	tbl_store(&world.config->setting[CRIER_SET_guard_punt_pps], 10000000);
	usleep(50000); /* the last one's time may not have come yet, nor the tick that tells it */
}

/*
 * Strangers have spent theirs: a member is let through all the same, out of members' own
 * budget, and then out of everybody's.
 */
static void cap_of_members(void **state)
{
	const struct packet_case stun = {.name = "", .dport = WORLD_MEDIA_PORT, .payload = STUN},
				 member = {.name = "",
					   .src = "198.51.100.44",
					   .sport = 5004,
					   .dport = WORLD_MEDIA_PORT,
					   .payload = STUN};
	uint8_t strange[PACKET_MAX], own[PACKET_MAX];
	size_t strange_len = packet_build(strange, &stun), own_len = packet_build(own, &member);
	__u64 *punt = &world.config->setting[CRIER_SET_guard_punt_pps],
	      *members = &world.config->setting[CRIER_SET_guard_member_pps];
	struct steer_result r = {.guard = CRIER_XDP_guard_member};

	(void)state;
	tbl_store(punt, 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(run(strange, strange_len), XDP_DROP);
		usleep(1); /* the clock may stand still, and the last one's time be to come */
		assert_true(agrees(own, own_len, CRIER_XDP_pass_media, &r, "member"));
	}
	tbl_store(members, 0);
	r.guard = 0;
	assert_true(agrees(own, own_len, CRIER_XDP_guard_member_cap, &r, "over both"));
	tbl_store(&world.config->setting[CRIER_SET_guard_mode], GUARD_COUNT);
	r.guard = CRIER_XDP_guard_member_cap;
	assert_true(agrees(own, own_len, CRIER_XDP_pass_media, &r, "over both, counted"));
	tbl_store(&world.config->setting[CRIER_SET_guard_mode], GUARD_ENFORCE);
	tbl_store(punt, 10000000);
	r.guard = CRIER_XDP_guard_punt;
	assert_true(agrees(own, own_len, CRIER_XDP_pass_media, &r, "out of everybody's"));
	tbl_store(members, 10000000);
	usleep(50000);
}

/* Bytes of any sort, most of them after the beginning of a packet that is right. */
static size_t packet_noise(uint8_t out[PACKET_MAX], uint64_t *seed)
{
	uint64_t r = packet_random(seed);
	size_t len = ETH_HLEN + (r >> 8) % 200;
	size_t right = r % 4 ? packet_mutate(out, seed) : 12;

	right = right < len ? (r >> 32) % (right + 1) : len;
	for (size_t i = right; i < len; i++)
		out[i] = (uint8_t)(packet_random(seed) >> 32);
	return len;
}

/* What the native code does with a packet, added to what is to be counted. */
static int mass_expect(struct counts *want, const uint8_t *packet, size_t len)
{
	struct steer_result r;
	enum crier_xdp_counter v = native(LO, packet, len, &r);

	want->c[v]++;
	if (r.guard)
		want->c[r.guard]++;
	if (v == CRIER_XDP_accepted) {
		want->c[CRIER_XDP_accepted_rtcp] += r.is_rtcp;
		want->accepted++;
		want->bytes += r.payload_len;
		return XDP_REDIRECT;
	}
	if (is_pass(v))
		return XDP_PASS;
	want->refused += !!r.stream;
	return XDP_DROP;
}

/* The packet that comes out of the program is the one that went in. */
static int run_whole(const uint8_t *packet, size_t len)
{
	uint8_t after[PACKET_MAX];
	struct xdp_md ctx = {.data_end = (uint32_t)len, .ingress_ifindex = LO};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = (uint32_t)len,
		    .data_out = after, .data_size_out = sizeof(after), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));

	if (bpf_prog_test_run_opts(prog_fd, &opts) || opts.data_size_out != len ||
	    memcmp(after, packet, len))
		return -1;
	return (int)opts.retval;
}

/* So many that counters are compared by the thousand; each mode of the guard has its share. */
static void mass(void **state)
{
	uint64_t seed = (uint64_t)time(NULL) | 1;
	struct counts want, got;

	(void)state;
	counts_read(&want);
	for (int i = 0; i < mass_packets; i++) {
		uint8_t packet[PACKET_MAX] = {0};
		uint64_t at = seed;
		size_t len = i & 1 ? packet_noise(packet, &seed) : packet_mutate(packet, &seed);
		int action;

		if (len < ETH_HLEN)
			continue;
		if (i % MASS_STEP == 0)
			tbl_store(&world.config->setting[CRIER_SET_guard_mode],
				  (uint64_t)(i / MASS_STEP % 3));
		action = mass_expect(&want, packet, len);
		if (run_whole(packet, len) != action)
			fail_msg("packet %d of seed %lu: action is not %d", i, (unsigned long)at,
				 action);
		if (i % MASS_STEP != MASS_STEP - 1)
			continue;
		counts_read(&got);
		for (int k = 0; k < CRIER_XDP_N; k++)
			if (want.c[k] != got.c[k])
				fail_msg("before packet %d of seed %lu: %s", i, (unsigned long)at,
					 verdict_name(k));
		assert_memory_equal(&got, &want, sizeof(got));
	}
	tbl_store(&world.config->setting[CRIER_SET_guard_mode], GUARD_ENFORCE);
}

static void dead_man(void **state)
{
	const struct packet_case good = {.name = ""};
	uint64_t heartbeat = world.config->heartbeat_ns;
	uint8_t packet[PACKET_MAX];
	size_t len = packet_build(packet, &good);
	struct steer_result r = {.stream = 1, .payload_len = 20};

	(void)state;
	/* the machine may have booted just now: an hour ago was before its clock began */
	tbl_store(&world.config->setting[CRIER_SET_dead_man_s], 1);
	tbl_store(&world.config->heartbeat_ns, now_ns() - 1100000000ULL);
	assert_true(agrees(packet, len, CRIER_XDP_drop_deadman, &r, "dead"));
	tbl_store(&world.config->setting[CRIER_SET_dead_man_s], 0);
	assert_true(agrees(packet, len, CRIER_XDP_accepted, &r, "for ever"));
	tbl_store(&world.config->setting[CRIER_SET_dead_man_s], 600);
	tbl_store(&world.config->heartbeat_ns, heartbeat);
	assert_true(agrees(packet, len, CRIER_XDP_accepted, &r, "alive again"));
}

/* Without a socket on just this port and queue: counted, never passed. */
static void no_socket(void **state)
{
	const struct packet_case good = {.name = ""};
	int numbers = tables_map_fd(&world, "port_numbers"), xsks = tables_map_fd(&world, "xsks");
	uint32_t ifindex = LO, port = PORT, other = PORT + 2, key = PORT * CRIER_MAX_QUEUES;
	struct steer_result r = {.stream = 1, .payload_len = 20};
	uint8_t packet[PACKET_MAX];
	size_t len = packet_build(packet, &good);

	(void)state;
	assert_true(agrees(packet, len, CRIER_XDP_accepted, &r, "socket"));
	bpf_map_update_elem(numbers, &ifindex, &other, BPF_ANY);
	assert_true(agrees(packet, len, CRIER_XDP_drop_no_socket, &r, "another port"));
	bpf_map_delete_elem(numbers, &ifindex);
	assert_true(agrees(packet, len, CRIER_XDP_drop_no_socket, &r, "no port"));
	bpf_map_update_elem(numbers, &ifindex, &port, BPF_ANY);
	bpf_map_delete_elem(xsks, &key);
	assert_true(agrees(packet, len, CRIER_XDP_drop_no_socket, &r, "no socket"));
	bpf_map_update_elem(xsks, &key, &sock, BPF_ANY);
	assert_true(agrees(packet, len, CRIER_XDP_accepted, &r, "socket again"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),	  cmocka_unit_test(truncated),
		cmocka_unit_test(lists),	  cmocka_unit_test(cap),
		cmocka_unit_test(cap_of_members), cmocka_unit_test(mutations),
		cmocka_unit_test(mass),		  cmocka_unit_test(dead_man),
		cmocka_unit_test(no_socket),
	};
	int ret = world_sandbox();

	if (argc > 1)
		mass_packets = atoi(argv[1]);

	return ret ? ret : cmocka_run_group_tests(tests, world_up, world_down);
}
