/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces and their addresses, as rtnetlink tells of them.  Plain data: one writer,
 * the owner of the rtnl that feeds it.
 */
#ifndef CRIER_LINKS_H
#define CRIER_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/netlink.h>

#include "xdp/table.h"

#define LINKS_BUCKETS 256

struct link_addr {
	struct crier_addr addr;
	uint32_t gen;
	uint32_t flags; /* IFA_F_* */
	uint8_t plen;	/* of the family's own length */
	uint8_t scope;	/* RT_SCOPE_* */
	bool v4;
};

struct link {
	struct link *next; /* of the bucket */
	uint32_t ifindex;
	uint32_t lower;	 /* ifindex under a VLAN device, 0: none or in another netns */
	uint32_t master; /* bond or bridge above, 0: none */
	uint32_t active; /* a bond's active slave, 0: none */
	uint32_t flags;	 /* IFF_* */
	uint32_t mtu;
	uint32_t rx_queues; /* allocated, at most these many are in use */
	uint32_t gen;
	uint64_t mac; /* as crier_port.mac, bits 0..47 */
	uint16_t vlan_id;
	__be16 vlan_tpid;
	bool is_vlan, is_bond, is_veth, is_tun;
	bool is_ours; /* has the alias that tap.h gives */
	bool carrier; /* up and running */
	char name[CRIER_IFNAME_LEN];
	struct link_addr *addrs;
	uint32_t addrs_count, addrs_room;
};

struct links {
	struct link *bucket[LINKS_BUCKETS];
	uint32_t link_gen, addr_gen;
};

/* What a message changed. */
enum links_change {
	LINKS_SAME = 0,
	LINKS_NEW = 1 << 0,
	LINKS_GONE = 1 << 1,
	LINKS_STATE = 1 << 2, /* flags, carrier, MAC */
	LINKS_SHAPE = 1 << 3, /* MTU, name, what lies under or above */
	LINKS_ADDRS = 1 << 4, /* its addresses */
	LINKS_ADDR_GONE = 1 << 5,
};

/*
 * RTM_NEWLINK, DELLINK, NEWADDR or DELADDR.  A mask of links_change, and the ifindex
 * it is about in *ifindex.
 */
uint32_t links_msg(struct links *ls, const struct nlmsghdr *nlh, uint32_t *ifindex);

/* Around a dump: end drops what the dump left out, and calls gone for each link. */
void links_begin(struct links *ls, bool addrs);
uint32_t links_end(struct links *ls, bool addrs, void (*gone)(uint32_t ifindex, void *arg),
		   void *arg);
void links_free(struct links *ls);

struct link *links_find(const struct links *ls, uint32_t ifindex);
struct link *links_by_name(const struct links *ls, const char *name);

#define links_for_each(ls, l) \
	for (uint32_t links_i_ = 0; links_i_ < LINKS_BUCKETS; links_i_++) \
		for ((l) = (ls)->bucket[links_i_]; (l); (l) = (l)->next)

/*
 * The address of link to send from to dst, by way of neighbour: on the neighbour's (or
 * dst's) own subnet if there is one, else the first usable; v6 by scope and longest
 * common prefix (RFC 6724, rules 2, 3 and 8).  NULL: it has none of dst's family.
 */
const struct link_addr *link_source(const struct link *link, const struct crier_addr *dst,
				    const struct crier_addr *neighbour);

bool addr_in_prefix(const struct crier_addr *addr, const struct crier_addr *prefix, uint32_t bits);

#endif
