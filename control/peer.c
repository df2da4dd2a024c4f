/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink tells of an interface in another namespace how many queues it was made with, which
 * for a veth are as many as there may be CPUs, and not how many it uses, which is one by
 * default.  So the namespace is looked for by its number among those that have a name or a
 * process, and ethtool is asked there.
 */
#include "control/peer.h"

#include <dirent.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/errand.h"
#include "control/ethtool.h"
#include "xdp/log.h"

#define ATTRS 8
#define NAMESPACES 4096 /* most that are looked at */

struct asker {
	struct mnl_socket *nl;
	uint32_t seq;
	char buf[16384];
};

struct end {
	char name[CRIER_IFNAME_LEN];
	uint32_t rx_queues; /* as made */
	uint32_t peer;	    /* ifindex, 0: none */
	int32_t nsid;	    /* of the peer's namespace, -1: ours */
	bool is_veth;
};

/* Sends what stands in buf; the answer's attributes go to fn. */
static int ask(struct asker *a, unsigned int header, mnl_attr_cb_t fn, void *arg)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)a->buf;
	ssize_t len;

	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++a->seq;
	if (mnl_socket_sendto(a->nl, nlh, nlh->nlmsg_len) < 0)
		return -1;
	do {
		len = mnl_socket_recvfrom(a->nl, a->buf, sizeof(a->buf));
		if (len <= 0 || !mnl_nlmsg_ok(nlh, (int)len))
			return -1;
	} while (nlh->nlmsg_seq != a->seq);
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return -1;
	return mnl_attr_parse(nlh, header, fn, arg) < 0 ? -1 : 0;
}

static int on_kind(const struct nlattr *attr, void *arg)
{
	struct end *e = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		e->is_veth = !strcmp(mnl_attr_get_str(attr), "veth");
	return MNL_CB_OK;
}

static int on_link(const struct nlattr *attr, void *arg)
{
	struct end *e = arg;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		snprintf(e->name, sizeof(e->name), "%s", mnl_attr_get_str(attr));
		break;
	case IFLA_NUM_RX_QUEUES:
		e->rx_queues = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK:
		e->peer = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK_NETNSID:
		e->nsid = (int32_t)mnl_attr_get_u32(attr);
		break;
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attr, on_kind, arg);
	}
	return MNL_CB_OK;
}

static int end_get(struct asker *a, uint32_t ifindex, int32_t nsid, struct end *out)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(a->buf);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	*out = (struct end){.nsid = -1};
	nlh->nlmsg_type = RTM_GETLINK;
	ifi->ifi_index = (int)ifindex;
	if (nsid >= 0)
		mnl_attr_put_u32(nlh, IFLA_TARGET_NETNSID, (uint32_t)nsid);
	return ask(a, sizeof(*ifi), on_link, out);
}

/* ---- its namespace ---- */

static int on_nsid(const struct nlattr *attr, void *arg)
{
	if (mnl_attr_get_type(attr) == NETNSA_NSID)
		*(int32_t *)arg = (int32_t)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

/* A descriptor of the namespace at `path`, if that is its number with us; else -1. */
static int ns_try(struct asker *a, const char *path, int32_t nsid)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(a->buf);
	struct rtgenmsg *gen = mnl_nlmsg_put_extra_header(nlh, sizeof(*gen));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int32_t got = -1;

	if (fd < 0)
		return -1;
	nlh->nlmsg_type = RTM_GETNSID;
	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)fd);
	if (!ask(a, sizeof(*gen), on_nsid, &got) && got == nsid)
		return fd;
	close(fd);
	return -1;
}

static int ns_find(struct asker *a, const char *dir, const char *below, int32_t nsid)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[300];
	int fd = -1;

	for (int n = 0; d && fd < 0 && n < NAMESPACES && (e = readdir(d)); n++) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%.100s%s", dir, e->d_name, below);
		fd = ns_try(a, path, nsid);
	}
	if (d)
		closedir(d);
	return fd;
}

/* ethtool's answer there.  Only this thread goes, and it must come back. */
static uint32_t queues_in(int ns, const char *name)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	uint32_t n = 0;

	if (home < 0)
		return 0;
	if (!setns(ns, CLONE_NEWNET)) {
		n = ethtool_rx_queues(name);
		if (setns(home, CLONE_NEWNET)) {
			log_err("crierd: cannot return to its network namespace");
			abort();
		}
	}
	close(home);
	return n;
}

static uint32_t peer_queues(struct asker *a, uint32_t ifindex, struct end *peer)
{
	struct end own;
	uint32_t n;
	int ns;

	if (end_get(a, ifindex, -1, &own) || !own.is_veth || !own.peer ||
	    end_get(a, own.peer, own.nsid, peer))
		return 0;
	if (own.nsid < 0)
		return ethtool_rx_queues(peer->name);
	/* Sure, if it was made with too few. */
	if (peer->rx_queues && peer->rx_queues < (uint32_t)sysconf(_SC_NPROCESSORS_ONLN))
		return peer->rx_queues;
	ns = ns_find(a, "/run/netns", "", own.nsid);
	if (ns < 0)
		ns = ns_find(a, "/proc", "/ns/net", own.nsid);
	if (ns < 0)
		return 0;
	n = queues_in(ns, peer->name);
	close(ns);
	return n;
}

uint32_t peer_rx_queues(uint32_t ifindex, char peer[CRIER_IFNAME_LEN])
{
	struct asker *a = calloc(1, sizeof(*a));
	struct end end = {0};
	uint32_t n = 0;

	if (a)
		a->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (a && a->nl && !mnl_socket_bind(a->nl, 0, MNL_SOCKET_AUTOPID))
		n = peer_queues(a, ifindex, &end);
	memcpy(peer, end.name, CRIER_IFNAME_LEN);
	if (a && a->nl)
		mnl_socket_close(a->nl);
	free(a);
	return n;
}

/* ---- as an errand ---- */

struct question {
	struct errand errand; /* first */
	uint32_t ifindex, queues;
	char peer[CRIER_IFNAME_LEN];
	peer_told_fn told;
	void *arg;
};

static void on_work(struct errand *errand)
{
	struct question *q = (struct question *)errand;

	q->queues = peer_rx_queues(q->ifindex, q->peer);
}

static void on_done(struct errand *errand)
{
	struct question *q = (struct question *)errand;

	if (errand->worked)
		q->told(q->arg, q->ifindex, q->queues, q->peer);
	free(q);
}

void peer_ask(struct errands *e, uint32_t ifindex, peer_told_fn told, void *arg)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q)
		return;
	*q = (struct question){
		.errand = {.work = on_work, .done = on_done},
		.ifindex = ifindex,
		.told = told,
		.arg = arg,
	};
	if (e) {
		errands_submit(e, &q->errand);
		return;
	}
	on_work(&q->errand);
	q->errand.worked = true;
	on_done(&q->errand);
}
