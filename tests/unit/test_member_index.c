/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guard reads out of crierd's index: who is a member and who is not, through joins,
 * leaves, deleted rooms and a crierd that starts again; and while another thread writes.
 * Of listeners of many rooms: test_member_rooms.c.
 *
 * Free of cmocka, so that ThreadSanitizer can see both sides.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/member.h"
#include "need.h"
#include "world.h"
#include "xdp/guard.h"

#define PEOPLE 3000
#define ROOMS 3
#define STEPS 20000

static uint8_t in[ROOMS][PEOPLE];

static uint32_t rnd(uint32_t n)
{
	static uint32_t seed = 1;

	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Every third of IPv6. */
static struct crier_endpoint person(uint32_t n)
{
	return n % 3 ? world_ep4(n) : world_ep6(n);
}

static bool guard_knows(const struct tables *t, uint32_t n)
{
	struct crier_endpoint ep = person(n);

	return guard_is_member(t, t->config, &ep.addr, !(n % 3), ep.port);
}

static void check(const struct world *w)
{
	for (uint32_t n = 0; n < PEOPLE; n++)
		need(guard_knows(&w->tables, n) == (in[0][n] || in[1][n] || in[2][n]));
}

static void churn(struct world *w, const uint32_t room[ROOMS], uint32_t first, uint32_t steps)
{
	for (uint32_t i = 0; i < steps; i++) {
		uint32_t r = rnd(ROOMS), n = first + rnd(PEOPLE - first);
		struct crier_endpoint ep = person(n);
		int ret = in[r][n] ? member_remove(&w->d.store, room[r], &ep)
				   : member_add(&w->d.store, room[r], &ep);

		if (ret == -ENOSPC || ret == -EAGAIN)
			continue; /* holes of IPv6 wait for grace */
		need(ret >= 0);
		in[r][n] ^= 1;
		if (i % 64 == 0)
			world_settle(w);
	}
}

static void start(struct world *w, uint32_t room[ROOMS])
{
	/* Full to the brim, nearly. */
	struct tables_size size = world_size(PEOPLE, PEOPLE);
	char name[] = "r0";

	memset(in, 0, sizeof(in));
	world_tables(w, &size);
	world_open(w, true);
	for (int r = 0; r < ROOMS; r++, name[1]++)
		room[r] = world_room(w, name);
}

static void test_churn(void)
{
	uint32_t room[ROOMS];
	struct world w;

	start(&w, room);
	check(&w);
	for (int i = 0; i < 10; i++) {
		churn(&w, room, 0, STEPS / 10);
		check(&w);
	}
	/* A crierd that starts again has another key, and finds all of them. */
	world_close(&w);
	world_open(&w, false);
	check(&w);
	world_settle(&w);
	churn(&w, room, 0, STEPS / 10);
	check(&w);
	need(room_delete(&w.d.store, room[1]) == 0);
	world_settle(&w);
	memset(in[1], 0, sizeof(in[1]));
	check(&w);
	world_check(&w);
	world_close(&w);
	world_free(&w);
}

/* ---- under a reader ---- */

struct reader {
	struct tables *t;
	pthread_t thread;
	uint64_t looked, missed;
	bool stop;
};

static void *reader_main(void *arg)
{
	struct crier_endpoint never = world_ep4(PEOPLE + 7);
	struct reader *r = arg;
	struct crier_worker *me = &r->t->workers[0];

	__atomic_fetch_add(&me->quiescent, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		need(!guard_is_member(r->t, r->t->config, &never.addr, 0, never.port));
		for (uint32_t n = 0; n < 100; n++)
			r->missed += !guard_knows(r->t, n);
		r->looked += 100;
		__atomic_fetch_add(&me->quiescent, 2, __ATOMIC_SEQ_CST);
	}
	__atomic_fetch_add(&me->quiescent, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void reader_begin(struct reader *r, struct world *w)
{
	*r = (struct reader){.t = &w->tables};
	need(pthread_create(&r->thread, NULL, reader_main, r) == 0);
}

/* They may be missed while they are moved, and that is seldom. */
static void reader_end(struct reader *r)
{
	__atomic_store_n(&r->stop, true, __ATOMIC_RELAXED);
	pthread_join(r->thread, NULL);
	printf("%lu looks, %lu missed\n", (unsigned long)r->looked, (unsigned long)r->missed);
	need(r->looked > 1000 && r->missed * 1000 <= r->looked);
}

static void hundred_join(struct world *w, uint32_t room)
{
	for (uint32_t n = 0; n < 100; n++) {
		struct crier_endpoint ep = person(n);

		need(member_add(&w->d.store, room, &ep) >= 0);
	}
}

/* A hundred stay. */
static void test_reader(void)
{
	uint32_t room[ROOMS];
	struct reader r;
	struct world w;

	start(&w, room);
	hundred_join(&w, room[0]);
	for (uint32_t n = 0; n < 100; n++)
		in[0][n] = in[1][n] = in[2][n] = 1;
	reader_begin(&r, &w);
	churn(&w, room, 100, STEPS);
	reader_end(&r);
	check(&w);
	world_close(&w);
	world_free(&w);
}

/* A hundred go from room to room, and come to the next before they leave the last. */
static void test_wanderers(void)
{
	uint32_t room[ROOMS];
	struct reader r;
	struct world w;

	start(&w, room);
	hundred_join(&w, room[0]);
	reader_begin(&r, &w);
	for (uint32_t i = 0; i < STEPS; i++) {
		uint32_t n = i % 100, from = i / 100 % ROOMS, to = (from + 1) % ROOMS;
		struct crier_endpoint ep = person(n);

		need(member_add(&w.d.store, room[to], &ep) >= 0);
		need(member_remove(&w.d.store, room[from], &ep) == 0);
		if (n == 99)
			world_settle(&w);
	}
	reader_end(&r);
	world_check(&w);
	world_close(&w);
	world_free(&w);
}

int main(void)
{
	test_churn();
	test_reader();
	test_wanderers();
	return 0;
}
