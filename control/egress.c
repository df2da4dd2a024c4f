/* SPDX-License-Identifier: BSD-2-Clause */
#include "egress.h"

#include <string.h>

#include <linux/rtnetlink.h>

#include "xdp/addr.h"

#define OK NEXTHOP_REASON_N

void egress_ports_read(struct egress *e, const struct crier_port *ports)
{
	struct egress_ports *p = &e->ports;

	p->count = 0;
	p->local_ifindex = 0;
	for (uint32_t n = 1; n < CRIER_MAX_PORTS; n++) {
		uint32_t ifindex = tbl_load(&ports[n].ifindex);

		if (ifindex == 0)
			continue;
		if (n == p->local_port)
			p->local_ifindex = ifindex;
		p->list[p->count].local = ports[n].flags & CRIER_PORT_LOCAL;
		p->list[p->count].ifindex = ifindex;
		p->list[p->count++].port = n;
	}
}

static uint32_t port_of(const struct egress *e, uint32_t ifindex)
{
	for (uint32_t i = 0; i < e->ports.count; i++) {
		if (e->ports.list[i].ifindex == ifindex && !e->ports.list[i].local)
			return e->ports.list[i].port;
	}
	return 0;
}

/*
 * The port of a bond: its active slave, or else of its slaves that are ports the first
 * with a carrier, or the first.
 */
static uint32_t bond_port(const struct egress *e, const struct link *bond)
{
	uint32_t port = bond->active ? port_of(e, bond->active) : 0;

	for (uint32_t i = 0; !port && i < e->ports.count; i++) {
		const struct link *l = links_find(e->links, e->ports.list[i].ifindex);

		if (l && l->master == bond->ifindex && l->carrier)
			port = e->ports.list[i].port;
	}
	for (uint32_t i = 0; !port && i < e->ports.count; i++) {
		const struct link *l = links_find(e->links, e->ports.list[i].ifindex);

		if (l && l->master == bond->ifindex)
			port = e->ports.list[i].port;
	}
	return port;
}

/* Port and tags of copies that leave by link.  The topmost VLAN device has the inner tag. */
static enum nexthop_reason plan_link(const struct egress *e, const struct link *link,
				     struct crier_via *key)
{
	uint32_t depth = 0;

	for (; link && link->is_vlan; link = links_find(e->links, link->lower)) {
		if (depth++ == 2)
			return NEXTHOP_vlan_depth;
		key->vlan[1] = key->vlan[0];
		key->tpid[1] = key->tpid[0];
		key->vlan[0] = (uint16_t)(link->vlan_id + 1);
		key->tpid[0] = link->vlan_tpid;
	}
	if (link == NULL)
		return NEXTHOP_not_a_port;
	key->port = link->is_bond ? bond_port(e, link) : port_of(e, link->ifindex);
	return key->port ? OK : NEXTHOP_not_a_port;
}

static bool addr_is_zero(const struct crier_addr *a)
{
	return a->q[0] == 0 && a->q[1] == 0;
}

/* An interface without an address of its own sends from another's, as the kernel does. */
static const struct link_addr *source_elsewhere(const struct egress *e,
						const struct crier_addr *dst,
						const struct crier_addr *neighbour)
{
	const struct link *l;

	links_for_each(e->links, l)
	{
		const struct link_addr *a = link_source(l, dst, neighbour);

		if (a && a->scope == RT_SCOPE_UNIVERSE)
			return a;
	}
	return NULL;
}

static enum nexthop_reason plan_source(const struct egress *e, const struct link *link,
				       const struct fib_route *r, const struct crier_addr *dst,
				       struct crier_via *key)
{
	const struct link_addr *a;

	if (!addr_is_zero(&r->source)) {
		key->local = r->source;
		return OK;
	}
	a = link_source(link, dst, &key->neighbour);
	if (a == NULL)
		a = source_elsewhere(e, dst, &key->neighbour);
	if (a == NULL)
		return NEXTHOP_no_source;
	key->local = a->addr;
	return OK;
}

static uint16_t plan_mtu(const struct link *link, const struct fib_route *r)
{
	uint32_t mtu = r->mtu && r->mtu < link->mtu ? r->mtu : link->mtu;

	return mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)mtu;
}

static enum nexthop_reason plan_hop(const struct egress *e, const struct fib_route *r,
				    const struct fib_hop *hop, const struct crier_addr *dst,
				    struct crier_via *key, uint32_t *ifindex)
{
	const struct link *link = links_find(e->links, hop->ifindex);
	enum nexthop_reason why;

	if (link == NULL || hop->encap)
		return NEXTHOP_not_a_port;
	*ifindex = hop->ifindex;
	key->neighbour = addr_is_zero(&hop->gateway) ? *dst : hop->gateway;
	key->family6 = !addr_is_v4(dst);
	key->mtu = plan_mtu(link, r);
	why = plan_link(e, link, key);
	return why == OK ? plan_source(e, link, r, dst, key) : why;
}

static enum nexthop_reason plan_object(const struct egress *e, const struct fib_route *r,
				       const struct crier_addr *dst, struct crier_via *key,
				       uint32_t *ifindex)
{
	struct fib_hop hops[ROUTE_MAX_HOPS];
	const struct fib_hop *hop;
	bool blackhole;
	int n = nhobjs_hops(e->nhobjs, r->nexthop_id, hops, &blackhole);

	if (n <= 0)
		return n == 0 && blackhole ? NEXTHOP_prohibited : NEXTHOP_no_route;
	hop = fib_hop_pick(hops, (uint32_t)n, dst);
	return hop ? plan_hop(e, r, hop, dst, key, ifindex) : NEXTHOP_no_route;
}

static enum nexthop_reason plan_unicast(const struct egress *e, const struct fib_route *r,
					const struct crier_addr *dst, struct crier_via *key,
					uint32_t *ifindex)
{
	for (; r && r->type == RTN_UNICAST; r = r->next) {
		const struct fib_hop *hop;

		if (r->nexthop_id)
			return plan_object(e, r, dst, key, ifindex);
		hop = r->hops_count ? fib_hop_pick(r->hops, r->hops_count, dst) : NULL;
		if (hop)
			return plan_hop(e, r, hop, dst, key, ifindex);
	}
	return NEXTHOP_no_route;
}

/* One of our own addresses: out of crier0's engine side. */
static enum nexthop_reason plan_local(const struct egress *e, const struct crier_addr *dst,
				      struct crier_via *key, uint32_t *ifindex)
{
	const struct egress_ports *p = &e->ports;
	const struct link *link = links_find(e->links, p->local_ifindex);
	bool v4 = addr_is_v4(dst);

	key->neighbour = v4 ? p->host4 : p->host6;
	key->local = v4 ? p->engine4 : p->engine6;
	if (link == NULL || addr_is_zero(&key->local))
		return NEXTHOP_local_off;
	*ifindex = p->local_ifindex;
	key->port = p->local_port;
	key->family6 = !v4;
	key->mtu = link->mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)link->mtu;
	return OK;
}

static bool is_link_local(const struct crier_addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* The route that the standard rules find: local, main, default. */
static const struct fib_route *route_find(const struct fib *fib, const struct crier_addr *dst)
{
	const struct fib_route *r = NULL;

	for (int table = 0; table < FIB_TABLES; table++) {
		r = fib_lookup(fib, table, dst);
		if (r && r->type != RTN_THROW)
			return r;
	}
	return NULL;
}

enum nexthop_reason egress_plan(const struct egress *e, const struct crier_addr *dst,
				struct crier_via *key, uint32_t *ifindex)
{
	const struct fib_route *r;

	memset(key, 0, sizeof(*key));
	if (addr_is_multicast(dst) || addr_is_broadcast(dst) || addr_is_unspecified(dst) ||
	    addr_is_loopback(dst))
		return NEXTHOP_not_unicast;
	if (is_link_local(dst))
		return NEXTHOP_no_route; /* on which link, an address doesn't say */
	r = route_find(e->fib, dst);
	if (r == NULL)
		return NEXTHOP_no_route;
	switch (r->type) {
	case RTN_UNICAST:
		return plan_unicast(e, r, dst, key, ifindex);
	case RTN_LOCAL:
		return plan_local(e, dst, key, ifindex);
	case RTN_BLACKHOLE:
	case RTN_UNREACHABLE:
	case RTN_PROHIBIT:
		return NEXTHOP_prohibited;
	case RTN_BROADCAST:
	case RTN_ANYCAST:
	case RTN_MULTICAST:
		return NEXTHOP_not_unicast;
	}
	return NEXTHOP_no_route;
}

static uint32_t vlan_above(const struct egress *e, uint32_t lower, uint16_t vlan, __be16 tpid)
{
	const struct link *l;

	links_for_each(e->links, l)
	{
		if (l->is_vlan && l->lower == lower && l->vlan_id + 1 == vlan &&
		    l->vlan_tpid == tpid)
			return l->ifindex;
	}
	return 0;
}

uint32_t egress_ifindex(const struct egress *e, const struct crier_via *via)
{
	const struct link *l = NULL, *master;
	uint32_t ifindex;

	for (uint32_t i = 0; i < e->ports.count; i++) {
		if (e->ports.list[i].port == via->port)
			l = links_find(e->links, e->ports.list[i].ifindex);
	}
	if (l == NULL)
		return 0;
	master = l->master ? links_find(e->links, l->master) : NULL;
	ifindex = master && master->is_bond ? master->ifindex : l->ifindex;
	for (int i = 0; ifindex && i < 2 && via->vlan[i]; i++)
		ifindex = vlan_above(e, ifindex, via->vlan[i], via->tpid[i]);
	return ifindex;
}
