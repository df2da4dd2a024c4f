/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine over memory ports: what each listener gets, and that the counters add up
 * to it.  Also the memory port itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "heard.h"

static void test_everyone_once(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 0, 1000, 100, 1);
	fixture_fill6(&s->f, 1, 0, 300, 3);
	push(s, 1, 1, 77, 112);
	run(s);
	assert_int_equal(s->n, 1300);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(s->heard[i].last4, 0x0a000001 + i);
		assert_int_equal(s->heard[i].mark, 77);
		assert_int_equal(s->heard[i].len, 154);
	}
	for (uint32_t i = 1000; i < 1300; i++) {
		assert_true(s->heard[i].family6);
		assert_int_equal(s->heard[i].last4, i - 1000 + 1);
		assert_int_equal(s->heard[i].len, 174);
	}
	reconcile(s, 1);
	assert_int_equal(counter(s, CRIER_WORKER_copies6), 300);
	assert_int_equal(counter(s, CRIER_WORKER_copy_bytes), 1000 * 154 + 300 * 174);
	assert_int_equal(room_counters(&s->t, 0, 1)->pkts, 1);
	assert_int_equal(room_counters(&s->t, 0, 1)->bytes, 112);
}

static void test_two_ports_interleaved(void **state)
{
	struct state *s = *state;
	uint32_t page = fixture_page(&s->f, 1, 0, false);
	uint32_t n[PORTS] = {0};

	for (uint32_t i = 0; i < 200; i++)
		fixture_set4(&s->f, page, i, fixture_word4(i, (uint16_t)(1 + i % 2)));
	push(s, 1, 1, 1, 100);
	run(s);
	assert_int_equal(s->n, 200);
	for (uint32_t i = 0; i < s->n; i++) {
		assert_int_equal((s->heard[i].last4 - 0x0a000001) % 2, s->heard[i].port);
		n[s->heard[i].port]++;
	}
	assert_int_equal(n[0], 100);
	assert_int_equal(n[1], 100);
	reconcile(s, 1);
}

static void test_order_in_room(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 0, 700, 100, 1);
	tbl_store(&s->t.config->setting[CRIER_SET_quantum_copies], 64);
	for (uint32_t i = 0; i < 3; i++)
		push(s, 1, 1, i, 100);
	run(s);
	assert_int_equal(s->n, 2100);
	for (uint32_t i = 0; i < 2100; i++)
		assert_int_equal(s->heard[i].mark, i / 700);
	assert_int_equal(room_counters(&s->t, 0, 1)->late, 2);
}

static void test_small_room_beside_large(void **state)
{
	struct state *s = *state;
	uint32_t large_before = 0;

	fixture_room(&s->f, 2, 1);
	fixture_fill4(&s->f, 1, 0, 4000, 100, 1);
	fixture_fill4(&s->f, 2, 0, 10, 100, 1);
	push(s, 1, 1, 1, 100);
	assert_true(sweeper_turn(&s->s, s->now));
	push(s, 2, 1, 2, 100);
	run(s);
	while (s->heard[large_before].mark != 2)
		large_before++;
	assert_true(large_before <= 2 * 512);
	assert_int_equal(s->n, 4010);
}

/* Many holes before one member keep nobody waiting; nor does a member here and there. */
static void test_small_room_beside_holes(void **state)
{
	struct state *s = *state;
	uint32_t page = 0, turns = 0;

	fixture_room(&s->f, 2, 1);
	fixture_room(&s->f, 3, 1);
	for (uint32_t i = 0; i < 600; i++)
		page = fixture_page(&s->f, 1, 0, false);
	fixture_set4(&s->f, page, 255, fixture_word4(1, 1));
	fixture_fill4(&s->f, 2, 0, 10, 100, 1);
	for (uint32_t i = 0; i < 400; i++)
		fixture_set4(&s->f, fixture_page(&s->f, 3, 0, false), 255, fixture_word4(i, 1));
	push(s, 1, 1, 1, 100);
	push(s, 3, 1, 3, 100);
	assert_true(sweeper_turn(&s->s, s->now));
	assert_int_equal(s->n, 0); /* it has not come to its member yet */
	assert_true(sweeper_turn(&s->s, s->now));
	assert_true(s->n > 0 && s->n < 200);
	push(s, 2, 1, 2, 100);
	while (sweeper_turn(&s->s, s->now))
		turns++;
	assert_int_equal(s->n, 411);
	assert_true(turns < 20);
	for (uint32_t room = 1; room <= 3; room++)
		assert_int_equal(room_counters(&s->t, 0, room)->copies, room == 1   ? 1
									: room == 2 ? 10
										    : 400);
}

static void test_overload(void **state)
{
	struct state *s = *state;
	const struct crier_room_counters *r = room_counters(&s->t, 0, 1);

	fixture_fill4(&s->f, 1, 0, 100, 100, 1);
	s->s.progress.copy_ns = 1000000; /* a sweep takes 100 ms: there is no catching up */
	for (uint32_t i = 0; i < 5; i++)
		push(s, 1, 1, i, 100);
	run(s);
	assert_int_equal(s->n, 300);
	assert_int_equal(s->heard[299].mark, 2); /* the newest were dropped, whole */
	assert_int_equal(r->overload_pkts, 2);
	assert_int_equal(r->overload_copies, 200);
	assert_int_equal(counter(s, CRIER_WORKER_overload_pkts), 2);
	assert_int_equal(counter(s, CRIER_WORKER_overload_copies), 200);
	reconcile(s, 1);
}

/* A room that sends a packet in no time may have a clump of them waiting. */
static void test_catch_up(void **state)
{
	struct state *s = *state;
	const struct crier_room_counters *r = room_counters(&s->t, 0, 1);

	fixture_fill4(&s->f, 1, 0, 100, 100, 1);
	s->s.progress.copy_ns = 20000; /* 2 ms a sweep, 40 ms for 20 */
	for (uint32_t i = 0; i < 25; i++)
		push(s, 1, 1, i, 100);
	assert_int_equal(r->overload_pkts, 25 - 19); /* 19.99 */
	run(s);
	s->s.progress.copy_ns = 1;
	for (uint32_t i = 0; i < 100; i++)
		push(s, 1, 1, i, 100);
	assert_int_equal(r->overload_pkts, 6 + 100 - 64);
	run(s);
	assert_true(s->s.progress.copy_ns < 20000);
}

/* Rooms beyond counting that can't keep up take no buffer from one that can. */
static void test_overload_of_many(void **state)
{
	struct state *s = *state;
	const struct crier_room_counters *r = room_counters(&s->t, 0, 1);

	fixture_fill4(&s->f, 1, 0, 10, 100, 1);
	for (uint32_t room = 2; room < 1002; room++) {
		fixture_room(&s->f, room, 1);
		fixture_set4(&s->f, fixture_page(&s->f, room, 0, false), 0, fixture_word4(room, 1));
	}
	for (uint32_t i = 0; i < 100; i++)
		for (uint32_t room = 2; room < 1002; room++)
			push(s, room, 1, i, 100);
	push(s, 1, 1, 1, 100);
	assert_int_equal(counter(s, CRIER_WORKER_no_job_pkts), 0);
	assert_true(counter(s, CRIER_WORKER_overload_pkts) > 90000);
	run(s);
	assert_int_equal(r->copies, 10);
	assert_int_equal(r->overload_pkts, 0);
}

/* The room is deleted in mid-sweep and its number and pages serve another. */
static void test_room_gone(void **state)
{
	struct state *s = *state;
	const struct crier_room_counters *r = room_counters(&s->t, 0, 1);

	fixture_fill4(&s->f, 1, 0, 2000, 100, 1);
	push(s, 1, 1, 1, 100);
	push(s, 1, 1, 2, 100);
	sweeper_turn(&s->s, s->now);
	assert_int_equal(s->n, 512);
	fixture_room_end(&s->f, 1, 0);
	run(s);
	assert_int_equal(s->n, 512);
	assert_int_equal(counter(s, CRIER_WORKER_jobs_gone), 1);
	assert_int_equal(counter(s, CRIER_WORKER_rx_refused), 1); /* the one that waited */

	fixture_room(&s->f, 1, 2);
	fixture_fill4(&s->f, 1, 0, 10, 100, 1);
	push(s, 1, 2, 3, 100);
	run(s);
	assert_int_equal(s->n, 522);
	assert_int_equal(r->generation, 2);
	assert_int_equal(r->due, 10); /* counted from new */
}

/* The same, but the next room's first packet comes before the first room's next turn. */
static void test_successor_room(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 0, 2000, 100, 1);
	for (uint32_t i = 0; i < 3; i++)
		push(s, 1, 1, i, 100);
	sweeper_turn(&s->s, s->now);
	fixture_room_end(&s->f, 1, 0);
	fixture_room(&s->f, 1, 2);
	fixture_fill4(&s->f, 1, 0, 10, 100, 1);
	push(s, 1, 2, 3, 100);
	run(s);
	assert_int_equal(s->n, 512 + 10);
	assert_int_equal(counter(s, CRIER_WORKER_jobs_gone), 1);
	assert_int_equal(counter(s, CRIER_WORKER_rx_refused), 2);
	assert_int_equal(counter(s, CRIER_WORKER_jobs) + counter(s, CRIER_WORKER_rx_refused), 4);
}

static void test_drops_named(void **state)
{
	static const uint8_t mac[6] = {2};
	static const struct {
		uint16_t via;
		uint32_t n;
	} groups[] = {{1, 10}, {0, 11}, {10, 12}, {11, 13}, {12, 14}};
	struct state *s = *state;
	struct crier_room_counters *r = room_counters(&s->t, 0, 1);
	uint32_t page = fixture_page(&s->f, 1, 0, false), place = 0;

	fixture_via(&s->f, 10, 1, mac, "192.0.2.1", 1500);
	s->t.vias[10].hw = via_hw(mac, CRIER_VIA_PENDING);
	fixture_via(&s->f, 11, 3, mac, "192.0.2.1", 1500); /* a port that is not ours */
	fixture_via(&s->f, 12, 1, mac, "192.0.2.1", 100);
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (uint32_t i = 0; i < groups[g].n; i++, place++)
			fixture_set4(&s->f, page, place, fixture_word4(place, groups[g].via));
	push(s, 1, 1, 1, 112);
	run(s);
	assert_int_equal(s->n, 10);
	assert_int_equal(r->copies, 10);
	assert_int_equal(r->no_route, 11);
	assert_int_equal(r->no_neighbour, 12);
	assert_int_equal(r->link_down, 13);
	assert_int_equal(r->mtu, 14);
	assert_int_equal(r->due, 60);
	reconcile(s, 1);
}

static void test_port_full(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 0, 1000, 100, 1);
	port_mem_limit(s->port[0], 100);
	push(s, 1, 1, 1, 100);
	run(s);
	assert_int_equal(s->n, 100);
	assert_int_equal(room_counters(&s->t, 0, 1)->tx_full, 900);
	reconcile(s, 1);
	port_mem_limit(s->port[0], UINT64_MAX); /* and it goes on as if nothing had been */
	push(s, 1, 1, 2, 100);
	run(s);
	assert_int_equal(s->n, 1100);
	reconcile(s, 1);
}

/* What the device says it dropped was no copy. */
static void test_device_drops(void **state)
{
	struct state *s = *state;
	const struct crier_room_counters *r = room_counters(&s->t, 0, 1);

	fixture_fill4(&s->f, 1, 0, 100, 100, 1);
	s->lost_next = 7;
	push(s, 1, 1, 1, 100);
	run(s);
	assert_int_equal(r->copies, 93);
	assert_int_equal(r->tx_full, 7);
	assert_int_equal(counter(s, CRIER_WORKER_copy_bytes), 93 * (42 + 100));
	s->lost_next = 70; /* more than the burst has: the rest is the next one's */
	push(s, 1, 1, 2, 100);
	run(s);
	assert_int_equal(r->copies, 93 + 30);
	assert_int_equal(r->tx_full, 77);
	reconcile(s, 1);
}

static void test_oversize(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 0, 10, 100, 1);
	push(s, 1, 1, 1, FRAME_PAYLOAD_MAX + 1);
	run(s);
	assert_int_equal(s->n, 0);
	assert_int_equal(counter(s, CRIER_WORKER_oversize_pkts), 1);
	assert_int_equal(counter(s, CRIER_WORKER_oversize_copies), 10);
	s->t.vias[1].mtu = 9000;
	push(s, 1, 1, 1, FRAME_PAYLOAD_MAX);
	run(s);
	assert_int_equal(s->n, 10);
}

/* A buffer that is too small for the frame is never written, whatever the via's MTU says. */
static void test_small_buffers(void **state)
{
	struct state *s = *state;

	port_mem_close(s->port[0]);
	s->port[0] = port_mem_open(PORT_MEM_BUFFERS, 256, hear, &s->sink[0]);
	fixture_fill4(&s->f, 1, 0, 10, 100, 1);
	push(s, 1, 1, 1, 1000);
	run(s);
	assert_int_equal(s->n, 0);
	assert_int_equal(room_counters(&s->t, 0, 1)->mtu, 10);
	push(s, 1, 1, 1, 160);
	run(s);
	assert_int_equal(s->n, 10);
	reconcile(s, 1);
}

static void test_deadman(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 0, 10, 100, 1);
	s->now = 1000000000000ULL;
	tbl_store(&s->t.config->heartbeat_ns, s->now - 700000000000ULL);
	push(s, 1, 1, 1, 100);
	run(s);
	assert_int_equal(s->n, 0);
	assert_int_equal(counter(s, CRIER_WORKER_stopped_pkts), 1);
	assert_int_equal(counter(s, CRIER_WORKER_stopped_copies), 10);
	assert_int_equal(room_counters(&s->t, 0, 1)->stopped_copies, 10);
	tbl_store(&s->t.config->heartbeat_ns, s->now);
	push(s, 1, 1, 1, 100);
	run(s);
	assert_int_equal(s->n, 10);
}

static void test_shards(void **state)
{
	struct state *s = *state;

	if (s->t.config->max_shards < 2)
		skip();
	s->t.config->shards = 2;
	fixture_fill4(&s->f, 1, 0, 300, 100, 1);
	fixture_fill4(&s->f, 1, 1, 200, 100, 1);
	push(s, 1, 1, 1, 100);
	run(s);
	assert_int_equal(s->n, 500);
}

static void test_capture(void **state)
{
	struct state *s = *state;
	const struct crier_capture_rec *rec = s->t.capture_ring;

	fixture_fill4(&s->f, 1, 0, 300, 100, 1);
	push(s, 1, 1, 1, 100);
	run(s);
	assert_int_equal(rec[0].serial, 0); /* off */

	tbl_store(&s->t.config->capture, CRIER_CAPTURE_COPIES | 2ULL << 32);
	push(s, 1, 1, 1, 100);
	run(s);
	assert_int_equal(rec[0].serial, 0); /* another room's */

	tbl_store(&s->t.config->capture, CRIER_CAPTURE_COPIES | 1ULL << 32);
	push(s, 1, 1, 1, 100);
	run(s);
	assert_int_equal(s->s.capture.written, 300);
	assert_int_equal(rec[0].serial, 257); /* went round */
	assert_int_equal(rec[100].serial, 101 + CRIER_CAPTURE_SLOTS);
	assert_int_equal(rec[100].len, 142);
	assert_int_equal(rec[100].caplen, 142);
	assert_int_equal(rec[100].room, 1);
	assert_int_equal(rec[100].ifindex, 1);
	assert_int_equal(rec[100].verdict, CRIER_CAPTURE_COPY);
	assert_int_equal(rec[100].data[14], 0x45);
}

static void test_port_mem_fifo(void **state)
{
	struct state *s = *state;
	struct port *p = s->port[0];
	uint8_t *first = NULL, *seen;
	uint64_t wait = 0;
	uint32_t used = 0;
	struct out o;

	/* all others are used before one comes again, also across the end of the list */
	for (;;) {
		p->ops->reserve(p, 100, &o, &wait);
		assert_int_equal(o.n, 100);
		for (o.used = 0; o.used < 77; o.used++) {
			seen = o.frame[o.used].buf;
			assert_int_equal((uintptr_t)seen % OUT_ALIGN, 0);
			if (first && seen == first)
				goto again;
			first = first ? first : seen;
			o.frame[o.used].start = 0;
			o.frame[o.used].len = 64;
			memset(seen, 0, 64);
			used++;
		}
		s->n = 0;
		p->ops->commit(p, &o);
	}
again:
	assert_int_equal(used, PORT_MEM_BUFFERS);
}

static void test_port_mem_rx(void **state)
{
	struct state *s = *state;
	struct port_rx rx[PORT_RX_BURST];
	struct port *p = s->port[0];
	uint32_t total = 0, n;

	for (uint32_t i = 0; i < 100; i++)
		assert_true(port_mem_inject(p, &i, sizeof(i)));
	while ((n = p->ops->rx(p, rx))) {
		for (uint32_t i = 0; i < n; i++)
			assert_memory_equal(rx[i].data, &(uint32_t){total + i}, 4);
		p->ops->rx_done(p);
		total += n;
	}
	assert_int_equal(total, 100);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		heard_test(test_everyone_once),
		heard_test(test_two_ports_interleaved),
		heard_test(test_order_in_room),
		heard_test(test_small_room_beside_large),
		heard_test(test_small_room_beside_holes),
		heard_test(test_overload),
		heard_test(test_catch_up),
		heard_test(test_overload_of_many),
		heard_test(test_room_gone),
		heard_test(test_successor_room),
		heard_test(test_drops_named),
		heard_test(test_port_full),
		heard_test(test_device_drops),
		heard_test(test_oversize),
		heard_test(test_small_buffers),
		heard_test(test_deadman),
		heard_test(test_shards),
		heard_test(test_capture),
		heard_test(test_port_mem_fifo),
		heard_test(test_port_mem_rx),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
