/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links: next hops made ready for writing.  A via read from the tables becomes a link
 * header, a local address, and the number of the port that sends it; or the name of
 * the drop that its copies are counted under.
 *
 * Links are kept for one quantum only (links_forget), since only so long may nothing
 * that they were made from be taken for something else.  Used by one thread.
 */
#ifndef CRIER_LINK_H
#define CRIER_LINK_H

#include "xdp/tables.h"

#define LINK_ROOM 24 /* the link header's place, which it fills from the end */
#define LINK_CACHE 128
#define LINK_NO_OUT 0xff

/* Why a copy was not made; each has a counter of a worker and of a room. */
enum copy_drop {
	COPY_OK,
	COPY_NO_ROUTE,
	COPY_NO_NEIGHBOUR,
	COPY_LINK_DOWN,
	COPY_MTU,
	COPY_TX_FULL,
	COPY_DROPS,
};

struct link {
	uint64_t tag; /* whose this is: quantum, family, via */
	uint8_t head[LINK_ROOM];
	uint8_t head_len;
	uint8_t drop; /* enum copy_drop */
	uint8_t out;  /* which of the worker's ports */
	uint8_t pad;
	uint32_t mtu;
	struct crier_addr local;
};

struct links {
	const struct tables *t;
	uint64_t quantum;
	uint8_t out_of[CRIER_MAX_PORTS]; /* by port number; LINK_NO_OUT: not ours */
	struct link link[LINK_CACHE];
};

void links_init(struct links *l, const struct tables *t);

/* The worker is about to be quiescent, or has been. */
static inline void links_forget(struct links *l)
{
	l->quantum++;
}

/* The link of a via number read from a member; valid until links_forget(). */
const struct link *links_get(struct links *l, uint16_t via, bool family6);

#endif
