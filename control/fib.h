/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mirror of the kernel's routes: longest prefix match over the three tables that
 * the standard policy rules ask in turn (local, main, default), for both families.
 *
 * A table holds its prefixes in one open-addressing hash over (prefix, length) and a
 * bitmap of the lengths that occur; a lookup tries these from the longest down.  A
 * full Internet table has some 20 lengths, an edge node three or four.
 *
 * Plain data, no netlink: whoever feeds it is the one writer.
 */
#ifndef CRIER_FIB_H
#define CRIER_FIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp/table.h"

enum fib_table { FIB_LOCAL, FIB_MAIN, FIB_DEFAULT, FIB_TABLES };

struct fib_hop {
	struct crier_addr gateway; /* of either family; zero: dst itself is on the link */
	uint32_t ifindex;
	uint16_t weight; /* 1 .. 256 */
	uint8_t flags;	 /* RTNH_F_DEAD, RTNH_F_LINKDOWN */
	bool encap;	 /* a tunnel's: we cannot follow it */
};

struct fib_route {
	struct fib_route *next; /* of the same prefix, best first */
	struct crier_addr dst;
	struct crier_addr source; /* RTA_PREFSRC, zero: none */
	uint32_t metric;
	uint32_t mtu; /* of the route, 0: the link's */
	uint32_t nexthop_id;
	uint32_t gen;
	uint8_t plen; /* of the family's own length */
	uint8_t type; /* RTN_* */
	uint8_t table;
	bool v4;
	uint16_t hops_count;
	struct fib_hop hops[];
};

struct fib;

struct fib *fib_new(void);
void fib_free(struct fib *f);

/* A route with room for n hops, zeroed; NULL: no memory. */
struct fib_route *fib_route_new(uint16_t hops);

/* What the kernel was asked to do: the flags of RTM_NEWROUTE. */
enum fib_how {
	FIB_DUMPED,  /* as a dump tells: after those of the same metric */
	FIB_CREATE,  /* before those of the same metric */
	FIB_REPLACE, /* in place of the first of the same metric */
	FIB_APPEND,  /* after those of the same metric */
};

/*
 * Takes r over.  True if the tables changed, false if it was there already (its gen is
 * brought up to date).  r->dst is masked to its length.
 */
bool fib_add(struct fib *f, struct fib_route *r, enum fib_how how);

enum fib_deleted { FIB_NOT_FOUND, FIB_DELETED, FIB_DELETED_PART };

/*
 * Deletes the route with r's prefix, metric and hops; r stays the caller's.  If only a
 * multipath route of that metric holds r's hops, these are taken out of it: PART.
 */
enum fib_deleted fib_del(struct fib *f, const struct fib_route *r);

/* Drops all of a family whose gen isn't this one; how many. */
size_t fib_expire(struct fib *f, bool v4, uint32_t gen);

/* The best route of the longest prefix that holds dst, or NULL. */
const struct fib_route *fib_lookup(const struct fib *f, enum fib_table table,
				   const struct crier_addr *dst);

size_t fib_count(const struct fib *f, bool v4);

/*
 * The hop for dst among n: of those alive, by weight, a hash of dst decides.  A hop
 * that comes or goes moves only the destinations that it gains or loses (highest
 * random weight).  Hops with RTNH_F_LINKDOWN are used only if there is no other.
 */
const struct fib_hop *fib_hop_pick(const struct fib_hop *hops, uint32_t n,
				   const struct crier_addr *dst);

#endif
