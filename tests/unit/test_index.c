/* SPDX-License-Identifier: BSD-2-Clause */
/* The index: collisions, deletion without tombstones, full to the brim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "control/index.h"

#define MOST 1000

/* Number n has the key n * 7; how well it is spread is the test's choice. */
static uint64_t spread; /* 1: well; 0: all at one place, all tags alike */

static uint64_t hash_key(uint64_t key)
{
	if (spread)
		return index_mix(42, key, 0);
	return 0xffffffff00000000ULL | 5; /* the last place: searches wrap around */
}

static bool is(const void *ctx, uint32_t number, const void *key)
{
	(void)ctx;
	return number * 7ULL == *(const uint64_t *)key;
}

static uint64_t hash(const void *ctx, uint32_t number, uint32_t tag)
{
	(void)ctx;
	(void)tag;
	return hash_key(number * 7ULL);
}

static const struct index_ops ops = {is, hash};

static uint32_t find(const struct index *x, uint32_t number)
{
	uint64_t key = number * 7ULL;

	return index_find(x, hash_key(key), &key);
}

static void add(struct index *x, uint32_t number)
{
	index_add(x, hash_key(number * 7ULL), number);
}

static bool drop(struct index *x, uint32_t number)
{
	return index_remove(x, hash_key(number * 7ULL), number);
}

static void fill_and_empty(uint32_t most)
{
	struct index x;

	assert_int_equal(index_init(&x, most, &ops, NULL), 0);
	for (uint32_t i = 1; i <= most; i++)
		add(&x, i);
	assert_int_equal(x.used, most);
	for (uint32_t i = 1; i <= most; i++)
		assert_int_equal(find(&x, i), i);
	for (uint32_t i = 1; i <= most; i += 2)
		assert_true(drop(&x, i));
	for (uint32_t i = 1; i <= most; i++)
		assert_int_equal(find(&x, i), i % 2 ? 0 : i);
	assert_false(drop(&x, 1));
	for (uint32_t i = 2; i <= most; i += 2)
		assert_true(drop(&x, i));
	assert_int_equal(x.used, 0);
	for (uint32_t i = 0; i < x.size; i++)
		assert_int_equal(x.entry[i], 0);
	index_free(&x);
}

static void test_full(void **state)
{
	(void)state;
	spread = 1;
	fill_and_empty(MOST);
	fill_and_empty(1);
	fill_and_empty(65535);
}

static void test_all_collide(void **state)
{
	(void)state;
	spread = 0;
	fill_and_empty(300);
}

static void test_random(void **state)
{
	struct index x;
	bool in[MOST + 1] = {0};
	uint32_t seed = 7;

	(void)state;
	spread = 1;
	assert_int_equal(index_init(&x, MOST, &ops, NULL), 0);
	for (int i = 0; i < 300000; i++) {
		uint32_t n;

		seed = seed * 1664525 + 1013904223;
		n = 1 + (uint32_t)((uint64_t)seed * MOST >> 32);
		assert_int_equal(find(&x, n), in[n] ? n : 0);
		if (in[n])
			assert_true(drop(&x, n));
		else
			add(&x, n);
		in[n] = !in[n];
	}
	index_free(&x);
}

/* A word that gets another number stays where it is, and so do all others. */
static void test_replace(void **state)
{
	uint32_t was[4];
	struct index x;

	(void)state;
	spread = 0;
	assert_int_equal(index_init(&x, 40, &ops, NULL), 0);
	for (uint32_t i = 1; i <= 5; i++)
		add(&x, i);
	/* The first at the last place, the others from the first on. */
	for (uint32_t i = 0; i < 4; i++)
		was[i] = x.entry[i];
	index_replace(&x, hash_key(0), 2, 9);
	assert_int_equal(x.used, 5);
	assert_int_equal(find(&x, 2), 0);
	assert_int_equal(find(&x, 9), 9);
	assert_int_equal(x.entry[0] & x.number_mask, 9);
	for (uint32_t i = 1; i < 4; i++)
		assert_int_equal(x.entry[i], was[i]);
	assert_true(drop(&x, 9));
	assert_int_equal(x.used, 4);
	index_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_all_collide),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_replace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
