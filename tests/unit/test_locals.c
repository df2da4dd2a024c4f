/* SPDX-License-Identifier: BSD-2-Clause */
/* Two tables that crierd alone writes: our own addresses, and the vias. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/grace.h"
#include "control/locals.h"
#include "control/via.h"
#include "xdp/addr.h"

/* Grace is over when the test says so. */
static struct {
	void (*fn)(void *);
	void *arg;
} deferred[64];
static int deferred_count;

int grace_defer(struct grace *g, void (*fn)(void *), void *arg)
{
	(void)g;
	assert_in_range(deferred_count, 0, 63);
	deferred[deferred_count].fn = fn;
	deferred[deferred_count++].arg = arg;
	return 0;
}

static void grace_over(void)
{
	for (int i = 0; i < deferred_count; i++)
		deferred[i].fn(deferred[i].arg);
	deferred_count = 0;
}

static struct tables t;

static int setup(void **state)
{
	struct tables_size size = tables_size_default();

	(void)state;
	size.members4 = size.members6 = 256;
	size.locals = 64;
	return tables_alloc(&t, &size);
}

static int teardown(void **state)
{
	(void)state;
	tables_close(&t);
	return 0;
}

static struct crier_addr numbered(uint32_t n)
{
	return addr_from4(htonl(0x0a000000 + n));
}

/* As XDP looks. */
static bool is_local(uint32_t n)
{
	struct crier_addr a = numbered(n);

	for (uint32_t i = 0; i < CRIER_LOCAL_PROBES; i++) {
		const struct crier_local *e = &t.locals[(local_hash(&a) + i) & 63];

		if (e->state == 0)
			return false;
		if (e->state == 1 && addr_equal(&e->addr, &a))
			return true;
	}
	return false;
}

/* From now on ours: first .. first + n - 1. */
static uint32_t set(struct locals *l, uint32_t first, uint32_t n)
{
	locals_begin(l);
	for (uint32_t i = first; i < first + n; i++) {
		struct crier_addr a = numbered(i);

		locals_keep(l, &a, 1);
		locals_keep(l, &a, 2); /* on two interfaces */
	}
	return locals_end(l);
}

static void test_locals_come_and_go(void **state)
{
	struct locals *l;

	(void)state;
	assert_int_equal(locals_open(&t, NULL, &l), 0);
	assert_int_equal(set(l, 0, 20), 0);
	for (uint32_t i = 0; i < 20; i++)
		assert_true(is_local(i));
	assert_false(is_local(20));
	assert_int_equal(set(l, 5, 10), 0);
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(is_local(i), i >= 5 && i < 15);
	/* One that is back before grace is over takes its own place again. */
	assert_int_equal(set(l, 0, 20), 0);
	for (uint32_t i = 0; i < 20; i++)
		assert_true(is_local(i));
	grace_over();
	for (uint32_t i = 0; i < 20; i++)
		assert_true(is_local(i));
	locals_close(l);
}

static uint32_t places(uint32_t state)
{
	uint32_t n = 0;

	for (int i = 0; i < 64; i++)
		n += t.locals[i].state == state;
	return n;
}

static void test_locals_wait_for_grace(void **state)
{
	struct locals *l;

	(void)state;
	assert_int_equal(locals_open(&t, NULL, &l), 0);
	assert_int_equal(set(l, 0, 30), 0);
	assert_int_equal(set(l, 100, 0), 0);
	assert_int_equal(places(2), 30);
	/* None of the 30 may be taken yet; the rest of the table has room. */
	assert_int_equal(set(l, 200, 8), 0);
	assert_int_equal(places(2), 30);
	grace_over();
	for (uint32_t i = 0; i < 40; i++) {
		assert_int_equal(set(l, 300 + i * 20, 20), 0);
		grace_over();
	}
	for (uint32_t i = 0; i < 20; i++)
		assert_true(is_local(300 + 39 * 20 + i));
	locals_close(l);
}

static void test_locals_full(void **state)
{
	struct locals *l;
	uint32_t lost, found = 0;

	(void)state;
	assert_int_equal(locals_open(&t, NULL, &l), 0);
	lost = set(l, 0, 100);
	for (uint32_t i = 0; i < 100; i++)
		found += is_local(i);
	/* Each lost address is counted once for each of its interfaces. */
	assert_int_equal(lost, 2 * (100 - found));
	assert_in_range(found, 48, 64);
	assert_int_equal(set(l, 0, 5), 0);
	grace_over();
	locals_close(l);
}

static void test_locals_after_restart(void **state)
{
	struct locals *l;

	(void)state;
	assert_int_equal(locals_open(&t, NULL, &l), 0);
	set(l, 0, 10);
	set(l, 0, 5);
	/* Killed before grace was over. */
	free(deferred[0].arg);
	deferred_count = 0;
	locals_close(l);
	assert_int_equal(locals_open(&t, NULL, &l), 0);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(is_local(i), i < 5);
	set(l, 2, 10);
	for (uint32_t i = 0; i < 15; i++)
		assert_int_equal(is_local(i), i >= 2 && i < 12);
	grace_over();
	for (uint32_t i = 0; i < 15; i++)
		assert_int_equal(is_local(i), i >= 2 && i < 12);
	locals_close(l);
}

/* ---- vias ---------------------------------------------------------------------- */

static struct crier_via key(uint32_t n)
{
	return (struct crier_via){.port = 1, .mtu = 1500, .neighbour = numbered(n)};
}

static uint16_t get(struct vias *v, uint32_t n, bool want_made)
{
	struct crier_via k = key(n);
	bool made;
	uint16_t got = vias_get(v, &k, &made);

	assert_int_equal(made, want_made);
	return got;
}

static uint32_t dropped;

static void drop(uint16_t n, void *arg)
{
	(void)n;
	(void)arg;
	dropped++;
}

static void sweep(struct vias *v, const uint16_t *keep, size_t n)
{
	static uint64_t used[1024];

	memset(used, 0, sizeof(used));
	for (size_t i = 0; i < n; i++)
		used[keep[i] / 64] |= 1ULL << keep[i] % 64;
	dropped = 0;
	vias_sweep(v, used, drop, NULL);
}

static void test_vias(void **state)
{
	struct vias *v;
	uint16_t a, b, c;

	(void)state;
	assert_int_equal(vias_open(&t, NULL, &v), 0);
	a = get(v, 1, true);
	b = get(v, 2, true);
	assert_int_not_equal(a, b);
	assert_int_not_equal(a, 0);
	assert_int_equal(get(v, 1, false), a);
	assert_int_equal(t.vias[a].hw >> 48, CRIER_VIA_PENDING);
	sweep(v, NULL, 0); /* asked for since: kept */
	assert_int_equal(dropped, 0);
	sweep(v, &b, 1);
	assert_int_equal(dropped, 1);
	assert_int_equal(vias_live(v), 1);
	assert_int_equal(get(v, 2, false), b);
	/* The old number is not given out, nor wiped, before grace is over. */
	assert_int_not_equal(t.vias[a].hw, 0);
	c = get(v, 1, true);
	assert_int_not_equal(c, a);
	assert_int_not_equal(c, b);
	grace_over();
	assert_int_equal(t.vias[a].hw, 0);
	assert_int_equal(get(v, 3, true), a);
	vias_close(v);
}

static void test_vias_full(void **state)
{
	struct vias *v;
	uint32_t n = 0;
	struct crier_via k;
	bool made;

	(void)state;
	assert_int_equal(vias_open(&t, NULL, &v), 0);
	while (n < VIA_MAX * 2) {
		k = key(n);
		if (vias_get(v, &k, &made) == 0)
			break;
		n++;
	}
	assert_int_equal(n, vias_max(v) - 1);
	assert_int_equal(vias_free(v), 0);
	assert_int_not_equal(get(v, 0, false), 0);
	sweep(v, NULL, 0);
	sweep(v, NULL, 0);
	assert_int_equal(dropped, n);
	grace_over();
	for (uint32_t i = 0; i < n; i++)
		assert_int_not_equal(get(v, n + i, true), 0);
	for (uint32_t i = 0; i < n; i++)
		assert_int_not_equal(get(v, n + i, false), 0);
	vias_close(v);
}

static void test_vias_adopted(void **state)
{
	struct vias *v;
	uint16_t a, b;

	(void)state;
	assert_int_equal(vias_open(&t, NULL, &v), 0);
	get(v, 9, true);
	a = get(v, 1, true);
	b = get(v, 2, true);
	vias_close(v);
	assert_int_equal(vias_open(&t, NULL, &v), 0);
	assert_int_equal(vias_live(v), 3);
	assert_int_equal(get(v, 1, false), a);
	assert_int_equal(get(v, 2, false), b);
	assert_true(vias_own(v, a)->live);
	vias_close(v);
}

/* The kernel engine leaves room for the tags of whatever leaves by a port. */
static void test_vias_tags(void **state)
{
	static const struct {
		uint32_t port;
		uint16_t vlan[2];
		uint32_t tags; /* of port 1 then */
	} cases[] = {{1, {0}, 0}, {2, {8, 9}, 0}, {1, {8}, 1}, {1, {8, 9}, 2}, {1, {7}, 2}};
	struct vias *v;
	bool made;

	(void)state;
	assert_int_equal(vias_open(&t, NULL, &v), 0);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct crier_via k = key(i);

		k.port = cases[i].port;
		memcpy(k.vlan, cases[i].vlan, sizeof(k.vlan));
		assert_int_not_equal(vias_get(v, &k, &made), 0);
		assert_int_equal(t.ports[1].tags, cases[i].tags);
	}
	vias_close(v);
	/* Tables of a crierd that did not note them. */
	t.ports[1].tags = 0;
	assert_int_equal(vias_open(&t, NULL, &v), 0);
	assert_int_equal(t.ports[1].tags, 2);
	vias_close(v);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_locals_come_and_go),
		TEST(test_locals_wait_for_grace),
		TEST(test_locals_full),
		TEST(test_locals_after_restart),
		TEST(test_vias),
		TEST(test_vias_full),
		TEST(test_vias_adopted),
		TEST(test_vias_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
