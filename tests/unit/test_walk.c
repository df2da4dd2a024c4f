/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/core/walk.h"
#include "fixture.h"

#define ROOM 3
#define GEN 7

struct state {
	struct tables t;
	struct fixture f;
	struct walk w;
	struct walk_burst b;
};

static int setup(void **state)
{
	struct state *s = calloc(1, sizeof(*s));

	fixture_make(&s->f, &s->t, 8 * CRIER_PAGE_SLOTS, 4 * CRIER_PAGE_SLOTS);
	fixture_room(&s->f, ROOM, GEN);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct state *s = *state;

	tables_close(&s->t);
	free(s);
	return 0;
}

/* Members met until the walk ends, in order; how it ended in s->w.state. */
static uint32_t walk_rest(struct state *s, uint32_t burst, uint64_t *words, uint32_t max)
{
	uint32_t met = 0, n;

	while ((n = walk_next(&s->w, &s->b, burst))) {
		assert_true(n <= burst);
		assert_int_equal(n, s->b.n);
		for (uint32_t i = 0; i < n; i++) {
			assert_true(met < max);
			words[met++] = s->b.word[i];
		}
	}
	return met;
}

static uint32_t walk_all(struct state *s, uint32_t burst, uint64_t *words, uint32_t max)
{
	walk_start(&s->w, &s->t, ROOM, GEN, 0);
	return walk_rest(s, burst, words, max);
}

static void test_empty(void **state)
{
	struct state *s = *state;
	uint64_t words[1];

	assert_int_equal(walk_all(s, 64, words, 1), 0);
	assert_int_equal(s->w.state, WALK_END);
	assert_int_equal(walk_next(&s->w, &s->b, 64), 0);

	fixture_page(&s->f, ROOM, 0, false);
	fixture_page(&s->f, ROOM, 0, true);
	assert_int_equal(walk_all(s, 64, words, 1), 0);
	assert_int_equal(s->w.state, WALK_END);
}

static void test_patterns(void **state)
{
	static const struct {
		const char *name;
		uint32_t slots;
		unsigned live;
		uint32_t burst;
	} tests[] = {
		{"one", 1, 100, 64},
		{"a page less one", 255, 100, 64},
		{"a page", 256, 100, 64},
		{"a page and one", 257, 100, 64},
		{"five pages", 1280, 100, 64},
		{"half holes", 1280, 50, 64},
		{"sparse", 1280, 2, 64},
		{"burst of one", 300, 70, 1},
		{"odd burst", 1000, 60, 7},
		{"burst over pages", 1280, 100, 1024},
		{"sparse, large burst", 1280, 2, 1024},
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		struct state *s = *state;
		uint64_t got[2000], want[2000];
		uint32_t n = 0, page;

		teardown(state);
		setup(state);
		s = *state;
		fixture_fill4(&s->f, ROOM, 0, tests[i].slots, tests[i].live, 1);
		for (page = room_shard(&s->t, ROOM, 0)->head4; page; page = s->t.pages[page].next)
			for (int k = 0; k < CRIER_PAGE_SLOTS; k++)
				if (s->t.members4[page].member[k])
					want[n++] = s->t.members4[page].member[k];
		assert_int_equal(walk_all(s, tests[i].burst, got, 2000), n);
		assert_memory_equal(got, want, n * sizeof(*got));
		assert_int_equal(s->w.state, WALK_END);
	}
}

static void test_families(void **state)
{
	struct state *s = *state;
	uint32_t n, met4 = 0, met6 = 0;

	fixture_fill4(&s->f, ROOM, 0, 300, 100, 1);
	fixture_fill6(&s->f, ROOM, 0, 300, 2);
	walk_start(&s->w, &s->t, ROOM, GEN, 0);
	while ((n = walk_next(&s->w, &s->b, 64))) {
		if (!s->b.family6) {
			assert_int_equal(met6, 0); /* v4 first */
			met4 += n;
			continue;
		}
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(s->b.addr[i].b[0], 0xfd);
			assert_int_equal(__builtin_bswap32(s->b.addr[i].w[3]), met6 + i + 1);
			assert_int_equal(member6_via(s->b.word[i]), 2);
		}
		met6 += n;
	}
	assert_int_equal(met4, 300);
	assert_int_equal(met6, 300);
}

static void test_only_v6(void **state)
{
	struct state *s = *state;
	uint64_t words[400];

	fixture_fill6(&s->f, ROOM, 0, 257, 2);
	assert_int_equal(walk_all(s, 64, words, 400), 257);
}

static void test_v6_hole(void **state)
{
	struct state *s = *state;
	uint64_t words[400];

	fixture_fill6(&s->f, ROOM, 0, 10, 2);
	fixture_set6(&s->f, room_shard(&s->t, ROOM, 0)->head6, 4, NULL, 0);
	assert_int_equal(walk_all(s, 64, words, 400), 9);
}

static void test_shards(void **state)
{
	struct state *s = *state;
	uint64_t words[100];

	if (s->t.config->max_shards < 2)
		skip();
	fixture_fill4(&s->f, ROOM, 0, 10, 100, 1);
	fixture_fill4(&s->f, ROOM, 1, 20, 100, 1);
	assert_int_equal(walk_all(s, 64, words, 100), 10);
	walk_start(&s->w, &s->t, ROOM, GEN, 1);
	assert_int_equal(walk_rest(s, 64, words, 100), 20);
}

/* Leaves and joins between two bursts: who stays is met once, whatever else happens. */
static void test_churn(void **state)
{
	struct state *s = *state;
	uint64_t words[2000];
	uint32_t first, n = 0;

	fixture_fill4(&s->f, ROOM, 0, 600, 100, 1);
	first = room_shard(&s->t, ROOM, 0)->head4;
	walk_start(&s->w, &s->t, ROOM, GEN, 0);
	n = walk_next(&s->w, &s->b, 100);
	assert_int_equal(n, 100);
	fixture_set4(&s->f, first, 50, 0);			/* was met */
	fixture_set4(&s->f, first, 150, 0);			/* will not be */
	fixture_set4(&s->f, first, 50, fixture_word4(5000, 1)); /* joined behind the walk */
	fixture_page(&s->f, ROOM, 0, false);
	n += walk_rest(s, 64, words, 2000);
	assert_int_equal(n, 599);
}

static void test_append_while_walking(void **state)
{
	struct state *s = *state;
	uint64_t words[100];
	uint32_t page;

	fixture_fill4(&s->f, ROOM, 0, 256, 100, 1);
	walk_start(&s->w, &s->t, ROOM, GEN, 0);
	assert_int_equal(walk_next(&s->w, &s->b, 256), 256);
	page = fixture_page(&s->f, ROOM, 0, false);
	fixture_set4(&s->f, page, 17, fixture_word4(9999, 1));
	assert_int_equal(walk_rest(s, 64, words, 100), 1);
	assert_true(words[0] == fixture_word4(9999, 1));
}

/*
 * The page that a walk stands on is taken from the room and serves another: the walk
 * resumes, and must not hand out a single member of the new owner.
 */
static void test_page_reused(void **state)
{
	static const struct {
		const char *name;
		uint32_t room, generation, shard;
		int family6;
	} owners[] = {
		{"nobody", 0, 0, 0, 0},
		{"another room", ROOM + 1, GEN, 0, 0},
		{"the room's successor", ROOM, GEN + 1, 0, 0},
		{"another shard", ROOM, GEN, 1, 0},
		{"the other family", ROOM, GEN, 0, 1},
	};

	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
		struct state *s;
		uint64_t words[1000];
		uint32_t first, second;

		teardown(state);
		setup(state);
		s = *state;
		fixture_fill4(&s->f, ROOM, 0, 512, 100, 1);
		fixture_fill6(&s->f, ROOM, 0, 5, 2);
		first = room_shard(&s->t, ROOM, 0)->head4;
		second = s->t.pages[first].next;
		walk_start(&s->w, &s->t, ROOM, GEN, 0);
		assert_int_equal(walk_next(&s->w, &s->b, 300), 300); /* stands on the second */
		tbl_store(&s->t.pages[first].next, 0);
		tbl_store(&s->t.pages[second].owner,
			  i ? owner_word(owners[i].room, owners[i].generation, owners[i].shard,
					 owners[i].family6)
			    : 0);
		assert_int_equal(walk_rest(s, 64, words, 1000), 5); /* v6 members are still due */
		assert_int_equal(s->w.state, WALK_END);
	}
}

/* Trimmed at the tail before the walk came to it. */
static void test_page_trimmed_ahead(void **state)
{
	struct state *s = *state;
	uint64_t words[1000];
	uint32_t first;

	fixture_fill4(&s->f, ROOM, 0, 512, 100, 1);
	first = room_shard(&s->t, ROOM, 0)->head4;
	walk_start(&s->w, &s->t, ROOM, GEN, 0);
	assert_int_equal(walk_next(&s->w, &s->b, 100), 100);
	tbl_store(&s->t.pages[s->t.pages[first].next].owner, 0);
	assert_int_equal(walk_rest(s, 64, words, 1000), 156);
	assert_int_equal(s->w.state, WALK_END);
}

static void test_room_deleted(void **state)
{
	struct state *s = *state;

	fixture_fill4(&s->f, ROOM, 0, 512, 100, 1);
	walk_start(&s->w, &s->t, ROOM, GEN, 0);
	assert_int_equal(walk_next(&s->w, &s->b, 64), 64);
	fixture_room_end(&s->f, ROOM, 0);
	assert_int_equal(walk_next(&s->w, &s->b, 64), 0);
	assert_int_equal(s->w.state, WALK_GONE);

	/* and made again under the same number: still gone for this walk */
	fixture_room(&s->f, ROOM, GEN + 1);
	fixture_fill4(&s->f, ROOM, 0, 10, 100, 1);
	assert_int_equal(walk_next(&s->w, &s->b, 64), 0);
	assert_int_equal(s->w.state, WALK_GONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_patterns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_families, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_v6_hole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shards, setup, teardown),
		cmocka_unit_test_setup_teardown(test_churn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_append_while_walking, setup, teardown),
		cmocka_unit_test_setup_teardown(test_page_reused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_page_trimmed_ahead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_room_deleted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
