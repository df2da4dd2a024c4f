/* SPDX-License-Identifier: BSD-2-Clause */
#include "nexthop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "egress.h"
#include "neigh.h"
#include "rtnl.h"
#include "via.h"
#include "xdp/addr.h"
#include "xdp/log.h"

#define SECOND 1000000000ULL

struct nexthop {
	struct tables *t;
	struct fib *fib;
	struct nhobjs *nhobjs;
	struct links links;
	struct neighs *neighs;
	struct vias *vias;
	struct rtnl *rtnl;
	struct egress egress;
	struct event *change, *reread;
	void (*cb)(void *arg);
	void *cb_arg;
	uint32_t route_gen[2]; /* [v4] */
	uint32_t odd_rules, odd_rules_said;
	bool reread_again;
	bool ready; /* the first dumps are in, vias are bound */
	uint64_t full_said_ns, scan_asked_ns;
	struct nexthop_stats stats;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

/* ---- vias follow their neighbour and their link -------------------------------- */

static bool link_is_up(const struct nexthop *nh, uint32_t ifindex)
{
	const struct link *l = ifindex ? links_find(&nh->links, ifindex) : NULL;

	return l && l->carrier;
}

/* A via's one word, as neighbour and links are now. */
static void via_update(struct nexthop *nh, uint16_t n)
{
	const struct via_own *own = vias_own(nh->vias, n);
	struct crier_via *via = &nh->t->vias[n];
	uint64_t mac = own->neigh ? own->neigh->mac : 0;
	uint64_t state = mac ? CRIER_VIA_READY : CRIER_VIA_PENDING;
	uint64_t hw;

	if (!link_is_up(nh, own->ifindex) || !link_is_up(nh, nh->t->ports[via->port].ifindex))
		state = CRIER_VIA_DOWN;
	hw = mac | state << 48;
	if (hw != tbl_load(&via->hw))
		tbl_store_release(&via->hw, hw);
}

static void vias_update(struct nexthop *nh)
{
	for (uint32_t n = 1; nh->ready && n < vias_max(nh->vias); n++) {
		if (vias_own(nh->vias, (uint16_t)n)->live)
			via_update(nh, (uint16_t)n);
	}
}

static void neigh_vias_update(struct nexthop *nh, const struct neigh *neigh)
{
	for (uint16_t n = neigh->vias; nh->ready && n; n = vias_own(nh->vias, n)->next)
		via_update(nh, n);
}

static void via_unbind(struct nexthop *nh, uint16_t n)
{
	struct via_own *own = vias_own(nh->vias, n);
	struct neigh *neigh = own->neigh;
	uint16_t *at;

	if (neigh == NULL)
		return;
	for (at = &neigh->vias; *at && *at != n;)
		at = &vias_own(nh->vias, *at)->next;
	*at = own->next;
	own->next = 0;
	own->neigh = NULL;
	if (neigh->vias == 0)
		neighs_unwant(nh->neighs, neigh);
}

/* The via's neighbour is on ifindex from now on; 0: its interface is gone. */
static void via_bind(struct nexthop *nh, uint16_t n, uint32_t ifindex)
{
	struct via_own *own = vias_own(nh->vias, n);
	const struct crier_via *via = &nh->t->vias[n];
	uint64_t hw = tbl_load(&via->hw);
	struct neigh *neigh;

	via_unbind(nh, n);
	own->ifindex = ifindex;
	neigh = ifindex ? neighs_want(nh->neighs, ifindex, &via->neighbour) : NULL;
	if (neigh) {
		own->neigh = neigh;
		own->next = neigh->vias;
		neigh->vias = n;
		/* What an earlier crierd knew holds until the kernel says otherwise. */
		if (neigh->mac == 0 && !(neigh->state & NUD_FAILED))
			neigh->mac = hw & 0xffffffffffffULL;
	}
	via_update(nh, n);
}

static void vias_adopt(struct nexthop *nh)
{
	nh->ready = true;
	for (uint32_t n = 1; n < vias_max(nh->vias); n++) {
		if (vias_own(nh->vias, (uint16_t)n)->live)
			via_bind(nh, (uint16_t)n, egress_ifindex(&nh->egress, &nh->t->vias[n]));
	}
}

/* Interfaces have come: vias whose own had gone may be on these. */
static void vias_rebind(struct nexthop *nh)
{
	for (uint32_t n = 1; nh->ready && n < vias_max(nh->vias); n++) {
		const struct via_own *own = vias_own(nh->vias, (uint16_t)n);

		if (own->live && (!own->ifindex || !links_find(&nh->links, own->ifindex)))
			via_bind(nh, (uint16_t)n, egress_ifindex(&nh->egress, &nh->t->vias[n]));
	}
}

/* ---- changes ------------------------------------------------------------------- */

/* Answers may be others now: tell, soon, and once for many changes. */
static void changed(struct nexthop *nh)
{
	static const struct timeval soon = {.tv_usec = 50000};

	if (nh->ready && nh->cb && !event_pending(nh->change, EV_TIMEOUT, NULL))
		event_add(nh->change, &soon);
}

static void on_change(int fd, short what, void *arg)
{
	struct nexthop *nh = arg;

	(void)fd;
	(void)what;
	if (nh->cb)
		nh->cb(nh->cb_arg);
}

/*
 * When a link goes down or an address is lost, the kernel drops or disables IPv4 routes
 * without a word: read them again, and once more when it has surely settled.
 */
static void reread_routes(struct nexthop *nh)
{
	static const struct timeval soon = {.tv_usec = 20000};

	if (!nh->ready)
		return;
	nh->reread_again = true;
	if (!event_pending(nh->reread, EV_TIMEOUT, NULL))
		event_add(nh->reread, &soon);
}

static void on_reread(int fd, short what, void *arg)
{
	static const struct timeval again = {.tv_usec = 500000};
	struct nexthop *nh = arg;

	(void)fd;
	(void)what;
	rtnl_resync(nh->rtnl, RTNL_NEXTHOP | RTNL_ROUTE4 | RTNL_ROUTE6);
	if (nh->reread_again)
		event_add(nh->reread, &again);
	nh->reread_again = false;
}

static void links_changed(struct nexthop *nh, uint32_t change, uint32_t ifindex)
{
	if (change & (LINKS_NEW | LINKS_SHAPE | LINKS_GONE))
		vias_rebind(nh);
	if (change & (LINKS_STATE | LINKS_GONE | LINKS_NEW)) {
		vias_update(nh);
		if (link_is_up(nh, ifindex))
			neighs_kick(nh->neighs, ifindex);
		reread_routes(nh);
	}
	if (change & LINKS_ADDR_GONE)
		reread_routes(nh);
	if (change)
		changed(nh);
}

/* ---- what netlink tells -------------------------------------------------------- */

static void route_new(struct nexthop *nh, const struct nlmsghdr *nlh, bool dump)
{
	struct fib_route *r = route_parse(nlh);

	if (r == NULL)
		return;
	r->gen = nh->route_gen[r->v4];
	/* How several routes of one metric are ordered then, only the kernel knows. */
	if (!dump && (nlh->nlmsg_flags & (NLM_F_APPEND | NLM_F_REPLACE)))
		reread_routes(nh);
	if (fib_add(nh->fib, r, route_how(nlh, dump)))
		changed(nh);
}

static void route_del(struct nexthop *nh, const struct nlmsghdr *nlh)
{
	struct fib_route *r = route_parse(nlh);

	if (r == NULL)
		return;
	if (fib_del(nh->fib, r) != FIB_DELETED)
		reread_routes(nh);
	changed(nh);
	free(r);
}

static bool rule_is_standard(const struct nlmsghdr *nlh)
{
	const struct fib_rule_hdr *frh = mnl_nlmsg_get_payload(nlh);
	uint32_t table = frh->table, priority = 0;
	const struct nlattr *attr;

	if (frh->family != AF_INET && frh->family != AF_INET6)
		return true; /* another protocol's: not on our way */
	mnl_attr_for_each(attr, nlh, sizeof(*frh))
	{
		switch (mnl_attr_get_type(attr)) {
		case FRA_PRIORITY:
			priority = mnl_attr_get_u32(attr);
			break;
		case FRA_TABLE:
			table = mnl_attr_get_u32(attr);
			break;
		case FRA_IIFNAME:
		case FRA_OIFNAME:
		case FRA_FWMARK:
			return false;
		}
	}
	if (frh->action != FR_ACT_TO_TBL || frh->src_len || frh->dst_len || frh->tos ||
	    (frh->flags & FIB_RULE_INVERT))
		return false;
	return (priority == 0 && table == RT_TABLE_LOCAL) ||
	       (priority == 32766 && table == RT_TABLE_MAIN) ||
	       (priority == 32767 && table == RT_TABLE_DEFAULT);
}

static void on_msg(const struct nlmsghdr *nlh, bool dump, void *arg)
{
	struct nexthop *nh = arg;
	const struct neigh *neigh;
	uint32_t ifindex, change;

	switch (nlh->nlmsg_type) {
	case RTM_NEWROUTE:
		route_new(nh, nlh, dump);
		break;
	case RTM_DELROUTE:
		route_del(nh, nlh);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		neigh = neighs_msg(nh->neighs, nlh);
		if (neigh)
			neigh_vias_update(nh, neigh);
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		if (nhobjs_msg(nh->nhobjs, nlh))
			changed(nh);
		break;
	case RTM_NEWRULE:
	case RTM_DELRULE:
		if (!dump)
			rtnl_resync(nh->rtnl, RTNL_RULE);
		else if (!rule_is_standard(nlh))
			nh->odd_rules++;
		break;
	default:
		change = links_msg(&nh->links, nlh, &ifindex);
		if (change)
			links_changed(nh, change, ifindex);
	}
}

static void on_begin(enum rtnl_kind kind, void *arg)
{
	struct nexthop *nh = arg;

	switch (kind) {
	case RTNL_LINK:
	case RTNL_ADDR:
		links_begin(&nh->links, kind == RTNL_ADDR);
		break;
	case RTNL_NEXTHOP:
		nhobjs_begin(nh->nhobjs);
		break;
	case RTNL_ROUTE4:
	case RTNL_ROUTE6:
		nh->route_gen[kind == RTNL_ROUTE4]++;
		break;
	case RTNL_NEIGH:
		neighs_begin(nh->neighs);
		break;
	case RTNL_RULE:
		nh->odd_rules = 0;
		break;
	}
}

static void rules_end(struct nexthop *nh)
{
	if (nh->odd_rules && nh->odd_rules != nh->odd_rules_said)
		log_warn("policy routing: %u rules beside the standard ones are not followed; "
			 "copies go by the tables local, main and default",
			 nh->odd_rules);
	nh->odd_rules_said = nh->odd_rules;
}

static void on_end(enum rtnl_kind kind, void *arg)
{
	struct nexthop *nh = arg;
	uint32_t change = 0;
	bool v4 = kind == RTNL_ROUTE4;

	switch (kind) {
	case RTNL_LINK:
	case RTNL_ADDR:
		change = links_end(&nh->links, kind == RTNL_ADDR, NULL, NULL);
		if (change)
			links_changed(nh, change, 0);
		break;
	case RTNL_NEXTHOP:
		if (nhobjs_end(nh->nhobjs))
			changed(nh);
		break;
	case RTNL_ROUTE4:
	case RTNL_ROUTE6:
		if (fib_expire(nh->fib, v4, nh->route_gen[v4]))
			changed(nh);
		break;
	case RTNL_NEIGH:
		neighs_end(nh->neighs);
		break;
	case RTNL_RULE:
		rules_end(nh);
		break;
	}
}

/* ---- answers ------------------------------------------------------------------- */

/* Ask for a scan that finds out which vias are unused: at most each 5 s. */
static void ask_scan(struct nexthop *nh)
{
	uint64_t now = now_ns();

	if (nh->scan_asked_ns && now - nh->scan_asked_ns < 5 * SECOND)
		return;
	nh->scan_asked_ns = now;
	changed(nh);
}

static void say_full(struct nexthop *nh)
{
	uint64_t now = now_ns();

	if (nh->full_said_ns && now - nh->full_said_ns < 60 * SECOND)
		return;
	nh->full_said_ns = now;
	log_warn("all %u next hops are taken: listeners that need another get no copies; put a "
		 "router between the node and so many neighbours",
		 vias_max(nh->vias) - 1);
}

uint16_t nexthop_resolve(struct nexthop *nh, const struct crier_addr *dst)
{
	struct crier_via key;
	uint32_t ifindex;
	enum nexthop_reason why = egress_plan(&nh->egress, dst, &key, &ifindex);
	uint16_t n = 0;
	bool made;

	if (why == NEXTHOP_REASON_N) {
		n = vias_get(nh->vias, &key, &made);
		if (n && (made || vias_own(nh->vias, n)->ifindex != ifindex))
			via_bind(nh, n, ifindex);
		if (n == 0) {
			why = NEXTHOP_full;
			say_full(nh);
		}
		if (n == 0 || (made && vias_free(nh->vias) < vias_max(nh->vias) / 16))
			ask_scan(nh);
	}
	if (n == 0)
		nh->stats.refused[why]++;
	return n;
}

enum nexthop_reason nexthop_why(struct nexthop *nh, const struct crier_addr *dst)
{
	struct crier_via key;
	uint32_t ifindex;
	enum nexthop_reason why = egress_plan(&nh->egress, dst, &key, &ifindex);

	if (why == NEXTHOP_REASON_N && vias_find(nh->vias, &key) == 0 && vias_free(nh->vias) == 0)
		return NEXTHOP_full;
	return why;
}

const char *nexthop_reason_text(enum nexthop_reason why)
{
#define TEXT(name, help) [NEXTHOP_##name] = help,
	static const char *const text[] = {NEXTHOP_REASONS(TEXT)[NEXTHOP_REASON_N] = "reachable"};
#undef TEXT

	return text[why];
}

void nexthop_on_change(struct nexthop *nh, void (*cb)(void *arg), void *arg)
{
	nh->cb = cb;
	nh->cb_arg = arg;
}

static void drop_via(uint16_t n, void *nh)
{
	via_unbind(nh, n);
}

void nexthop_sweep(struct nexthop *nh, const uint64_t used[1024])
{
	vias_sweep(nh->vias, used, drop_via, nh);
}

void nexthop_ports_changed(void *arg)
{
	struct nexthop *nh = arg;

	egress_ports_read(&nh->egress, nh->t->ports);
	vias_rebind(nh);
	vias_update(nh);
	changed(nh);
}

static struct crier_addr addr_or_zero(const struct crier_addr *a)
{
	return a ? *a : (struct crier_addr){0};
}

void nexthop_set_local(struct nexthop *nh, uint32_t port, const struct crier_addr *engine4,
		       const struct crier_addr *host4, const struct crier_addr *engine6,
		       const struct crier_addr *host6)
{
	struct egress_ports *p = &nh->egress.ports;

	p->local_port = port;
	p->engine4 = addr_or_zero(engine4);
	p->host4 = addr_or_zero(host4);
	p->engine6 = addr_or_zero(engine6);
	p->host6 = addr_or_zero(host6);
	nexthop_ports_changed(nh);
}

void nexthop_stats(const struct nexthop *nh, struct nexthop_stats *out)
{
	const struct rtnl_stats *rs = rtnl_stats(nh->rtnl);

	*out = nh->stats;
	out->total = vias_live(nh->vias);
	for (uint32_t n = 1; n < vias_max(nh->vias); n++) {
		uint64_t state = tbl_load(&nh->t->vias[n].hw) >> 48;

		if (!vias_own(nh->vias, (uint16_t)n)->live)
			continue;
		out->ready += state == CRIER_VIA_READY;
		out->pending += state == CRIER_VIA_PENDING;
		out->down += state == CRIER_VIA_DOWN;
	}
	out->routes4 = (uint32_t)fib_count(nh->fib, true);
	out->routes6 = (uint32_t)fib_count(nh->fib, false);
	out->neighbours = neighs_count(nh->neighs);
	out->solicits = neighs_solicits(nh->neighs);
	out->resyncs = rs->resyncs;
	out->overruns = rs->overruns;
}

void nexthop_warnings(const struct nexthop *nh, void (*each)(const char *text, void *arg),
		      void *arg)
{
	if (nh->odd_rules)
		each("policy routing rules beside the standard ones are not followed: copies go by "
		     "the tables local, main and default",
		     arg);
	if (vias_free(nh->vias) == 0)
		each("the table of next hops is full: listeners that need another get no copies",
		     arg);
	if (neighs_full(nh->neighs))
		each("the kernel's neighbour table is full: raise "
		     "net.ipv4.neigh.default.gc_thresh3 "
		     "and net.ipv6.neigh.default.gc_thresh3 above the number of neighbours",
		     arg);
}

/* ---- start and end ------------------------------------------------------------- */

static const struct rtnl_ops ops = {.msg = on_msg, .begin = on_begin, .end = on_end};

int nexthop_open(struct tables *t, struct grace *grace, struct event_base *base,
		 struct nexthop **out)
{
	struct nexthop *nh = calloc(1, sizeof(*nh));
	int err = -ENOMEM;

	if (nh == NULL)
		return -ENOMEM;
	nh->t = t;
	nh->fib = fib_new();
	nh->nhobjs = nhobjs_new();
	nh->egress.fib = nh->fib;
	nh->egress.nhobjs = nh->nhobjs;
	nh->egress.links = &nh->links;
	egress_ports_read(&nh->egress, t->ports);
	nh->change = event_new(base, -1, 0, on_change, nh);
	nh->reread = event_new(base, -1, 0, on_reread, nh);
	if (nh->fib == NULL || nh->nhobjs == NULL || nh->change == NULL || nh->reread == NULL)
		goto fail;
	err = vias_open(t, grace, &nh->vias);
	if (err == 0)
		err = neighs_open(base, &nh->neighs);
	if (err == 0)
		err = rtnl_open(base,
				RTNL_LINK | RTNL_ADDR | RTNL_NEXTHOP | RTNL_ROUTE4 | RTNL_ROUTE6 |
					RTNL_NEIGH | RTNL_RULE,
				&ops, nh, &nh->rtnl);
	if (err)
		goto fail;
	vias_adopt(nh);
	*out = nh;
	return 0;
fail:
	log_err("next hops: %s", strerror(-err));
	nexthop_close(nh);
	return err;
}

void nexthop_close(struct nexthop *nh)
{
	if (nh == NULL)
		return;
	rtnl_close(nh->rtnl);
	neighs_close(nh->neighs);
	vias_close(nh->vias);
	if (nh->change)
		event_free(nh->change);
	if (nh->reread)
		event_free(nh->reread);
	links_free(&nh->links);
	nhobjs_free(nh->nhobjs);
	fib_free(nh->fib);
	free(nh);
}
