/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/outlets.h"

#include <stdio.h>

#include "control/crierd.h"
#include "control/devmaps.h"
#include "control/netdev.h"

#define NAMED 3 /* interfaces, the others are counted */
_Static_assert(NAMED *(CRIER_IFNAME_LEN + 1) + sizeof(" and 63 more") <= OUTLETS_NAMES_LEN,
	       "the names fit");

void outlets_open(struct outlets *o)
{
	*o = (struct outlets){.netdev = netdev_open()};
}

void outlets_close(struct outlets *o)
{
	netdev_close(o->netdev);
}

bool outlets_look(struct outlets *o, const struct crierd *d)
{
	struct outlets was = *o;

	o->local = o->closed = o->untold = 0;
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		const struct crier_port *port = &d->tables->ports[n];
		bool native = port->ifindex && port->mode == CRIER_PORT_NATIVE;
		int takes = native ? netdev_takes_redirects(o->netdev, port->ifindex) : 1;

		o->local |= (uint64_t) !!(port->flags & CRIER_PORT_LOCAL) << n;
		o->closed |= (uint64_t)(takes == 0) << n;
		o->untold |= (uint64_t)(takes < 0) << n;
	}
	return o->local != was.local || o->closed != was.closed || o->untold != was.untold;
}

bool outlets_flag(struct outlets *o, const struct crierd *d, bool may)
{
	uint64_t was = o->triggers;

	o->triggers = 0;
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		struct crier_port *port = &d->tables->ports[n];
		uint32_t ifindex = tbl_load(&port->ifindex), flags = port->flags;
		bool on = may && ifindex && port->mode == CRIER_PORT_NATIVE &&
			  tbl_load(&port->mac) >> 48 & 1 && !(o->closed >> n & 1) &&
			  !devmaps_get(d->devmaps, n);

		o->triggers |= (uint64_t)on << n;
		flags = on ? flags | CRIER_PORT_BROADCASTS : flags & ~CRIER_PORT_BROADCASTS;
		if (flags != port->flags)
			tbl_store_release(&port->flags, flags);
	}
	return o->triggers != was;
}

const char *outlets_named(const struct crierd *d, uint64_t ports, char text[OUTLETS_NAMES_LEN])
{
	size_t len = 0;

	text[0] = '\0';
	for (int n = 0; ports && n < NAMED; n++, ports &= ports - 1)
		len += (size_t)snprintf(text + len, OUTLETS_NAMES_LEN - len, "%s%.15s",
					n ? ", " : "",
					d->tables->ports[__builtin_ctzll(ports)].name);
	if (ports)
		snprintf(text + len, OUTLETS_NAMES_LEN - len, " and %d more",
			 __builtin_popcountll(ports));
	return text;
}
