/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_index [CPU]: what crierd's index of members costs.  One JSON line a case.
 *
 *   join, leave  ns of the thread's CPU time for one listener of N rooms, in each of them;
 *                ceiling: for N listeners, one in each
 *   words        that the guard looks at in tables of which every slot is taken, for a member
 *                and for a stranger, by the number of rooms that each listener hears;
 *                ceiling: where it is one
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "control/member.h"
#include "measure.h"
#include "tests/unit/need.h"
#include "tests/unit/world.h"
#include "xdp/guard.h"

#define MEMBERS 1000000
#define PROBED 262144

static struct world world;
static uint32_t *rooms;

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static void begin(uint32_t members, uint32_t room_n)
{
	struct tables_size size = world_size(members, CRIER_PAGE_SLOTS);
	char name[16];

	size.rooms = room_n;
	world_tables(&world, &size);
	world_open(&world, true);
	world.d.store.most[0] = members;
	rooms = calloc(room_n, sizeof(*rooms));
	need(rooms);
	for (uint32_t i = 0; i < room_n; i++) {
		snprintf(name, sizeof(name), "r%u", i);
		rooms[i] = world_room(&world, name);
	}
}

static void end(void)
{
	world_close(&world);
	world_free(&world);
	free(rooms);
}

static void join(uint32_t room, uint32_t n)
{
	struct crier_endpoint ep = world_ep4(n);

	need(member_add(&world.d.store, rooms[room], &ep) >= 0);
}

static void leave(uint32_t room, uint32_t n)
{
	struct crier_endpoint ep = world_ep4(n);

	need(member_remove(&world.d.store, rooms[room], &ep) == 0);
}

static void say(const char *name, const char *unit, double value, double ceiling)
{
	printf("{\"bench\": \"index\", \"case\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", "
	       "\"ceiling\": %.4g, \"ratio\": %.4g}\n",
	       name, value, unit, ceiling, ceiling / value);
	fflush(stdout);
}

/* ---- joins and leaves ---- */

struct cost {
	double join, leave;
};

/* By another order than they came in; the first time only touches the memory. */
static struct cost one_room(void)
{
	struct cost c = {0};
	uint64_t start;

	begin(MEMBERS, 1);
	for (int turn = 0; turn < 2; turn++) {
		start = cpu_ns();
		for (uint32_t n = 0; n < MEMBERS; n++)
			join(0, n);
		c.join = (double)(cpu_ns() - start) / MEMBERS;
		start = cpu_ns();
		for (uint32_t n = 0; n < MEMBERS; n++)
			leave(0, (uint32_t)((uint64_t)n * 7919 % MEMBERS));
		c.leave = (double)(cpu_ns() - start) / MEMBERS;
		world_settle(&world);
	}
	end();
	return c;
}

/* All rooms, of one listener, or of another in each. */
static struct cost each_room(uint32_t n, bool same)
{
	struct cost c;
	uint64_t start = cpu_ns();

	for (uint32_t i = 0; i < n; i++)
		join(i, same ? 0 : i);
	c.join = (double)(cpu_ns() - start) / n;
	start = cpu_ns();
	for (uint32_t i = 0; i < n; i++) {
		uint32_t room = (uint32_t)((uint64_t)i * 7919 % n);

		leave(room, same ? 0 : room);
	}
	c.leave = (double)(cpu_ns() - start) / n;
	return c;
}

static void many_rooms(uint32_t n)
{
	struct cost other, same;
	char name[64];

	begin(n * CRIER_PAGE_SLOTS, n);
	each_room(n, false); /* touches the memory */
	other = each_room(n, false);
	same = each_room(n, true);
	end();
	snprintf(name, sizeof(name), "a join, one listener of %u rooms", n);
	say(name, "ns", same.join, other.join);
	snprintf(name, sizeof(name), "a leave, one listener of %u rooms", n);
	say(name, "ns", same.leave, other.leave);
}

/* ---- words looked at ---- */

static uint32_t probes(uint32_t n)
{
	const struct crier_config *config = world.tables.config;
	const uint32_t *word = world.tables.member_index->word;
	struct crier_endpoint ep = world_ep4(n);
	uint64_t hash = member_hash(config->index_seed, &ep.addr, 0, ep.port);
	uint32_t at = (uint32_t)((hash >> 32) * config->index_words >> 32), looks = 1;

	for (; word[at]; at = at + 1 == config->index_words ? 0 : at + 1, looks++)
		if (guard_is_in_slot(&world.tables, config, word[at] & config->index_mask, &ep.addr,
				     0, ep.port))
			break;
	return looks;
}

struct words {
	double member, stranger;
};

static struct words words(uint32_t each, const struct words *one)
{
	uint32_t listeners = PROBED / each, far = 0, looks;
	struct words w = {0};
	char name[64];

	begin(listeners * each, each);
	for (uint32_t n = 0; n < listeners; n++)
		for (uint32_t r = 0; r < each; r++)
			join(r, n);
	for (uint32_t n = 0; n < listeners; n++) {
		looks = probes(n);
		w.member += (double)looks / listeners;
		far += looks > GUARD_PROBES;
	}
	for (uint32_t n = listeners; n < listeners + PROBED; n++)
		w.stranger += (double)probes(n) / PROBED;
	end();
	snprintf(name, sizeof(name), "a member, %u rooms each, full", each);
	say(name, "words", w.member, one ? one->member : w.member);
	snprintf(name, sizeof(name), "a stranger, %u rooms each, full", each);
	say(name, "words", w.stranger, one ? one->stranger : w.stranger);
	if (far)
		fprintf(stderr,
			"bench: index: %u rooms each: %.0f members of a million are "
			"strangers to the guard\n",
			each, 1e6 * far / listeners);
	return w;
}

int main(int argc, char **argv)
{
	struct words alone;
	struct cost one;

	cpu_pin(pthread_self(), argc > 1 ? atoi(argv[1]) : 0);
	one = one_room();
	say("a join, 1M listeners of one room", "ns", one.join, one.join);
	say("a leave, 1M listeners of one room", "ns", one.leave, one.leave);
	many_rooms(100);
	many_rooms(20000);
	many_rooms(60000);
	alone = words(1, NULL);
	words(2, &alone);
	words(8, &alone);
	words(64, &alone);
	return 0;
}
