/* SPDX-License-Identifier: BSD-2-Clause */
/* Grace: who must have moved, and what runs when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <event2/event.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "control/grace.h"
#include "world.h"

static struct tables tables;
static struct loop *loop;
static struct grace *grace;
static sem_t barrier_may_end;
static bool barriers; /* the barrier waits for the semaphore */
static bool alive;
static uint32_t ran, order[64];

static int barrier(void *arg)
{
	(void)arg;
	if (barriers)
		sem_wait(&barrier_may_end);
	return 0;
}

static bool worker_alive(void *arg, uint32_t worker)
{
	(void)arg;
	(void)worker;
	return alive;
}

static void run(void *arg, uint32_t number)
{
	(void)arg;
	order[ran++ % 64] = number;
}

static void on_enough(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	loop_stop(loop);
}

static void turn_ms(long ms)
{
	struct event *e = event_new(loop_base(loop), -1, 0, on_enough, NULL);
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	event_add(e, &tv);
	loop_run(loop);
	event_free(e);
}

/* Generous: as long as it takes, a second at most. */
static void turn_until(uint32_t n)
{
	for (int i = 0; i < 200 && ran < n; i++)
		turn_ms(5);
	assert_int_equal(ran, n);
}

static void move(uint32_t worker, uint64_t by)
{
	__atomic_fetch_add(&tables.workers[worker].quiescent, by, __ATOMIC_SEQ_CST);
}

static int setup(void **state)
{
	struct tables_size size = world_size(256, 256);
	struct grace_ops ops = {barrier, worker_alive, NULL};

	(void)state;
	ran = 0;
	alive = true;
	barriers = false;
	sem_init(&barrier_may_end, 0, 0);
	assert_int_equal(tables_alloc(&tables, &size), 0);
	assert_int_equal(loop_open(&loop), 0);
	assert_int_equal(grace_open(&tables, loop_base(loop), &ops, &grace), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sem_post(&barrier_may_end);
	sem_post(&barrier_may_end);
	grace_close(grace);
	loop_close(loop);
	tables_close(&tables);
	sem_destroy(&barrier_may_end);
	return 0;
}

static void test_nobody_there(void **state)
{
	(void)state;
	assert_int_equal(grace_defer_number(grace, run, NULL, 1), 0);
	assert_int_equal(ran, 0); /* never at once */
	turn_until(1);
	assert_int_equal(grace_pending(grace), 0);
	assert_int_equal(grace_age_ns(grace), 0);
}

static void test_waits_for_online_worker(void **state)
{
	char why[GRACE_WHY_LEN];

	(void)state;
	tables.workers[0].quiescent = 7; /* online */
	tables.workers[1].quiescent = 4; /* asleep */
	grace_defer_number(grace, run, NULL, 1);
	turn_ms(60);
	assert_int_equal(ran, 0);
	assert_int_equal(grace_waits_for(grace), 0);
	assert_string_equal(grace_why(grace, why), "worker 0 does not turn");
	assert_true(grace_age_ns(grace) > 40000000);
	move(0, 2);
	turn_until(1);
}

static void test_sleep_is_a_move(void **state)
{
	(void)state;
	tables.workers[1].quiescent = 7;
	grace_defer_number(grace, run, NULL, 1);
	turn_ms(30);
	assert_int_equal(ran, 0);
	move(1, 1);
	turn_until(1);
}

static void test_dead_worker_counts_as_moved(void **state)
{
	(void)state;
	tables.workers[1].quiescent = 7;
	grace_defer_number(grace, run, NULL, 1);
	turn_ms(60);
	assert_int_equal(ran, 0);
	alive = false;
	turn_until(1);
}

static void test_waits_for_bpf(void **state)
{
	char why[GRACE_WHY_LEN];

	(void)state;
	barriers = true;
	grace_defer_number(grace, run, NULL, 1);
	turn_ms(60);
	assert_int_equal(ran, 0);
	assert_int_equal(grace_waits_for(grace), -1);
	assert_string_equal(grace_why(grace, why), "the kernel's grace period (RCU) is not over");
	sem_post(&barrier_may_end);
	turn_until(1);
}

/* What is deferred while a batch waits needs a grace of its own. */
static void test_later_needs_its_own(void **state)
{
	(void)state;
	tables.workers[0].quiescent = 1;
	grace_defer_number(grace, run, NULL, 1);
	turn_ms(30); /* its batch has begun */
	grace_defer_number(grace, run, NULL, 2);
	move(0, 2);
	turn_until(1);
	turn_ms(60);
	assert_int_equal(ran, 1);
	move(0, 2);
	turn_until(2);
}

static void defer_again(void *arg)
{
	(void)arg;
	grace_defer_number(grace, run, NULL, 9);
}

static void test_order_and_again(void **state)
{
	(void)state;
	grace_defer(grace, defer_again, NULL);
	for (uint32_t i = 0; i < 8; i++)
		grace_defer_number(grace, run, NULL, i);
	turn_until(9);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(order[i], i);
	assert_int_equal(order[8], 9);
}

static void test_many(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 300000; i++)
		assert_int_equal(grace_defer_number(grace, run, NULL, i), 0);
	turn_until(300000);
}

static void test_close_runs_the_rest(void **state)
{
	(void)state;
	tables.workers[0].quiescent = 1;
	grace_defer_number(grace, run, NULL, 1);
	turn_ms(20);
	grace_defer_number(grace, run, NULL, 2);
	grace_close(grace);
	assert_int_equal(ran, 2);
	assert_int_equal(grace_open(&tables, loop_base(loop), &(struct grace_ops){0}, &grace), 0);
}

int main(void)
{
#define grace_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		grace_test(test_nobody_there),	      grace_test(test_waits_for_online_worker),
		grace_test(test_sleep_is_a_move),     grace_test(test_dead_worker_counts_as_moved),
		grace_test(test_waits_for_bpf),	      grace_test(test_later_needs_its_own),
		grace_test(test_order_and_again),     grace_test(test_many),
		grace_test(test_close_runs_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
