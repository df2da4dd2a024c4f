/* SPDX-License-Identifier: BSD-2-Clause */
#include "route.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "rtnl.h"
#include "xdp/addr.h"
#include "xdp/log.h"

#define BUCKETS 1024
#define HOP_FLAGS (RTNH_F_DEAD | RTNH_F_LINKDOWN)

/* RTA_VIA: the gateway's family and address. */
static bool parse_via(const struct nlattr *attr, struct crier_addr *out)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	memset(out, 0, sizeof(*out));
	if (len < sizeof(*via))
		return false;
	len -= sizeof(*via);
	if (via->rtvia_family == AF_INET && len == 4) {
		__be32 v4;

		memcpy(&v4, via->rtvia_addr, sizeof(v4));
		*out = addr_from4(v4);
		return true;
	}
	if (via->rtvia_family == AF_INET6 && len == 16) {
		memcpy(out, via->rtvia_addr, 16);
		return true;
	}
	return false;
}

static void parse_hop_attr(const struct nlattr *attr, struct fib_hop *hop)
{
	switch (mnl_attr_get_type(attr)) {
	case RTA_GATEWAY:
		rtnl_addr(attr, &hop->gateway);
		break;
	case RTA_VIA:
		if (!parse_via(attr, &hop->gateway))
			hop->encap = true; /* a family we can't reach */
		break;
	case RTA_OIF:
		hop->ifindex = mnl_attr_get_u32(attr);
		break;
	case RTA_ENCAP_TYPE:
		hop->encap = mnl_attr_get_u16(attr) != 0;
		break;
	}
}

static uint32_t count_hops(const struct nlattr *multipath)
{
	const struct rtnexthop *rtnh = mnl_attr_get_payload(multipath);
	int len = mnl_attr_get_payload_len(multipath);
	uint32_t n = 0;

	for (; RTNH_OK(rtnh, len) && n < ROUTE_MAX_HOPS; n++) {
		len -= NLMSG_ALIGN(rtnh->rtnh_len);
		rtnh = RTNH_NEXT(rtnh);
	}
	return n;
}

static void parse_hops(const struct nlattr *multipath, struct fib_route *r)
{
	const struct rtnexthop *rtnh = mnl_attr_get_payload(multipath);

	for (uint32_t i = 0; i < r->hops_count; i++) {
		const struct nlattr *attr = (const void *)RTNH_DATA(rtnh);
		const char *end = (const char *)rtnh + rtnh->rtnh_len;
		struct fib_hop *hop = &r->hops[i];

		hop->ifindex = (uint32_t)rtnh->rtnh_ifindex;
		hop->weight = (uint16_t)(rtnh->rtnh_hops + 1);
		hop->flags = rtnh->rtnh_flags & HOP_FLAGS;
		for (; mnl_attr_ok(attr, (int)(end - (const char *)attr));
		     attr = mnl_attr_next(attr))
			parse_hop_attr(attr, hop);
		rtnh = RTNH_NEXT(rtnh);
	}
}

static void parse_metrics(const struct nlattr *metrics, struct fib_route *r)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, metrics)
	{
		if (mnl_attr_get_type(attr) == RTAX_MTU)
			r->mtu = mnl_attr_get_u32(attr);
	}
}

static int standard_table(uint32_t table)
{
	switch (table) {
	case RT_TABLE_LOCAL:
		return FIB_LOCAL;
	case RT_TABLE_MAIN:
		return FIB_MAIN;
	case RT_TABLE_DEFAULT:
		return FIB_DEFAULT;
	}
	return -1;
}

static void parse_attrs(const struct nlmsghdr *nlh, struct fib_route *r, uint32_t *table)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct rtmsg))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			rtnl_addr(attr, &r->dst);
			break;
		case RTA_PREFSRC:
			rtnl_addr(attr, &r->source);
			break;
		case RTA_PRIORITY:
			r->metric = mnl_attr_get_u32(attr);
			break;
		case RTA_TABLE:
			*table = mnl_attr_get_u32(attr);
			break;
		case RTA_NH_ID:
			r->nexthop_id = mnl_attr_get_u32(attr);
			break;
		case RTA_METRICS:
			parse_metrics(attr, r);
			break;
		case RTA_MULTIPATH:
			parse_hops(attr, r);
			break;
		default:
			if (r->hops_count == 1)
				parse_hop_attr(attr, &r->hops[0]);
		}
	}
}

static uint16_t route_hops(const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;
	uint16_t n = 0;

	mnl_attr_for_each(attr, nlh, sizeof(struct rtmsg))
	{
		if (mnl_attr_get_type(attr) == RTA_MULTIPATH)
			return (uint16_t)count_hops(attr);
		if (mnl_attr_get_type(attr) == RTA_OIF)
			n = 1;
	}
	return n;
}

struct fib_route *route_parse(const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	uint32_t table = rtm->rtm_table;
	struct fib_route *r;
	int which;

	if ((rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6) || rtm->rtm_tos ||
	    rtm->rtm_src_len || (rtm->rtm_flags & RTM_F_CLONED))
		return NULL;
	r = fib_route_new(route_hops(nlh));
	if (r == NULL) {
		log_err("out of memory: a route is not followed");
		return NULL;
	}
	r->v4 = rtm->rtm_family == AF_INET;
	r->plen = rtm->rtm_dst_len;
	r->type = rtm->rtm_type;
	if (r->v4)
		r->dst = addr_from4(0);
	if (r->hops_count == 1) {
		r->hops[0].weight = 1;
		r->hops[0].flags = rtm->rtm_flags & HOP_FLAGS;
	}
	parse_attrs(nlh, r, &table);
	which = standard_table(table);
	if (which < 0) {
		free(r);
		return NULL;
	}
	r->table = (uint8_t)which;
	return r;
}

enum fib_how route_how(const struct nlmsghdr *nlh, bool dump)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

	if (dump)
		return FIB_DUMPED;
	if (nlh->nlmsg_flags & NLM_F_REPLACE)
		return FIB_REPLACE;
	/* IPv6 has no order among routes of one metric, but for that of their birth. */
	if (nlh->nlmsg_flags & NLM_F_APPEND || rtm->rtm_family == AF_INET6)
		return FIB_APPEND;
	return FIB_CREATE;
}

struct nhobj {
	struct nhobj *next;
	uint32_t id, gen;
	bool blackhole;
	struct fib_hop hop;
	uint32_t members_count; /* of a group */
	struct nexthop_grp members[];
};

struct nhobjs {
	struct nhobj *bucket[BUCKETS];
	uint32_t gen;
};

struct nhobjs *nhobjs_new(void)
{
	return calloc(1, sizeof(struct nhobjs));
}

void nhobjs_free(struct nhobjs *n)
{
	for (uint32_t i = 0; n && i < BUCKETS; i++) {
		while (n->bucket[i]) {
			struct nhobj *o = n->bucket[i];

			n->bucket[i] = o->next;
			free(o);
		}
	}
	free(n);
}

static struct nhobj **nhobj_at(struct nhobjs *n, uint32_t id)
{
	struct nhobj **at = &n->bucket[id % BUCKETS];

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static const struct nhobj *nhobj_find(const struct nhobjs *n, uint32_t id)
{
	const struct nhobj *o = n->bucket[id % BUCKETS];

	while (o && o->id != id)
		o = o->next;
	return o;
}

static struct nhobj *nhobj_parse(const struct nlmsghdr *nlh)
{
	const struct nhmsg *nhm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr, *group = NULL;
	struct fib_hop hop = {.weight = 1, .flags = nhm->nh_flags & HOP_FLAGS};
	bool blackhole = false;
	uint32_t id = 0, n = 0;
	struct nhobj *o;

	mnl_attr_for_each(attr, nlh, sizeof(*nhm))
	{
		switch (mnl_attr_get_type(attr)) {
		case NHA_ID:
			id = mnl_attr_get_u32(attr);
			break;
		case NHA_GROUP:
			group = attr;
			n = mnl_attr_get_payload_len(attr) / sizeof(struct nexthop_grp);
			break;
		case NHA_BLACKHOLE:
			blackhole = true;
			break;
		case NHA_OIF:
			hop.ifindex = mnl_attr_get_u32(attr);
			break;
		case NHA_GATEWAY:
			rtnl_addr(attr, &hop.gateway);
			break;
		case NHA_ENCAP_TYPE:
			hop.encap = mnl_attr_get_u16(attr) != 0;
			break;
		}
	}
	o = calloc(1, sizeof(*o) + n * sizeof(o->members[0]));
	if (o == NULL)
		return NULL;
	o->id = id;
	o->blackhole = blackhole;
	o->hop = hop;
	o->members_count = n;
	if (group)
		memcpy(o->members, mnl_attr_get_payload(group), n * sizeof(o->members[0]));
	return o;
}

static bool nhobj_equal(const struct nhobj *a, const struct nhobj *b)
{
	return a->blackhole == b->blackhole && a->members_count == b->members_count &&
	       a->hop.ifindex == b->hop.ifindex && a->hop.flags == b->hop.flags &&
	       a->hop.encap == b->hop.encap && addr_equal(&a->hop.gateway, &b->hop.gateway) &&
	       memcmp(a->members, b->members, a->members_count * sizeof(a->members[0])) == 0;
}

bool nhobjs_msg(struct nhobjs *n, const struct nlmsghdr *nlh)
{
	struct nhobj *o = nhobj_parse(nlh), **at, *old;
	bool same;

	if (o == NULL) {
		log_err("out of memory: a nexthop object is not followed");
		return false;
	}
	at = nhobj_at(n, o->id);
	old = *at;
	if (nlh->nlmsg_type == RTM_DELNEXTHOP) {
		if (old) {
			*at = old->next;
			free(old);
		}
		free(o);
		return old != NULL;
	}
	same = old && nhobj_equal(old, o);
	o->gen = n->gen;
	o->next = old ? old->next : NULL;
	free(old);
	*at = o;
	return !same;
}

void nhobjs_begin(struct nhobjs *n)
{
	n->gen++;
}

bool nhobjs_end(struct nhobjs *n)
{
	bool changed = false;

	for (uint32_t i = 0; i < BUCKETS; i++) {
		for (struct nhobj **at = &n->bucket[i], *o; (o = *at);) {
			if (o->gen == n->gen) {
				at = &o->next;
				continue;
			}
			*at = o->next;
			free(o);
			changed = true;
		}
	}
	return changed;
}

int nhobjs_hops(const struct nhobjs *n, uint32_t id, struct fib_hop *hops, bool *blackhole)
{
	const struct nhobj *o = nhobj_find(n, id);
	int count = 0;

	*blackhole = false;
	if (o == NULL)
		return -1;
	if (o->members_count == 0) {
		*blackhole = o->blackhole;
		hops[0] = o->hop;
		return o->blackhole ? 0 : 1;
	}
	for (uint32_t i = 0; i < o->members_count && count < ROUTE_MAX_HOPS; i++) {
		const struct nhobj *m = nhobj_find(n, o->members[i].id);

		if (m == NULL || m->members_count)
			continue;
		if (m->blackhole) {
			*blackhole = true;
			continue;
		}
		hops[count] = m->hop;
		hops[count++].weight = (uint16_t)(o->members[i].weight + 1);
	}
	return count;
}
