/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/core/job.h"

#define ROOMS 16

/* False: no buffer is free. */
static bool push(struct jobs *j, uint32_t room, uint32_t generation, uint64_t mark)
{
	struct packet *p = jobs_push(j, room, generation);

	if (p)
		p->received_ns = mark;
	return p;
}

static uint32_t queued[ROOMS]; /* as test_fair() keeps them */

/* One turn of a room that meets `cost` members a packet; returns who it was. */
static uint32_t turn(struct jobs *j, const uint32_t *cost, uint32_t quantum, uint32_t *met)
{
	struct job *job = jobs_next(j, quantum, 0);
	uint32_t room;

	if (!job)
		return 0;
	room = job->room;
	while (job->packets && job->deficit > 0) {
		uint64_t left = cost[room] - job->met;
		uint64_t n = left < (uint64_t)job->deficit ? left : (uint64_t)job->deficit;

		job->begun = true;
		job->met += n;
		job->deficit -= (int64_t)n;
		met[room] += (uint32_t)n;
		if (job->met < cost[room])
			break;
		job->met = 0;
		jobs_packet_done(j, job);
		queued[room]--;
	}
	jobs_turn_over(j, job);
	return room;
}

static void test_order(void **state)
{
	struct jobs *j = jobs_new(ROOMS, 8);
	struct job *job;

	(void)state;
	for (uint64_t i = 0; i < 3; i++)
		assert_true(push(j, 5, 1, i));
	for (uint64_t i = 0; i < 3; i++) {
		job = jobs_next(j, 100, 0);
		assert_non_null(job);
		assert_int_equal(job->room, 5);
		assert_int_equal(job->head->received_ns, i);
		assert_int_equal(jobs_packet_done(j, job), i < 2);
		jobs_turn_over(j, job);
	}
	assert_null(jobs_next(j, 100, 0));
	assert_int_equal(jobs_count(j), 0);
	jobs_free(j);
}

/* A huge room and small ones: the small ones wait for one quantum of the huge one. */
static void test_small_beside_huge(void **state)
{
	static const uint32_t cost[ROOMS] = {[1] = 1000000, [2] = 10, [3] = 100};
	uint32_t met[ROOMS] = {0}, turns = 0;
	struct jobs *j = jobs_new(ROOMS, 8);

	(void)state;
	push(j, 1, 1, 0);
	assert_int_equal(turn(j, cost, 512, met), 1);
	push(j, 2, 1, 0);
	push(j, 3, 1, 0);
	while (met[2] < cost[2] || met[3] < cost[3]) {
		assert_true(turns++ < 3);
		turn(j, cost, 512, met);
	}
	assert_true(met[1] <= 2 * 512);
	jobs_free(j);
}

/* Rooms that always have work get equal shares, whatever their sweeps cost. */
static void test_fair(void **state)
{
	static const uint32_t cost[ROOMS] = {[1] = 100000, [2] = 700, [3] = 33, [4] = 512};
	uint32_t met[ROOMS] = {0};
	struct jobs *j = jobs_new(ROOMS, 64);

	(void)state;
	memset(queued, 0, sizeof(queued));
	for (int i = 0; i < 4000; i++) {
		for (uint32_t room = 1; room <= 4; room++)
			while (queued[room] < 3 && push(j, room, 1, 0))
				queued[room]++;
		turn(j, cost, 512, met);
	}
	for (uint32_t room = 1; room <= 4; room++) {
		/* a small room may run out of packets in its turn: it has 3 */
		uint32_t most = cost[room] * 4 < 512 ? cost[room] * 3 : 512;

		assert_in_range(met[room], most * 950, most * 1050);
	}
	jobs_free(j);
}

static void test_full(void **state)
{
	struct jobs *j = jobs_new(ROOMS, 2);
	struct job *job;

	(void)state;
	assert_true(push(j, 1, 1, 0));
	assert_true(push(j, 2, 1, 0));
	assert_false(push(j, 3, 1, 0));
	job = jobs_next(j, 10, 0);
	jobs_packet_done(j, job);
	jobs_turn_over(j, job);
	assert_true(push(j, 3, 1, 0));
	jobs_free(j);
}

/* A room's number goes to another room: the first one's packets are not the second's. */
static void test_successor(void **state)
{
	struct jobs *j = jobs_new(ROOMS, 8);
	struct job *job;
	uint32_t gone, waited;

	(void)state;
	push(j, 1, 1, 10);
	push(j, 1, 1, 11);
	job = jobs_next(j, 10, 0);
	job->begun = true;
	jobs_turn_over(j, job);
	jobs_succeed(j, 1, 1, &gone, &waited);
	assert_int_equal(gone + waited, 0);
	jobs_succeed(j, 1, 2, &gone, &waited);
	assert_true(push(j, 1, 2, 12));
	assert_int_equal(gone, 1);
	assert_int_equal(waited, 1);
	assert_int_equal(jobs_spare(j), 7);
	job = jobs_next(j, 10, 0);
	assert_int_equal(job->generation, 2);
	assert_int_equal(job->packets, 1);
	assert_false(job->begun);
	assert_int_equal(job->head->received_ns, 12);
	jobs_free(j);
}

static void test_drop(void **state)
{
	struct jobs *j = jobs_new(ROOMS, 8);
	struct job *job;

	(void)state;
	push(j, 1, 1, 0);
	push(j, 1, 1, 0);
	job = jobs_next(j, 10, 0);
	assert_int_equal(jobs_drop(j, job), 2);
	jobs_turn_over(j, job);
	assert_int_equal(jobs_count(j), 0);
	for (int i = 0; i < 8; i++) /* all buffers came back */
		assert_true(push(j, (uint32_t)(1 + i), 1, 0));
	assert_false(push(j, 9, 1, 0));
	jobs_free(j);
}

static void test_paced(void **state)
{
	struct jobs *j = jobs_new(ROOMS, 8);
	struct job *job;

	(void)state;
	push(j, 1, 1, 0);
	push(j, 2, 1, 0);
	job = jobs_next(j, 10, 1000);
	job->due_ns = 2000;
	jobs_turn_over(j, job);
	assert_int_equal(jobs_due_ns(j), 0);
	job = jobs_next(j, 10, 1000);
	assert_int_equal(job->room, 2);
	jobs_packet_done(j, job);
	jobs_turn_over(j, job);
	assert_null(jobs_next(j, 10, 1000));
	assert_int_equal(jobs_due_ns(j), 2000);
	job = jobs_next(j, 10, 2000);
	assert_non_null(job);
	assert_int_equal(job->room, 1);
	jobs_free(j);
}

#define CROWD 1000

/* Puts a room beside the line until then. */
static void pause_until(struct jobs *j, uint32_t room, uint64_t due_ns)
{
	struct job *job;

	push(j, room, 1, 0);
	job = jobs_next(j, 10, 0);
	assert_int_equal(job->room, room);
	job->due_ns = due_ns;
	jobs_turn_over(j, job);
}

/* Nor does a room stay beside the line that is gone, and none followed it. */
static void test_paced_gone(void **state)
{
	struct jobs *j = jobs_new(ROOMS, 8);
	uint32_t gone, waited;
	struct job *job;

	(void)state;
	pause_until(j, 2, 1000);
	pause_until(j, 3, 5000);
	jobs_succeed(j, 3, 2, &gone, &waited);
	assert_int_equal(gone + waited, 1);
	assert_int_equal(jobs_due_ns(j), 0);
	job = jobs_next(j, 10, 0);
	assert_int_equal(job->room, 3);
	assert_int_equal(job->packets, 0);
	jobs_turn_over(j, job);
	assert_int_equal(jobs_due_ns(j), 1000);
	assert_int_equal(jobs_count(j), 1);
	jobs_free(j);
}

/* However many are paced: each has its turn when it is due, and those due sooner sooner. */
static void test_paced_crowd(void **state)
{
	struct jobs *j = jobs_new(CROWD, CROWD + 200);
	uint64_t due[CROWD], last = 0;
	uint32_t turns = 0, hurried = 0, gone, waited;
	struct job *job;

	(void)state;
	srandom(1);
	for (uint32_t room = 0; room < CROWD; room++) {
		due[room] = 1 + (uint64_t)random() % 5000;
		pause_until(j, room, due[room]);
	}
	assert_null(jobs_next(j, 10, 0));
	/* some fall behind, some make place for another room: both have their turn at once */
	for (uint32_t room = 0; room < CROWD; room += 7, hurried++) {
		if (room % 2)
			jobs_succeed(j, room, 2, &gone, &waited);
		push(j, room, room % 2 ? 2 : 1, 0);
		due[room] = 0;
	}
	assert_int_equal(jobs_due_ns(j), 0);
	for (uint64_t now = 0; now <= 5001; now += 3) {
		while ((job = jobs_next(j, 10, now))) {
			assert_true(due[job->room] <= now && due[job->room] + 3 > last);
			last = due[job->room] > last ? due[job->room] : last;
			due[job->room] = UINT64_MAX;
			while (jobs_packet_done(j, job))
				;
			jobs_turn_over(j, job);
			turns++;
		}
		assert_true(jobs_due_ns(j) > now);
	}
	assert_true(hurried > 100);
	assert_int_equal(turns, CROWD);
	assert_int_equal(jobs_count(j), 0);
	assert_int_equal(jobs_spare(j), CROWD + 200);
	jobs_free(j);
}

/* Rooms whose packets all went with their number hold jobs until their turn: others need them. */
static void test_succeeded_crowd(void **state)
{
	struct jobs *j = jobs_new(ROOMS, 4);
	uint32_t gone, waited;

	(void)state;
	for (uint32_t room = 0; room < 4; room++)
		assert_true(push(j, room, 1, room));
	for (uint32_t room = 0; room < 4; room++)
		jobs_succeed(j, room, 2, &gone, &waited);
	assert_int_equal(jobs_spare(j), 4);
	for (uint32_t room = 4; room < 8; room++)
		assert_true(push(j, room, 1, room));
	assert_false(push(j, 8, 1, 8));
	assert_int_equal(jobs_count(j), 4);
	for (uint32_t room = 4; room < 8; room++) {
		struct job *job = jobs_next(j, 10, 0);

		assert_int_equal(job->room, room);
		assert_false(jobs_packet_done(j, job));
		jobs_turn_over(j, job);
	}
	assert_null(jobs_next(j, 10, 0));
	jobs_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	   cmocka_unit_test(test_small_beside_huge),
		cmocka_unit_test(test_fair),	   cmocka_unit_test(test_full),
		cmocka_unit_test(test_successor),  cmocka_unit_test(test_drop),
		cmocka_unit_test(test_paced),	   cmocka_unit_test(test_paced_crowd),
		cmocka_unit_test(test_paced_gone), cmocka_unit_test(test_succeeded_crowd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
