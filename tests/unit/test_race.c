/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One writer, two walkers, one mapping, under ThreadSanitizer: crierd's own code joins,
 * leaves, deletes rooms and makes them again, with grace as in life; crier-dp's own walk
 * must meet everybody who stays exactly once, and nobody of another room.
 *
 * An address tells whose it is: v4 10.G.G.N (12 bits of generation, 12 of number), v6 in
 * its last two words.
 */
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/member.h"
#include "dataplane/core/quiescent.h"
#include "dataplane/core/walk.h"
#include "world.h"

#define STAY 700   /* of each family, in the first room */
#define CHURN 1500 /* who come and go */
#define WALKERS 2
#define WALKS 1500
#define BURST 64
#define SHARDS 4

static struct world world;
static bool walkers_done; /* atomic */

struct walker {
	pthread_t thread;
	uint32_t slot;
	uint64_t walks, gone, met;
	const char *error; /* the first thing that was wrong */
};

static struct crier_endpoint person(uint32_t generation, uint32_t n, bool family6)
{
	struct crier_endpoint ep = {.port = htons(4000)};

	if (!family6) {
		ep.addr = addr_from4(htonl(10U << 24 | (generation & 0xfff) << 12 | n));
		return ep;
	}
	ep.addr.w[0] = htonl(0x20010db8);
	ep.addr.w[2] = htonl(generation);
	ep.addr.w[3] = htonl(n);
	return ep;
}

/* ---- walkers ---- */

/* Who comes and goes may be met twice: met here, gone, and back further on. */
static void burst_check(struct walker *me, const struct walk_burst *b, uint32_t generation,
			bool stayers, uint32_t *met)
{
	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t v4 = ntohl(member4_addr(b->word[i]));
		uint32_t whose = b->family6 ? ntohl(b->addr[i].w[2]) & 0xfff : v4 >> 12 & 0xfff;
		uint32_t n = b->family6 ? ntohl(b->addr[i].w[3]) : v4 & 0xfff;

		if (whose != (generation & 0xfff))
			me->error = "a member of another room";
		else if (stayers && n < STAY && met[b->family6 * STAY + n]++)
			me->error = "somebody twice";
		me->met++;
	}
}

/* A shard, quiescent between bursts, holding numbers only. */
static enum walk_state walk_shard(struct walker *me, struct quiescent *q, uint32_t room,
				  uint32_t generation, uint32_t shard, bool stayers, uint32_t *met)
{
	static _Thread_local struct walk_burst b;
	struct walk w;

	walk_start(&w, &world.tables, room, generation, shard);
	while (walk_next(&w, &b, BURST)) {
		burst_check(me, &b, generation, stayers, met);
		quiescent_turn(q);
	}
	quiescent_turn(q);
	return w.state;
}

/* As a worker sweeps. */
static void walk_room(struct walker *me, struct quiescent *q, uint32_t room, uint32_t generation,
		      bool stayers)
{
	enum walk_state state = WALK_END;
	uint32_t met[2 * STAY] = {0};

	for (uint32_t i = 0; i < SHARDS && state == WALK_END; i++)
		state = walk_shard(me, q, room, generation, i, stayers, met);
	if (state == WALK_GONE)
		me->gone++;
	for (uint32_t i = 0; stayers && state == WALK_END && i < 2 * STAY; i++)
		if (!met[i])
			me->error = "somebody who stays is missing";
	me->walks++;
}

static void *walker_main(void *arg)
{
	struct walker *me = arg;
	struct quiescent q;

	quiescent_init(&q, &world.tables.workers[me->slot].quiescent);
	quiescent_online(&q);
	while (me->walks < WALKS && !me->error) {
		for (uint32_t room = 1; room < 4; room++) {
			uint32_t generation =
				tbl_load_acquire(&world.tables.rooms[room].generation);

			if (generation)
				walk_room(me, &q, room, generation, room == 1);
		}
		if (me->walks % 16 == 0) { /* a nap now and then */
			quiescent_offline(&q);
			quiescent_online(&q);
		}
	}
	quiescent_offline(&q);
	return NULL;
}

/* ---- the writer ---- */

struct churn {
	uint32_t room, generation, first;
	bool in[2][CHURN];
};

static uint32_t seed = 1;
static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * n >> 32);
}

static void toggle(struct churn *c, uint32_t n, bool family6)
{
	struct crier_endpoint ep = person(c->generation, c->first + n, family6);
	bool *in = &c->in[family6][n];

	if (*in)
		*in = member_remove(&world.d.store, c->room, &ep) != 0;
	else
		*in = member_add(&world.d.store, c->room, &ep) >= 0;
}

static void begin(struct churn *c, const char *name, uint32_t first)
{
	struct room_spec spec = {.name = name, .wanted = ROOM_WANTED_AUTO};

	memset(c, 0, sizeof(*c));
	c->first = first;
	if (room_create(&world.d.store, &spec, &c->room) != 0)
		c->room = 0;
	else
		c->generation = world.tables.rooms[c->room].generation;
}

static void end(struct churn *c)
{
	if (room_delete(&world.d.store, c->room) == 0)
		c->room = 0;
}

/* Crowds too, so that pages are begun and trimmed all the time. */
static void churn_some(struct churn *c)
{
	uint32_t from = chance(CHURN), n = chance(8) ? 1 : chance(CHURN / 2);
	bool family6 = chance(2);

	for (uint32_t i = from; i < from + n && i < CHURN; i++)
		toggle(c, i, family6);
}

static void write_until_done(struct churn *stay, struct churn *come)
{
	while (!__atomic_load_n(&walkers_done, __ATOMIC_ACQUIRE)) {
		for (int i = 0; i < 20; i++)
			churn_some(stay);
		if (!come->room)
			begin(come, "come-and-go", 0);
		else if (chance(4) == 0)
			end(come);
		else
			for (int i = 0; i < 20; i++)
				churn_some(come);
		event_base_loop(loop_base(world.d.loop), EVLOOP_NONBLOCK);
	}
}

static void *wait_for_walkers(void *arg)
{
	struct walker *walkers = arg;

	for (int i = 0; i < WALKERS; i++)
		pthread_join(walkers[i].thread, NULL);
	__atomic_store_n(&walkers_done, true, __ATOMIC_RELEASE);
	return NULL;
}

int main(void)
{
	struct tables_size size = world_size(64 * 256, 64 * 256);
	static struct walker walkers[WALKERS];
	static struct churn stay, come;
	pthread_t waiter;
	int failed = 0;

	world_tables(&world, &size);
	world.tables.config->shards = SHARDS;
	world_open(&world, true);
	begin(&stay, "stay", STAY);
	for (uint32_t i = 0; i < STAY; i++) {
		struct crier_endpoint a = person(stay.generation, i, false);
		struct crier_endpoint b = person(stay.generation, i, true);

		member_add(&world.d.store, stay.room, &a);
		member_add(&world.d.store, stay.room, &b);
		toggle(&stay, i, false); /* holes among those who stay, later */
		toggle(&stay, i, true);
	}
	for (uint32_t i = 0; i < WALKERS; i++) {
		walkers[i].slot = i;
		pthread_create(&walkers[i].thread, NULL, walker_main, &walkers[i]);
	}
	pthread_create(&waiter, NULL, wait_for_walkers, walkers);
	write_until_done(&stay, &come);
	pthread_join(waiter, NULL);
	for (int i = 0; i < WALKERS; i++) {
		printf("walker %d: %llu walks, %llu rooms gone, %llu members: %s\n", i,
		       (unsigned long long)walkers[i].walks, (unsigned long long)walkers[i].gone,
		       (unsigned long long)walkers[i].met,
		       walkers[i].error ? walkers[i].error : "all as it should be");
		failed |= walkers[i].error != NULL;
	}
	world_settle(&world);
	world_check(&world);
	world_close(&world);
	world_free(&world);
	return failed;
}
