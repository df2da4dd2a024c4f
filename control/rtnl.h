/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtnetlink for mirrors: dumps first, then notifications, and the dumps anew when
 * notifications were lost.
 *
 * While a dump is under way, notifications wait in their socket and are applied after
 * it: the last word on each object is always the newest.  If they overflow, what is left
 * of them is thrown away and all is dumped anew.  A turn of the event loop takes about a
 * millisecond.
 */
#ifndef CRIER_RTNL_H
#define CRIER_RTNL_H

#include <stdbool.h>
#include <stdint.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

struct event_base;
struct rtnl;

/* Kinds of objects, in the order in which they are dumped. */
enum rtnl_kind {
	RTNL_LINK = 1 << 0,
	RTNL_ADDR = 1 << 1,
	RTNL_NEXTHOP = 1 << 2,
	RTNL_ROUTE4 = 1 << 3,
	RTNL_ROUTE6 = 1 << 4,
	RTNL_NEIGH = 1 << 5,
	RTNL_RULE = 1 << 6,
};

struct rtnl_ops {
	/* One object, from a dump or a notification.  Never fails: it logs. */
	void (*msg)(const struct nlmsghdr *nlh, bool dump, void *arg);
	/* A dump of kind begins (again): what it doesn't mention until end is gone. */
	void (*begin)(enum rtnl_kind kind, void *arg);
	void (*end)(enum rtnl_kind kind, void *arg);
	/* Every dump asked for has ended and what was notified meanwhile was read. */
	void (*settled)(void *arg);
};

struct rtnl_stats {
	uint64_t resyncs, overruns, interrupted;
};

/* Subscribes, and dumps all kinds before it returns.  0 or -errno, logged. */
int rtnl_open(struct event_base *base, uint32_t kinds, const struct rtnl_ops *ops, void *arg,
	      struct rtnl **out);
void rtnl_close(struct rtnl *r);

/* Asks for new dumps of these kinds, begun from the event loop. */
void rtnl_resync(struct rtnl *r, uint32_t kinds);
/* Reads now what has been notified so far: for changes of one's own making. */
void rtnl_catch_up(struct rtnl *r);
const struct rtnl_stats *rtnl_stats(const struct rtnl *r);

/*
 * One request on a socket of its own, waiting for the kernel's answer (NLM_F_ACK is
 * added): at start-up only.  each may be NULL.  0 or -errno.
 */
int rtnl_talk(struct nlmsghdr *nlh, void (*each)(const struct nlmsghdr *nlh, void *arg), void *arg);

/* The address in an attribute of 4 or 16 bytes. */
struct crier_addr;
bool rtnl_addr(const struct nlattr *attr, struct crier_addr *out);

#endif
