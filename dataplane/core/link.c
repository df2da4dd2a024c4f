/* SPDX-License-Identifier: BSD-2-Clause */
#include "link.h"

#include <string.h>

#include "xdp/addr.h"
#include "xdp/rewrite.h"

void links_init(struct links *l, const struct tables *t)
{
	memset(l, 0, sizeof(*l));
	l->t = t;
	l->quantum = 1;
	memset(l->out_of, LINK_NO_OUT, sizeof(l->out_of));
}

static enum copy_drop via_verdict(const struct links *l, const struct crier_via *via, uint64_t hw,
				  bool family6)
{
	switch (hw >> 48) {
	case CRIER_VIA_READY:
		break;
	case CRIER_VIA_PENDING:
		return COPY_NO_NEIGHBOUR;
	case CRIER_VIA_DOWN:
		return COPY_LINK_DOWN;
	default:
		return COPY_NO_ROUTE;
	}
	/* A next hop without an address of the listener's family can't be its sender. */
	if (addr_is_v4(&via->local) == family6)
		return COPY_NO_ROUTE;
	if (via->port >= CRIER_MAX_PORTS || l->out_of[via->port] == LINK_NO_OUT)
		return COPY_LINK_DOWN;
	if (!(tbl_load(&l->t->ports[via->port].mac) >> 48 & 1))
		return COPY_LINK_DOWN;
	return COPY_OK;
}

static void link_fill(const struct links *l, struct link *link, uint16_t number, bool family6)
{
	const struct crier_via *via = &l->t->vias[number];
	uint64_t hw = tbl_load_acquire(&via->hw);

	link->drop = via_verdict(l, via, hw, family6);
	if (link->drop)
		return;
	link->out = l->out_of[via->port];
	link->mtu = via->mtu;
	link->local = via->local;
	link->head_len = (uint8_t)rewrite_link_len(via);
	memset(link->head, 0, LINK_ROOM);
	rewrite_link(link->head + LINK_ROOM - link->head_len, via, hw,
		     tbl_load(&l->t->ports[via->port].mac), family6);
}

const struct link *links_get(struct links *l, uint16_t via, bool family6)
{
	uint64_t tag = l->quantum << 17 | (uint64_t)family6 << 16 | via;
	struct link *link = &l->link[via % LINK_CACHE];

	if (link->tag == tag)
		return link;
	link->tag = tag;
	if (via == 0 || via >= l->t->config->max_vias)
		link->drop = COPY_NO_ROUTE;
	else
		link_fill(l, link, via, family6);
	return link;
}
