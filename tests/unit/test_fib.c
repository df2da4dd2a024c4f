/* SPDX-License-Identifier: BSD-2-Clause */
/* The routes' mirror against a list that is searched from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>

#include "control/fib.h"
#include "control/links.h"
#include "xdp/addr.h"

#define ROUTES 400
#define STEPS 20000

/* One route a prefix and metric, known by its hop's interface. */
struct model {
	bool used, v4;
	struct crier_addr dst;
	uint32_t bits, metric, ifindex;
};

static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Few different bits, so that prefixes nest and lookups hit. */
static struct crier_addr random_addr(bool v4)
{
	struct crier_addr a = addr_from4(0);

	if (!v4)
		a = (struct crier_addr){.b = {0xfd}};
	for (int i = v4 ? 12 : 1; i < 16; i++)
		a.b[i] = (uint8_t)(rnd(2) << 7 | rnd(2));
	return a;
}

static struct crier_addr masked(struct crier_addr a, uint32_t bits)
{
	for (uint32_t i = bits; i < 128; i++)
		a.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return a;
}

static struct fib_route *route(const struct model *m)
{
	struct fib_route *r = fib_route_new(1);

	assert_non_null(r);
	r->v4 = m->v4;
	r->dst = m->dst;
	r->plen = (uint8_t)(m->v4 ? m->bits - 96 : m->bits);
	r->type = RTN_UNICAST;
	r->table = FIB_MAIN;
	r->metric = m->metric;
	r->hops[0].ifindex = m->ifindex;
	r->hops[0].weight = 1;
	return r;
}

static const struct model *slow_lookup(const struct model *all, const struct crier_addr *dst)
{
	const struct model *best = NULL;

	for (int i = 0; i < ROUTES; i++) {
		const struct model *m = &all[i];

		if (!m->used || m->v4 != addr_is_v4(dst) || !addr_in_prefix(dst, &m->dst, m->bits))
			continue;
		if (best == NULL || m->bits > best->bits ||
		    (m->bits == best->bits && m->metric < best->metric))
			best = m;
	}
	return best;
}

static bool model_has(const struct model *all, const struct model *m)
{
	for (int i = 0; i < ROUTES; i++) {
		if (all[i].used && all[i].v4 == m->v4 && all[i].bits == m->bits &&
		    all[i].metric == m->metric && addr_equal(&all[i].dst, &m->dst))
			return true;
	}
	return false;
}

static void toggle(struct fib *f, struct model *all, uint32_t step)
{
	struct model *m = &all[rnd(ROUTES)];
	struct fib_route *r;

	if (m->used) {
		r = route(m);
		assert_int_equal(fib_del(f, r), FIB_DELETED);
		assert_int_equal(fib_del(f, r), FIB_NOT_FOUND);
		free(r);
		m->used = false;
		return;
	}
	m->v4 = rnd(2);
	m->bits = m->v4 ? 96 + rnd(33) : rnd(129);
	m->dst = masked(random_addr(m->v4), m->bits);
	m->metric = rnd(3) * 100;
	m->ifindex = step + 1;
	if (model_has(all, m))
		return;
	assert_true(fib_add(f, route(m), FIB_CREATE));
	assert_false(fib_add(f, route(m), FIB_CREATE));
	m->used = true;
}

static void check(const struct fib *f, const struct model *all)
{
	struct crier_addr dst = random_addr(rnd(2));
	const struct model *want = slow_lookup(all, &dst);
	const struct fib_route *got = fib_lookup(f, FIB_MAIN, &dst);

	if (want == NULL) {
		assert_null(got);
		return;
	}
	assert_non_null(got);
	assert_int_equal(got->hops[0].ifindex, want->ifindex);
	assert_null(fib_lookup(f, FIB_LOCAL, &dst));
}

static void test_model(void **state)
{
	static struct model all[ROUTES];
	struct fib *f = fib_new();
	size_t n4 = 0, n6 = 0;

	(void)state;
	for (uint32_t step = 0; step < STEPS; step++) {
		toggle(f, all, step);
		for (int i = 0; i < 4; i++)
			check(f, all);
	}
	for (int i = 0; i < ROUTES; i++) {
		n4 += all[i].used && all[i].v4;
		n6 += all[i].used && !all[i].v4;
	}
	assert_int_equal(fib_count(f, true), n4);
	assert_int_equal(fib_count(f, false), n6);
	fib_free(f);
}

static struct model simple(uint32_t metric, uint32_t ifindex)
{
	return (struct model){.v4 = true,
			      .dst = addr_from4(htonl(0x0a000000)),
			      .bits = 104,
			      .metric = metric,
			      .ifindex = ifindex};
}

static uint32_t winner(const struct fib *f)
{
	struct crier_addr dst = addr_from4(htonl(0x0a010203));
	const struct fib_route *r = fib_lookup(f, FIB_MAIN, &dst);

	return r ? r->hops[0].ifindex : 0;
}

static void add(struct fib *f, uint32_t metric, uint32_t ifindex, enum fib_how how)
{
	struct model m = simple(metric, ifindex);

	fib_add(f, route(&m), how);
}

static void del(struct fib *f, uint32_t metric, uint32_t ifindex)
{
	struct model m = simple(metric, ifindex);
	struct fib_route *r = route(&m);

	assert_int_equal(fib_del(f, r), FIB_DELETED);
	free(r);
}

static void test_order(void **state)
{
	struct fib *f = fib_new();

	(void)state;
	add(f, 100, 1, FIB_CREATE);
	add(f, 50, 2, FIB_CREATE);
	assert_int_equal(winner(f), 2);
	add(f, 50, 3, FIB_APPEND); /* after 2 */
	assert_int_equal(winner(f), 2);
	add(f, 50, 4, FIB_CREATE); /* before both */
	assert_int_equal(winner(f), 4);
	add(f, 50, 5, FIB_REPLACE); /* 4's place */
	assert_int_equal(winner(f), 5);
	assert_int_equal(fib_count(f, true), 4);
	del(f, 50, 5);
	assert_int_equal(winner(f), 2);
	del(f, 50, 2);
	assert_int_equal(winner(f), 3);
	del(f, 50, 3);
	assert_int_equal(winner(f), 1);
	del(f, 100, 1);
	assert_int_equal(winner(f), 0);
	fib_free(f);
}

static void test_expire(void **state)
{
	struct fib *f = fib_new();
	struct model m = simple(0, 1);
	struct fib_route *r;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		m.dst = addr_from4(htonl(0x0a000000 + (i << 8)));
		m.bits = 120;
		r = route(&m);
		r->gen = i % 2;
		fib_add(f, r, FIB_DUMPED);
	}
	/* A dump that names one of the old ones again keeps it. */
	m.dst = addr_from4(htonl(0x0a000000));
	r = route(&m);
	r->gen = 1;
	assert_false(fib_add(f, r, FIB_DUMPED));
	assert_int_equal(fib_expire(f, true, 1), 499);
	assert_int_equal(fib_count(f, true), 501);
	assert_int_equal(fib_expire(f, false, 7), 0);
	assert_int_equal(fib_expire(f, true, 2), 501);
	assert_null(fib_lookup(f, FIB_MAIN, &m.dst));
	fib_free(f);
}

static void test_partly_deleted(void **state)
{
	struct fib *f = fib_new();
	struct fib_route *r = fib_route_new(3), *one = fib_route_new(1);

	(void)state;
	r->table = one->table = FIB_MAIN;
	r->type = one->type = RTN_UNICAST;
	for (uint32_t i = 0; i < 3; i++)
		r->hops[i] = (struct fib_hop){.ifindex = i + 1, .weight = 1};
	one->hops[0] = r->hops[1];
	fib_add(f, r, FIB_APPEND);
	assert_int_equal(fib_del(f, one), FIB_DELETED_PART);
	assert_int_equal(r->hops_count, 2);
	assert_int_equal(r->hops[1].ifindex, 3);
	assert_int_equal(fib_del(f, one), FIB_NOT_FOUND);
	free(one);
	fib_free(f);
}

#define HOPS 5
#define DESTINATIONS 10000

static void test_multipath(void **state)
{
	struct fib_hop hops[HOPS] = {0};
	uint32_t count[HOPS + 1] = {0};
	uint32_t before[DESTINATIONS];

	(void)state;
	for (uint32_t i = 0; i < HOPS; i++)
		hops[i] = (struct fib_hop){.ifindex = i + 1, .weight = i == 0 ? 4 : 1};
	for (uint32_t i = 0; i < DESTINATIONS; i++) {
		struct crier_addr dst = addr_from4(htonl(0x0a000000 + i));

		before[i] = fib_hop_pick(hops, HOPS, &dst)->ifindex;
		count[before[i]]++;
	}
	/* Weights 4 to 1 to 1 to 1 to 1: a half, and an eighth each. */
	assert_in_range(count[1], 4700, 5300);
	for (uint32_t i = 2; i <= HOPS; i++)
		assert_in_range(count[i], 1050, 1450);
	/* A hop dies: only its destinations move. */
	hops[2].flags = RTNH_F_DEAD;
	for (uint32_t i = 0; i < DESTINATIONS; i++) {
		struct crier_addr dst = addr_from4(htonl(0x0a000000 + i));
		uint32_t now = fib_hop_pick(hops, HOPS, &dst)->ifindex;

		assert_int_not_equal(now, 3);
		if (before[i] != 3)
			assert_int_equal(now, before[i]);
	}
	/* Without carrier: only if there is no other. */
	for (uint32_t i = 0; i < HOPS; i++)
		hops[i].flags = i == 2 ? RTNH_F_DEAD : RTNH_F_LINKDOWN;
	assert_non_null(fib_hop_pick(hops, HOPS, &(struct crier_addr){.b = {1}}));
	hops[4].flags = 0;
	assert_int_equal(fib_hop_pick(hops, HOPS, &(struct crier_addr){.b = {1}})->ifindex, 5);
	for (uint32_t i = 0; i < HOPS; i++)
		hops[i].flags = RTNH_F_DEAD;
	assert_null(fib_hop_pick(hops, HOPS, &(struct crier_addr){.b = {1}}));
	assert_null(fib_hop_pick(hops, 1, &(struct crier_addr){.b = {1}}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),	  cmocka_unit_test(test_order),
		cmocka_unit_test(test_expire),	  cmocka_unit_test(test_partly_deleted),
		cmocka_unit_test(test_multipath),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
