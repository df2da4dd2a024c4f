/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The leader and its crew, on one thread: a packet goes to all members of a room or to
 * none, whatever number of workers has them, and is counted once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/core/intake.h"
#include "dataplane/io/port_mem.h"
#include "fixture.h"

#define WORKERS 3
#define SHARDS 8
#define MARKS 4096
#define LAST 450 /* room */

struct state;

struct hand_state {
	struct sweeper sweeper;
	struct ring ring;
	struct port *port;
	uint32_t copies[MARKS]; /* by the packet's mark */
	uint32_t last;		/* mark */
	/* Its next burst waits for its port, and this happens meanwhile. */
	void (*meanwhile)(struct state *s);
	struct state *s;
};

struct state {
	struct tables t;
	struct fixture f;
	struct intake in;
	uint64_t now;
	struct hand_state w[WORKERS];
};

static uint64_t now_ns(void)
{
	static uint64_t now;

	return now += 1000;
}

static void hear(void *arg, const uint8_t *frame, uint32_t len)
{
	struct hand_state *w = arg;
	uint32_t mark;

	assert_true(len > 46);
	memcpy(&mark, frame + 42, sizeof(mark));
	assert_true(mark >= w->last); /* in order */
	w->last = mark;
	w->copies[mark]++;
}

static void lend(void *arg, uint32_t out, uint32_t n, struct out *o, uint64_t *wait_ns)
{
	struct hand_state *w = arg;

	void (*meanwhile)(struct state * s) = w->meanwhile;

	(void)out;
	w->meanwhile = NULL;
	if (meanwhile) {
		w->s->in.holding = true;
		meanwhile(w->s);
		w->s->in.holding = false;
	}
	w->port->ops->reserve(w->port, n, o, wait_ns);
}

static uint32_t commit(void *arg, uint32_t out, struct out *o)
{
	struct hand_state *w = arg;

	(void)out;
	return w->port->ops->commit(w->port, o);
}

static void worker_make(struct state *s, uint32_t i)
{
	struct hand_state *w = &s->w[i];
	const struct sweep_io io = {lend, commit, now_ns, w};

	w->s = s;
	assert_int_equal(sweeper_init(&w->sweeper, &s->t, i, &io), 0);
	w->sweeper.first = i;
	w->sweeper.stride = WORKERS;
	w->sweeper.progress.copy_ns = 1000000;
	w->port = port_mem_open(PORT_MEM_BUFFERS, PORT_MEM_BUFFER_BYTES, hear, w);
	assert_non_null(w->port);
	sweeper_add_out(&w->sweeper, 1, 0, 1);
	if (!i) {
		assert_int_equal(intake_init(&s->in, &w->sweeper), 0);
		return;
	}
	assert_int_equal(ring_init(&w->ring), 0);
	assert_int_equal(intake_add(&s->in, &w->ring, &w->sweeper.progress), 0);
}

static int setup(void **state)
{
	struct state *s = aligned_alloc(4096, (sizeof(*s) + 4095) / 4096 * 4096);

	memset(s, 0, sizeof(*s));
	fixture_make(&s->f, &s->t, 500 * CRIER_PAGE_SLOTS, 4 * CRIER_PAGE_SLOTS);
	s->t.config->shards = SHARDS;
	tbl_store(&s->t.config->setting[CRIER_SET_pace_pct], 0);
	fixture_room(&s->f, 1, 1);
	for (uint32_t i = 0; i < WORKERS; i++)
		worker_make(s, i);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct state *s = *state;

	intake_free(&s->in);
	for (uint32_t i = 0; i < WORKERS; i++) {
		ring_free(&s->w[i].ring);
		sweeper_free(&s->w[i].sweeper);
		port_mem_close(s->w[i].port);
	}
	tables_close(&s->t);
	free(s);
	return 0;
}

/* Members in each shard: `shard` x 10 more than 100. */
static uint32_t people(struct state *s, uint32_t room)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < SHARDS; i++) {
		fixture_fill4(&s->f, room, i, 100 + 10 * i, 100, 1);
		sum += 100 + 10 * i;
	}
	return sum;
}

static void push(struct state *s, uint32_t room, uint32_t mark)
{
	uint8_t payload[64];

	memcpy(payload, &mark, sizeof(mark));
	s->now += 20000000;
	intake_push(&s->in, room, s->t.rooms[room].generation, payload, sizeof(payload), s->now);
}

/* What a worker does in a turn: packets from the ring, then sweeps, at most `turns`. */
static void work(struct state *s, uint32_t i, uint32_t turns)
{
	if (i)
		intake_take(&s->w[i].ring, &s->w[i].sweeper, RING_SLOTS);
	while (turns-- && sweeper_turn(&s->w[i].sweeper, s->now))
		if (!i)
			intake_release(&s->in);
	s->w[i].sweeper.progress.copy_ns = 1000000; /* whatever it learned: no catching up */
}

static void work_all(struct state *s)
{
	for (uint32_t i = 0; i < WORKERS; i++)
		work(s, i, UINT32_MAX);
}

static uint32_t copies(const struct state *s, uint32_t mark)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < WORKERS; i++)
		n += s->w[i].copies[mark];
	return n;
}

static uint64_t sum(const struct state *s, enum crier_worker_counter c)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < WORKERS; i++)
		n += s->t.worker_counters[i].c[c];
	return n;
}

/* Over all workers, as crierd adds them up. */
static struct crier_room_counters room_sum(const struct state *s, uint32_t room)
{
	struct crier_room_counters n = {0};

	for (uint32_t i = 0; i < WORKERS; i++) {
		const struct crier_room_counters *c = room_counters(&s->t, i, room);

		n.pkts += c->pkts;
		n.bytes += c->bytes;
		n.due += c->due;
		n.copies += c->copies;
		n.overload_pkts += c->overload_pkts;
		n.overload_copies += c->overload_copies;
		n.stopped_copies += c->stopped_copies;
	}
	return n;
}

static void test_each_member_once(void **state)
{
	struct state *s = *state;
	uint32_t members = people(s, 1);

	for (uint32_t mark = 1; mark <= 3; mark++)
		push(s, 1, mark);
	work_all(s);
	for (uint32_t mark = 1; mark <= 3; mark++)
		assert_int_equal(copies(s, mark), members);
	assert_int_equal(s->w[0].copies[1], 100 + 130 + 160);
	assert_int_equal(s->w[1].copies[1], 110 + 140 + 170);
	assert_int_equal(s->w[2].copies[1], 120 + 150);
	assert_int_equal(room_sum(s, 1).pkts, 3);
	assert_int_equal(room_sum(s, 1).bytes, 3 * 64);
	assert_int_equal(room_sum(s, 1).due, 3 * members);
	assert_int_equal(room_sum(s, 1).copies, 3 * members);
	assert_int_equal(sum(s, CRIER_WORKER_jobs), sum(s, CRIER_WORKER_jobs_done));
}

/* One worker is behind: what it could not take, nobody gets. */
static void test_slowest_decides(void **state)
{
	struct state *s = *state;
	uint32_t members = people(s, 1);

	for (uint32_t mark = 1; mark <= 10; mark++) {
		push(s, 1, mark);
		work(s, 0, UINT32_MAX);
		work(s, 2, UINT32_MAX);
		if (mark == 5)
			work(s, 1, 1); /* ends one and begins one: two may come */
	}
	work_all(s);
	for (uint32_t mark = 1; mark <= 10; mark++) {
		bool taken = mark <= 3 || mark == 6 || mark == 7;

		assert_int_equal(copies(s, mark), taken ? members : 0);
	}
	assert_int_equal(room_sum(s, 1).pkts, 5);
	assert_int_equal(room_sum(s, 1).overload_pkts, 5);
	assert_int_equal(room_sum(s, 1).overload_copies, 5 * members);
	assert_int_equal(sum(s, CRIER_WORKER_overload_pkts), 5);
	assert_int_equal(room_sum(s, 1).due, 5 * members);
}

/* A sweep that has begun no longer waits, also in a ring's worker. */
static void test_begun_does_not_wait(void **state)
{
	struct state *s = *state;

	people(s, 1);
	tbl_store(&s->t.config->setting[CRIER_SET_quantum_copies], 32);
	for (uint32_t mark = 1; mark <= 4; mark++)
		push(s, 1, mark);
	assert_int_equal(room_sum(s, 1).overload_pkts, 1);
	for (uint32_t i = 0; i < WORKERS; i++)
		work(s, i, 1);
	push(s, 1, 5);
	push(s, 1, 6);
	assert_int_equal(room_sum(s, 1).overload_pkts, 2);
	work_all(s);
	assert_int_equal(copies(s, 5), copies(s, 1));
	assert_int_equal(copies(s, 6), 0);
}

/* A small room's packets concern one worker beside the leader, and wake no other. */
static void test_small_room_wakes_one(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, 1, 2, 10, 100, 1); /* shard 2: worker 2's */
	push(s, 1, 1);
	assert_int_equal(s->in.woke, 1 << 2);
	assert_null(ring_first(&s->w[1].ring));
	work_all(s);
	assert_int_equal(s->w[2].copies[1], 10);
	assert_int_equal(room_sum(s, 1).pkts, 1);
	assert_int_equal(room_sum(s, 1).due, 10);
	fixture_fill4(&s->f, 1, 4, 10, 100, 1); /* shard 4: worker 1's */
	push(s, 1, 2);
	assert_int_equal(s->in.woke, 1 << 2 | 1 << 1);
	work_all(s);
	assert_int_equal(copies(s, 2), 20);
}

/* A worker that takes nothing at all: others' rooms go on as long as there is a place. */
static void test_stuck_worker(void **state)
{
	struct state *s = *state;
	uint64_t lost;

	fixture_fill4(&s->f, 1, 1, 10, 100, 1);
	for (uint32_t room = 2; room < LAST; room++) {
		fixture_room(&s->f, room, 1);
		fixture_fill4(&s->f, room, 1, 1, 100, 1);
	}
	fixture_room(&s->f, LAST, 1);
	fixture_fill4(&s->f, LAST, 2, 10, 100, 1);
	for (uint32_t i = 0; i < 20; i++) {
		for (uint32_t room = 1; room < LAST; room++)
			push(s, room, 1);
		push(s, LAST, 2 + i);
		work(s, 0, UINT32_MAX);
		work(s, 2, UINT32_MAX);
	}
	lost = sum(s, CRIER_WORKER_no_job_pkts);
	work_all(s);
	assert_int_equal(sum(s, CRIER_WORKER_jobs), sum(s, CRIER_WORKER_jobs_done));
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(copies(s, 2 + i), 10); /* the room that it has no part in */
	assert_true(lost > 0);				/* for want of a place in the ring */
	assert_int_equal(s->w[1].sweeper.stats.c[CRIER_WORKER_jobs], RING_SLOTS);
	assert_int_equal(room_counters(&s->t, 0, LAST)->pkts, 20);
}

/* A room is deleted, its number is another's: no packet of the one goes to the other. */
static void test_successor(void **state)
{
	struct state *s = *state;
	uint32_t members = people(s, 1);

	push(s, 1, 1);
	push(s, 1, 2);
	for (uint32_t i = 0; i < SHARDS; i++)
		fixture_room_end(&s->f, 1, i);
	fixture_room(&s->f, 1, 2);
	members = people(s, 1);
	push(s, 1, 3);
	work_all(s);
	assert_int_equal(copies(s, 1) + copies(s, 2), 0);
	assert_int_equal(copies(s, 3), members);
	assert_int_equal(sum(s, CRIER_WORKER_rx_refused), 2); /* once, not once a worker */
	for (uint32_t mark = 4; mark < 40; mark++) {	      /* and nobody is taken to wait */
		push(s, 1, mark);
		work_all(s);
		assert_int_equal(copies(s, mark), members);
	}
}

/* The leader's port is full: the other worker gets what comes, and sends it. */
static void come_and_go(struct state *s)
{
	push(s, 1, 2);
	push(s, 2, 3);
	work(s, 1, UINT32_MAX);
	assert_int_equal(s->w[1].copies[1], 110 + 140 + 170);
	assert_int_equal(s->w[1].copies[2], 110 + 140 + 170);
	assert_int_equal(s->w[1].copies[3], 10);
	assert_int_equal(s->w[0].copies[1], 0);
	assert_int_equal(jobs_spare(s->w[0].sweeper.jobs), SWEEP_PACKETS - 1); /* it has no other */
}

static void test_leader_waits_alone(void **state)
{
	struct state *s = *state;
	uint32_t members = people(s, 1);

	tbl_store(&s->t.config->setting[CRIER_SET_quantum_copies], 100000);
	fixture_room(&s->f, 2, 1);
	fixture_fill4(&s->f, 2, 1, 10, 100, 1); /* shard 1: worker 1's */
	fixture_fill4(&s->f, 2, 3, 10, 100, 1); /* shard 3: the leader's */
	push(s, 1, 1);
	s->w[0].meanwhile = come_and_go;
	work_all(s);
	assert_null(s->w[0].meanwhile);
	for (uint32_t mark = 1; mark <= 3; mark++)
		assert_int_equal(copies(s, mark), mark < 3 ? members : 20);
	assert_int_equal(room_sum(s, 1).pkts, 2);
	assert_int_equal(room_sum(s, 2).pkts, 1);
	assert_int_equal(sum(s, CRIER_WORKER_jobs), sum(s, CRIER_WORKER_jobs_done));
}

/* It holds as many as a ring does; of more it says that they were lost. */
static void come_to_many(struct state *s)
{
	for (uint32_t i = 0; i < 3; i++)
		for (uint32_t room = 2; room < LAST; room++)
			push(s, room, 2);
}

static void test_leader_holds_so_many(void **state)
{
	struct state *s = *state;

	people(s, 1);
	for (uint32_t room = 2; room < LAST; room++) {
		fixture_room(&s->f, room, 1);
		fixture_fill4(&s->f, room, 0, 1, 100, 1);
	}
	push(s, 1, 1);
	s->w[0].meanwhile = come_to_many;
	work_all(s);
	assert_int_equal(s->w[0].copies[2], RING_SLOTS);
	assert_int_equal(sum(s, CRIER_WORKER_no_job_pkts), 3 * (LAST - 2) - RING_SLOTS);
	assert_int_equal(sum(s, CRIER_WORKER_jobs), sum(s, CRIER_WORKER_jobs_done));
}

static void test_deadman_is_counted_once(void **state)
{
	struct state *s = *state;
	uint32_t members = people(s, 1);

	s->now = 1000000000000ULL;
	tbl_store(&s->t.config->heartbeat_ns, s->now - 700000000000ULL);
	push(s, 1, 1);
	work_all(s);
	assert_int_equal(copies(s, 1), 0);
	assert_int_equal(sum(s, CRIER_WORKER_stopped_pkts), 1);
	assert_int_equal(room_sum(s, 1).stopped_copies, members);
}

/* Tables of before have one shard: the leader serves it, and the others nothing. */
static void test_one_shard(void **state)
{
	struct state *s = *state;

	s->t.config->shards = 1;
	fixture_fill4(&s->f, 1, 0, 1000, 100, 1);
	push(s, 1, 1);
	assert_int_equal(s->in.woke, 0);
	work_all(s);
	assert_int_equal(s->w[0].copies[1], 1000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_member_once),
		TEST(test_slowest_decides),
		TEST(test_begun_does_not_wait),
		TEST(test_small_room_wakes_one),
		TEST(test_stuck_worker),
		TEST(test_successor),
		TEST(test_leader_waits_alone),
		TEST(test_leader_holds_so_many),
		TEST(test_deadman_is_counted_once),
		TEST(test_one_shard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
