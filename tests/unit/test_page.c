/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sweeps by page triggers: who is in which unit, that each member is served exactly once,
 * by trigger or by frame, whatever changes meanwhile, and that the counters add up to it.
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

#define PORTS 12
#define MEMBERS 4096
#define UNITS 1024
#define VIA6 20 /* port 1's */

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};

/* By member, v6 ones after v4 ones: how often it was served, and how. */
struct served {
	uint8_t frames, triggers;
};

struct state {
	struct tables t;
	struct fixture f;
	struct sweeper s;
	struct intake in;
	struct port *mem;
	struct served served[2 * MEMBERS];
	struct crier_trigger unit[UNITS];
	uint32_t n;
	uint32_t refuse; /* the trigger after so many, 0: none */
	uint32_t fails;	 /* page_most after that */
	uint64_t taken;	 /* members in triggers that were taken */
	uint32_t mark;	 /* of the last packet pushed */
	uint64_t now;
};

static uint64_t now_ns(void)
{
	static uint64_t now;

	return now += 1000;
}

static struct served *who(struct state *s, uint32_t last4, bool family6)
{
	uint32_t i = family6 ? last4 - 1 + MEMBERS : last4 - 0x0a000001;

	assert_true(i < 2 * MEMBERS);
	return &s->served[i];
}

static void hear(void *arg, const uint8_t *frame, uint32_t len)
{
	const uint8_t *ip = frame + 14;
	bool family6 = ip[0] >> 4 == 6;
	uint32_t last4;

	(void)len;
	memcpy(&last4, ip + (family6 ? 36 : 16), 4);
	who(arg, ntohl(last4), family6)->frames++;
}

static void lend(void *arg, uint32_t out, uint32_t n, struct out *o, uint64_t *wait_ns)
{
	struct state *s = arg;

	(void)out;
	s->mem->ops->reserve(s->mem, n, o, wait_ns);
}

static uint32_t commit(void *arg, uint32_t out, struct out *o)
{
	struct state *s = arg;

	(void)out;
	return s->mem->ops->commit(s->mem, o);
}

/* As the program on the injector's far end reads it: bits are members of a page. */
static void unit_serve(struct state *s, const struct crier_trigger *t)
{
	uint64_t owner = s->t.pages[t->page].owner;
	bool family6 = !page_is_v4(&s->t, t->page);
	uint32_t n = 0;

	assert_int_equal(owner_room(owner), t->room);
	assert_int_equal(owner_generation(owner), t->generation);
	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++) {
		const struct crier_member6 *m;
		uint64_t word;

		if (!(t->member[i / 64] >> i % 64 & 1))
			continue;
		n++;
		if (family6) {
			m = &page6_members(&s->t, t->page)->member[i];
			assert_int_equal(s->t.vias[member6_via(m->word)].port, t->port);
			who(s, ntohl(m->addr.w[3]), true)->triggers++;
		} else {
			word = s->t.members4[t->page].member[i];
			assert_int_equal(s->t.vias[member4_via(word)].port, t->port);
			who(s, ntohl(member4_addr(word)), false)->triggers++;
		}
	}
	assert_int_equal(n, t->due);
	s->taken += n;
}

static bool trigger(void *arg, struct crier_trigger *t, uint32_t len, uint64_t wait_ns)
{
	struct state *s = arg;
	const uint8_t *payload = (const uint8_t *)(t + 1);
	uint32_t mark;

	assert_true(s->n < UNITS);
	assert_true(s->s.page_most);
	assert_int_equal(wait_ns, 20000000);
	assert_int_equal(t->type, htons(0x88b5));
	assert_int_equal(t->magic, CRIER_TRIGGER_MAGIC);
	assert_int_equal(len, 96 + t->payload_len);
	memcpy(&mark, payload, sizeof(mark));
	assert_true(mark && mark <= s->mark);
	assert_int_equal(t->payload_sum, sum_fold(sum_bytes(payload, t->payload_len)));
	assert_int_equal(t->src_port, s->t.config->media_port);
	assert_int_equal(t->dscp, 46);
	assert_int_equal(t->ttl, 64);
	assert_int_equal(t->df, 1);
	assert_int_equal(t->id, mark);
	s->unit[s->n++] = *t;
	if (s->refuse && s->n == s->refuse) {
		s->s.page_most = s->fails;
		return false;
	}
	unit_serve(s, t);
	return true;
}

static void broadcasts(struct state *s, uint32_t port, bool yes)
{
	tbl_store(&s->t.ports[port].flags, yes ? CRIER_PORT_BROADCASTS : 0);
}

static int setup(void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	struct sweep_io io = {lend, commit, now_ns, s, trigger};

	fixture_make(&s->f, &s->t, 64 * CRIER_PAGE_SLOTS, 16 * CRIER_PAGE_SLOTS);
	s->t.config->heartbeat_ns = 0;
	tbl_store(&s->t.config->setting[CRIER_SET_pace_pct], 0);
	assert_int_equal(sweeper_init(&s->s, &s->t, 0, &io), 0);
	assert_int_equal(intake_init(&s->in, &s->s), 0);
	s->mem = port_mem_open(PORT_MEM_BUFFERS, PORT_MEM_BUFFER_BYTES, hear, s);
	for (uint32_t port = 1; port <= PORTS; port++) {
		if (port > 1)
			fixture_port(&s->f, port, port, "x", mac);
		fixture_via(&s->f, (uint16_t)port, port, mac, "198.51.100.1", 1500);
		broadcasts(s, port, true);
		sweeper_add_out(&s->s, port, 0, port);
	}
	fixture_via(&s->f, VIA6, 1, mac, "2001:db8::1", 1500);
	fixture_room(&s->f, 1, 1);
	s->t.rooms[1].engine = CRIER_ENGINE_PAGE;
	s->s.page_most = 1400;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct state *s = *state;

	port_mem_close(s->mem);
	intake_free(&s->in);
	sweeper_free(&s->s);
	tables_close(&s->t);
	free(s);
	return 0;
}

static void push(struct state *s, uint32_t room, uint32_t len)
{
	static uint8_t payload[4000];

	s->mark++;
	memcpy(payload, &s->mark, sizeof(s->mark));
	payload[len - 1] = (uint8_t)s->mark;
	s->now += 20000000;
	intake_push(&s->in, room, s->t.rooms[room].generation, payload, len, s->now);
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

static void setting_set(struct state *s, enum crier_setting key, uint64_t value)
{
	tbl_store(&s->t.config->setting[key], value);
}

/* The worker's row counts what went by frame, and units that were not taken. */
static void reconcile(struct state *s)
{
	const struct crier_room_counters *r = room_counters(&s->t, 0, 1);

	assert_int_equal(r->due, r->copies + r->no_route + r->no_neighbour + r->link_down + r->mtu +
					 r->tx_full);
	assert_int_equal(counter(s, CRIER_WORKER_copies), r->copies);
	assert_int_equal(counter(s, CRIER_WORKER_triggers), s->n);
	assert_int_equal(counter(s, CRIER_WORKER_jobs),
			 counter(s, CRIER_WORKER_jobs_done) + counter(s, CRIER_WORKER_jobs_gone));
}

/* Members [from, to) of a family were served so often, all by trigger or all by frame. */
static void want(struct state *s, bool family6, uint32_t from, uint32_t to, uint32_t triggers,
		 uint32_t frames)
{
	for (uint32_t i = from; i < to; i++) {
		const struct served *m = &s->served[i + (family6 ? MEMBERS : 0)];

		if (m->triggers != triggers || m->frames != frames)
			fail_msg("member %u of v%u: %u by trigger, %u by frame, want %u and %u", i,
				 family6 ? 6 : 4, m->triggers, m->frames, triggers, frames);
	}
}

static void test_everyone_once(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 0, 1000, 100, 1);
	fixture_fill6(&s->f, 1, 0, 300, VIA6);
	push(s, 1, 112);
	run(s);
	want(s, false, 0, 1000, 1, 0);
	want(s, true, 0, 300, 1, 0);
	assert_int_equal(s->n, 8 + 3);
	reconcile(s);
	assert_int_equal(room_counters(&s->t, 0, 1)->pkts, 1);
	assert_int_equal(room_counters(&s->t, 0, 1)->bytes, 112);
	assert_int_equal(room_counters(&s->t, 0, 1)->due, 0);
	assert_int_equal(counter(s, CRIER_WORKER_trigger_members), 1300);
}

/* Units of a page are about alike, as few as may be, and none is larger than unit_slots. */
static void test_balance(void **state)
{
	static const struct {
		uint32_t live, most, n, unit[8];
	} cases[] = {
		{1, 128, 1, {1}},
		{128, 128, 1, {128}},
		{129, 128, 2, {65, 64}},
		{200, 128, 2, {100, 100}},
		{256, 128, 2, {128, 128}},
		{256, 256, 1, {256}},
		{256, 32, 8, {32, 32, 32, 32, 32, 32, 32, 32}},
		{33, 32, 2, {17, 16}},
		{100, 48, 3, {34, 33, 33}},
		{255, 64, 4, {64, 64, 64, 63}},
	};
	struct state *s = *state;
	uint64_t seed = 7;

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		uint32_t page = fixture_page(&s->f, 1, 0, false), left = cases[c].live;

		/* holes anywhere */
		for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++)
			if (fixture_random(&seed) % (CRIER_PAGE_SLOTS - i) < left) {
				fixture_set4(&s->f, page, i, fixture_word4(i, 1));
				left--;
			}
		setting_set(s, CRIER_SET_unit_slots, cases[c].most);
		s->n = 0;
		push(s, 1, 50);
		run(s);
		assert_int_equal(s->n, cases[c].n);
		for (uint32_t i = 0; i < s->n; i++)
			assert_int_equal(s->unit[i].due, cases[c].unit[i]);
		for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++)
			fixture_set4(&s->f, page, i, 0);
	}
	assert_int_equal(s->taken, 1 + 128 + 129 + 200 + 256 * 3 + 33 + 100 + 255);
}

/* Two ports of which one takes no broadcasts; then both do; then more than a cut has units. */
static void test_ports(void **state)
{
	struct state *s = *state;
	uint32_t page = fixture_page(&s->f, 1, 0, false);

	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++)
		fixture_set4(&s->f, page, i, fixture_word4(i, (uint16_t)(1 + i % 2)));
	broadcasts(s, 2, false);
	push(s, 1, 100);
	run(s);
	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++)
		want(s, false, i, i + 1, i % 2 == 0, i % 2 == 1);
	assert_int_equal(s->n, 1);
	assert_int_equal(room_counters(&s->t, 0, 1)->copies, 128);
	reconcile(s);

	broadcasts(s, 2, true);
	memset(s->served, 0, sizeof(s->served));
	push(s, 1, 100);
	run(s);
	want(s, false, 0, 256, 1, 0);
	assert_int_equal(s->n, 3);
	assert_int_equal(s->unit[1].port + s->unit[2].port, 1 + 2);
	assert_int_equal(s->unit[1].due, 128);

	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++)
		fixture_set4(&s->f, page, i, fixture_word4(i, (uint16_t)(1 + i % PORTS)));
	memset(s->served, 0, sizeof(s->served));
	push(s, 1, 100);
	run(s);
	want(s, false, 0, 256, 1, 0);
	reconcile(s);
}

/* A port into which frames go without a copy: triggers only if they are asked for. */
static void test_fast_port(void **state)
{
	struct state *s = *state;
	uint32_t page = fixture_page(&s->f, 1, 0, false);

	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++)
		fixture_set4(&s->f, page, i, fixture_word4(i, (uint16_t)(1 + i % 2)));
	s->s.fast = 1ULL << 2;
	s->t.rooms[1].wanted = CRIER_ENGINE_AUTO;
	push(s, 1, 100);
	run(s);
	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++)
		want(s, false, i, i + 1, i % 2 == 0, i % 2 == 1);
	assert_int_equal(s->n, 1);
	s->t.rooms[1].wanted = CRIER_ENGINE_KERNEL;
	memset(s->served, 0, sizeof(s->served));
	push(s, 1, 100);
	run(s);
	want(s, false, 0, 256, 1, 0);
	reconcile(s);
}

/* Who can't go is counted as ever, by name. */
static void test_drops_named(void **state)
{
	static const struct {
		uint16_t via;
		uint32_t n;
	} groups[] = {{1, 10},	{0, 11},  {13, 12},   {14, 13},
		      {15, 14}, {16, 15}, {VIA6, 16}, {3, 17}};
	struct state *s = *state;
	struct crier_room_counters *r = room_counters(&s->t, 0, 1);
	uint32_t page = fixture_page(&s->f, 1, 0, false), place = 0;

	fixture_via(&s->f, 13, 1, mac, "192.0.2.1", 1500);
	s->t.vias[13].hw = via_hw(mac, CRIER_VIA_PENDING);
	fixture_via(&s->f, 14, 1, mac, "192.0.2.1", 1500);
	s->t.vias[14].hw = via_hw(mac, CRIER_VIA_DOWN);
	fixture_via(&s->f, 15, 1, mac, "192.0.2.1", 139);
	fixture_via(&s->f, 16, CRIER_MAX_PORTS, mac, "192.0.2.1", 1500);
	s->t.ports[3].mac &= ~(1ULL << 48);
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (uint32_t i = 0; i < groups[g].n; i++, place++)
			fixture_set4(&s->f, page, place, fixture_word4(place, groups[g].via));
	push(s, 1, 112);
	run(s);
	want(s, false, 0, 10, 1, 0);
	assert_int_equal(s->taken, 10);
	assert_int_equal(r->copies, 0);
	assert_int_equal(r->no_route, 11 + 16);
	assert_int_equal(r->no_neighbour, 12);
	assert_int_equal(r->mtu, 14);
	assert_int_equal(r->link_down, 13 + 15 + 17);
	reconcile(s);
	/* and the longest that fits goes */
	push(s, 1, 111);
	run(s);
	assert_int_equal(s->taken, 10 + 10 + 14);
}

/* A unit that nobody took is counted, never sent again; the rest of the sweep is frames. */
static void test_not_taken(void **state)
{
	struct state *s = *state;
	struct crier_room_counters *r = room_counters(&s->t, 0, 1);

	fixture_fill4(&s->f, 1, 0, 1024, 100, 1);
	s->refuse = 3;
	push(s, 1, 100);
	run(s);
	want(s, false, 0, 256, 1, 0);
	want(s, false, 256, 384, 0, 0);
	want(s, false, 384, 1024, 0, 1);
	assert_int_equal(r->tx_full, 128);
	assert_int_equal(r->copies, 640);
	assert_int_equal(counter(s, CRIER_WORKER_triggers_lost), 1);
	assert_int_equal(counter(s, CRIER_WORKER_drop_tx_full), 128);
	reconcile(s);

	push(s, 1, 100); /* nobody answers still */
	run(s);
	want(s, false, 256, 384, 0, 1);
	want(s, false, 384, 1024, 0, 2);
	s->s.page_most = 1400;
	s->n = s->refuse = 0;
	push(s, 1, 100);
	run(s);
	want(s, false, 0, 256, 2, 1);
	want(s, false, 384, 1024, 1, 2);
	assert_int_equal(s->n, 8);

	/* one that was lost while the port goes on: the other unit of that page, too */
	memset(s->served, 0, sizeof(s->served));
	s->refuse = 9;
	s->fails = 1400;
	push(s, 1, 100);
	run(s);
	want(s, false, 0, 128, 0, 0);
	want(s, false, 128, 1024, 1, 0);
	assert_int_equal(r->tx_full, 256);
}

/* It fails at one unit of a page: the page's others, by other ports, are frames at once. */
static void test_not_taken_of_many(void **state)
{
	struct state *s = *state;

	for (uint32_t p = 0; p < 2; p++) {
		uint32_t page = fixture_page(&s->f, 1, 0, false);

		for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++)
			fixture_set4(&s->f, page, i,
				     fixture_word4(p * 256 + i, (uint16_t)(1 + i % 4)));
	}
	s->refuse = 2;
	push(s, 1, 100);
	run(s);
	for (uint32_t i = 0; i < 512; i++)
		want(s, false, i, i + 1, i < 256 && i % 4 == 0, i >= 256 || i % 4 > 1);
	assert_int_equal(s->n, 2);
	assert_int_equal(room_counters(&s->t, 0, 1)->tx_full, 64);
	assert_int_equal(room_counters(&s->t, 0, 1)->copies, 128 + 256);
	reconcile(s);
}

/* The engine is looked at when a sweep begins, and what a trigger can't carry goes by frame. */
static void test_switches(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 0, 1024, 100, 1);
	setting_set(s, CRIER_SET_quantum_copies, 64);
	push(s, 1, 100);
	assert_true(sweeper_turn(&s->s, s->now));
	assert_int_equal(s->n, 1);
	tbl_store(&s->t.rooms[1].engine, CRIER_ENGINE_BYPASS);
	run(s);
	want(s, false, 0, 1024, 1, 0);
	push(s, 1, 100);
	assert_true(sweeper_turn(&s->s, s->now));
	tbl_store(&s->t.rooms[1].engine, CRIER_ENGINE_PAGE);
	run(s);
	want(s, false, 0, 1024, 1, 1);

	push(s, 1, 1401);
	run(s);
	want(s, false, 0, 1024, 1, 2);
	s->s.page_most = 0;
	push(s, 1, 100);
	run(s);
	want(s, false, 0, 1024, 1, 3);
	reconcile(s);
}

/* A port's flag, too, may change in mid-sweep: each is served once, one way or the other. */
static void test_flags_change(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 0, 1024, 100, 1);
	setting_set(s, CRIER_SET_quantum_copies, 32);
	push(s, 1, 100);
	for (uint32_t i = 0; sweeper_turn(&s->s, s->now); i++)
		broadcasts(s, 1, i % 3 == 0);
	for (uint32_t i = 0; i < 1024; i++)
		assert_int_equal(s->served[i].frames + s->served[i].triggers, 1);
	assert_int_equal(s->taken + room_counters(&s->t, 0, 1)->copies, 1024);
	assert_true(s->taken && s->taken < 1024);
	reconcile(s);
}

static void test_room_gone(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 0, 2000, 100, 1);
	push(s, 1, 100);
	push(s, 1, 100);
	sweeper_turn(&s->s, s->now);
	assert_int_equal(s->taken, 512);
	fixture_room_end(&s->f, 1, 0);
	run(s);
	assert_int_equal(s->taken, 512);
	assert_int_equal(counter(s, CRIER_WORKER_jobs_gone), 1);
	assert_int_equal(counter(s, CRIER_WORKER_rx_refused), 1);
}

/* Pages that were cut from the tail are not looked into, nor is one that serves another room. */
static void test_page_freed(void **state)
{
	struct state *s = *state;
	uint32_t page[4];

	for (uint32_t p = 0; p < 4; p++) {
		page[p] = fixture_page(&s->f, 1, 0, false);
		for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++)
			fixture_set4(&s->f, page[p], i, fixture_word4(p * 256 + i, 1));
	}
	fixture_fill6(&s->f, 1, 0, 10, VIA6);
	setting_set(s, CRIER_SET_quantum_copies, 128);
	push(s, 1, 100);
	for (uint32_t i = 0; i < 3; i++)
		sweeper_turn(&s->s, s->now);
	assert_int_equal(s->taken, 384); /* half of the second page */
	s->t.pages[page[1]].owner = owner_word(2, 1, 0, 0);
	s->t.pages[page[0]].next = 0;
	run(s);
	want(s, false, 0, 384, 1, 0);
	want(s, false, 384, 1024, 0, 0);
	want(s, true, 0, 10, 1, 0);
	reconcile(s);
}

/* A large room delays a small one by a quantum and a page. */
static void test_fair(void **state)
{
	struct state *s = *state;

	fixture_room(&s->f, 2, 1);
	s->t.rooms[2].engine = CRIER_ENGINE_PAGE;
	fixture_fill4(&s->f, 1, 0, 4000, 100, 1);
	fixture_fill4(&s->f, 2, 0, 10, 100, 1);
	push(s, 1, 100);
	assert_true(sweeper_turn(&s->s, s->now));
	push(s, 2, 100);
	run(s);
	for (uint32_t i = 0; i < s->n; i++)
		if (s->unit[i].room == 2)
			assert_true(i <= 2 * 512 / 128 + 2);
	assert_int_equal(s->taken, 4010);
	/* who has overdrawn his quantum waits for the next */
	setting_set(s, CRIER_SET_quantum_copies, 32);
	s->n = 0;
	push(s, 1, 100);
	for (uint32_t i = 0; i < 16; i++)
		assert_true(sweeper_turn(&s->s, s->now));
	assert_int_equal(s->n, 16 * 32 / 128);
	run(s);
}

/* Many holes keep nobody waiting here either. */
static void test_holes(void **state)
{
	struct state *s = *state;
	uint32_t page = 0, turns = 0;

	for (uint32_t i = 0; i < 60; i++) {
		page = fixture_page(&s->f, 1, 0, false);
		tbl_store(&s->t.pages[page].count, 1); /* what it says is no proof */
	}
	fixture_set4(&s->f, page, 255, fixture_word4(1, 1));
	setting_set(s, CRIER_SET_quantum_copies, 32);
	push(s, 1, 100);
	while (sweeper_turn(&s->s, s->now))
		turns++;
	want(s, false, 1, 2, 1, 0);
	assert_true(turns >= 60 * CRIER_PAGE_SLOTS / 64 / 32 && turns < 60);
}

/* Anything may change between turns: who stays is served once each time, all others at most once.
 */
static void test_random(void **state)
{
	enum { PAGES = 6, STAY = 3 };
	struct state *s = *state;
	uint32_t page[2 * PAGES];
	uint64_t seed = 99;

	for (uint32_t p = 0; p < 2 * PAGES; p++)
		page[p] = fixture_page(&s->f, 1, 0, p >= PAGES);
	for (uint32_t round = 0; round < 300; round++) {
		setting_set(s, CRIER_SET_unit_slots, 32 + fixture_random(&seed) % 225);
		setting_set(s, CRIER_SET_quantum_copies, 32 + fixture_random(&seed) % 600);
		memset(s->served, 0, sizeof(s->served));
		s->n = 0;
		s->refuse = 0;
		s->s.page_most = 1400;
		push(s, 1, 100);
		do {
			for (uint32_t k = 0; k < 100; k++) {
				uint32_t p = fixture_random(&seed) % (2 * PAGES);
				uint32_t i = fixture_random(&seed) % CRIER_PAGE_SLOTS;
				uint32_t id = p % PAGES * CRIER_PAGE_SLOTS + i;
				struct crier_addr a = {.b = {0xfd}};
				uint16_t via = (uint16_t)(1 + fixture_random(&seed) % PORTS);
				bool in = fixture_random(&seed) & 1 || i % STAY == 0;

				/* who stays keeps his way, too: a change of it is a new member word
				 */
				if (i % STAY == 0)
					via = (uint16_t)(1 + i % PORTS);
				a.w[3] = htonl(id + 1);
				if (p < PAGES)
					fixture_set4(&s->f, page[p], i,
						     in ? fixture_word4(id, via) : 0);
				else
					fixture_set6(&s->f, page[p], i, &a,
						     in ? member6_word(1, VIA6) : 0);
			}
			broadcasts(s, 1 + fixture_random(&seed) % PORTS, fixture_random(&seed) % 3);
			if (round % 50 == 49)
				s->s.page_most = 0;
		} while (sweeper_turn(&s->s, s->now));
		for (uint32_t i = 0; i < 2 * MEMBERS; i++) {
			uint32_t n = s->served[i].frames + s->served[i].triggers;
			uint32_t id = i % MEMBERS;

			assert_true(n <= 1);
			/* by now all who stay have come */
			if (round > 100 && id < PAGES * CRIER_PAGE_SLOTS &&
			    id % CRIER_PAGE_SLOTS % STAY == 0)
				assert_int_equal(n, 1);
		}
		assert_int_equal(s->in.n, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_everyone_once),
		TEST(test_balance),
		TEST(test_fast_port),
		TEST(test_ports),
		TEST(test_drops_named),
		TEST(test_not_taken),
		TEST(test_switches),
		TEST(test_flags_change),
		TEST(test_room_gone),
		TEST(test_page_freed),
		TEST(test_not_taken_of_many),
		TEST(test_fair),
		TEST(test_holes),
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
