/* SPDX-License-Identifier: BSD-2-Clause */
/* The guard's trees against a list that is searched from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <stdio.h>

#include "control/guard_tree.h"
#include "xdp/addr.h"

#define MOST 600
#define ROUNDS 140
#define FIRST 7
#define BUCKETS (5 * MOST + 8) /* guard_buckets_part() */

static struct crier_guard_bucket buckets[FIRST + BUCKETS + 1];
static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static struct crier_addr masked(struct crier_addr a, uint32_t bits)
{
	for (uint32_t i = bits; i < 128; i++)
		a.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return a;
}

static struct crier_guard_prefix prefix(const char *addr, uint32_t len, uint32_t value)
{
	struct crier_guard_prefix p = {.len = (uint8_t)len, .value = (uint8_t)value};

	assert_int_equal(addr_parse(addr, strlen(addr), &p.addr), 0);
	p.family6 = !addr_is_v4(&p.addr);
	return p;
}

/* Few different bits, and many of them set, so that prefixes nest, touch and end at ~0. */
static struct crier_addr random_addr(bool family6)
{
	static const uint8_t bytes[] = {0, 0xff, 0xff, 1, 0x80};
	struct crier_addr a = addr_from4(0);

	for (int i = family6 ? 0 : 12; i < 16; i++)
		a.b[i] = bytes[rnd(sizeof(bytes))];
	return a;
}

static uint32_t random_len(bool family6)
{
	static const uint8_t edges[] = {0, 1, 31, 32, 32, 63, 64, 64, 65, 66, 127, 128, 128};
	uint32_t most = family6 ? 128 : 32, len = rnd(most + 1);

	if (rnd(3) == 0)
		len = edges[rnd(sizeof(edges))];
	return len <= most ? len : most;
}

static struct crier_guard_prefix random_prefix(void)
{
	struct crier_guard_prefix p = {.family6 = rnd(2),
				       .value = rnd(2) ? CRIER_GUARD_ALLOW : CRIER_GUARD_BLOCK};

	p.len = (uint8_t)random_len(p.family6);
	p.addr = masked(random_addr(p.family6), p.family6 ? p.len : 96U + p.len);
	return p;
}

static bool holds(const struct crier_guard_prefix *p, const struct crier_addr *a, bool family6)
{
	struct crier_addr m = masked(*a, family6 ? p->len : 96U + p->len);

	return p->family6 == family6 && addr_equal(&m, &p->addr);
}

static uint32_t naive(const struct crier_guard_prefix *p, uint32_t n, const struct crier_addr *a,
		      bool family6)
{
	uint32_t value = CRIER_GUARD_NONE;
	int best = -1;

	for (uint32_t i = 0; i < n; i++) {
		if (!holds(&p[i], a, family6) || p[i].len < best)
			continue;
		if (p[i].len > best || p[i].value > value)
			value = p[i].value;
		best = p[i].len;
	}
	return value;
}

static uint64_t key_of(const struct crier_guard_bucket *b, int i, bool family6)
{
	if (family6)
		return b->key6[i];
	return b->key4[i] == UINT32_MAX ? UINT64_MAX : b->key4[i];
}

/*
 * All keys of a bucket in order, none out of its range: the value of the last one before `key` or
 * at it.  `before` is what the walk has come to, *at the last key that it met.
 */
static uint32_t bucket_walk(uint32_t n, bool family6, uint64_t key, uint32_t level, uint64_t *at,
			    uint32_t before)
{
	const struct crier_guard_bucket *b = &buckets[n];

	assert_true(level <= CRIER_GUARD_LEVELS + 1);
	for (int i = 0; !b->first && i < (family6 ? CRIER_GUARD_STEPS6 : CRIER_GUARD_STEPS4); i++) {
		uint64_t own = key_of(b, i, family6);

		assert_true(own >= *at);
		*at = own == UINT64_MAX ? *at : own;
		if (own <= key || (!family6 && key == UINT32_MAX))
			before = family6 ? b->value6[i + 1] : b->value4[i + 1];
	}
	if (!b->first)
		return before;
	assert_int_equal(b->shift == CRIER_GUARD_RUN, level == CRIER_GUARD_LEVELS);
	for (uint32_t k = 0; k <= b->last; k++) {
		uint64_t first = key_of(b, 0, family6), met = *at;

		before = bucket_walk(b->first + k, family6, key, level + 1, at, before);
		if (b->shift < CRIER_GUARD_RUN && *at != met)
			assert_int_equal((*at - first) >> b->shift, k);
	}
	return before;
}

static uint32_t tree_lookup(uint32_t root, bool family6, uint64_t key)
{
	uint64_t at = 0;

	return root ? bucket_walk(root, family6, key, 0, &at, CRIER_GUARD_NONE) : CRIER_GUARD_NONE;
}

static uint32_t lookup(uint64_t roots, const struct crier_addr *a, bool family6)
{
	uint32_t value;

	if (!family6)
		return tree_lookup((uint32_t)roots, false, ntohl(a->w[3]));
	value = tree_lookup((uint32_t)(roots >> 32), true, be64toh(a->q[0]));
	if (value < CRIER_GUARD_TREE)
		return value;
	return tree_lookup(value - CRIER_GUARD_TREE, true, be64toh(a->q[1]));
}

static uint64_t build(const struct crier_guard_prefix *p, uint32_t n)
{
	uint64_t roots = 0, again = 0;
	uint32_t used = 0, ignored;

	memset(buckets, 0x5a, sizeof(buckets));
	assert_int_equal(guard_tree_build(p, n, buckets, FIRST, BUCKETS, &roots, &used), 0);
	assert_int_equal(guard_buckets_part(MOST), BUCKETS);
	assert_true(used <= guard_buckets_part(n));
	for (uint32_t i = 0; i < sizeof(buckets) / sizeof(*buckets); i++)
		if (i < FIRST || i >= FIRST + used)
			assert_int_equal(buckets[i].last, 0x5a5a5a5a);
	if (used) {
		assert_int_equal(guard_tree_build(p, n, buckets, FIRST, used - 1, &again, &ignored),
				 -ENOSPC);
		assert_int_equal(again, 0);
	}
	assert_int_equal(guard_tree_build(p, n, buckets, FIRST, used, &roots, &used), 0);
	return roots;
}

/* The address, the next below and the next above. */
static void probe(uint64_t roots, const struct crier_guard_prefix *p, uint32_t n,
		  struct crier_addr a, bool family6)
{
	for (int by = -1; by <= 1; by++) {
		struct crier_addr b = a;

		if (!family6) {
			b.w[3] = htonl(ntohl(a.w[3]) + (uint32_t)by);
		} else {
			uint64_t low = be64toh(a.q[1]) + (uint64_t)by;

			b.q[1] = htobe64(low);
			if (by == -1 && low == UINT64_MAX)
				b.q[0] = htobe64(be64toh(a.q[0]) - 1);
			if (by == 1 && low == 0)
				b.q[0] = htobe64(be64toh(a.q[0]) + 1);
		}
		if (lookup(roots, &b, family6) != naive(p, n, &b, family6)) {
			char text[ADDR_STRLEN];

			fail_msg("%s: %u, want %u", addr_format(text, &b),
				 lookup(roots, &b, family6), naive(p, n, &b, family6));
		}
	}
}

static struct crier_addr last_of(const struct crier_guard_prefix *p)
{
	struct crier_addr a = p->addr;

	for (uint32_t i = p->family6 ? p->len : 96U + p->len; i < 128; i++)
		a.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return a;
}

static void check(const struct crier_guard_prefix *p, uint32_t n)
{
	uint64_t roots = build(p, n);

	for (uint32_t i = 0; i < n; i++) {
		probe(roots, p, n, p[i].addr, p[i].family6);
		probe(roots, p, n, last_of(&p[i]), p[i].family6);
	}
	for (uint32_t i = 0; i < 200; i++)
		probe(roots, p, n, random_addr(i & 1), i & 1);
}

static void random_lists(void **state)
{
	static struct crier_guard_prefix p[MOST];

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t n = round < 60 ? round : rnd(MOST) + 1;

		for (uint32_t i = 0; i < n; i++)
			p[i] = i && rnd(20) == 0 ? p[rnd(i)] : random_prefix();
		check(p, n);
	}
}

static void edges(void **state)
{
	const struct {
		const char *name;
		struct crier_guard_prefix p[8];
		uint32_t n;
	} table[] = {
		{"nothing", {{.len = 0}}, 0},
		{"all of IPv4", {prefix("0.0.0.0", 0, CRIER_GUARD_BLOCK)}, 1},
		{"all of IPv6", {prefix("::", 0, CRIER_GUARD_BLOCK)}, 1},
		{"first and last address",
		 {prefix("0.0.0.0", 32, CRIER_GUARD_BLOCK),
		  prefix("255.255.255.255", 32, CRIER_GUARD_BLOCK),
		  prefix("::", 128, CRIER_GUARD_BLOCK),
		  prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128, CRIER_GUARD_ALLOW)},
		 4},
		{"an exception at the begin and at the end",
		 {prefix("10.0.0.0", 8, CRIER_GUARD_BLOCK),
		  prefix("10.0.0.0", 9, CRIER_GUARD_ALLOW),
		  prefix("10.255.255.255", 32, CRIER_GUARD_ALLOW),
		  prefix("11.0.0.0", 8, CRIER_GUARD_BLOCK)},
		 4},
		{"a /64, divided",
		 {prefix("2001:db8::", 64, CRIER_GUARD_BLOCK),
		  prefix("2001:db8::", 65, CRIER_GUARD_ALLOW),
		  prefix("2001:db8::", 128, CRIER_GUARD_BLOCK),
		  prefix("2001:db8:0:1::1", 128, CRIER_GUARD_BLOCK)},
		 4},
		{"a /64, of two halves alike",
		 {prefix("2001:db8::", 65, CRIER_GUARD_BLOCK),
		  prefix("2001:db8::8000:0:0:0", 65, CRIER_GUARD_BLOCK)},
		 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		check(table[i].p, table[i].n);
}

/* Prefixes within each other are at most 66, but the same may be given more often. */
static void same(void **state)
{
	static struct crier_guard_prefix p[MOST];

	(void)state;
	for (uint32_t i = 0; i < MOST; i++)
		p[i] = i % 2 ? prefix("2001:db8::", i % 4 == 1 ? 96 : 32, CRIER_GUARD_BLOCK)
			     : prefix("10.0.0.0", 8, CRIER_GUARD_BLOCK);
	check(p, MOST);
}

/* Each prefix a tree of its own; and 100,000 of mixed lengths fit what maps.c gives them. */
static void full(void **state)
{
	const uint32_t n = 100000, most = guard_buckets_part(n);
	struct crier_guard_prefix *p = calloc(n, sizeof(*p));
	struct crier_guard_bucket *big = calloc(most + 1, sizeof(*big));
	uint64_t roots = 0;
	uint32_t used = 0;

	(void)state;
	assert_true(p && big);
	for (uint32_t i = 0; i < n; i++) {
		p[i] = prefix("2001:db8::1", 128, CRIER_GUARD_BLOCK);
		p[i].addr.w[1] = htonl(2 * i);
	}
	assert_int_equal(guard_tree_build(p, n, big, 1, most, &roots, &used), 0);
	for (uint32_t i = 0; i < n; i++) {
		p[i] = (struct crier_guard_prefix){.addr = addr_from4(htonl(i << 12)),
						   .len = (uint8_t)(20 + i % 13),
						   .value = CRIER_GUARD_ALLOW + i / 2 % 2};
	}
	assert_int_equal(guard_tree_build(p, n, big, 1, most, &roots, &used), 0);
	assert_int_equal(roots, 1);
	assert_true(big[1].last > n / 16);
	assert_true(used <= n * 4 + 2);
	free(p);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_lists),
		cmocka_unit_test(edges),
		cmocka_unit_test(same),
		cmocka_unit_test(full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
