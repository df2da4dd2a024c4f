/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Next hops: which via a member's address leaves by.
 *
 * A mirror of the kernel's routes, neighbours, links and addresses answers
 * nexthop_resolve() from memory: no netlink query per join.  Everything runs on
 * crierd's event loop; resyncs are done in steps of about a millisecond.
 *
 * Vias are immutable but for the word hw (table.h): a fresh one is PENDING until the
 * kernel has resolved its neighbour, and follows the neighbour and the link for as
 * long as it lives.  A via lives until nexthop_sweep() finds it unused.
 */
#ifndef CRIER_NEXTHOP_H
#define CRIER_NEXTHOP_H

#include <stddef.h>
#include <stdint.h>

#include "xdp/tables.h"

struct event_base;
struct grace;
struct nexthop;

/* Why nexthop_resolve() answered 0.  X(name, help). */
#define NEXTHOP_REASONS(X) \
	X(no_route, "no route") \
	X(prohibited, "a blackhole, unreachable or prohibit route") \
	X(not_unicast, "a broadcast, multicast or anycast address") \
	X(not_a_port, "the route leaves by an interface that crier doesn't serve") \
	X(no_source, "no local address to send from") \
	X(local_off, "one of our own addresses, and crier0 is off") \
	X(vlan_depth, "more than two VLAN tags") \
	X(full, "the table of vias is full")

#define NEXTHOP_ENUM(name, help) NEXTHOP_##name,
enum nexthop_reason { NEXTHOP_REASONS(NEXTHOP_ENUM) NEXTHOP_REASON_N };

struct nexthop_stats {
	uint32_t total, ready, pending, down; /* vias */
	uint32_t routes4, routes6, neighbours;
	uint64_t resyncs;		    /* whole mirrors read again */
	uint64_t overruns;		    /* of these, because notifications were lost */
	uint64_t solicits;		    /* neighbours asked of the kernel */
	uint64_t refused[NEXTHOP_REASON_N]; /* answers 0, by reason */
};

/*
 * Reads the kernel's state (blocking, once) and adopts the vias that t already holds,
 * with the numbers they have.  Links are matched with t->ports by ifindex, so ports
 * are best open before.  0 or -errno, logged.
 */
int nexthop_open(struct tables *t, struct grace *grace, struct event_base *base,
		 struct nexthop **out);
/* After grace_close(). */
void nexthop_close(struct nexthop *nh);

/*
 * The via for copies to dst, 0 if there is none (counted by reason).  From memory,
 * well below half a microsecond.  A number once given stays valid until the sweep
 * after which nobody uses it: an answer must be stored in a member before the next
 * nexthop_sweep() or be thrown away.
 *
 * A table that is getting full of vias asks for a scan and a sweep (nexthop_on_change).
 */
uint16_t nexthop_resolve(struct nexthop *nh, const struct crier_addr *dst);

/*
 * As nexthop_resolve, without making or counting anything: why would it answer 0?
 * NEXTHOP_REASON_N: it would not.
 */
enum nexthop_reason nexthop_why(struct nexthop *nh, const struct crier_addr *dst);
const char *nexthop_reason_text(enum nexthop_reason why);

/*
 * cb is called, from the event loop and at most each 50 ms, when answers may have
 * changed: scan the members and resolve each again.  Neighbours that come, go or move
 * are no such change: their vias follow by themselves.
 */
void nexthop_on_change(struct nexthop *nh, void (*cb)(void *arg), void *arg);

/*
 * After a whole scan: bit n of used is set if a member has via n.  Of the others, those
 * that no answer has named since the sweep before are withdrawn and, after grace, given
 * out anew.
 */
void nexthop_sweep(struct nexthop *nh, const uint64_t used[1024]);

/* The table "ports" has changed (ports_on_change calls this): match links again. */
void nexthop_ports_changed(void *nh);

/*
 * Where copies to our own addresses go: out of crier0's engine side, from engine4 or
 * engine6, to host4 or host6 (NULL: not for that family).  port 0 turns it off.
 */
void nexthop_set_local(struct nexthop *nh, uint32_t port, const struct crier_addr *engine4,
		       const struct crier_addr *host4, const struct crier_addr *engine6,
		       const struct crier_addr *host6);

void nexthop_stats(const struct nexthop *nh, struct nexthop_stats *out);

/* Calls each with a sentence for every standing warning (policy rules, full table). */
void nexthop_warnings(const struct nexthop *nh, void (*each)(const char *text, void *arg),
		      void *arg);

#endif
