/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where members stand in the index (table.h, "member_index"): (room, address, port) -> slot.
 *
 * The guard, which reads it too, knows no rooms: "do copies go to this address and port?"
 * So there is a word of each listener where his address and port alone say.  If those of all
 * his rooms stood there, one of 20,000 rooms were a run of as many words, for him and for
 * whoever is hashed into it.  Hence a listener's words are a tree: one stands at the root,
 * the place that the guard knows, and below each word up to 16, at places of their own, by
 * the next 4 bits of the room's number.  A room is found on the way from the root by its
 * bits, or is not there: that is MEMBER_LEVELS looks at most, and one for a listener of one
 * room.
 *
 * A word that leaves, and has others below, gets the slot of a lowest one of these, by one
 * store: so the root stands while its listener hears any room.  (The guard may still miss
 * him: if it took the word before that store and looks into the slot after the leave, or
 * while words are moved.)  To find that lowest one takes 16 looks a level at most.
 */
#ifndef CRIER_CONTROL_MEMBER_INDEX_H
#define CRIER_CONTROL_MEMBER_INDEX_H

#include "control/store.h"

#define MEMBER_BITS 4	/* of a room's number, a level */
#define MEMBER_LEVELS 6 /* the root's, and those of 20 bits */

struct member_spot {
	uint32_t slot;	/* 0: it isn't in the index, and would come here */
	uint32_t above; /* the slot that stands above it, 0: this is the root */
	uint32_t level; /* the root's is 0 */
	uint64_t root;	/* hash of the root */
};

/* Over all members, empty. */
void member_index_init(struct store *s);

/* Where it is, or would be until the index is changed. */
struct member_spot member_index_find(const struct store *s, uint32_t room,
				     const struct crier_endpoint *ep);

/* At the spot found for it, once the slot tells who is in it.  Cannot fail. */
void member_index_add(struct store *s, const struct member_spot *spot, uint32_t slot);

/* While the slot still tells who is in it. */
void member_index_remove(struct store *s, const struct member_spot *spot);

/* Bring the line where the search will begin into the cache. */
void member_index_prefetch(const struct store *s, const struct crier_endpoint *ep);

#endif
