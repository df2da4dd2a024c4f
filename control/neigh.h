/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mirror of the kernel's neighbours, and the asking for those that vias need.
 *
 * Our copies bypass the stack, so the kernel would never ask for a neighbour nor keep
 * it fresh: each neighbour that a via wants is handed to it as a "managed" entry
 * (NTF_EXT_MANAGED, Linux 5.16), which it resolves and probes by itself; where that
 * isn't known, it is asked anew whenever it goes stale.  At most NEIGH_RATE are asked
 * for in a second: a crowd on one subnet must not become a storm of ARP.
 */
#ifndef CRIER_NEIGH_H
#define CRIER_NEIGH_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/neighbour.h>
#include <linux/netlink.h>

#include "xdp/table.h"

#define NEIGH_RATE 4000
#define NEIGH_VALID (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

struct event_base;

struct neigh {
	struct neigh *next; /* of the bucket */
	struct neigh *wanted_prev, *wanted_next, *queue_next;
	struct crier_addr addr;
	uint32_t ifindex;
	uint32_t gen;
	uint64_t mac; /* bits 0..47 as in a packet; 0 unless state is valid */
	uint64_t due_ns;
	uint16_t state; /* NUD_*, 0: the kernel has no such entry */
	uint16_t vias;	/* first via that wants it, 0: none; nexthop.c's list */
	uint8_t tries;
	bool managed; /* the kernel keeps it fresh */
	bool queued, release;
};

struct neighs;

int neighs_open(struct event_base *base, struct neighs **out);
void neighs_close(struct neighs *ns);

/*
 * RTM_NEWNEIGH or RTM_DELNEIGH.  The entry, if what matters to its vias has changed
 * and it has any; else NULL.
 */
struct neigh *neighs_msg(struct neighs *ns, const struct nlmsghdr *nlh);
void neighs_begin(struct neighs *ns);
void neighs_end(struct neighs *ns);

/* A via begins to want it: made if need be, and asked for.  NULL: no memory. */
struct neigh *neighs_want(struct neighs *ns, uint32_t ifindex, const struct crier_addr *addr);
/* No via wants it any more; n may be freed. */
void neighs_unwant(struct neighs *ns, struct neigh *n);

/* A link came up: what is missing there is asked for at once. */
void neighs_kick(struct neighs *ns, uint32_t ifindex);

uint32_t neighs_count(const struct neighs *ns);
uint64_t neighs_solicits(const struct neighs *ns);
/* The kernel refused entries for want of room within the last minute. */
bool neighs_full(const struct neighs *ns);

#endif
