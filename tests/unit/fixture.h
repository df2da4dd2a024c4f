/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables filled by hand, for tests and benches of what reads them: rooms, pages,
 * members and next hops as crierd would leave them.  Numbers are taken upwards and never
 * given back.
 */
#ifndef CRIER_FIXTURE_H
#define CRIER_FIXTURE_H

#include "xdp/tables.h"

struct fixture {
	struct tables *t;
	uint32_t page4, page6; /* next unused page of each family */
};

/* Tables in memory for so many members, media port 5004, one port (1) and one via (1). */
void fixture_make(struct fixture *f, struct tables *t, uint32_t members4, uint32_t members6);

/* In tables that are there already, with every number free. */
void fixture_over(struct fixture *f, struct tables *t);

void fixture_port(struct fixture *f, uint32_t number, uint32_t ifindex, const char *name,
		  const uint8_t mac[6]);
/* A ready next hop; local and neighbour as text of either family. */
void fixture_via(struct fixture *f, uint32_t via, uint32_t port, const uint8_t mac[6],
		 const char *local, uint16_t mtu);

void fixture_room(struct fixture *f, uint32_t room, uint32_t generation);
/* The room dies as crierd lets it: generation, then owners, then heads. */
void fixture_room_end(struct fixture *f, uint32_t room, uint32_t shard);

/* Appends an empty page to a shard's list. */
uint32_t fixture_page(struct fixture *f, uint32_t room, uint32_t shard, bool family6);
void fixture_set4(struct fixture *f, uint32_t page, uint32_t place, uint64_t word);
void fixture_set6(struct fixture *f, uint32_t page, uint32_t place, const struct crier_addr *addr,
		  uint64_t word);

/* n members 10.x.y.z:port, one a slot, `live` of every 100 slots taken at random. */
void fixture_fill4(struct fixture *f, uint32_t room, uint32_t shard, uint32_t slots, unsigned live,
		   uint16_t via);
/* n members [fd00::n]:port. */
void fixture_fill6(struct fixture *f, uint32_t room, uint32_t shard, uint32_t slots, uint16_t via);

/* Whom fixture_fill4() puts into slot i. */
static inline uint64_t fixture_word4(uint32_t i, uint16_t via)
{
	return member4_word(__builtin_bswap32(0x0a000000 + 1 + i),
			    __builtin_bswap16((uint16_t)(20000 + i % 10000)), via);
}

/* A pseudo-random sequence: the same in each run. */
static inline uint32_t fixture_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*state >> 32);
}

#endif
