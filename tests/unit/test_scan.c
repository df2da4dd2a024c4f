/* SPDX-License-Identifier: BSD-2-Clause */
/* The scan after a change of routes: everybody is asked for again, in place, in steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "control/member.h"
#include "control/scan.h"
#include "world.h"

#define PEOPLE 5000

static struct world world;
static struct scan *scan;
static uint64_t swept[1024];
static uint32_t sweeps, asked;
static uint16_t via4, via6; /* what the routes say */
static void (*between)(void);

static uint16_t resolve(void *arg, const struct crier_addr *dst)
{
	(void)arg;
	if (++asked == 2500 && between)
		between();
	return addr_is_v4(dst) ? via4 : via6;
}

static void sweep(void *arg, const uint64_t used[1024])
{
	(void)arg;
	memcpy(swept, used, sizeof(swept));
	sweeps++;
}

static bool was_used(uint32_t via)
{
	return swept[via / 64] >> via % 64 & 1;
}

static int setup(void **state)
{
	struct tables_size size = world_size(32 * 256, 32 * 256);
	struct scan_ops ops = {resolve, sweep, NULL};
	uint32_t room;

	(void)state;
	sweeps = asked = 0;
	between = NULL;
	via4 = 3;
	via6 = 5;
	world_tables(&world, &size);
	world_open(&world, true);
	assert_int_equal(scan_open(&world.d, &ops, &scan), 0);
	room = world_room(&world, "r");
	for (uint32_t i = 0; i < PEOPLE; i++) {
		struct crier_endpoint a = world_ep4(i), b = world_ep6(i);

		assert_int_equal(member_add(&world.d.store, room, &a), 0);
		assert_int_equal(member_add(&world.d.store, room, &b), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_check(&world);
	scan_close(scan);
	world_close(&world);
	world_free(&world);
	return 0;
}

static void check_vias(void)
{
	const struct store *s = &world.d.store;

	for (uint32_t i = 0; i < PEOPLE; i++) {
		struct crier_endpoint a = world_ep4(i), b = world_ep6(i), ep;
		uint16_t via;

		assert_true(member_at(s, member_find(s, 1, &a), &ep, &via));
		assert_int_equal(via, via4);
		assert_true(member_at(s, member_find(s, 1, &b), &ep, &via));
		assert_int_equal(via, via6);
	}
}

static void test_all_move(void **state)
{
	(void)state;
	scan_request(scan);
	world_settle(&world);
	check_vias();
	assert_int_equal(sweeps, 1);
	assert_true(was_used(3) && was_used(5) && !was_used(1));
	assert_int_equal(scan_stats(scan)->moved, 2 * PEOPLE);
	scan_request(scan);
	world_settle(&world);
	assert_int_equal(scan_stats(scan)->moved, 2 * PEOPLE);
}

static void test_no_route(void **state)
{
	(void)state;
	via6 = 0;
	scan_request(scan);
	world_settle(&world);
	check_vias();
	assert_int_equal(world.d.store.unreachable, PEOPLE);
	via6 = 9;
	scan_request(scan);
	world_settle(&world);
	assert_int_equal(world.d.store.unreachable, 0);
}

/* A join behind the scan's back: its way must not be swept, whatever the scan met. */
static void join_behind(void)
{
	struct crier_endpoint ep = world_ep4(PEOPLE);
	uint16_t before = via4;

	between = NULL;
	via4 = 77;
	world.via = scan_resolve(scan, &ep.addr);
	via4 = before;
	assert_int_equal(member_add(&world.d.store, 1, &ep), 0);
}

static void test_join_while_scanning(void **state)
{
	(void)state;
	between = join_behind;
	scan_request(scan);
	world_settle(&world);
	assert_true(was_used(77));
}

/* Routes change while it runs: another scan follows. */
static void change_again(void)
{
	between = NULL;
	via4 = 4;
	scan_request(scan);
}

static void test_change_while_scanning(void **state)
{
	(void)state;
	between = change_again;
	scan_request(scan);
	world_settle(&world);
	assert_int_equal(sweeps, 2);
	check_vias();
	assert_false(was_used(3));
}

int main(void)
{
#define scan_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		scan_test(test_all_move),
		scan_test(test_no_route),
		scan_test(test_join_while_scanning),
		scan_test(test_change_while_scanning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
