/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over one shard of a room: a pull iterator with no packet I/O in it.
 *
 * Between calls a walk holds numbers and no pointer into the tables, so its owner may
 * be quiescent there (see quiescent.h): each call checks that the page it left off in
 * still is its room's.  If not, the page was trimmed, since it was empty, from the
 * tail of the list: the walk of that family has ended.
 *
 * A member who stays is met exactly once, whoever joins and leaves meanwhile: nobody
 * moves, a list only loses empty pages at its tail and only gains pages behind it.
 *
 * Used by one thread.  Reads the tables, writes nothing.
 */
#ifndef CRIER_WALK_H
#define CRIER_WALK_H

#include "xdp/tables.h"

#define WALK_BURST_MAX 1024

/*
 * Members of one family, as loaded: word holds address, port and via of a v4 member,
 * port and via of a v6 member whose address is in addr.
 */
struct walk_burst {
	uint32_t n;
	uint32_t looked; /* the work of finding them, in places looked at */
	bool family6;
	uint64_t word[WALK_BURST_MAX];
	struct crier_addr addr[WALK_BURST_MAX];
};

enum walk_state {
	WALK_MORE,
	WALK_END,  /* each member was met */
	WALK_GONE, /* the room was deleted */
};

struct walk {
	const struct tables *t;
	uint32_t room, generation, shard;
	uint32_t page; /* where it stands; 0: before the first page of its family */
	uint32_t place;
	bool family6;
	enum walk_state state;
};

void walk_start(struct walk *w, const struct tables *t, uint32_t room, uint32_t generation,
		uint32_t shard);

/* Has the shard any page?  A walk over one that has none meets nobody. */
bool walk_any(const struct tables *t, uint32_t room, uint32_t shard);

/*
 * The next members, at most n (1 .. WALK_BURST_MAX), of one family.  Returns how many
 * and leaves them in b; 0 when the walk is over, w->state then tells why.
 *
 * walk_some() gives up after some 16,000 places without a member: it returns 0 and
 * w->state is still WALK_MORE.  So who must not be kept long isn't, by holes.
 */
uint32_t walk_some(struct walk *w, struct walk_burst *b, uint32_t n);
uint32_t walk_next(struct walk *w, struct walk_burst *b, uint32_t n);

/*
 * For who takes members by page: goes on to where the next may be, w->page from w->place on,
 * and leaves it to the caller to move w->place behind those whom he has met.  False, and b->n
 * is 0: as walk_some() returns 0.
 */
bool walk_page(struct walk *w, struct walk_burst *b);

#endif
