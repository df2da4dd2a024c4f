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

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/core/intake.h"
#include "dataplane/io/port_mem.h"
#include "fixture.h"

#define PORTS 2
#define FRAMES_MAX 20000

struct heard {
	uint32_t port; /* index of the memory port */
	uint32_t len;
	uint32_t last4; /* low word of the destination address, host order */
	bool family6;
	uint32_t mark; /* first four bytes of the payload */
};

struct state {
	struct tables t;
	struct fixture f;
	struct sweeper s;
	struct intake in;
	struct port *port[PORTS];
	struct {
		struct state *s;
		uint32_t n;
	} sink[PORTS];
	struct heard heard[FRAMES_MAX];
	uint32_t n;
	uint32_t lost_next; /* frames that the device will say it dropped */
	uint32_t bursts, burst_first, burst_most;
	uint64_t lend_ns; /* what a burst takes */
	uint64_t now;
};

static uint64_t fake_now;

static uint64_t now_ns(void)
{
	return fake_now += 1000;
}

static void hear(void *arg, const uint8_t *frame, uint32_t len)
{
	struct {
		struct state *s;
		uint32_t n;
	} *sink = arg;
	struct heard *h = &sink->s->heard[sink->s->n++];
	const uint8_t *ip = frame + 14;

	assert_true(sink->s->n < FRAMES_MAX);
	h->port = sink->n;
	h->len = len;
	h->family6 = ip[0] >> 4 == 6;
	memcpy(&h->last4, ip + (h->family6 ? 36 : 16), 4);
	h->last4 = ntohl(h->last4);
	memcpy(&h->mark, ip + (h->family6 ? 48 : 28), 4);
}

static void lend(void *arg, uint32_t out, uint32_t n, struct out *o, uint64_t *wait_ns)
{
	struct state *s = arg;
	struct port *p = s->port[out];

	fake_now += s->lend_ns;
	if (!s->bursts++)
		s->burst_first = n;
	s->burst_most = n > s->burst_most ? n : s->burst_most;
	p->ops->reserve(p, n, o, wait_ns);
}

static uint32_t commit(void *arg, uint32_t out, struct out *o)
{
	struct state *s = arg;
	uint32_t lost = s->lost_next;

	s->lost_next = 0;
	return s->port[out]->ops->commit(s->port[out], o) + lost;
}

static int setup(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct state *s = calloc(1, sizeof(*s));
	struct sweep_io io = {lend, commit, now_ns, s};

	fixture_make(&s->f, &s->t, 1100 * CRIER_PAGE_SLOTS, 4 * CRIER_PAGE_SLOTS);
	s->t.config->heartbeat_ns = 0; /* the tests' clock is not the machine's */
	tbl_store(&s->t.config->setting[CRIER_SET_pace_pct], 0); /* but where it is the matter */
	fixture_port(&s->f, 2, 2, "test1", mac);
	fixture_via(&s->f, 2, 2, mac, "198.51.100.1", 1500);
	fixture_via(&s->f, 3, 1, mac, "2001:db8::1", 1500);
	fixture_room(&s->f, 1, 1);
	assert_int_equal(sweeper_init(&s->s, &s->t, 0, &io), 0);
	assert_int_equal(intake_init(&s->in, &s->s), 0);
	for (uint32_t i = 0; i < PORTS; i++) {
		s->sink[i].s = s;
		s->sink[i].n = i;
		s->port[i] =
			port_mem_open(PORT_MEM_BUFFERS, PORT_MEM_BUFFER_BYTES, hear, &s->sink[i]);
		assert_non_null(s->port[i]);
		sweeper_add_out(&s->s, i + 1, i, i + 1);
	}
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct state *s = *state;

	for (uint32_t i = 0; i < PORTS; i++)
		port_mem_close(s->port[i]);
	intake_free(&s->in);
	sweeper_free(&s->s);
	tables_close(&s->t);
	free(s);
	return 0;
}

static void push(struct state *s, uint32_t room, uint32_t generation, uint32_t mark, uint32_t len)
{
	static uint8_t payload[8192];

	memcpy(payload, &mark, sizeof(mark));
	s->now += 20000000;
	intake_push(&s->in, room, generation, payload, len, s->now);
}

static void run(struct state *s)
{
	while (sweeper_turn(&s->s, s->now))
		;
}

static uint64_t counter(struct state *s, enum crier_worker_counter c)
{
	return s->t.worker_counters[0].c[c];
}

/* Worker and room counters agree with each other and with what was heard. */
static void reconcile(struct state *s, uint32_t room)
{
	const struct crier_room_counters *r = room_counters(&s->t, 0, room);

	assert_int_equal(r->due, r->copies + r->no_route + r->no_neighbour + r->link_down + r->mtu +
					 r->tx_full);
	assert_int_equal(counter(s, CRIER_WORKER_copies), r->copies);
	assert_int_equal(counter(s, CRIER_WORKER_drop_no_route), r->no_route);
	assert_int_equal(counter(s, CRIER_WORKER_drop_no_neighbour), r->no_neighbour);
	assert_int_equal(counter(s, CRIER_WORKER_drop_link_down), r->link_down);
	assert_int_equal(counter(s, CRIER_WORKER_drop_mtu), r->mtu);
	assert_int_equal(counter(s, CRIER_WORKER_drop_tx_full), r->tx_full);
	assert_int_equal(counter(s, CRIER_WORKER_jobs),
			 counter(s, CRIER_WORKER_jobs_done) + counter(s, CRIER_WORKER_jobs_gone));
}

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

static void test_rate_cap(void **state)
{
	struct state *s = *state;
	uint64_t start;

	fixture_fill4(&s->f, 1, 0, 1024, 100, 1);
	tbl_store(&s->t.config->setting[CRIER_SET_rate_cap_pps], 512000);
	push(s, 1, 1, 1, 100);
	start = s->now;
	run(s);
	assert_int_equal(s->n, 512);
	assert_int_equal(sweeper_due_ns(&s->s), start + 1000000);
	s->now = start + 999999;
	run(s);
	assert_int_equal(s->n, 512);
	s->now = start + 1000000;
	run(s);
	assert_int_equal(s->n, 1024);
}

/* What a cap made wait goes on when the cap is raised or taken away. */
static void test_rate_cap_raised(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 0, 1536, 100, 1);
	tbl_store(&s->t.config->setting[CRIER_SET_rate_cap_pps], 1);
	push(s, 1, 1, 1, 100);
	run(s);
	assert_int_equal(s->n, 512);
	assert_int_equal(sweeper_due_ns(&s->s), s->now + 512000000000ULL);
	tbl_store(&s->t.config->setting[CRIER_SET_rate_cap_pps], 512000);
	assert_int_equal(sweeper_due_ns(&s->s), s->now + 1000000);
	s->now += 1000000;
	run(s);
	assert_int_equal(s->n, 1024);
	tbl_store(&s->t.config->setting[CRIER_SET_rate_cap_pps], 0);
	run(s);
	assert_int_equal(s->n, 1536);
}

/* Two packets 20 ms apart, so that the room's interval is known; the second one's sweep waits. */
static void pace_begin(struct state *s, uint32_t members)
{
	fixture_fill4(&s->f, 1, 0, members, 100, 1);
	tbl_store(&s->t.config->setting[CRIER_SET_pace_pct], 50);
	push(s, 1, 1, 1, 100);
	run(s);
	assert_int_equal(s->n, members);
	assert_int_equal(sweeper_due_ns(&s->s), UINT64_MAX);
	s->n = 0;
	push(s, 1, 1, 2, 100);
	assert_true(s->in.pace[1].interval_ns == 20000000);
}

/* What it has sent `us` after the second packet came. */
static uint32_t paced_by(struct state *s, uint64_t us)
{
	static uint64_t begun;

	begun = us ? begun : s->now;
	s->now = begun + us * 1000;
	run(s);
	return s->n;
}

/* A sweep that fills its part of the interval: bursts at even distances, none too many at once. */
static void test_pace(void **state)
{
	struct state *s = *state;
	uint64_t begun;

	pace_begin(s, 12800); /* 200 bursts in 10 ms */
	begun = s->now;
	s->burst_most = 0;
	assert_int_equal(paced_by(s, 0), 64);
	assert_int_equal(sweeper_due_ns(&s->s), begun + 50000);
	assert_int_equal(paced_by(s, 49), 64);
	for (uint32_t us = 50; us < 10000; us += 50)
		assert_int_equal(paced_by(s, us), 64 * (us / 50 + 1));
	assert_int_equal(s->n, 12800);
	assert_int_equal(s->burst_most, 64);
	assert_int_equal(sweeper_due_ns(&s->s), UINT64_MAX);
	reconcile(s, 1);
}

/* Who slept too long makes up for it, and goes on as before. */
static void test_pace_late(void **state)
{
	struct state *s = *state;

	pace_begin(s, 12800);
	assert_int_equal(paced_by(s, 0), 64);
	assert_int_equal(paced_by(s, 5010), 64 * 101);
	assert_int_equal(paced_by(s, 5049), 64 * 101);
	assert_int_equal(paced_by(s, 5050), 64 * 102);
}

/* A room that one burst serves has no pause, one that needs a few has short ones. */
static void test_pace_small(void **state)
{
	struct state *s = *state;

	pace_begin(s, 64);
	assert_int_equal(paced_by(s, 0), 64);
	fixture_fill4(&s->f, 1, 0, 36, 1000, 1);
	push(s, 1, 1, 3, 100);
	s->n = 0;
	assert_int_equal(paced_by(s, 0), 64);
	assert_int_equal(paced_by(s, 99), 64);
	assert_int_equal(paced_by(s, 100), 100);
}

/* Whose next packet is there has no time for pauses. */
static void test_pace_behind(void **state)
{
	struct state *s = *state;

	pace_begin(s, 12800);
	assert_int_equal(paced_by(s, 0), 64);
	push(s, 1, 1, 3, 100);
	s->now -= 19999999; /* a moment after the second */
	run(s);
	assert_int_equal(s->n, 12800 + 64); /* and then it has again */
	assert_int_equal(room_counters(&s->t, 0, 1)->late, 1);
}

/* A worker that needs more than half of its time has none for pauses either. */
static void test_pace_busy(void **state)
{
	struct state *s = *state;

	pace_begin(s, 3200);
	for (s->lend_ns = 1000000; s->s.busy.pct < 90;) {
		push(s, 1, 1, 3, 100);
		run(s);
		s->now = sweeper_due_ns(&s->s) == UINT64_MAX ? s->now : sweeper_due_ns(&s->s);
		assert_true(s->n < FRAMES_MAX - 6400);
	}
	s->lend_ns = 0;
	run(s);
	s->n = 0;
	push(s, 1, 1, 4, 100);
	run(s);
	assert_int_equal(s->n, 3200); /* at once */
	fake_now += 10000000000;      /* idle */
	push(s, 1, 1, 5, 100);
	run(s);
	assert_true(s->s.busy.pct < 2);
	s->now += 10000000;
	run(s);
	s->n = 0;
	push(s, 1, 1, 6, 100);
	run(s);
	assert_int_equal(s->n, 64);
}

static void test_burst(void **state)
{
	static const struct {
		uint32_t set, mbps[PORTS], first, later;
	} cases[] = {
		{0, {0, 0}, 64, 64},	       {0, {10000, 10000}, 64, 64},
		{0, {10, 10}, 32, 32},	       {0, {1000, 1000}, 32, 32},
		{0, {25000, 25000}, 160, 160}, {0, {100000, 100000}, 256, 256},
		{0, {400000, 0}, 64, 256},     {0, {400000, 1000}, 32, 256},
		{0, {1000, 400000}, 32, 32},   {7, {100000, 100000}, 7, 7},
		{1024, {10, 10}, 512, 512}, /* a quantum */
	};
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 0, 1500, 100, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tbl_store(&s->t.config->setting[CRIER_SET_burst_copies], cases[i].set);
		for (uint32_t p = 0; p < PORTS; p++)
			tbl_store(&s->t.ports[1 + p].speed_mbps, cases[i].mbps[p]);
		s->n = s->bursts = s->burst_most = 0;
		push(s, 1, 1, 1, 100);
		run(s);
		assert_int_equal(s->n, 1500);
		assert_int_equal(s->burst_first, cases[i].first);
		assert_int_equal(s->burst_most, cases[i].later);
	}
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
		TEST(test_everyone_once),
		TEST(test_two_ports_interleaved),
		TEST(test_order_in_room),
		TEST(test_small_room_beside_large),
		TEST(test_small_room_beside_holes),
		TEST(test_overload),
		TEST(test_catch_up),
		TEST(test_overload_of_many),
		TEST(test_successor_room),
		TEST(test_room_gone),
		TEST(test_drops_named),
		TEST(test_port_full),
		TEST(test_device_drops),
		TEST(test_oversize),
		TEST(test_small_buffers),
		TEST(test_deadman),
		TEST(test_shards),
		TEST(test_rate_cap),
		TEST(test_rate_cap_raised),
		TEST(test_pace),
		TEST(test_pace_late),
		TEST(test_pace_small),
		TEST(test_pace_behind),
		TEST(test_pace_busy),
		TEST(test_burst),
		TEST(test_capture),
		TEST(test_port_mem_fifo),
		TEST(test_port_mem_rx),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
