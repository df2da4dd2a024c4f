/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One listener in many rooms: crierd finds him in each of his rooms and in no other, and the
 * guard knows him as long as he is in one, whatever the order in which he comes and goes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/member.h"
#include "control/member_index.h"
#include "need.h"
#include "world.h"
#include "xdp/guard.h"

#define NUMBERS 524288 /* of rooms: the ways of some part at the last bits only */
#define MANY 700
#define PEOPLE 40

static struct world w;
static uint32_t room[MANY], rooms;
static uint8_t in[MANY][PEOPLE];

static uint32_t rnd(uint32_t n)
{
	static uint32_t seed = 1;

	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Every fourth of IPv6. */
static bool of6(uint32_t n)
{
	return n % 4 == 3;
}

static struct crier_endpoint person(uint32_t n)
{
	return of6(n) ? world_ep6(n) : world_ep4(n);
}

/* ---- a world with these rooms ---- */

/* The next room that is made gets this number. */
static void number_next(uint32_t number)
{
	struct numbers *free = &w.d.store.free_rooms;
	uint32_t i = 0;

	while (i < free->n && free->number[i] != number)
		i++;
	need(i < free->n);
	free->number[i] = free->number[free->n - 1];
	free->number[free->n - 1] = number;
}

static void start(const uint32_t *number, uint32_t n, uint32_t most, uint32_t pages)
{
	struct tables_size size = world_size(pages * CRIER_PAGE_SLOTS, pages * CRIER_PAGE_SLOTS);
	char name[16];

	size.rooms = most;
	world_tables(&w, &size);
	world_open(&w, true);
	memset(in, 0, sizeof(in));
	rooms = n;
	for (uint32_t i = 0; i < n; i++) {
		if (number)
			number_next(number[i]);
		snprintf(name, sizeof(name), "r%u", i);
		room[i] = world_room(&w, name);
		need(!number || room[i] == number[i]);
	}
}

static void end(void)
{
	world_close(&w);
	world_free(&w);
}

/* Who has come has nobody below, whoever was in his slot before: a leave needn't look. */
static void check_alone(uint32_t slot)
{
	const struct crier_page *page = &w.tables.pages[slot_page(slot)];

	need(!(page->above[slot_place(slot) / 64] >> slot_place(slot) % 64 & 1));
}

static void change(uint32_t r, uint32_t n)
{
	struct crier_endpoint ep = person(n);

	if (in[r][n]) {
		need(member_remove(&w.d.store, room[r], &ep) == 0);
		need(member_remove(&w.d.store, room[r], &ep) == -ENOENT);
	} else {
		need(member_add(&w.d.store, room[r], &ep) == 0);
		need(member_add(&w.d.store, room[r], &ep) == -EEXIST);
		check_alone(member_find(&w.d.store, room[r], &ep));
	}
	in[r][n] ^= 1;
}

/* ---- what must hold ---- */

static bool guard_knows(uint32_t n)
{
	struct crier_endpoint ep = person(n);

	return guard_is_member(&w.tables, w.tables.config, &ep.addr, of6(n), ep.port);
}

static void check_guard(uint32_t n)
{
	bool any = false;

	for (uint32_t r = 0; r < rooms; r++)
		any |= in[r][n];
	need(guard_knows(n) == any);
}

static void check_person(uint32_t n)
{
	struct crier_endpoint ep = person(n), at;
	uint16_t via;

	check_guard(n);
	for (uint32_t r = 0; r < rooms; r++) {
		uint32_t slot = member_find(&w.d.store, room[r], &ep);

		need(!slot == !in[r][n]);
		if (!slot)
			continue;
		need(w.d.store.pages.note[slot_page(slot)].room == room[r]);
		need(member_at(&w.d.store, slot, &at, &via) && endpoint_equal(&at, &ep));
	}
}

static void check_all(uint32_t people)
{
	for (uint32_t n = 0; n < people; n++)
		check_person(n);
	world_check(&w);
}

/* The longest run of words: so far may anybody's search go. */
static uint32_t longest_run(void)
{
	const struct index *x = &w.d.store.members;
	uint32_t run = 0, longest = 0;

	for (uint32_t i = 0; i < 2 * x->size; i++) {
		run = x->entry[i % x->size] ? run + 1 : 0;
		longest = run > longest ? run : longest;
		if (run == x->size)
			break;
	}
	return longest;
}

/* ---- every order of a few ---- */

/* The k-th order of n: which is next of those left, by the digits of k. */
static void order(uint32_t k, uint32_t n, uint32_t out[])
{
	uint32_t left[8];

	for (uint32_t i = 0; i < n; i++)
		left[i] = i;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = k % (n - i);

		k /= n - i;
		out[i] = left[at];
		memmove(&left[at], &left[at + 1], (n - i - at - 1) * sizeof(left[0]));
	}
}

static void every_order(const uint32_t *number, uint32_t n)
{
	uint32_t orders = 1, come[8], go[8];

	for (uint32_t i = 2; i <= n; i++)
		orders *= i;
	start(number, n, NUMBERS, 16);
	for (uint32_t a = 0; a < orders; a++) {
		order(a, n, come);
		for (uint32_t b = 0; b < orders; b++) {
			order(b, n, go);
			for (uint32_t i = 0; i < n; i++) {
				change(come[i], 0);
				check_person(0);
			}
			for (uint32_t i = 0; i < n; i++) {
				change(go[i], 0);
				check_person(0);
			}
			need(!w.d.store.members.used);
		}
	}
	end();
}

static void test_orders(void)
{
	const uint32_t side[] = {1, 2, 3, 4, 5}, chain[] = {1, 17, 273, 4369, 69905},
		       mixed[] = {16, 32, 48, 256, 5};

	every_order(side, 5);
	every_order(chain, 5);
	every_order(mixed, 5);
}

/* Rooms alike in 16 bits, so that ways go down to the last level; and back by any order. */
static void test_deepest(void)
{
	uint32_t number[8], go[8], deepest = 0;
	struct crier_endpoint ep = person(0);

	for (uint32_t i = 0; i < 8; i++)
		number[i] = 4660 + i * 65536;
	start(number, 8, NUMBERS, 16);
	for (uint32_t k = 0; k < 40320; k += 7) {
		for (uint32_t i = 0; i < 8; i++)
			change(i, 0);
		for (uint32_t i = 0; i < 8; i++) {
			uint32_t level = member_index_find(&w.d.store, number[i], &ep).level;

			deepest = level > deepest ? level : deepest;
		}
		order(k, 8, go);
		for (uint32_t i = 0; i < 8; i++) {
			change(go[i], 0);
			check_person(0);
		}
	}
	need(deepest == MEMBER_LEVELS - 1);
	end();
}

/* ---- hundreds ---- */

/* He comes to all of them and goes, first first, last first, and by no order. */
static void test_hundreds(void)
{
	uint32_t by[MANY];

	start(NULL, MANY, MANY, MANY + 2);
	for (uint32_t turn = 0; turn < 3; turn++) {
		for (uint32_t i = 0; i < MANY; i++)
			by[i] = turn == 1 ? MANY - 1 - i : i;
		for (uint32_t i = 0; turn == 2 && i < MANY; i++) {
			uint32_t k = i + rnd(MANY - i), was = by[i];

			by[i] = by[k];
			by[k] = was;
		}
		for (uint32_t i = 0; i < MANY; i++) {
			change(i, 0);
			check_guard(0);
		}
		check_all(1);
		/* As if they were so many listeners: words are 1.5 of each of 256 slots a room. */
		need(longest_run() < 12);
		for (uint32_t i = 0; i < MANY; i++) {
			change(by[i], 0);
			check_guard(0);
			if (i % 50 == 0)
				check_all(1);
		}
		check_all(1);
	}
	end();
}

/* ---- any number of people in any number of rooms ---- */

static void delete_room(uint32_t r)
{
	char name[16];

	need(room_delete(&w.d.store, room[r]) == 0);
	/* Until its pages are empty copies may go there, and after that none do. */
	world_settle(&w);
	memset(in[r], 0, sizeof(in[r]));
	check_all(PEOPLE);
	snprintf(name, sizeof(name), "r%u", r);
	room[r] = world_room(&w, name);
}

/* Some are in most rooms, some in few; a crierd may start again, a room may go. */
static void test_random(void)
{
	start(NULL, 60, 60, 130);
	for (uint32_t i = 0; i < 60000; i++) {
		uint32_t n = rnd(PEOPLE), r = rnd(rooms);

		if (n < PEOPLE / 2 ? !in[r][n] || !rnd(8) : in[r][n] || !rnd(8))
			change(r, n);
		check_guard(n);
		if (i % 512 == 0)
			world_settle(&w); /* holes of IPv6 wait for grace */
		if (i % 1000 == 0)
			check_all(PEOPLE);
		if (i % 5000 == 4999)
			delete_room(r);
		if (i % 7000 == 6999) {
			world_settle(&w);
			world_close(&w);
			world_open(&w, false);
			check_all(PEOPLE);
			world_settle(&w);
		}
	}
	end();
}

/* ---- to the brim ---- */

#define CROWD 256 /* a page of each room */
#define CROWDED 64

static bool crowd_knows(uint32_t n)
{
	struct crier_endpoint ep = world_ep4(n);

	return guard_is_member(&w.tables, w.tables.config, &ep.addr, 0, ep.port);
}

/* Tables of which every slot is taken, by people of 64 rooms each: all are known. */
static void test_full(void)
{
	static uint8_t left[CROWDED][CROWD];
	uint32_t hears[CROWD];

	start(NULL, CROWDED, CROWDED, CROWDED);
	memset(left, 1, sizeof(left));
	memset(hears, 0, sizeof(hears));
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t n = i < CROWD * CROWDED ? i / CROWDED : rnd(CROWD);
		uint32_t r = i < CROWD * CROWDED ? i % CROWDED : rnd(CROWDED);
		struct crier_endpoint ep = world_ep4(n);

		if (left[r][n]) {
			need(member_add(&w.d.store, room[r], &ep) == 0);
			hears[n]++;
		} else {
			need(member_remove(&w.d.store, room[r], &ep) == 0);
			hears[n]--;
		}
		left[r][n] ^= 1;
		need(crowd_knows(n) == !!hears[n]);
		if (i % 5000 && i != CROWD * CROWDED - 1)
			continue;
		for (n = 0; n < 2 * CROWD; n++)
			need(crowd_knows(n) == (n < CROWD && hears[n]));
		world_check(&w);
	}
	end();
}

int main(void)
{
	test_orders();
	test_deepest();
	test_hundreds();
	test_random();
	test_full();
	return 0;
}
