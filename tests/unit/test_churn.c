/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store against a simple model: random joins, leaves, rooms, streams, graces and
 * restarts, with all invariants checked as it goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/member.h"
#include "world.h"

#define ROOMS 6
#define PEOPLE 1200 /* of each family, who may be anywhere */

struct model {
	struct world w;
	uint32_t room[ROOMS]; /* 0: not there */
	bool in[ROOMS][2 * PEOPLE];
	bool stream[ROOMS];
	uint32_t seed;
};

static uint32_t chance(struct model *m, uint32_t n)
{
	m->seed = m->seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)m->seed * n >> 32);
}

static struct crier_endpoint who(uint32_t n)
{
	return n < PEOPLE ? world_ep4(n) : world_ep6(n - PEOPLE);
}

static void join(struct model *m, uint32_t r, uint32_t n)
{
	struct crier_endpoint ep = who(n);
	int ret;

	m->w.via = (uint16_t)chance(m, 4);
	ret = member_add(&m->w.d.store, m->room[r], &ep);
	if (m->in[r][n]) {
		assert_int_equal(ret, -EEXIST);
	} else if (ret >= 0) {
		assert_int_equal(ret, m->w.via ? 0 : 1);
		m->in[r][n] = true;
	} else {
		assert_true(ret == -ENOSPC || ret == -EAGAIN);
	}
}

static void leave(struct model *m, uint32_t r, uint32_t n)
{
	struct crier_endpoint ep = who(n);

	assert_int_equal(member_remove(&m->w.d.store, m->room[r], &ep), m->in[r][n] ? 0 : -ENOENT);
	m->in[r][n] = false;
}

/* A route changes: some who follow each other get another way out, or none. */
static void reroute(struct model *m, uint32_t r, uint32_t from, uint32_t n, uint16_t via)
{
	for (uint32_t i = from; i < from + n && i < 2 * PEOPLE; i++) {
		struct crier_endpoint ep = who(i);
		uint32_t slot = member_find(&m->w.d.store, m->room[r], &ep);

		if (slot)
			member_set_via(&m->w.d.store, slot, via);
	}
}

static void open_room(struct model *m, uint32_t r)
{
	struct room_spec spec = {.wanted = ROOM_WANTED_AUTO};
	char name[16];
	int ret;

	snprintf(name, sizeof(name), "room-%u", r);
	spec.name = name;
	ret = room_create(&m->w.d.store, &spec, &m->room[r]);
	if (ret)
		m->room[r] = 0;
	assert_true(ret == 0 || ret == -EAGAIN);
	memset(m->in[r], 0, sizeof(m->in[r]));
	m->stream[r] = false;
}

static void close_room(struct model *m, uint32_t r)
{
	assert_int_equal(room_delete(&m->w.d.store, m->room[r]), 0);
	m->room[r] = 0;
}

static void toggle_stream(struct model *m, uint32_t r)
{
	struct stream_spec spec = {
		.port = (uint16_t)(6000 + r), .flags = CRIER_STREAM_FROM, .from = world_ep4(r)};
	uint32_t stream, other;
	int ret;

	if (m->stream[r]) {
		assert_int_equal(stream_remove_port(&m->w.d.store, m->room[r], spec.port, NULL), 1);
		m->stream[r] = false;
		return;
	}
	ret = stream_add(&m->w.d.store, m->room[r], &spec, &stream, &other);
	assert_true(ret == 0 || ret == -EAGAIN);
	m->stream[r] = ret == 0;
}

/* As after kill -9: a crierd that knows nothing but the tables. */
static void restart(struct model *m)
{
	world_close(&m->w);
	world_open(&m->w, false);
	for (uint32_t r = 0; r < ROOMS; r++) {
		char name[16];

		snprintf(name, sizeof(name), "room-%u", r);
		assert_int_equal(room_find(&m->w.d.store, name, strlen(name)), m->room[r]);
	}
	world_check(&m->w);
	if (chance(m, 2))
		world_settle(&m->w);
}

static void compare(struct model *m)
{
	world_check(&m->w);
	for (uint32_t r = 0; r < ROOMS; r++)
		for (uint32_t n = 0; m->room[r] && n < 2 * PEOPLE; n++) {
			struct crier_endpoint ep = who(n);

			assert_int_equal(member_find(&m->w.d.store, m->room[r], &ep) != 0,
					 m->in[r][n]);
		}
}

static void act(struct model *m)
{
	uint32_t r = chance(m, ROOMS), what = chance(m, 1000);

	if (!m->room[r]) {
		open_room(m, r);
	} else if (what < 2) {
		close_room(m, r);
	} else if (what < 10) {
		toggle_stream(m, r);
	} else if (what < 12) {
		restart(m);
	} else if (what < 20) {
		world_settle(&m->w);
	} else if (what < 60) { /* a crowd comes or goes */
		uint32_t from = chance(m, 2 * PEOPLE), n = chance(m, 600);
		bool in = chance(m, 2);

		for (uint32_t i = from; i < from + n && i < 2 * PEOPLE; i++)
			in ? join(m, r, i) : leave(m, r, i);
	} else if (chance(m, 8) == 0) {
		reroute(m, r, chance(m, 2 * PEOPLE), chance(m, 300), (uint16_t)chance(m, 4));
	} else if (chance(m, 5) < 3) {
		join(m, r, chance(m, 2 * PEOPLE));
	} else {
		leave(m, r, chance(m, 2 * PEOPLE));
	}
}

static void churn(uint32_t seed, uint32_t shards)
{
	struct tables_size size = world_size(24 * 256, 24 * 256);
	struct model *m = calloc(1, sizeof(*m));

	m->seed = seed;
	size.shards = shards;
	world_tables(&m->w, &size);
	m->w.tables.config->shards = shards;
	world_open(&m->w, true);
	for (int i = 0; i < 6000; i++) {
		act(m);
		if (i % 50 == 0)
			compare(m);
	}
	world_settle(&m->w);
	compare(m);
	for (uint32_t r = 0; r < ROOMS; r++)
		if (m->room[r])
			close_room(m, r);
	world_settle(&m->w);
	world_check(&m->w);
	assert_int_equal(m->w.d.store.pages.free_n[0], 24);
	assert_int_equal(m->w.d.store.pages.free_n[1], 24);
	assert_int_equal(m->w.d.store.members.used, 0);
	world_close(&m->w);
	world_free(&m->w);
	free(m);
}

static void test_churn_one_shard(void **state)
{
	(void)state;
	churn(1, 1);
	churn(2, 1);
}

static void test_churn_shards(void **state)
{
	(void)state;
	churn(3, 4);
	churn(4, 3);
	churn(5, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_churn_one_shard),
		cmocka_unit_test(test_churn_shards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
