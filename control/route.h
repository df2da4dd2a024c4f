/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtnetlink's routes and nexthop objects, as fib.h has them.
 */
#ifndef CRIER_ROUTE_H
#define CRIER_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/netlink.h>

#include "fib.h"

#define ROUTE_MAX_HOPS 512

/*
 * NULL: a route that decides nothing for copies (another table, cached, for one TOS or
 * for certain sources only), or no memory.  The caller's to free.
 */
struct fib_route *route_parse(const struct nlmsghdr *nlh);
enum fib_how route_how(const struct nlmsghdr *nlh, bool dump);

/* Nexthop objects (ip nexthop), by id. */
struct nhobjs;

struct nhobjs *nhobjs_new(void);
void nhobjs_free(struct nhobjs *n);
/* RTM_NEWNEXTHOP or RTM_DELNEXTHOP.  True if something changed. */
bool nhobjs_msg(struct nhobjs *n, const struct nlmsghdr *nlh);
void nhobjs_begin(struct nhobjs *n);
bool nhobjs_end(struct nhobjs *n);

/*
 * The hops of an object: at most ROUTE_MAX_HOPS into hops, a group's members with
 * their weights; 0 and *blackhole for a blackhole; -1: no such object.
 */
int nhobjs_hops(const struct nhobjs *n, uint32_t id, struct fib_hop *hops, bool *blackhole);

#endif
