/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a destination to the via that leads there: route, hop, interface, VLAN tags,
 * port, neighbour and source address.  Reads mirrors, changes nothing.
 */
#ifndef CRIER_EGRESS_H
#define CRIER_EGRESS_H

#include <stdint.h>

#include "fib.h"
#include "links.h"
#include "nexthop.h"
#include "route.h"
#include "xdp/tables.h"

/* Ports by the kernel's interface, and where our own addresses are reached. */
struct egress_ports {
	uint32_t count;
	struct {
		uint32_t ifindex, port;
		bool local; /* crier0's: no route leads there */
	} list[CRIER_MAX_PORTS];
	uint32_t local_port, local_ifindex;		  /* 0: none */
	struct crier_addr engine4, host4, engine6, host6; /* zero: not for this family */
};

struct egress {
	const struct fib *fib;
	const struct nhobjs *nhobjs;
	const struct links *links;
	struct egress_ports ports;
};

/* Reads the ports' interfaces again. */
void egress_ports_read(struct egress *e, const struct crier_port *ports);

/*
 * NEXTHOP_REASON_N and key (but for hw) and the interface whose neighbour it is; or why
 * there is no way.
 */
enum nexthop_reason egress_plan(const struct egress *e, const struct crier_addr *dst,
				struct crier_via *key, uint32_t *ifindex);

/* The interface that a via of this port and tags leaves by, 0: none now. */
uint32_t egress_ifindex(const struct egress *e, const struct crier_via *via);

#endif
