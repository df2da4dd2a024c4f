/* SPDX-License-Identifier: BSD-2-Clause */
/* What the XDP program writes down of packets, for whom it is asked to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "packet_case.h"
#include "steered.h"

struct seen {
	int n;
	struct crier_capture_rec last;
};

static int on_record(void *arg, void *data, size_t len)
{
	struct seen *seen = arg;

	assert_int_equal(len, sizeof(seen->last));
	memcpy(&seen->last, data, len);
	seen->n++;
	return 0;
}

static void capture(void **state)
{
	const struct packet_case good = {.name = ""},
				 other = {.name = "", .dport = 5001, .payload = ""},
				 bad = {.name = "", .payload = "00"},
				 pass = {.name = "", .proto = 6},
				 blocked = {.name = "", .src = "198.18.0.1", .proto = 6};
	const struct {
		uint64_t wanted;
		const struct packet_case *packet;
		int records;
		uint32_t verdict, room;
	} cases[] = {
		{0, &good, 0, 0, 0},
		{CRIER_CAPTURE_INPUT, &good, 1, CRIER_XDP_accepted, 1},
		{CRIER_CAPTURE_INPUT, &bad, 0, 0, 0},
		{CRIER_CAPTURE_DROPS, &good, 0, 0, 0},
		{CRIER_CAPTURE_DROPS, &bad, 1, CRIER_XDP_drop_rtp, 1},
		{CRIER_CAPTURE_DROPS | CRIER_CAPTURE_INPUT, &pass, 0, 0, 0},
		{CRIER_CAPTURE_DROPS, &blocked, 1, CRIER_XDP_guard_blocked, 0},
		{CRIER_CAPTURE_DROPS | 1ULL << 32, &blocked, 0, 0, 0},
		{CRIER_CAPTURE_INPUT | 2ULL << 32, &good, 0, 0, 0},
		{CRIER_CAPTURE_INPUT | 2ULL << 32, &other, 1, CRIER_XDP_accepted, 2},
		{CRIER_CAPTURE_COPIES, &good, 0, 0, 0},
	};
	struct seen seen = {0};
	struct ring_buffer *ring =
		ring_buffer__new(loader_capture_fd(loader), on_record, &seen, NULL);

	(void)state;
	assert_non_null(ring);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t packet[PACKET_MAX];
		size_t len = packet_build(packet, cases[i].packet);

		seen.n = 0;
		tbl_store(&world.config->capture, cases[i].wanted);
		run(packet, len);
		ring_buffer__consume(ring);
		if (seen.n != cases[i].records)
			fail_msg("case %zu: %d records, want %d", i, seen.n, cases[i].records);
		if (!seen.n)
			continue;
		assert_int_equal(seen.last.verdict, cases[i].verdict);
		assert_int_equal(seen.last.room, cases[i].room);
		assert_int_equal(seen.last.len, len);
		assert_int_equal(seen.last.caplen, len);
		assert_memory_equal(seen.last.data, packet, len);
	}
	ring_buffer__free(ring);
	tbl_store(&world.config->capture, 0);
}

/* Every length near a multiple of 8, and beyond what is kept. */
static void capture_lengths(void **state)
{
	struct seen seen = {0};
	struct ring_buffer *ring =
		ring_buffer__new(loader_capture_fd(loader), on_record, &seen, NULL);
	struct packet_case c = {.name = ""};

	(void)state;
	assert_non_null(ring);
	tbl_store(&world.config->capture, CRIER_CAPTURE_INPUT);
	for (uint16_t trailer = 0; trailer < 1800;
	     trailer += trailer < 40 || trailer > 1440 ? 1 : 7) {
		uint8_t packet[PACKET_MAX];
		size_t len, want;

		c.trailer = trailer;
		len = packet_build(packet, &c);
		want = len < CRIER_CAPTURE_SNAP ? len : CRIER_CAPTURE_SNAP;
		for (size_t i = len - trailer; i < len; i++)
			packet[i] = (uint8_t)i;
		seen.n = 0;
		run(packet, len);
		ring_buffer__consume(ring);
		assert_int_equal(seen.n, 1);
		assert_int_equal(seen.last.len, len);
		assert_int_equal(seen.last.caplen, want);
		assert_memory_equal(seen.last.data, packet, want);
	}
	ring_buffer__free(ring);
	tbl_store(&world.config->capture, 0);
}

/* A full ring is counted, and the packet goes its way. */
static void capture_full(void **state)
{
	const struct packet_case good = {.name = ""};
	uint8_t packet[PACKET_MAX];
	size_t len = packet_build(packet, &good);
	struct counts before, after;

	(void)state;
	counts_read(&before);
	tbl_store(&world.config->capture, CRIER_CAPTURE_INPUT);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(run(packet, len), XDP_REDIRECT);
	tbl_store(&world.config->capture, 0);
	counts_read(&after);
	assert_int_equal(after.c[CRIER_XDP_accepted] - before.c[CRIER_XDP_accepted], 1000);
	assert_true(after.c[CRIER_XDP_drop_capture] > before.c[CRIER_XDP_drop_capture]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capture),
		cmocka_unit_test(capture_lengths),
		cmocka_unit_test(capture_full),
	};
	int ret = world_sandbox();

	return ret ? ret : cmocka_run_group_tests(tests, world_up, world_down);
}
