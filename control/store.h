/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store: rooms, streams and members in the shared tables, and what crierd keeps
 * beside them to find things and places quickly.
 *
 * The tables are the database.  Nothing here needs to be saved: store_open() rebuilds
 * it by one scan of the tables and repairs what a killed crierd left half made.  Every
 * change is written so that a reader may look, and crierd may die, between any two
 * stores.
 *
 * The one writer of membership; all calls come from the event loop's thread.
 */
#ifndef CRIER_CONTROL_STORE_H
#define CRIER_CONTROL_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "control/index.h"
#include "control/loop.h"
#include "control/page.h"
#include "xdp/addr.h"
#include "xdp/tables.h"

struct grace;

enum room_phase {
	ROOM_FREE,
	ROOM_LIVE,
	ROOM_DYING, /* deleted; its pages and its number wait to be free */
};

/* What crierd keeps of a room beside the table. */
struct room {
	enum room_phase phase;
	uint32_t unreachable;	 /* members with via 0 */
	uint32_t *leaving;	 /* by port: members who leave by it; there if lists are */
	uint64_t ports, told;	 /* a bit a port: whoever leaves by it; as told by ops.changed */
	struct page_list *lists; /* [shard * 2 + family6]; NULL: never had a member */
	uint64_t open[2];  /* by family, a bit a shard: set if it has a hole, and maybe if not */
	uint32_t empty[2]; /* by family: pages without a member */
	uint8_t turn[2];   /* by family: the shard that is looked at first for a hole */
	uint32_t *stream;  /* their numbers */
	uint32_t streams;
};

/* The way out for an address: nexthop_resolve(), or a test's. */
struct store_ops {
	uint16_t (*resolve)(void *arg, const struct crier_addr *dst);
	void *arg;
	/* A room is new, or its members or their ways out changed: see kernel.h.  NULL: none. */
	void (*changed)(void *arg, uint32_t room);
	void *changed_arg;
};

/* A stack of numbers. */
struct numbers {
	uint32_t *number;
	uint32_t n;
};

struct store {
	struct tables *t;
	struct grace *grace;
	struct loop *loop;
	struct store_ops ops;
	struct pages pages;
	struct index members; /* (room, address, port) -> slot */
	struct index names;   /* name -> room */
	uint64_t seed;
	struct room *rooms;			 /* by number */
	struct numbers free_rooms, free_streams; /* to be had */
	struct numbers old_rooms, old_streams;	 /* free after the first grace */
	uint32_t rooms_n, streams_n;		 /* live */
	uint64_t members4, members6, unreachable;
	uint64_t most[2];	   /* members by family that crierd may admit */
	uint32_t dying;		   /* rooms */
	bool settled;		   /* the first grace is over: what was free at start may be had */
	struct room_death *deaths; /* under way */
	/* What store_open() found and mended, for the log. */
	struct store_repairs {
		uint64_t members, members_dropped;
		uint32_t rooms, streams, pages_linked, pages_freed, counts, streams_linked;
	} repairs;
};

/* Scans the tables: store_open()'s second half.  0 or -ENOMEM. */
int store_rebuild(struct store *s);

/*
 * fresh: the tables were just made, nobody reads them yet.  0 or -errno.
 * Until the first grace (store.settled) only v4 holes can be filled.
 */
int store_open(struct store *s, struct tables *t, struct grace *grace, struct loop *loop,
	       const struct store_ops *ops, bool fresh);
void store_close(struct store *s);

/* Bytes that crierd keeps beside the tables. */
size_t store_bytes(const struct store *s);

/* A page of its got a hole: joins look there again. */
static inline void store_open_page(struct store *s, uint32_t page)
{
	const struct page_note *note = &s->pages.note[page];

	s->rooms[note->room].open[note->family6] |= 1ULL << note->shard;
}

static inline struct page_list *store_list(const struct store *s, uint32_t room, uint32_t shard,
					   bool family6)
{
	return &s->rooms[room].lists[shard * 2 + family6];
}

#endif
