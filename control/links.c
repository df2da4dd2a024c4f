/* SPDX-License-Identifier: BSD-2-Clause */
#include "links.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "rtnl.h"
#include "tap.h"
#include "xdp/addr.h"
#include "xdp/log.h"

struct link *links_find(const struct links *ls, uint32_t ifindex)
{
	struct link *l = ls->bucket[ifindex % LINKS_BUCKETS];

	while (l && l->ifindex != ifindex)
		l = l->next;
	return l;
}

struct link *links_by_name(const struct links *ls, const char *name)
{
	struct link *l;

	links_for_each(ls, l)
	{
		if (strcmp(l->name, name) == 0)
			return l;
	}
	return NULL;
}

static void link_free(struct link *l)
{
	free(l->addrs);
	free(l);
}

static void link_remove(struct links *ls, uint32_t ifindex)
{
	struct link **at = &ls->bucket[ifindex % LINKS_BUCKETS];

	while (*at && (*at)->ifindex != ifindex)
		at = &(*at)->next;
	if (*at) {
		struct link *l = *at;

		*at = l->next;
		link_free(l);
	}
}

void links_free(struct links *ls)
{
	for (uint32_t i = 0; i < LINKS_BUCKETS; i++) {
		while (ls->bucket[i])
			link_remove(ls, ls->bucket[i]->ifindex);
	}
}

static void parse_vlan(const struct nlattr *data, struct link *l)
{
	const struct nlattr *attr;

	l->vlan_tpid = htons(0x8100);
	mnl_attr_for_each_nested(attr, data)
	{
		if (mnl_attr_get_type(attr) == IFLA_VLAN_ID)
			l->vlan_id = mnl_attr_get_u16(attr);
		else if (mnl_attr_get_type(attr) == IFLA_VLAN_PROTOCOL)
			l->vlan_tpid = mnl_attr_get_u16(attr);
	}
}

static void parse_bond(const struct nlattr *data, struct link *l)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, data)
	{
		if (mnl_attr_get_type(attr) == IFLA_BOND_ACTIVE_SLAVE)
			l->active = mnl_attr_get_u32(attr);
	}
}

static void parse_linkinfo(const struct nlattr *info, struct link *l)
{
	const struct nlattr *attr, *data = NULL;
	const char *kind = "";

	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			kind = mnl_attr_get_str(attr);
		else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			data = attr;
	}
	l->is_vlan = strcmp(kind, "vlan") == 0;
	l->is_bond = strcmp(kind, "bond") == 0;
	l->is_veth = strcmp(kind, "veth") == 0;
	l->is_tun = strcmp(kind, "tun") == 0;
	if (l->is_vlan && data)
		parse_vlan(data, l);
	if (l->is_bond && data)
		parse_bond(data, l);
}

static void parse_mac(const struct nlattr *attr, struct link *l)
{
	uint8_t mac[6];

	if (mnl_attr_get_payload_len(attr) != sizeof(mac))
		return; /* no Ethernet */
	memcpy(mac, mnl_attr_get_payload(attr), sizeof(mac));
	l->mac = via_hw(mac, 0);
}

static void parse_link(const struct nlmsghdr *nlh, struct link *l)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	bool other_netns = false;

	l->ifindex = (uint32_t)ifi->ifi_index;
	l->flags = ifi->ifi_flags;
	l->carrier = (ifi->ifi_flags & IFF_UP) && (ifi->ifi_flags & IFF_RUNNING);
	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			strncpy(l->name, mnl_attr_get_str(attr), sizeof(l->name) - 1);
			break;
		case IFLA_IFALIAS:
			l->is_ours = strcmp(mnl_attr_get_str(attr), TAP_ALIAS) == 0;
			break;
		case IFLA_MTU:
			l->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK:
			l->lower = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK_NETNSID:
			other_netns = true;
			break;
		case IFLA_MASTER:
			l->master = mnl_attr_get_u32(attr);
			break;
		case IFLA_ADDRESS:
			parse_mac(attr, l);
			break;
		case IFLA_NUM_RX_QUEUES:
			l->rx_queues = mnl_attr_get_u32(attr);
			break;
		case IFLA_LINKINFO:
			parse_linkinfo(attr, l);
			break;
		}
	}
	if (other_netns)
		l->lower = 0;
}

static uint32_t link_diff(const struct link *a, const struct link *b)
{
	uint32_t change = 0;

	if (((a->flags ^ b->flags) & (IFF_UP | IFF_RUNNING | IFF_NOARP)) || a->mac != b->mac)
		change |= LINKS_STATE;
	if (a->mtu != b->mtu || a->lower != b->lower || a->master != b->master ||
	    a->active != b->active || a->is_vlan != b->is_vlan || a->is_bond != b->is_bond ||
	    a->vlan_id != b->vlan_id || a->vlan_tpid != b->vlan_tpid ||
	    strcmp(a->name, b->name) != 0)
		change |= LINKS_SHAPE;
	return change;
}

static uint32_t link_new(struct links *ls, const struct nlmsghdr *nlh, uint32_t *ifindex)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct link fresh = {.gen = ls->link_gen};
	struct link *l;
	uint32_t change;

	/* Bridges tell of their ports with a family of their own: not the whole link. */
	if (ifi->ifi_family != AF_UNSPEC)
		return LINKS_SAME;
	parse_link(nlh, &fresh);
	*ifindex = fresh.ifindex;
	l = links_find(ls, fresh.ifindex);
	if (l == NULL) {
		l = calloc(1, sizeof(*l));
		if (l == NULL) {
			log_err("out of memory: interface %s is not followed", fresh.name);
			return LINKS_SAME;
		}
		*l = fresh;
		l->next = ls->bucket[l->ifindex % LINKS_BUCKETS];
		ls->bucket[l->ifindex % LINKS_BUCKETS] = l;
		return LINKS_NEW | LINKS_STATE | LINKS_SHAPE;
	}
	change = link_diff(l, &fresh);
	fresh.next = l->next;
	fresh.addrs = l->addrs;
	fresh.addrs_count = l->addrs_count;
	fresh.addrs_room = l->addrs_room;
	*l = fresh;
	return change;
}

static uint32_t link_del(struct links *ls, const struct nlmsghdr *nlh, uint32_t *ifindex)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	*ifindex = (uint32_t)ifi->ifi_index;
	if (ifi->ifi_family != AF_UNSPEC || links_find(ls, *ifindex) == NULL)
		return LINKS_SAME;
	link_remove(ls, *ifindex);
	return LINKS_GONE | LINKS_STATE | LINKS_SHAPE;
}

/* IFA_LOCAL is ours on a point-to-point link, where IFA_ADDRESS is the peer's. */
static bool parse_addr(const struct nlmsghdr *nlh, struct link_addr *a)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr, *address = NULL, *local = NULL;

	a->flags = ifa->ifa_flags;
	a->plen = ifa->ifa_prefixlen;
	a->scope = ifa->ifa_scope;
	a->v4 = ifa->ifa_family == AF_INET;
	mnl_attr_for_each(attr, nlh, sizeof(*ifa))
	{
		if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			address = attr;
		else if (mnl_attr_get_type(attr) == IFA_LOCAL)
			local = attr;
		else if (mnl_attr_get_type(attr) == IFA_FLAGS)
			a->flags = mnl_attr_get_u32(attr);
	}
	if (local == NULL)
		local = address;
	return local && rtnl_addr(local, &a->addr);
}

/* The kernel tells one address on one link with two prefix lengths apart. */
static struct link_addr *addr_find(const struct link *l, const struct link_addr *a)
{
	for (uint32_t i = 0; i < l->addrs_count; i++) {
		if (l->addrs[i].plen == a->plen && addr_equal(&l->addrs[i].addr, &a->addr))
			return &l->addrs[i];
	}
	return NULL;
}

static uint32_t addr_new(struct links *ls, struct link *l, struct link_addr *a)
{
	struct link_addr *old = addr_find(l, a);

	a->gen = ls->addr_gen;
	if (old) {
		bool same = old->flags == a->flags && old->scope == a->scope;

		*old = *a;
		return same ? LINKS_SAME : LINKS_ADDRS;
	}
	if (l->addrs_count == l->addrs_room) {
		uint32_t room = l->addrs_room ? l->addrs_room * 2 : 4;
		struct link_addr *more = realloc(l->addrs, room * sizeof(*more));

		if (more == NULL) {
			log_err("out of memory: an address of %s is not followed", l->name);
			return LINKS_SAME;
		}
		l->addrs = more;
		l->addrs_room = room;
	}
	l->addrs[l->addrs_count++] = *a;
	return LINKS_ADDRS;
}

/* In order: the first of a family is its primary. */
static void addr_remove(struct link *l, struct link_addr *a)
{
	size_t after = (size_t)(&l->addrs[--l->addrs_count] - a);

	memmove(a, a + 1, after * sizeof(*a));
}

static uint32_t addr_msg(struct links *ls, const struct nlmsghdr *nlh, uint32_t *ifindex)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct link_addr a = {0}, *old;
	struct link *l;

	*ifindex = ifa->ifa_index;
	l = links_find(ls, ifa->ifa_index);
	if ((ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6) || l == NULL ||
	    !parse_addr(nlh, &a))
		return LINKS_SAME;
	if (nlh->nlmsg_type == RTM_NEWADDR)
		return addr_new(ls, l, &a);
	old = addr_find(l, &a);
	if (old == NULL)
		return LINKS_SAME;
	addr_remove(l, old);
	return LINKS_ADDRS | LINKS_ADDR_GONE;
}

uint32_t links_msg(struct links *ls, const struct nlmsghdr *nlh, uint32_t *ifindex)
{
	*ifindex = 0;
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
		return link_new(ls, nlh, ifindex);
	case RTM_DELLINK:
		return link_del(ls, nlh, ifindex);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return addr_msg(ls, nlh, ifindex);
	}
	return LINKS_SAME;
}

void links_begin(struct links *ls, bool addrs)
{
	if (addrs)
		ls->addr_gen++;
	else
		ls->link_gen++;
}

static uint32_t addrs_end(struct links *ls)
{
	uint32_t change = LINKS_SAME;
	struct link *l;

	links_for_each(ls, l)
	{
		for (uint32_t i = l->addrs_count; i-- > 0;) {
			if (l->addrs[i].gen != ls->addr_gen) {
				addr_remove(l, &l->addrs[i]);
				change = LINKS_ADDRS | LINKS_ADDR_GONE;
			}
		}
	}
	return change;
}

uint32_t links_end(struct links *ls, bool addrs, void (*gone)(uint32_t ifindex, void *arg),
		   void *arg)
{
	uint32_t change = LINKS_SAME;

	if (addrs)
		return addrs_end(ls);
	for (uint32_t i = 0; i < LINKS_BUCKETS; i++) {
		for (struct link *l = ls->bucket[i], *next; l; l = next) {
			uint32_t ifindex = l->ifindex;

			next = l->next;
			if (l->gen == ls->link_gen)
				continue;
			link_remove(ls, ifindex);
			change = LINKS_GONE | LINKS_STATE | LINKS_SHAPE;
			if (gone)
				gone(ifindex, arg);
		}
	}
	return change;
}

bool addr_in_prefix(const struct crier_addr *addr, const struct crier_addr *prefix, uint32_t bits)
{
	uint32_t whole = bits / 8, rest = bits % 8;

	if (memcmp(addr->b, prefix->b, whole) != 0)
		return false;
	return rest == 0 || ((addr->b[whole] ^ prefix->b[whole]) >> (8 - rest)) == 0;
}

static bool addr_usable(const struct link_addr *a)
{
	return !(a->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) || (a->flags & IFA_F_OPTIMISTIC);
}

static const struct link_addr *source4(const struct link *link, const struct crier_addr *near)
{
	const struct link_addr *first = NULL;

	for (uint32_t i = 0; i < link->addrs_count; i++) {
		const struct link_addr *a = &link->addrs[i];

		if (!a->v4 || a->scope > RT_SCOPE_LINK)
			continue;
		if (!(a->flags & IFA_F_SECONDARY) && addr_in_prefix(near, &a->addr, 96U + a->plen))
			return a;
		if (first == NULL)
			first = a;
	}
	return first;
}

static uint32_t common_bits(const struct crier_addr *a, const struct crier_addr *b)
{
	uint64_t high = be64toh(a->q[0] ^ b->q[0]), low = be64toh(a->q[1] ^ b->q[1]);

	if (high)
		return (uint32_t)__builtin_clzll(high);
	return low ? 64 + (uint32_t)__builtin_clzll(low) : 128;
}

/* Larger is better. */
static uint32_t rank6(const struct link_addr *a, const struct crier_addr *dst)
{
	if (addr_equal(&a->addr, dst))
		return 0; /* never our own address */
	return 1 + common_bits(&a->addr, dst) + (a->scope == RT_SCOPE_UNIVERSE ? 1024 : 0) +
	       (a->flags & IFA_F_DEPRECATED ? 0 : 512) + (a->flags & IFA_F_TEMPORARY ? 0 : 256);
}

static const struct link_addr *source6(const struct link *link, const struct crier_addr *dst)
{
	const struct link_addr *best = NULL;
	uint32_t best_rank = 0;

	for (uint32_t i = 0; i < link->addrs_count; i++) {
		const struct link_addr *a = &link->addrs[i];
		uint32_t rank;

		/* A link-local source cannot be answered from beyond the link. */
		if (a->v4 || !addr_usable(a) || a->scope >= RT_SCOPE_LINK)
			continue;
		rank = rank6(a, dst);
		if (rank > best_rank) {
			best = a;
			best_rank = rank;
		}
	}
	return best;
}

const struct link_addr *link_source(const struct link *link, const struct crier_addr *dst,
				    const struct crier_addr *neighbour)
{
	if (!addr_is_v4(dst))
		return source6(link, dst);
	return source4(link, addr_is_v4(neighbour) ? neighbour : dst);
}
