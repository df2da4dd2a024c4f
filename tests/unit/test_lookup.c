/* SPDX-License-Identifier: BSD-2-Clause */
/* The guard's lookup and its caps, natively. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guard.h"
#include "guard_match.h"

#define SECOND_NS 1000000000ULL
#define LIST_MAX 1000

static struct tables world;

/* At and beside each of many prefixes, the lookup is the naive one's. */
static void lists(void **state)
{
	struct crier_guard_prefix list[LIST_MAX];
	struct crier_addr any = {0};
	uint64_t seed = 12;

	(void)state;
	assert_false(guard_is_blocked(&world, &any, 0));
	for (int i = 0; i < 300; i++) {
		uint32_t n = 1 + (uint32_t)(packet_random(&seed) >> 8) %
					 (i % 10 ? 1U << (i % 9) : LIST_MAX);

		match_random(list, n, &seed);
		match_guard(&world, list, n);
		for (int k = 0; k < 2000; k++) {
			int family6 = k & 1;
			struct crier_addr a = match_probe(list, n, family6, &seed);

			assert_int_equal(guard_is_blocked(&world, &a, family6),
					 match_naive(list, n, &a, family6) == CRIER_GUARD_BLOCK);
		}
	}
	match_guard(&world, list, 0);
	assert_int_equal(world.guard->roots, 0);
}

/* Prefixes by powers of two, which no directory parts well: all levels, and runs under them. */
static void crowded(void **state)
{
	struct crier_guard_prefix list[3 * 64] = {0};
	uint32_t n = 0;

	(void)state;
	for (uint32_t bit = 0; bit < 64; bit++) {
		list[n] = match_prefix("2001:db8::/128", CRIER_GUARD_BLOCK);
		list[n].addr.b[15 - bit / 8] |= (__u8)(1 << bit % 8);
		n++;
		list[n] = match_prefix("::/64", CRIER_GUARD_BLOCK);
		list[n].addr.b[7 - bit / 8] |= (__u8)(1 << bit % 8);
		n++;
		if (bit >= 32)
			continue;
		list[n] = match_prefix("0.0.0.0/32", CRIER_GUARD_BLOCK);
		list[n].addr.b[15 - bit / 8] |= (__u8)(1 << bit % 8);
		n++;
	}
	match_guard(&world, list, n);
	for (uint32_t i = 0; i < n; i++) {
		struct crier_addr a = list[i].addr, beside = a;

		assert_true(guard_is_blocked(&world, &a, list[i].family6));
		beside.b[list[i].len == 64 ? 7 : 15] ^= 0x11;
		assert_int_equal(guard_is_blocked(&world, &beside, list[i].family6),
				 match_naive(list, n, &beside, list[i].family6) ==
					 CRIER_GUARD_BLOCK);
	}
	match_guard(&world, list, 0);
}

static struct crier_addr nth_addr(uint32_t n)
{
	return (struct crier_addr){.w = {0, 0, 0xffff0000, n}};
}

/* An address of ours whose place another has, who may be gone. */
static void local_elsewhere(void **state)
{
	struct crier_addr first = nth_addr(1), second;
	uint32_t mask = world.config->locals - 1, at = local_hash(&first) & mask, n = 2;

	(void)state;
	do
		second = nth_addr(n++);
	while ((local_hash(&second) & mask) != at);
	world.locals[at] = (struct crier_local){.addr = first, .state = 1};
	assert_int_equal(steer_locals(&world, world.config, &second, &first), 0);
	world.locals[(at + 1) & mask] = (struct crier_local){.addr = second, .state = 1};
	assert_int_equal(steer_locals(&world, world.config, &second, &first),
			 STEER_LOCAL_TO | STEER_LOCAL_FROM);
	world.locals[at].state = 2;
	assert_int_equal(steer_locals(&world, world.config, &second, &first), STEER_LOCAL_TO);
	assert_int_equal(steer_locals(&world, world.config, &first, &second), 0);
	memset(world.locals, 0, (mask + 1) * sizeof(*world.locals));
}

/* Trees that lead nowhere end the search. */
static void damaged(void **state)
{
	struct crier_guard_prefix all = match_prefix("::/0", CRIER_GUARD_BLOCK);
	struct crier_addr a = {0}, last = {.q = {~0ULL, ~0ULL}};
	struct crier_guard_bucket *root;

	(void)state;
	match_guard(&world, &all, 1);
	assert_true(guard_is_blocked(&world, &a, 1));
	root = &world.guard_buckets[world.guard->roots >> 32];
	for (uint32_t i = 0; i < 4; i++) {
		/* itself, the next, the last and none */
		root->first = i == 0 ? (uint32_t)(world.guard->roots >> 32) : i - 1U ? ~0U / i : 2;
		for (uint32_t shift = 0; shift < 256; shift += 32) {
			root->shift = shift;
			root->last = shift % 64 ? ~0U : shift;
			guard_is_blocked(&world, &a, 1);
			guard_is_blocked(&world, &last, 1);
		}
	}
	world.guard->roots = ~0ULL;
	assert_false(guard_is_blocked(&world, &a, 0));
	assert_false(guard_is_blocked(&world, &a, 1));
	world.guard->roots = 0;
}

static uint32_t take(struct guard_caps *caps, enum guard_class class, uint64_t pps, uint64_t now,
		     uint32_t n)
{
	uint32_t got = 0;

	while (n--)
		got += (uint32_t)guard_take(caps, class, pps, now);
	return got;
}

static void caps(void **state)
{
	struct guard_caps c = {0};
	uint64_t now = 5 * SECOND_NS;
	uint32_t got = 0;

	(void)state;
	/* a tenth of a second's at once, and one that is due now */
	assert_int_equal(take(&c, GUARD_STRANGER, 1000, now, 5000), 101);
	/* members have their own, whatever strangers took */
	assert_int_equal(take(&c, GUARD_MEMBER, 1000, now, 50), 50);
	for (int i = 0; i < 1000; i++)
		got += take(&c, GUARD_STRANGER, 1000, now += SECOND_NS / 1000, 10);
	assert_in_range(got, 999, 1001);
	assert_int_equal(take(&c, GUARD_STRANGER, 0, now += SECOND_NS, 10), 0);
	/* rare ones come one by one, and none is saved up */
	assert_int_equal(take(&c, GUARD_STRANGER, 1, now += 60 * SECOND_NS, 10), 1);
	assert_int_equal(take(&c, GUARD_STRANGER, 1, now += SECOND_NS / 2, 10), 0);
	assert_int_equal(take(&c, GUARD_STRANGER, 1, now += SECOND_NS / 2, 10), 1);
	/* a machine that has just booted */
	c = (struct guard_caps){0};
	assert_in_range(take(&c, GUARD_STRANGER, 1000, SECOND_NS / 1000, 10), 1, 10);
	assert_int_equal(take(NULL, GUARD_STRANGER, 1000, now, 10), 0);
}

static int world_up(void **state)
{
	(void)state;
	return tables_alloc(&world, &(struct tables_size){.members4 = 256, .members6 = 256});
}

static int world_down(void **state)
{
	(void)state;
	tables_close(&world);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(crowded),
		cmocka_unit_test(local_elsewhere),
		cmocka_unit_test(damaged),
		cmocka_unit_test(caps),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
