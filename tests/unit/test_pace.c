/* SPDX-License-Identifier: BSD-2-Clause */
/* When copies leave and how many at once: the rate cap, pacing, bursts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "heard.h"

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
		assert_true(s->n < HEARD_MAX - 6400);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		heard_test(test_rate_cap),   heard_test(test_rate_cap_raised),
		heard_test(test_pace),	     heard_test(test_pace_late),
		heard_test(test_pace_small), heard_test(test_pace_behind),
		heard_test(test_pace_busy),  heard_test(test_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
