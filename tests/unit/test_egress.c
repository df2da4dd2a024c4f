/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which via a destination takes, over interfaces and routes as rtnetlink tells of them:
 * VLANs, bonds, nexthop objects, sources, our own addresses; what a test machine's
 * kernel may lack.
 *
 *   eth0 (2, port 1) - eth0.7 (3) - eth0.7.9 (4) - eth0.7.9.11 (5)
 *   bond0 (6) over eth1 (7, port 2) and eth2 (8, port 3); bond0.5 (9, 802.1ad)
 *   eth3 (10, no port); crier0p (11, port 4)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "control/egress.h"
#include "xdp/addr.h"

static struct {
	struct links links;
	struct fib *fib;
	struct nhobjs *nhobjs;
	struct crier_port ports[CRIER_MAX_PORTS];
	struct egress egress;
} w;

static char buf[2048] __attribute__((aligned(8)));

static void *begin(uint16_t type, size_t header)
{
	struct nlmsghdr *nlh;

	memset(buf, 0, sizeof(buf));
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	return mnl_nlmsg_put_extra_header(nlh, header);
}

static struct nlmsghdr *msg(void)
{
	return (struct nlmsghdr *)buf;
}

static struct crier_addr addr(const char *s)
{
	struct crier_addr a;

	assert_int_equal(addr_parse(s, strlen(s), &a), 0);
	return a;
}

static void put_addr(uint16_t type, const char *s)
{
	struct crier_addr a = addr(s);

	if (addr_is_v4(&a))
		mnl_attr_put(msg(), type, 4, &a.w[3]);
	else
		mnl_attr_put(msg(), type, 16, &a);
}

struct shape {
	uint32_t lower, master, active;
	uint16_t vlan, tpid;
	bool bond, down;
};

static void link_add(uint32_t ifindex, const char *name, uint32_t mtu, const struct shape *s)
{
	struct ifinfomsg *ifi = begin(RTM_NEWLINK, sizeof(*ifi));
	const uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)ifindex};
	struct nlattr *info, *data;
	uint32_t got;

	ifi->ifi_index = (int)ifindex;
	ifi->ifi_flags = s->down ? IFF_UP : IFF_UP | IFF_RUNNING;
	mnl_attr_put_strz(msg(), IFLA_IFNAME, name);
	mnl_attr_put_u32(msg(), IFLA_MTU, mtu);
	mnl_attr_put(msg(), IFLA_ADDRESS, sizeof(mac), mac);
	if (s->lower)
		mnl_attr_put_u32(msg(), IFLA_LINK, s->lower);
	if (s->master)
		mnl_attr_put_u32(msg(), IFLA_MASTER, s->master);
	if (s->vlan || s->bond) {
		info = mnl_attr_nest_start(msg(), IFLA_LINKINFO);
		mnl_attr_put_strz(msg(), IFLA_INFO_KIND, s->bond ? "bond" : "vlan");
		data = mnl_attr_nest_start(msg(), IFLA_INFO_DATA);
		if (s->vlan) {
			mnl_attr_put_u16(msg(), IFLA_VLAN_ID, s->vlan);
			mnl_attr_put_u16(msg(), IFLA_VLAN_PROTOCOL, htons(s->tpid));
		}
		if (s->active)
			mnl_attr_put_u32(msg(), IFLA_BOND_ACTIVE_SLAVE, s->active);
		mnl_attr_nest_end(msg(), data);
		mnl_attr_nest_end(msg(), info);
	}
	links_msg(&w.links, msg(), &got);
	assert_int_equal(got, ifindex);
}

static void addr_add(uint32_t ifindex, const char *a, uint8_t plen)
{
	struct ifaddrmsg *ifa = begin(RTM_NEWADDR, sizeof(*ifa));
	struct crier_addr parsed = addr(a);
	uint32_t got;

	ifa->ifa_family = addr_is_v4(&parsed) ? AF_INET : AF_INET6;
	ifa->ifa_index = ifindex;
	ifa->ifa_prefixlen = plen;
	put_addr(IFA_ADDRESS, a);
	assert_int_equal(links_msg(&w.links, msg(), &got), LINKS_ADDRS);
}

static struct rtmsg *route_begin(const char *dst, uint8_t plen)
{
	struct rtmsg *rtm = begin(RTM_NEWROUTE, sizeof(*rtm));
	struct crier_addr a = addr(dst);

	rtm->rtm_family = addr_is_v4(&a) ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = plen;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_type = RTN_UNICAST;
	put_addr(RTA_DST, dst);
	return rtm;
}

static void route_end(void)
{
	struct fib_route *r = route_parse(msg());

	assert_non_null(r);
	fib_add(w.fib, r, FIB_DUMPED);
}

static void route_add(const char *dst, uint8_t plen, const char *gateway, uint32_t ifindex)
{
	route_begin(dst, plen);
	if (gateway)
		put_addr(RTA_GATEWAY, gateway);
	mnl_attr_put_u32(msg(), RTA_OIF, ifindex);
	route_end();
}

static void port_add(uint32_t n, uint32_t ifindex, uint32_t flags)
{
	w.ports[n].ifindex = ifindex;
	w.ports[n].flags = flags;
}

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.fib = fib_new();
	w.nhobjs = nhobjs_new();
	w.egress.fib = w.fib;
	w.egress.nhobjs = w.nhobjs;
	w.egress.links = &w.links;
	link_add(2, "eth0", 1500, &(struct shape){0});
	link_add(3, "eth0.7", 1500, &(struct shape){.lower = 2, .vlan = 7, .tpid = 0x8100});
	link_add(4, "eth0.7.9", 1496, &(struct shape){.lower = 3, .vlan = 9, .tpid = 0x8100});
	link_add(5, "eth0.7.9.11", 1492, &(struct shape){.lower = 4, .vlan = 11, .tpid = 0x8100});
	link_add(6, "bond0", 1500, &(struct shape){.bond = true, .active = 8});
	link_add(7, "eth1", 1500, &(struct shape){.master = 6});
	link_add(8, "eth2", 1500, &(struct shape){.master = 6});
	link_add(9, "bond0.5", 1500, &(struct shape){.lower = 6, .vlan = 5, .tpid = 0x88a8});
	link_add(10, "eth3", 9000, &(struct shape){0});
	link_add(11, "crier0p", 1500, &(struct shape){0});
	addr_add(2, "10.2.0.1", 24);
	addr_add(2, "10.22.0.1", 24);
	addr_add(2, "fd02::1", 64);
	addr_add(2, "2001:db8:2::1", 64);
	addr_add(3, "10.3.0.1", 24);
	addr_add(4, "10.4.0.1", 24);
	addr_add(6, "10.6.0.1", 24);
	addr_add(9, "10.9.0.1", 24);
	port_add(1, 2, 0);
	port_add(2, 7, 0);
	port_add(3, 8, 0);
	port_add(4, 11, CRIER_PORT_LOCAL);
	egress_ports_read(&w.egress, w.ports);
	route_add("10.2.0.0", 24, NULL, 2);
	route_add("10.3.0.0", 24, NULL, 3);
	route_add("10.4.0.0", 24, NULL, 4);
	route_add("10.5.0.0", 24, NULL, 5);
	route_add("10.6.0.0", 24, NULL, 6);
	route_add("10.9.0.0", 24, NULL, 9);
	route_add("10.10.0.0", 24, NULL, 10);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fib_free(w.fib);
	nhobjs_free(w.nhobjs);
	links_free(&w.links);
	return 0;
}

static void expect(const char *dst, const char *want)
{
	char neighbour[ADDR_STRLEN], local[ADDR_STRLEN], got[256];
	struct crier_addr a = addr(dst);
	struct crier_via key;
	uint32_t ifindex = 0;
	enum nexthop_reason why = egress_plan(&w.egress, &a, &key, &ifindex);

	if (why == NEXTHOP_REASON_N)
		snprintf(got, sizeof(got), "port %u vlan %d,%d tpid %x,%x to %s from %s mtu %u",
			 key.port, key.vlan[0] - 1, key.vlan[1] - 1, ntohs(key.tpid[0]),
			 ntohs(key.tpid[1]), addr_format(neighbour, &key.neighbour),
			 addr_format(local, &key.local), key.mtu);
	else
		snprintf(got, sizeof(got), "%s", nexthop_reason_text(why));
	if (strcmp(got, want) != 0)
		fail_msg("%s: want \"%s\", got \"%s\"", dst, want, got);
	/* A restarted crierd finds the interface from the via alone. */
	if (why == NEXTHOP_REASON_N)
		assert_int_equal(egress_ifindex(&w.egress, &key), ifindex);
}

static void test_vlans(void **state)
{
	(void)state;
	expect("10.2.0.2", "port 1 vlan -1,-1 tpid 0,0 to 10.2.0.2 from 10.2.0.1 mtu 1500");
	expect("10.3.0.2", "port 1 vlan 7,-1 tpid 8100,0 to 10.3.0.2 from 10.3.0.1 mtu 1500");
	expect("10.4.0.2", "port 1 vlan 7,9 tpid 8100,8100 to 10.4.0.2 from 10.4.0.1 mtu 1496");
	expect("10.5.0.2", "more than two VLAN tags");
	expect("10.10.0.2", "the route leaves by an interface that crier doesn't serve");
}

static void test_bond(void **state)
{
	(void)state;
	expect("10.6.0.2", "port 3 vlan -1,-1 tpid 0,0 to 10.6.0.2 from 10.6.0.1 mtu 1500");
	expect("10.9.0.2", "port 3 vlan 5,-1 tpid 88a8,0 to 10.9.0.2 from 10.9.0.1 mtu 1500");
	link_add(6, "bond0", 1500, &(struct shape){.bond = true}); /* 802.3ad: none is active */
	link_add(7, "eth1", 1500, &(struct shape){.master = 6, .down = true});
	expect("10.6.0.2", "port 3 vlan -1,-1 tpid 0,0 to 10.6.0.2 from 10.6.0.1 mtu 1500");
	link_add(7, "eth1", 1500, &(struct shape){.master = 6});
	link_add(8, "eth2", 1500, &(struct shape){.master = 6, .down = true});
	expect("10.6.0.2", "port 2 vlan -1,-1 tpid 0,0 to 10.6.0.2 from 10.6.0.1 mtu 1500");
}

static void test_sources(void **state)
{
	struct nlattr *metrics;

	(void)state;
	route_add("10.128.0.0", 9, "10.22.0.9", 2);
	expect("10.128.0.1", "port 1 vlan -1,-1 tpid 0,0 to 10.22.0.9 from 10.22.0.1 mtu 1500");
	route_begin("10.127.0.0", 16);
	put_addr(RTA_GATEWAY, "10.2.0.9");
	put_addr(RTA_PREFSRC, "10.3.0.1");
	mnl_attr_put_u32(msg(), RTA_OIF, 2);
	metrics = mnl_attr_nest_start(msg(), RTA_METRICS);
	mnl_attr_put_u32(msg(), RTAX_MTU, 1400);
	mnl_attr_nest_end(msg(), metrics);
	route_end();
	expect("10.127.0.1", "port 1 vlan -1,-1 tpid 0,0 to 10.2.0.9 from 10.3.0.1 mtu 1400");
	/* An interface without addresses borrows one; without any at all there is no way. */
	port_add(5, 10, 0);
	egress_ports_read(&w.egress, w.ports);
	link_add(10, "eth3", 90000, &(struct shape){0});
	route_add("fd10::", 64, NULL, 10);
	expect("fd10::2", "port 5 vlan -1,-1 tpid 0,0 to fd10::2 from fd02::1 mtu 65535");
	/* The longest common prefix decides among IPv6 addresses. */
	route_add("::", 0, "fe80::1", 2);
	expect("2001:db8:9::1",
	       "port 1 vlan -1,-1 tpid 0,0 to fe80::1 from 2001:db8:2::1 mtu 1500");
	expect("fd77::1", "port 1 vlan -1,-1 tpid 0,0 to fe80::1 from fd02::1 mtu 1500");
}

/* RTA_VIA: a family, and an address of it. */
static void via_gateway6(const char *gateway)
{
	__kernel_sa_family_t family = AF_INET6;
	struct crier_addr a = addr(gateway);
	uint8_t v[sizeof(family) + sizeof(a)];

	memcpy(v, &family, sizeof(family));
	memcpy(v + sizeof(family), &a, sizeof(a));
	mnl_attr_put(msg(), RTA_VIA, sizeof(v), v);
}

static void test_other_family(void **state)
{
	(void)state;
	route_begin("10.126.0.0", 16);
	via_gateway6("fe80::9");
	mnl_attr_put_u32(msg(), RTA_OIF, 2);
	route_end();
	expect("10.126.0.1", "port 1 vlan -1,-1 tpid 0,0 to fe80::9 from 10.2.0.1 mtu 1500");
}

static void typed(const char *dst, uint8_t plen, uint8_t type, uint8_t table)
{
	struct rtmsg *rtm = route_begin(dst, plen);

	rtm->rtm_type = type;
	rtm->rtm_table = table;
	if (type == RTN_LOCAL || type == RTN_BROADCAST)
		mnl_attr_put_u32(msg(), RTA_OIF, 2);
	route_end();
}

static void test_types(void **state)
{
	static const struct {
		const char *dst, *want;
	} none[] = {
		{"239.1.1.1", "a broadcast, multicast or anycast address"},
		{"ff05::1", "a broadcast, multicast or anycast address"},
		{"255.255.255.255", "a broadcast, multicast or anycast address"},
		{"0.0.0.0", "a broadcast, multicast or anycast address"},
		{"127.0.0.1", "a broadcast, multicast or anycast address"},
		{"10.2.0.255", "a broadcast, multicast or anycast address"},
		{"fe80::1", "no route"},
		{"192.0.2.1", "no route"},
		{"10.2.0.66", "a blackhole, unreachable or prohibit route"},
		{"10.2.0.67", "a blackhole, unreachable or prohibit route"},
		{"10.2.0.1", "one of our own addresses, and crier0 is off"},
	};

	(void)state;
	typed("10.2.0.255", 32, RTN_BROADCAST, RT_TABLE_LOCAL);
	typed("10.2.0.1", 32, RTN_LOCAL, RT_TABLE_LOCAL);
	typed("10.2.0.66", 32, RTN_BLACKHOLE, RT_TABLE_MAIN);
	typed("10.2.0.67", 32, RTN_PROHIBIT, RT_TABLE_MAIN);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		expect(none[i].dst, none[i].want);
	/* What main doesn't know or throws back, default may. */
	typed("192.0.2.0", 24, RTN_THROW, RT_TABLE_MAIN);
	route_begin("192.0.0.0", 8)->rtm_table = RT_TABLE_DEFAULT;
	mnl_attr_put_u32(msg(), RTA_OIF, 2);
	route_end();
	expect("192.0.2.1", "port 1 vlan -1,-1 tpid 0,0 to 192.0.2.1 from 10.2.0.1 mtu 1500");
}

static void test_ignored(void **state)
{
	struct rtmsg *rtm;

	(void)state;
	rtm = route_begin("10.2.0.0", 30);
	rtm->rtm_table = 100;
	assert_null(route_parse(msg()));
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_flags = RTM_F_CLONED;
	assert_null(route_parse(msg()));
	rtm->rtm_flags = 0;
	rtm->rtm_tos = 0x10;
	assert_null(route_parse(msg()));
	rtm->rtm_tos = 0;
	rtm->rtm_src_len = 64;
	assert_null(route_parse(msg()));
}

static void test_local(void **state)
{
	struct crier_addr host = addr("198.18.0.1");

	(void)state;
	typed("10.2.0.1", 32, RTN_LOCAL, RT_TABLE_LOCAL);
	typed("fd02::1", 128, RTN_LOCAL, RT_TABLE_LOCAL);
	w.egress.ports.local_port = 4;
	w.egress.ports.engine4 = addr("198.18.0.2");
	w.egress.ports.host4 = host;
	egress_ports_read(&w.egress, w.ports);
	expect("10.2.0.1", "port 4 vlan -1,-1 tpid 0,0 to 198.18.0.1 from 198.18.0.2 mtu 1500");
	expect("fd02::1", "one of our own addresses, and crier0 is off");
	/* No route leads out of crier0's engine side. */
	route_add("10.11.0.0", 24, NULL, 11);
	expect("10.11.0.1", "the route leaves by an interface that crier doesn't serve");
}

static void nexthop_add(uint32_t id, const char *gateway, uint32_t ifindex)
{
	begin(RTM_NEWNEXTHOP, sizeof(struct nhmsg));
	mnl_attr_put_u32(msg(), NHA_ID, id);
	if (gateway)
		put_addr(NHA_GATEWAY, gateway);
	if (ifindex)
		mnl_attr_put_u32(msg(), NHA_OIF, ifindex);
	else
		mnl_attr_put(msg(), NHA_BLACKHOLE, 0, NULL);
	assert_true(nhobjs_msg(w.nhobjs, msg()));
	assert_false(nhobjs_msg(w.nhobjs, msg()));
}

static void test_objects(void **state)
{
	struct nexthop_grp group[2] = {{.id = 1}, {.id = 2}};

	(void)state;
	route_begin("10.66.0.0", 16);
	mnl_attr_put_u32(msg(), RTA_NH_ID, 1);
	route_end();
	expect("10.66.0.1", "no route");
	nexthop_add(1, "10.2.0.9", 2);
	expect("10.66.0.1", "port 1 vlan -1,-1 tpid 0,0 to 10.2.0.9 from 10.2.0.1 mtu 1500");
	nexthop_add(1, "10.3.0.9", 3);
	expect("10.66.0.1", "port 1 vlan 7,-1 tpid 8100,0 to 10.3.0.9 from 10.3.0.1 mtu 1500");
	nexthop_add(2, NULL, 0);
	route_begin("10.67.0.0", 16);
	mnl_attr_put_u32(msg(), RTA_NH_ID, 2);
	route_end();
	expect("10.67.0.1", "a blackhole, unreachable or prohibit route");
	begin(RTM_NEWNEXTHOP, sizeof(struct nhmsg));
	mnl_attr_put_u32(msg(), NHA_ID, 3);
	mnl_attr_put(msg(), NHA_GROUP, sizeof(group), group);
	assert_true(nhobjs_msg(w.nhobjs, msg()));
	route_begin("10.68.0.0", 16);
	mnl_attr_put_u32(msg(), RTA_NH_ID, 3);
	route_end();
	expect("10.68.0.1", "port 1 vlan 7,-1 tpid 8100,0 to 10.3.0.9 from 10.3.0.1 mtu 1500");
	begin(RTM_DELNEXTHOP, sizeof(struct nhmsg));
	mnl_attr_put_u32(msg(), NHA_ID, 1);
	assert_true(nhobjs_msg(w.nhobjs, msg()));
	expect("10.66.0.1", "no route");
	nhobjs_begin(w.nhobjs);
	assert_true(nhobjs_end(w.nhobjs));
	expect("10.67.0.1", "no route");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_vlans), TEST(test_bond),    TEST(test_sources), TEST(test_other_family),
		TEST(test_types), TEST(test_ignored), TEST(test_local),	  TEST(test_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
