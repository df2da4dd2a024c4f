/* SPDX-License-Identifier: BSD-2-Clause */
/* A crierd that died at any moment: what its successor makes of the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/member.h"
#include "world.h"

static struct world world;
static uint32_t room;

static void people(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct crier_endpoint a = world_ep4(i), b = world_ep6(i);

		assert_int_equal(member_add(&world.d.store, room, &a), 0);
		assert_int_equal(member_add(&world.d.store, room, &b), 0);
	}
}

static int setup(void **state)
{
	struct stream_spec spec = {.port = 5004, .flags = CRIER_STREAM_SSRC, .ssrc = 1};
	struct tables_size size = world_size(16 * 256, 16 * 256);
	uint32_t stream, other;

	(void)state;
	world_tables(&world, &size);
	world_open(&world, true);
	room = world_room(&world, "room");
	people(0, 600);
	assert_int_equal(stream_add(&world.d.store, room, &spec, &stream, &other), 0);
	world_close(&world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_check(&world);
	world_settle(&world);
	world_check(&world);
	world_close(&world);
	world_free(&world);
	return 0;
}

static const struct store_repairs *start(void)
{
	world_open(&world, false);
	world_check(&world);
	return &world.d.store.repairs;
}

static bool is_member(struct crier_endpoint ep)
{
	return member_find(&world.d.store, room, &ep) != 0;
}

static uint32_t head(bool family6)
{
	return *page_list_head(&world.tables, room, 0, family6);
}

/* Everything is found, and nothing was written that readers look at. */
static void test_whole(void **state)
{
	const struct store_repairs *r = start();
	struct store_repairs nothing = {.members = 1200};

	(void)state;
	assert_memory_equal(r, &nothing, sizeof(nothing));
	assert_int_equal(world.d.store.members4, 600);
	assert_int_equal(world.d.store.members6, 600);
	assert_int_equal(world.d.store.streams_n, 1);
	for (uint32_t i = 0; i < 600; i++)
		assert_true(is_member(world_ep4(i)) && is_member(world_ep6(i)));
}

/* Free pages, v6 holes and numbers may have readers from before: not before grace. */
static void test_nothing_is_reused_before_grace(void **state)
{
	struct crier_endpoint a = world_ep4(7000), b = world_ep6(7000);
	struct room_spec spec = {.name = "new", .wanted = ROOM_WANTED_AUTO};
	uint32_t n;

	(void)state;
	start();
	assert_int_equal(member_add(&world.d.store, room, &a), 0); /* a v4 hole is free at once */
	assert_int_equal(member_add(&world.d.store, room, &b), -EAGAIN);
	assert_int_equal(room_create(&world.d.store, &spec, &n), -EAGAIN);
	b = world_ep6(3); /* leaves before the first grace is over */
	assert_int_equal(member_remove(&world.d.store, room, &b), 0);
	world_check(&world);
	world_settle(&world);
	b = world_ep6(7000);
	assert_int_equal(member_add(&world.d.store, room, &b), 0);
	assert_int_equal(room_create(&world.d.store, &spec, &n), 0);
}

static uint32_t spare_page(bool family6)
{
	uint32_t page = family6 ? world.tables.config->pages4 : 1;

	while (world.tables.pages[page].owner)
		page++;
	return page;
}

static uint64_t owner(bool family6)
{
	return owner_word(room, world.tables.rooms[room].generation, 0, family6);
}

/* Died between writing the owner and linking, or between unlinking and disowning. */
static void test_owned_empty_page(void **state)
{
	uint32_t page = spare_page(false);

	(void)state;
	world.tables.pages[page].owner = owner(false);
	assert_int_equal(start()->pages_freed, 1);
	assert_int_equal(world.tables.pages[page].owner, 0);
}

static void test_owned_page_with_somebody(void **state)
{
	uint32_t page = spare_page(true);
	struct crier_endpoint ep = world_ep6(9000);

	(void)state;
	world.tables.pages[page].owner = owner(true);
	page6_members(&world.tables, page)->member[3].addr = ep.addr;
	page6_members(&world.tables, page)->member[3].word = member6_word(ep.port, 1);
	assert_int_equal(start()->pages_linked, 1);
	assert_true(is_member(ep));
}

static void test_linked_page_of_another(void **state)
{
	uint32_t second = world.tables.pages[head(false)].next;

	(void)state;
	world.tables.pages[second].owner = owner_word(room, 999, 0, 0);
	start();
	assert_int_not_equal(world.tables.pages[head(false)].next, second);
	assert_int_equal(world.d.store.members4, 600 - 256); /* the third is linked again */
	assert_true(is_member(world_ep4(0)));
	assert_false(is_member(world_ep4(300)));
}

static void test_list_that_bites_its_tail(void **state)
{
	uint32_t first = head(false), last = first;

	(void)state;
	while (world.tables.pages[last].next)
		last = world.tables.pages[last].next;
	world.tables.pages[last].next = first;
	start();
	assert_int_equal(world.d.store.members4, 600);
}

static void test_links_out_of_bounds(void **state)
{
	uint32_t last = head(true);

	(void)state;
	while (world.tables.pages[last].next)
		last = world.tables.pages[last].next;
	world.tables.pages[last].next = 1; /* of the other family */
	*page_list_head(&world.tables, room, 0, false) = 0x7fffffff;
	start();
	/* the v4 list lost its head: its pages are owned and hold people, so they are linked */
	assert_int_equal(world.d.store.members4, 600);
	assert_int_equal(world.d.store.members6, 600);
}

static void test_words_are_the_truth(void **state)
{
	struct crier_endpoint ep = world_ep4(8000);
	uint32_t page = head(false);

	(void)state;
	world.tables.members4[page].member[5] = 0;			/* left, not yet counted */
	world.tables.pages[world.tables.pages[page].next].count = 9999; /* nonsense */
	world.tables.rooms[room].members4 = 7;
	world.tables.pages[page].occupied[1] = 0;
	while (world.tables.pages[page].next)
		page = world.tables.pages[page].next;
	world.tables.members4[page].member[200] =
		member4_word(addr_v4(&ep.addr), ep.port, 1); /* joined, not yet counted */
	assert_true(start()->counts > 0);
	assert_int_equal(world.d.store.members4, 600);
	assert_true(is_member(ep));
	assert_int_equal(world.tables.rooms[room].members4, 600);
}

static void test_twice_the_same(void **state)
{
	uint32_t page = head(false);

	(void)state;
	world.tables.members4[page].member[9] = world.tables.members4[page].member[8];
	assert_int_equal(start()->members_dropped, 1);
	assert_int_equal(world.d.store.members4, 599);
}

/* Died in the middle of deleting: generation 0, pages still owned and linked. */
static void test_room_being_deleted(void **state)
{
	(void)state;
	world.tables.rooms[room].generation = 0;
	start();
	assert_int_equal(world.d.store.rooms_n, 0);
	assert_int_equal(world.d.store.members4, 0);
	assert_int_equal(world.d.store.streams_n, 0);
	assert_int_equal(world.tables.ingest[5004 / 64].stream[5004 % 64], 0);
	world_settle(&world);
	room = world_room(&world, "room");
	people(0, 600); /* all pages are there again */
}

/* Died in the middle of making: all but the generation is written. */
static void test_room_being_made(void **state)
{
	(void)state;
	strcpy(world.tables.rooms[5].name, "half");
	start();
	assert_int_equal(world.d.store.rooms_n, 1);
	assert_int_equal(room_find(&world.d.store, "half", 4), 0);
	world_settle(&world);
	assert_true(world_room(&world, "half") > 0);
}

static void test_generations_only_grow(void **state)
{
	uint32_t other;

	(void)state;
	world.tables.rooms[room].generation = 77; /* its pages have another owner now */
	start();
	world_settle(&world);
	other = world_room(&world, "other");
	assert_int_equal(world.tables.rooms[other].generation, 78);
	assert_int_equal(world.d.store.members4, 0);
}

static void test_stream_not_linked(void **state)
{
	uint32_t stream = world.tables.ingest[5004 / 64].stream[5004 % 64];

	(void)state;
	world.tables.ingest[5004 / 64].stream[5004 % 64] = 0;
	assert_int_equal(start()->streams_linked, 1);
	assert_int_equal(world.tables.ingest[5004 / 64].stream[5004 % 64], stream);
}

static void test_stream_being_removed(void **state)
{
	uint32_t stream = world.tables.ingest[5004 / 64].stream[5004 % 64];

	(void)state;
	world.tables.streams[stream].state = 0;
	start();
	assert_int_equal(world.tables.ingest[5004 / 64].stream[5004 % 64], 0);
	assert_int_equal(world.d.store.streams_n, 0);
}

static void test_unknown_via_is_resolved_again(void **state)
{
	struct crier_endpoint ep;
	uint32_t slot;
	uint16_t via;

	(void)state;
	world.tables.members4[head(false)].member[3] |= 0x0fffULL << 48;
	start();
	slot = head(false) << CRIER_PAGE_SHIFT | 3;
	assert_true(member_at(&world.d.store, slot, &ep, &via));
	assert_int_equal(via, 0x0fff);
	member_set_via(&world.d.store, slot, 2);
	assert_true(member_at(&world.d.store, slot, &ep, &via));
	assert_int_equal(via, 2);
}

int main(void)
{
#define rebuild_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		rebuild_test(test_whole),
		rebuild_test(test_nothing_is_reused_before_grace),
		rebuild_test(test_owned_empty_page),
		rebuild_test(test_owned_page_with_somebody),
		rebuild_test(test_linked_page_of_another),
		rebuild_test(test_list_that_bites_its_tail),
		rebuild_test(test_links_out_of_bounds),
		rebuild_test(test_words_are_the_truth),
		rebuild_test(test_twice_the_same),
		rebuild_test(test_room_being_deleted),
		rebuild_test(test_room_being_made),
		rebuild_test(test_generations_only_grow),
		rebuild_test(test_stream_not_linked),
		rebuild_test(test_stream_being_removed),
		rebuild_test(test_unknown_via_is_resolved_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
