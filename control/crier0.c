/* SPDX-License-Identifier: BSD-2-Clause */
#include "crier0.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "ethtool.h"
#include "links.h"
#include "rtnl.h"
#include "veth.h"
#include "xdp/addr.h"
#include "xdp/log.h"

static int refuse(char err[CRIER0_ERR_LEN], int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(char err[CRIER0_ERR_LEN], int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, CRIER0_ERR_LEN, fmt, ap);
	va_end(ap);
	return code;
}

/* ---- addresses ----------------------------------------------------------------- */

static int parse_prefix(const char *s, struct crier_addr *addr, uint8_t *plen)
{
	const char *slash = strchr(s, '/');
	unsigned long len;
	char *end;

	if (slash == NULL || addr_parse(s, (size_t)(slash - s), addr) || slash[1] < '0' ||
	    slash[1] > '9')
		return -EINVAL;
	len = strtoul(slash + 1, &end, 10);
	if (*end || len > 128)
		return -EINVAL;
	*plen = (uint8_t)len;
	return 0;
}

/* The address next to addr: its last 32 bits more by add. */
static struct crier_addr addr_near(const struct crier_addr *addr, int add)
{
	struct crier_addr a = *addr;

	a.w[3] = htonl(ntohl(a.w[3]) + (uint32_t)add);
	return a;
}

static bool is_host4(const struct crier_addr *a, uint32_t plen)
{
	uint32_t host = ntohl(a->w[3]) & (plen < 32 ? UINT32_MAX >> plen : 0);

	return plen == 31 || (host != 0 && host != UINT32_MAX >> plen);
}

static struct crier_addr engine_of(const struct crier_addr *host, uint32_t bits, bool v4)
{
	struct crier_addr a = addr_near(host, 1);

	if (!addr_in_prefix(&a, host, bits) || (v4 && !is_host4(&a, bits - 96)))
		a = addr_near(host, -1);
	return a;
}

int crier0_parse(struct crier0 *c, const char *address, const char *address6,
		 char err[CRIER0_ERR_LEN])
{
	memset(c, 0, sizeof(*c));
	if (address) {
		if (parse_prefix(address, &c->host4, &c->plen4) || !addr_is_v4(&c->host4) ||
		    c->plen4 < 8 || c->plen4 > 31 || !is_host4(&c->host4, c->plen4) ||
		    addr_is_multicast(&c->host4) || addr_is_loopback(&c->host4) ||
		    addr_is_unspecified(&c->host4))
			return refuse(err, -EINVAL,
				      "crier0: \"%.60s\" is not the IPv4 address of a host with a "
				      "prefix length of 8 to 31, as in " CRIER0_ADDRESS,
				      address);
		c->engine4 = engine_of(&c->host4, 96U + c->plen4, true);
		c->has4 = true;
	}
	if (address6) {
		if (parse_prefix(address6, &c->host6, &c->plen6) || addr_is_v4(&c->host6) ||
		    c->plen6 < 8 || c->plen6 > 127 || addr_is_multicast(&c->host6) ||
		    addr_is_loopback(&c->host6) || addr_is_unspecified(&c->host6))
			return refuse(err, -EINVAL,
				      "crier0: \"%.60s\" is not the IPv6 address of a host with a "
				      "prefix length of 8 to 127, as in fd72:6965:72::1/64",
				      address6);
		c->engine6 = engine_of(&c->host6, c->plen6, false);
		c->has6 = true;
	}
	return 0;
}

/* ---- the pair ------------------------------------------------------------------ */

static void put_addr(struct nlmsghdr *nlh, uint16_t type, const struct crier_addr *a)
{
	if (addr_is_v4(a))
		mnl_attr_put(nlh, type, 4, &a->w[3]);
	else
		mnl_attr_put(nlh, type, 16, a);
}

static int change_addr(uint16_t type, uint32_t ifindex, const struct crier_addr *a, uint8_t plen)
{
	struct ifaddrmsg *ifa;
	struct veth_request rq;

	ifa = veth_request(&rq, type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_REPLACE : 0,
			   sizeof(*ifa));
	ifa->ifa_family = addr_is_v4(a) ? AF_INET : AF_INET6;
	ifa->ifa_prefixlen = plen;
	ifa->ifa_index = ifindex;
	ifa->ifa_flags = addr_is_v4(a) ? 0 : IFA_F_NODAD;
	put_addr(rq.nlh, IFA_LOCAL, a);
	put_addr(rq.nlh, IFA_ADDRESS, a);
	return rtnl_talk(rq.nlh, NULL, NULL);
}

static int add_neigh(uint32_t ifindex, const struct crier_addr *a, uint64_t mac)
{
	uint8_t bytes[6];
	struct ndmsg *ndm;
	struct veth_request rq;

	for (int i = 0; i < 6; i++)
		bytes[i] = (uint8_t)(mac >> 8 * i);
	ndm = veth_request(&rq, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*ndm));
	ndm->ndm_family = addr_is_v4(a) ? AF_INET : AF_INET6;
	ndm->ndm_ifindex = (int)ifindex;
	ndm->ndm_state = NUD_PERMANENT;
	put_addr(rq.nlh, NDA_DST, a);
	mnl_attr_put(rq.nlh, NDA_LLADDR, sizeof(bytes), bytes);
	return rtnl_talk(rq.nlh, NULL, NULL);
}

/* Of another configuration: our addresses now are others. */
static void drop_old_addrs(const struct crier0 *c, struct links *ls)
{
	const struct link *host = links_find(ls, c->host_ifindex);
	struct veth_request rq;

	veth_request(&rq, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	rtnl_talk(rq.nlh, veth_read, ls);
	for (uint32_t i = 0; i < host->addrs_count; i++) {
		const struct link_addr *a = &host->addrs[i];
		bool keep =
			a->v4 ? c->has4 && addr_equal(&a->addr, &c->host4) && a->plen == c->plen4
			      : c->has6 && addr_equal(&a->addr, &c->host6) && a->plen == c->plen6;

		if (!keep && a->scope == RT_SCOPE_UNIVERSE)
			change_addr(RTM_DELADDR, c->host_ifindex, &a->addr, a->plen);
	}
}

/*
 * The engine's side has no address and speaks for itself; on the host's side no router
 * will ever advertise.  Copies to any of the host's addresses come from the engine's
 * address, which is on crier0's own subnet, so that strict reverse path filters let
 * them in.
 */
static void set_sysctls(const struct crier0 *c)
{
	/* Without IPv6 it would take no neighbour either; with it, no address of its own. */
	veth_sysctl("/proc/sys/net/ipv6/conf/" CRIER0_ENGINE "/addr_gen_mode", "1");
	veth_sysctl("/proc/sys/net/ipv6/conf/" CRIER0_ENGINE "/accept_ra", "0");
	veth_sysctl("/proc/sys/net/ipv6/conf/" CRIER0_ENGINE "/disable_ipv6", c->has6 ? "0" : "1");
	veth_sysctl("/proc/sys/net/ipv6/conf/" CRIER0_HOST "/accept_ra", "0");
	veth_sysctl("/proc/sys/net/ipv6/conf/" CRIER0_HOST "/accept_dad", "0");
}

static int set_addrs(const struct crier0 *c, struct links *ls)
{
	const struct link *host = links_find(ls, c->host_ifindex);
	const struct link *engine = links_find(ls, c->engine_ifindex);
	uint64_t host_mac = host->mac, engine_mac = engine->mac;
	int rc = 0;

	drop_old_addrs(c, ls);
	if (c->has4) {
		rc = change_addr(RTM_NEWADDR, c->host_ifindex, &c->host4, c->plen4);
		rc = rc ? rc : add_neigh(c->host_ifindex, &c->engine4, engine_mac);
		rc = rc ? rc : add_neigh(c->engine_ifindex, &c->host4, host_mac);
	}
	if (c->has6 && rc == 0) {
		veth_sysctl("/proc/sys/net/ipv6/conf/" CRIER0_HOST "/disable_ipv6", "0");
		rc = change_addr(RTM_NEWADDR, c->host_ifindex, &c->host6, c->plen6);
		rc = rc ? rc : add_neigh(c->host_ifindex, &c->engine6, engine_mac);
		rc = rc ? rc : add_neigh(c->engine_ifindex, &c->host6, host_mac);
	}
	return rc;
}

/* A veth takes what XDP redirects to it only while its other end polls: with GRO it does. */
static void open_to_redirects(void)
{
	int rc = ethtool_gro_on(CRIER0_HOST);

	if (rc)
		log_warn("crier0: no GRO, so the kernel engine has no listeners on this host: %s",
			 strerror(-rc));
}

int crier0_up(struct crier0 *c, char err[CRIER0_ERR_LEN])
{
	struct links ls = {0};
	enum veth_pair pair = veth_find(&ls, CRIER0_HOST, CRIER0_ENGINE);
	int rc = 0;

	if (pair == VETH_NONE) {
		rc = veth_make(CRIER0_HOST, CRIER0_ENGINE);
		pair = rc ? pair : veth_find(&ls, CRIER0_HOST, CRIER0_ENGINE);
	}
	if (pair == VETH_FOREIGN)
		rc = -EEXIST;
	if (rc == 0 && pair != VETH_PAIR)
		rc = -ENODEV;
	if (rc == 0) {
		c->host_ifindex = links_by_name(&ls, CRIER0_HOST)->ifindex;
		c->engine_ifindex = links_by_name(&ls, CRIER0_ENGINE)->ifindex;
		set_sysctls(c);
		open_to_redirects();
		rc = veth_up(c->engine_ifindex);
		rc = rc ? rc : veth_up(c->host_ifindex);
		rc = rc ? rc : set_addrs(c, &ls);
	}
	links_free(&ls);
	if (rc == -EEXIST)
		return refuse(err, rc,
			      "crier0: an interface " CRIER0_HOST " or " CRIER0_ENGINE
			      " is there that crierd did not make; rename it, or set crier0: "
			      "{enable: false}");
	if (rc == -EPERM)
		return refuse(err, rc, "crier0: making it needs CAP_NET_ADMIN; run crierd as root");
	if (rc)
		return refuse(err, rc, "crier0: the veth pair cannot be made: %s", strerror(-rc));
	return 0;
}

int crier0_down(void)
{
	struct links ls = {0};
	int rc = 0;

	if (veth_find(&ls, CRIER0_HOST, CRIER0_ENGINE) == VETH_PAIR)
		rc = veth_remove(links_by_name(&ls, CRIER0_HOST)->ifindex);
	links_free(&ls);
	return rc;
}
