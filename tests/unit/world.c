/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/grace.h"
#include "control/guard.h"
#include "control/member.h"
#include "need.h"

struct tables_size world_size(uint32_t members4, uint32_t members6)
{
	return (struct tables_size){
		.members4 = members4,
		.members6 = members6,
		.rooms = 64,
		.streams = 64,
		.vias = 64,
		.workers = 2,
		.shards = 4,
		.locals = 16,
		.cpus = 2,
	};
}

static uint16_t resolve(void *arg, const struct crier_addr *dst)
{
	struct world *w = arg;

	(void)dst;
	w->resolved++;
	return w->via;
}

void world_tables(struct world *w, const struct tables_size *size)
{
	memset(w, 0, sizeof(*w));
	w->via = 1;
	need(tables_alloc(&w->tables, size) == 0);
	w->tables.config->media_port = htons(3478);
	for (uint32_t via = 1; via < w->tables.config->max_vias; via++)
		w->tables.vias[via].port = 1 + via % 2;
	w->tables.config->shards = 1; /* a test may set more, before world_open() */
}

void world_open(struct world *w, bool fresh)
{
	struct store_ops ops = {.resolve = resolve, .arg = w};
	struct grace_ops none = {0};

	memset(&w->d, 0, sizeof(w->d));
	w->d.tables = &w->tables;
	w->d.listeners4 = w->d.listeners6 = 1000000;
	w->d.started_ns = loop_now_ns();
	need(loop_open(&w->d.loop) == 0);
	need(grace_open(&w->tables, loop_base(w->d.loop), &none, &w->d.grace) == 0);
	need(store_open(&w->d.store, &w->tables, w->d.grace, w->d.loop, &ops, fresh) == 0);
	need(guard_open(&w->d, fresh, &w->d.guard) == 0);
	w->d.serving = true;
}

void world_close(struct world *w)
{
	guard_close(w->d.guard);
	grace_close(w->d.grace);
	store_close(&w->d.store);
	loop_close(w->d.loop);
}

void world_free(struct world *w)
{
	tables_close(&w->tables);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct world *w = arg;

	(void)fd;
	(void)what;
	if (!grace_pending(w->d.grace) && !guard_busy(w->d.guard) && !loop_busy(w->d.loop))
		loop_stop(w->d.loop);
}

void world_settle(struct world *w)
{
	struct event *idle = event_new(loop_base(w->d.loop), -1, EV_PERSIST, on_idle, w);
	struct timeval ms = {0, 1000};

	event_add(idle, &ms);
	need(loop_run(w->d.loop) == 0);
	event_free(idle);
}

uint32_t world_room(struct world *w, const char *name)
{
	struct room_spec spec = {.name = name, .wanted = ROOM_WANTED_AUTO};
	uint32_t room = 0;

	need(room_create(&w->d.store, &spec, &room) == 0);
	return room;
}

struct crier_endpoint world_ep4(uint32_t n)
{
	return (struct crier_endpoint){.addr = addr_from4(htonl(0x0a000001 + n / 50000)),
				       .port = htons((uint16_t)(10000 + n % 50000))};
}

struct crier_endpoint world_ep6(uint32_t n)
{
	struct crier_endpoint ep = {.port = htons((uint16_t)(10000 + n % 50000))};

	ep.addr.w[0] = htonl(0x20010db8);
	ep.addr.w[3] = htonl(1 + n / 50000);
	return ep;
}

/* ---- what must hold ---- */

struct seen {
	uint64_t members4, members6, unreachable, indexed;
	uint32_t rooms, streams;
	uint32_t empty[2];		   /* pages of the room at hand, by family */
	uint32_t leaving[CRIER_MAX_PORTS]; /* its members, by port */
	uint8_t *page;			   /* met in a list */
};

static void check_page(struct world *w, struct seen *seen, uint32_t room, uint32_t shard,
		       bool family6, uint32_t position, uint32_t page, uint32_t *count)
{
	const struct store *s = &w->d.store;
	const struct crier_page *row = &w->tables.pages[page];
	const struct page_list *l = store_list(s, room, shard, family6);
	uint32_t n = 0;
	bool hole = false, any = false, leaves;
	uint32_t ways = 0, port;

	need(page && page < s->pages.total && page_is_v4(&w->tables, page) == !family6);
	need(!seen->page[page]++);
	need(row->owner == owner_word(room, room_row(s, room)->generation, shard, family6));
	need(s->pages.note[page].state == PAGE_USED && s->pages.note[page].room == room);
	need(s->pages.note[page].position == position && l->page[position] == page);
	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++) {
		uint32_t slot = page << CRIER_PAGE_SHIFT | i;
		bool occupied = row->occupied[i / 64] >> i % 64 & 1;
		bool limbo = family6 && page_limbo(&s->pages, page)->slot[i / 64] >> i % 64 & 1;
		struct crier_endpoint ep;
		uint16_t via;

		need(member_at(s, slot, &ep, &via) == occupied);
		need(!(limbo && occupied));
		port = occupied && via ? w->tables.vias[via].port : 0;
		leaves = row->egress[i / 64] >> i % 64 & 1;
		need(leaves == (port && port == row->egress_port));
		ways |= port;
		any |= leaves;
		hole |= !occupied && !limbo;
		if (!occupied)
			continue;
		n++;
		if (port || !via)
			seen->leaving[port]++;
		seen->unreachable += !via;
		seen->indexed++;
		need(addr_is_v4(&ep.addr) == !family6);
		need(member_find(s, room, &ep) == slot);
	}
	need(any == !!ways && any == !!row->egress_port);
	need(n == row->count);
	need((l->holes[position / 64] >> position % 64 & 1) == hole);
	need(!hole || s->rooms[room].open[family6] >> shard & 1);
	seen->empty[family6] += !n;
	need(!hole || position / 64 >= l->hint);
	*count += n;
}

static uint32_t check_list(struct world *w, struct seen *seen, uint32_t room, uint32_t shard,
			   bool family6)
{
	uint32_t page = *page_list_head(&w->tables, room, shard, family6), count = 0, n = 0;
	const struct store *s = &w->d.store;

	if (!s->rooms[room].lists) {
		need(!page);
		return 0;
	}
	for (; page; page = w->tables.pages[page].next, n++)
		check_page(w, seen, room, shard, family6, n, page, &count);
	need(store_list(s, room, shard, family6)->n == n);
	return count;
}

/* By which ports they leave, as the engines are chosen by it. */
static void check_leaving(const struct room *r, const struct seen *seen)
{
	uint64_t ports = 0;

	for (uint32_t port = 1; port < CRIER_MAX_PORTS; port++) {
		need((r->leaving ? r->leaving[port] : 0) == seen->leaving[port]);
		ports |= (uint64_t) !!seen->leaving[port] << port;
	}
	need(r->ports == ports && r->unreachable == seen->leaving[0]);
}

static void check_room(struct world *w, struct seen *seen, uint32_t room)
{
	const struct crier_room *row = &w->tables.rooms[room];
	uint32_t n4 = 0, n6 = 0;

	seen->empty[0] = seen->empty[1] = 0;
	memset(seen->leaving, 0, sizeof(seen->leaving));
	need(row->generation && room_find(&w->d.store, row->name, strlen(row->name)) == room);
	for (uint32_t shard = 0; shard < w->tables.config->shards; shard++) {
		uint32_t here4 = check_list(w, seen, room, shard, false);
		uint32_t here6 = check_list(w, seen, room, shard, true);

		need(room_shard(&w->tables, room, shard)->members4 == here4);
		need(room_shard(&w->tables, room, shard)->members6 == here6);
		n4 += here4;
		n6 += here6;
	}
	need(row->members4 == n4 && row->members6 == n6);
	need(w->d.store.rooms[room].empty[0] == seen->empty[0]);
	need(w->d.store.rooms[room].empty[1] == seen->empty[1]);
	check_leaving(&w->d.store.rooms[room], seen);
	seen->members4 += n4;
	seen->members6 += n6;
	seen->rooms++;
	for (uint32_t i = 0; i < w->d.store.rooms[room].streams; i++) {
		const struct crier_stream *stream =
			&w->tables.streams[w->d.store.rooms[room].stream[i]];

		need(stream->state == 1 && stream->room == room &&
		     stream->generation == row->generation);
		seen->streams++;
	}
}

static void check_free(struct world *w, const struct seen *seen)
{
	const struct store *s = &w->d.store;

	for (int family6 = 0; family6 < 2; family6++) {
		for (uint32_t i = 0; i < s->pages.free_n[family6]; i++) {
			uint32_t page = s->pages.free[family6][i];

			need(s->pages.note[page].state == PAGE_FREE && !seen->page[page]);
			need(!w->tables.pages[page].owner && !w->tables.pages[page].count);
			for (uint32_t k = 0; k < CRIER_PAGE_SLOTS; k++)
				need(family6 ? !page6_members(&w->tables, page)->member[k].word
					     : !w->tables.members4[page].member[k]);
		}
	}
}

static uint32_t check_chains(struct world *w)
{
	uint32_t n = 0;

	for (uint32_t port = 0; port < 65536; port++) {
		uint32_t here = 0;

		for (uint32_t i = w->tables.ingest[port / 64].stream[port % 64]; i;
		     i = w->tables.streams[i].next, n++) {
			need(w->tables.streams[i].state == 1);
			need(w->tables.streams[i].port == htons((uint16_t)port));
			need(++here <= CRIER_PORT_STREAMS);
		}
	}
	return n;
}

void world_check(struct world *w)
{
	const struct store *s = &w->d.store;
	struct seen seen = {.page = calloc(s->pages.total, 1)};

	for (uint32_t room = room_next(s, 0); room; room = room_next(s, room))
		check_room(w, &seen, room);
	need(seen.rooms == s->rooms_n && seen.streams == s->streams_n);
	need(seen.members4 == s->members4 && seen.members6 == s->members6);
	need(seen.unreachable == s->unreachable);
	if (!s->dying)
		need(seen.indexed == s->members.used);
	need(check_chains(w) == s->streams_n);
	check_free(w, &seen);
	free(seen.page);
}
