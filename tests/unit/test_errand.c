/* SPDX-License-Identifier: BSD-2-Clause */
/* Errands: one at a time, each told done before the next begins, and none forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <event2/event.h>
#include <unistd.h>

#include "control/errand.h"

#define MANY 50

struct one {
	struct errand errand; /* first */
	uint32_t number, times;
	bool told; /* done() has run since the last work() */
};

static struct event_base *base;
static struct errands *errands;
static struct one one[MANY];
static uint32_t worked, done, lost; /* no lock: that is what is tested */
static uint32_t order[MANY * 2];
static bool early;

static void on_work(struct errand *errand)
{
	struct one *o = (struct one *)errand;

	early |= worked != done; /* whoever worked before has been told */
	usleep(o->number % 3 * 500);
	order[worked++ % (MANY * 2)] = o->number;
}

static void on_done(struct errand *errand)
{
	struct one *o = (struct one *)errand;

	o->told = true;
	if (!errand->worked) {
		lost++;
		return;
	}
	done++;
	if (o->times && --o->times)
		errands_submit(errands, errand);
	else if (done == MANY)
		event_base_loopbreak(base);
}

static int setup(void **state)
{
	(void)state;
	base = event_base_new();
	worked = done = lost = 0;
	early = false;
	for (uint32_t i = 0; i < MANY; i++)
		one[i] = (struct one){.errand = {.work = on_work, .done = on_done}, .number = i};
	return errands_open(base, &errands);
}

static int teardown(void **state)
{
	(void)state;
	assert_false(early);
	event_base_free(base);
	return 0;
}

static void one_by_one(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		errands_submit(errands, &one[i].errand);
	event_base_dispatch(base);
	assert_int_equal(done, MANY);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(order[i], i);
	errands_close(errands);
	assert_int_equal(lost, 0);
}

static void again_from_done(void **state)
{
	(void)state;
	one[7].times = MANY;
	errands_submit(errands, &one[7].errand);
	event_base_dispatch(base);
	assert_int_equal(worked, MANY);
	errands_close(errands);
}

/* Each is told, whether its turn has come or not. */
static void closed_early(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		errands_submit(errands, &one[i].errand);
	errands_close(errands);
	assert_in_range(worked, 0, 1);
	assert_int_equal(done, worked);
	assert_int_equal(done + lost, MANY);
	for (uint32_t i = 0; i < MANY; i++)
		assert_true(one[i].told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(again_from_done, setup, teardown),
		cmocka_unit_test_setup_teardown(closed_early, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
