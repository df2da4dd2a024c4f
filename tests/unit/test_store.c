/* SPDX-License-Identifier: BSD-2-Clause */
/* The store: where members, streams and rooms are placed, and when places are free again. */
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

static struct world world;

static int setup(void **state)
{
	struct tables_size size = world_size(16 * 256, 16 * 256);

	(void)state;
	world_tables(&world, &size);
	world_open(&world, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&world);
	world_free(&world);
	return 0;
}

static void add_many(uint32_t room, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct crier_endpoint ep = world_ep4(i);

		assert_int_equal(member_add(&world.d.store, room, &ep), 0);
	}
}

static void remove_many(uint32_t room, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct crier_endpoint ep = world_ep4(i);

		assert_int_equal(member_remove(&world.d.store, room, &ep), 0);
	}
}

static uint32_t slot_of(uint32_t room, struct crier_endpoint ep)
{
	return member_find(&world.d.store, room, &ep);
}

static void test_join_fills_lowest_hole(void **state)
{
	uint32_t room = world_room(&world, "r"), slot2, slot1;
	struct crier_endpoint ep = world_ep4(9999);

	(void)state;
	add_many(room, 0, 1024); /* four pages */
	slot2 = slot_of(room, world_ep4(700));
	slot1 = slot_of(room, world_ep4(300));
	remove_many(room, 700, 701);
	remove_many(room, 300, 301);
	assert_int_equal(member_add(&world.d.store, room, &ep), 0);
	assert_int_equal(slot_of(room, ep), slot1);
	ep = world_ep4(9998);
	assert_int_equal(member_add(&world.d.store, room, &ep), 0);
	assert_int_equal(slot_of(room, ep), slot2);
	world_check(&world);
}

static void test_tail_is_trimmed_after_grace(void **state)
{
	uint32_t room = world_room(&world, "r"), free_before;

	(void)state;
	add_many(room, 0, 1024);
	free_before = pages_available(&world.d.store.pages, false);
	assert_int_equal(free_before, 12);
	remove_many(room, 0, 256); /* empty, but not the tail: it stays */
	world_settle(&world);
	assert_int_equal(pages_available(&world.d.store.pages, false), 12);
	remove_many(room, 512, 1024);
	assert_int_equal(pages_available(&world.d.store.pages, false), 12); /* not before grace */
	world_check(&world);
	world_settle(&world);
	assert_int_equal(pages_available(&world.d.store.pages, false), 14); /* one is kept */
	remove_many(room, 256, 512);
	world_settle(&world);
	assert_int_equal(pages_available(&world.d.store.pages, false), 15);
	world_check(&world);
}

static void test_v6_slot_waits_for_grace(void **state)
{
	struct crier_endpoint a = world_ep6(1), b = world_ep6(2), c = world_ep6(3);
	uint32_t room = world_room(&world, "r"), slot;

	(void)state;
	assert_int_equal(member_add(&world.d.store, room, &a), 0);
	slot = slot_of(room, a);
	assert_int_equal(member_remove(&world.d.store, room, &a), 0);
	assert_int_equal(member_add(&world.d.store, room, &b), 0);
	assert_int_not_equal(slot_of(room, b), slot);
	world_settle(&world);
	assert_int_equal(member_add(&world.d.store, room, &c), 0);
	assert_int_equal(slot_of(room, c), slot);
	world_check(&world);
}

static void test_v4_slot_is_free_at_once(void **state)
{
	uint32_t room = world_room(&world, "r"), slot;

	(void)state;
	add_many(room, 0, 1);
	slot = slot_of(room, world_ep4(0));
	remove_many(room, 0, 1);
	add_many(room, 5, 6);
	assert_int_equal(slot_of(room, world_ep4(5)), slot);
}

static void test_full_says_so(void **state)
{
	struct crier_endpoint ep = world_ep4(100000);
	uint32_t room = world_room(&world, "r");

	(void)state;
	add_many(room, 0, 16 * 256);
	assert_int_equal(member_add(&world.d.store, room, &ep), -ENOSPC);
	ep = world_ep6(1);
	assert_int_equal(member_add(&world.d.store, room, &ep), 0);
	world.d.store.most[1] = 1;
	ep = world_ep6(2);
	assert_int_equal(member_add(&world.d.store, room, &ep), -ENOSPC);
	world_check(&world);
}

static void test_limit_of_room(void **state)
{
	struct room_spec spec = {.name = "small", .wanted = ROOM_WANTED_AUTO, .limit = 2};
	struct crier_endpoint ep = world_ep4(3);
	uint32_t room;

	(void)state;
	assert_int_equal(room_create(&world.d.store, &spec, &room), 0);
	add_many(room, 0, 2);
	assert_int_equal(member_add(&world.d.store, room, &ep), -EDQUOT);
}

static void test_deleted_room_waits_for_grace(void **state)
{
	uint32_t room = world_room(&world, "r"), again, page;

	(void)state;
	add_many(room, 0, 300);
	page = *page_list_head(&world.tables, room, 0, false);
	assert_int_equal(room_delete(&world.d.store, room), 0);
	assert_int_equal(world.tables.rooms[room].generation, 0);
	assert_int_equal(*page_list_head(&world.tables, room, 0, false), 0);
	again = world_room(&world, "r");
	assert_int_not_equal(again, room);
	add_many(again, 0, 300);
	assert_int_not_equal(*page_list_head(&world.tables, again, 0, false), page);
	world_check(&world);
	world_settle(&world);
	world_check(&world);
	assert_int_equal(world.tables.pages[page].owner, 0);
}

/* ---- shards ---- */

#define SHARDS 8

static int setup_shards(void **state)
{
	struct tables_size size = world_size(64 * 256, 16 * 256);

	(void)state;
	size.shards = SHARDS;
	world_tables(&world, &size);
	world.tables.config->shards = SHARDS;
	world_open(&world, true);
	return 0;
}

struct spread {
	uint32_t shards; /* that have a page */
	uint32_t least, most, pages;
};

static struct spread spread(uint32_t room, bool family6)
{
	struct spread is = {.least = UINT32_MAX};

	for (uint32_t i = 0; i < SHARDS; i++) {
		uint32_t n = store_list(&world.d.store, room, i, family6)->n;

		is.shards += n > 0;
		is.pages += n;
		is.least = n < is.least ? n : is.least;
		is.most = n > is.most ? n : is.most;
	}
	return is;
}

/* At any size, its shards differ by a page, and no page is begun before one is full. */
static void test_large_room_is_spread(void **state)
{
	uint32_t room = world_room(&world, "r");

	(void)state;
	for (uint32_t n = 0; n < 40 * 256; n += 128) {
		struct spread is;

		add_many(room, n, n + 128);
		is = spread(room, false);
		assert_int_equal(is.pages, (n + 128 + 255) / 256);
		assert_in_range(is.most - is.least, 0, 1);
	}
	world_check(&world);
}

/* Those of one page: as many in each shard, both families of a room in the same one. */
static void test_small_rooms_are_spread(void **state)
{
	struct crier_endpoint ep6 = world_ep6(0);
	uint32_t in[SHARDS] = {0};
	char name[16];

	(void)state;
	for (uint32_t i = 0; i < 2 * SHARDS; i++) {
		uint32_t room, page4;

		snprintf(name, sizeof(name), "r%u", i);
		room = world_room(&world, name);
		add_many(room, 0, 10);
		assert_int_equal(member_add(&world.d.store, room, &ep6), 0);
		assert_int_equal(spread(room, false).pages, 1);
		page4 = slot_page(slot_of(room, world_ep4(0)));
		in[world.d.store.pages.note[page4].shard]++;
		assert_int_equal(world.d.store.pages.note[page4].shard,
				 world.d.store.pages.note[slot_page(slot_of(room, ep6))].shard);
	}
	for (uint32_t i = 0; i < SHARDS; i++)
		assert_int_equal(in[i], 2);
	world_check(&world);
}

/* A room that most have left holds a page for those who come, not one a shard. */
static void test_no_shard_hoards_pages(void **state)
{
	uint32_t room = world_room(&world, "r");
	struct spread is;

	(void)state;
	add_many(room, 0, 2 * SHARDS * 256);
	remove_many(room, 1, 2 * SHARDS * 256);
	is = spread(room, false);
	assert_int_equal(is.pages, 2); /* with somebody, and the spare one */
	remove_many(room, 0, 1);
	assert_int_equal(spread(room, false).pages, 1);
	world_settle(&world);
	assert_int_equal(pages_available(&world.d.store.pages, false), 63);
	world_check(&world);
}

/* Who comes to a room with holes everywhere goes everywhere. */
static void test_holes_are_filled_evenly(void **state)
{
	uint32_t room = world_room(&world, "r");

	(void)state;
	add_many(room, 0, 4 * SHARDS * 256);
	for (uint32_t i = 0; i < 4 * SHARDS * 256; i++)
		if (i % 4)
			remove_many(room, i, i + 1);
	add_many(room, 20000, 20000 + SHARDS * 256);
	for (uint32_t i = 0; i < SHARDS; i++)
		assert_int_equal(room_shard(&world.tables, room, i)->members4, 2 * 256);
	assert_int_equal(spread(room, false).pages, 4 * SHARDS);
	world_check(&world);
}

/* The next crierd finds each shard's pages, and goes on spreading. */
static void test_shards_after_restart(void **state)
{
	uint32_t room = world_room(&world, "r");
	struct crier_endpoint ep6;

	(void)state;
	add_many(room, 0, 20 * 256 + 10);
	for (uint32_t i = 0; i < 3 * 256; i++) {
		ep6 = world_ep6(i);
		assert_int_equal(member_add(&world.d.store, room, &ep6), 0);
	}
	remove_many(room, 100, 200);
	world_close(&world);
	world_open(&world, false);
	world_check(&world);
	assert_int_equal(world.d.store.repairs.members, 20 * 256 + 10 - 100 + 3 * 256);
	assert_int_equal(world.d.store.repairs.counts + world.d.store.repairs.pages_linked, 0);
	assert_int_equal(spread(room, false).pages, 21);
	world_settle(&world);
	add_many(room, 100, 200); /* into the holes */
	assert_int_equal(spread(room, false).pages, 21);
	add_many(room, 20 * 256 + 10, 32 * 256);
	assert_int_equal(spread(room, false).least, 4);
	assert_int_equal(spread(room, false).most, 4);
	world_check(&world);
}

static void test_via_changes_in_place(void **state)
{
	struct crier_endpoint ep = world_ep4(0), ep6 = world_ep6(0);
	uint32_t room = world_room(&world, "r"), slot;
	uint16_t via;

	(void)state;
	world.via = 0;
	assert_int_equal(member_add(&world.d.store, room, &ep), 1);
	assert_int_equal(member_add(&world.d.store, room, &ep6), 1);
	assert_int_equal(world.d.store.unreachable, 2);
	slot = slot_of(room, ep);
	member_set_via(&world.d.store, slot, 7);
	assert_true(member_at(&world.d.store, slot, &ep, &via));
	assert_int_equal(via, 7);
	assert_int_equal(slot_of(room, world_ep4(0)), slot);
	slot = slot_of(room, ep6);
	member_set_via(&world.d.store, slot, 9);
	assert_true(member_at(&world.d.store, slot, &ep, &via));
	assert_int_equal(via, 9);
	assert_int_equal(world.d.store.unreachable, 0);
	world_check(&world);
}

/* ---- streams ---- */

static struct stream_spec spec_of(uint16_t port, uint32_t ssrc)
{
	return (struct stream_spec){.port = port, .flags = CRIER_STREAM_SSRC, .ssrc = ssrc};
}

static void test_port_belongs_to_one_room(void **state)
{
	uint32_t a = world_room(&world, "a"), b = world_room(&world, "b"), stream, other;
	struct stream_spec spec = spec_of(5004, 1), media = spec_of(3478, 1);

	(void)state;
	assert_int_equal(stream_add(&world.d.store, a, &spec, &stream, &other), 0);
	assert_int_equal(stream_add(&world.d.store, a, &spec, &stream, &other), -EEXIST);
	assert_int_equal(stream_add(&world.d.store, b, &spec, &stream, &other), -EADDRINUSE);
	assert_int_equal(other, a);
	assert_int_equal(stream_add(&world.d.store, a, &media, &stream, &other), -EADDRINUSE);
	for (uint32_t i = 2; i <= CRIER_PORT_STREAMS; i++) {
		spec = spec_of(5004, i);
		assert_int_equal(stream_add(&world.d.store, a, &spec, &stream, &other), 0);
	}
	spec = spec_of(5004, 99);
	assert_int_equal(stream_add(&world.d.store, a, &spec, &stream, &other), -EMLINK);
	world_check(&world);
	assert_int_equal(stream_remove_port(&world.d.store, a, 5004, &(uint32_t){3}), 1);
	world_check(&world);
	assert_int_equal(stream_remove_port(&world.d.store, a, 5004, NULL), 7);
	spec = spec_of(5004, 1);
	assert_int_equal(stream_add(&world.d.store, b, &spec, &stream, &other), 0);
	world_check(&world);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} names[] = {{"a", true},    {"A-z_0.9", true}, {"", false},
		     {".", false},   {"..", false},	{"...", true},
		     {"a b", false}, {"a/b", false},	{"\xc3\xa9", false}};
	char longest[65];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(room_name_valid(names[i].name, strlen(names[i].name)),
				 names[i].good);
	memset(longest, 'x', sizeof(longest));
	assert_true(room_name_valid(longest, 63));
	assert_false(room_name_valid(longest, 64));
}

static void test_rooms_run_out(void **state)
{
	struct room_spec spec = {.name = "one-more", .wanted = ROOM_WANTED_AUTO};
	uint32_t room, first = 0;
	char name[16];

	(void)state;
	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		room = world_room(&world, name);
		first = first ? first : room;
	}
	assert_int_equal(room_create(&world.d.store, &spec, &room), -ENOSPC);
	assert_int_equal(room_delete(&world.d.store, first), 0);
	assert_int_equal(room_create(&world.d.store, &spec, &room), -EAGAIN);
	world_settle(&world);
	assert_int_equal(room_create(&world.d.store, &spec, &room), 0);
	world_check(&world);
}

/* Who stays is met once by a walk, whatever comes and goes between its steps. */
static void test_walk_while_churning(void **state)
{
	uint32_t room = world_room(&world, "r"), n, met[2000] = {0};
	struct crier_endpoint ep[7];
	struct member_walk walk;

	(void)state;
	add_many(room, 0, 2000);
	walk = member_walk_start(&world.d.store, room);
	for (uint32_t turn = 0; (n = member_walk_next(&world.d.store, &walk, ep, 7)); turn++) {
		for (uint32_t i = 0; i < n; i++) {
			uint32_t k = ntohl(addr_v4(&ep[i].addr)) - 0x0a000001;

			k = k * 50000 + ntohs(ep[i].port) - 10000;
			if (k < 2000)
				met[k]++;
		}
		if (turn % 2)
			remove_many(room, 1000 + turn, 1001 + turn);
		else
			add_many(room, 5000 + turn, 5001 + turn);
	}
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(met[i], 1);
}

/* What is saved and restored is saved the same again. */
static void test_walk_is_in_order_of_joins(void **state)
{
	uint32_t room = world_room(&world, "r"), n, k = 0;
	struct crier_endpoint ep[100], want;
	struct member_walk walk;

	(void)state;
	add_many(room, 0, 5000);
	walk = member_walk_start(&world.d.store, room);
	while ((n = member_walk_next(&world.d.store, &walk, ep, 100)))
		for (uint32_t i = 0; i < n; i++, k++) {
			want = world_ep4(k);
			assert_true(endpoint_equal(&ep[i], &want));
		}
	assert_int_equal(k, 5000);
}

static uint32_t told_page, told;

static void on_changed(void *arg, uint32_t room)
{
	(void)arg;
	(void)room;
	told++;
	assert_true(world.tables.pages[told_page].owner);
}

/* The kernel engine is told that a page has nobody left before the page is nobody's. */
static void test_told_before_trim(void **state)
{
	uint32_t room = world_room(&world, "told");
	struct crier_endpoint last = world_ep4(256), other = world_ep6(0);

	(void)state;
	add_many(room, 0, 257);
	assert_int_equal(member_add(&world.d.store, room, &other), 0);
	remove_many(room, 0, 256);
	told_page = slot_page(slot_of(room, last));
	told = 0;
	world.d.store.ops.changed = on_changed;
	assert_int_equal(member_remove(&world.d.store, room, &last), 0);
	assert_int_equal(told, 1);
	assert_int_equal(world.tables.pages[told_page].owner, 0);
}

int main(void)
{
#define world_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define shards_test(f) cmocka_unit_test_setup_teardown(f, setup_shards, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		world_test(test_join_fills_lowest_hole),
		world_test(test_tail_is_trimmed_after_grace),
		world_test(test_told_before_trim),
		world_test(test_v6_slot_waits_for_grace),
		world_test(test_v4_slot_is_free_at_once),
		world_test(test_full_says_so),
		world_test(test_limit_of_room),
		world_test(test_deleted_room_waits_for_grace),
		shards_test(test_large_room_is_spread),
		shards_test(test_small_rooms_are_spread),
		shards_test(test_no_shard_hoards_pages),
		shards_test(test_holes_are_filled_evenly),
		shards_test(test_shards_after_restart),
		world_test(test_via_changes_in_place),
		world_test(test_port_belongs_to_one_room),
		world_test(test_rooms_run_out),
		world_test(test_walk_while_churning),
		shards_test(test_walk_while_churning),
		shards_test(test_walk_is_in_order_of_joins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
