/* SPDX-License-Identifier: BSD-2-Clause */
/* Members: join, leave, list. */
#ifndef CRIER_CONTROL_MEMBER_H
#define CRIER_CONTROL_MEMBER_H

#include "control/store.h"

/*
 * Admits a listener.  0, or 1 if there is no way to it (yet): it is a member, copies
 * follow once there is a route.  -EEXIST; -EDQUOT the room has its limit; -ENOSPC the
 * tables hold no more of this family; -EAGAIN not before grace; -ENOMEM.
 */
int member_add(struct store *s, uint32_t room, const struct crier_endpoint *ep);

/* 0 or -ENOENT. */
int member_remove(struct store *s, uint32_t room, const struct crier_endpoint *ep);

/* Its slot, 0 if it is no member. */
uint32_t member_find(const struct store *s, uint32_t room, const struct crier_endpoint *ep);

/* Fetch what member_find() will look at: worth it some members ahead. */
void member_prefetch(const struct store *s, const struct crier_endpoint *ep);

/* Who is in a slot; false: nobody. */
bool member_at(const struct store *s, uint32_t slot, struct crier_endpoint *ep, uint16_t *via);

/*
 * A walk over a room's members in steps: who is a member from beginning to end is met
 * exactly once, whatever happens between two steps.  It goes along pages as they were
 * begun, so a room that only grew is listed as it was joined.
 */
struct member_walk {
	uint32_t room, generation;
	bool family6;
	uint32_t position, turn, place; /* the page, the shard's turn at it, the slot */
};
struct member_walk member_walk_start(const struct store *s, uint32_t room);
/* Fills at most `most`; fewer only at the end (or when the room is gone). */
uint32_t member_walk_next(const struct store *s, struct member_walk *w, struct crier_endpoint *ep,
			  uint32_t most);

/* The index over all members, empty: for store_open(). */
void members_init(struct store *s);
/* Enter a member whom a scan found.  -EEXIST: there already, the slot must be emptied. */
int member_adopt(struct store *s, uint32_t slot);
/* Empty a slot without a trace elsewhere: what a scan found and nobody wants. */
void member_wipe(struct store *s, uint32_t slot);
/* Empties a page that is off its list, and takes its members out of the index. */
void member_purge_page(struct store *s, uint32_t page);
/* Store another way out in place; keeps the counts of unreachable members. */
void member_set_via(struct store *s, uint32_t slot, uint16_t via);

#endif
