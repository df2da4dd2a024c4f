/* SPDX-License-Identifier: BSD-2-Clause */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include "links.h"
#include "rtnl.h"

#define REQUEST_LEN 512

struct request {
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifi;
	char buf[REQUEST_LEN] __attribute__((aligned(8)));
};

static void request_begin(struct request *rq, uint16_t type, uint16_t flags, uint32_t ifindex)
{
	memset(rq->buf, 0, sizeof(rq->buf));
	rq->nlh = mnl_nlmsg_put_header(rq->buf);
	rq->nlh->nlmsg_type = type;
	rq->nlh->nlmsg_flags = flags;
	rq->ifi = mnl_nlmsg_put_extra_header(rq->nlh, sizeof(*rq->ifi));
	rq->ifi->ifi_index = (int)ifindex;
}

static void read_link(const struct nlmsghdr *nlh, void *arg)
{
	uint32_t ifindex;

	links_msg(arg, nlh, &ifindex);
}

static int read_links(struct links *ls)
{
	struct request rq;

	request_begin(&rq, RTM_GETLINK, NLM_F_DUMP, 0);
	return rtnl_talk(rq.nlh, read_link, ls);
}

/* It stays when this descriptor is closed: that is what persistent means here. */
static int device_make(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, TUNSETPERSIST, 1))
		rc = -errno;
	close(fd);
	return rc;
}

static int set_alias(uint32_t ifindex)
{
	struct request rq;

	request_begin(&rq, RTM_NEWLINK, 0, ifindex);
	mnl_attr_put(rq.nlh, IFLA_IFALIAS, strlen(TAP_ALIAS), TAP_ALIAS);
	return rtnl_talk(rq.nlh, NULL, NULL);
}

static int set_up(uint32_t ifindex)
{
	struct request rq;

	request_begin(&rq, RTM_NEWLINK, 0, ifindex);
	rq.ifi->ifi_flags = rq.ifi->ifi_change = IFF_UP;
	return rtnl_talk(rq.nlh, NULL, NULL);
}

static int make(const char *name)
{
	struct links ls = {0};
	const struct link *l;
	int rc = read_links(&ls);
	bool there = links_by_name(&ls, name);

	if (!rc && !there)
		rc = device_make(name);
	if (!rc && !there)
		rc = read_links(&ls);
	l = links_by_name(&ls, name);
	if (!rc && !l)
		rc = -ENODEV;
	if (!rc && !l->is_tun)
		rc = -EEXIST;
	if (!rc && !there)
		rc = set_alias(l->ifindex);
	if (!rc)
		rc = set_up(l->ifindex);
	links_free(&ls);
	return rc;
}

int tap_make(const char *name, char err[TAP_ERR_LEN])
{
	int rc = make(name);

	switch (rc) {
	case 0:
		break;
	case -EEXIST:
		snprintf(err, TAP_ERR_LEN,
			 "%s is no TAP: mode dpdk wants a name that no interface has, for the TAP "
			 "that stands for the card; bind the card itself with crier-nic",
			 name);
		break;
	case -EPERM:
	case -EACCES:
		snprintf(err, TAP_ERR_LEN,
			 "%s: making a TAP needs CAP_NET_ADMIN; run crierd as root", name);
		break;
	case -ENOENT:
	case -ENODEV:
		snprintf(err, TAP_ERR_LEN,
			 "%s: this kernel makes no TAP (CONFIG_TUN, /dev/net/tun)", name);
		break;
	default:
		snprintf(err, TAP_ERR_LEN, "%s: the TAP cannot be made: %s", name, strerror(-rc));
	}
	return rc;
}

int tap_remove(const char *name)
{
	struct links ls = {0};
	const struct link *l;
	struct request rq;
	int rc = read_links(&ls);

	links_for_each(&ls, l)
	{
		if (!l->is_tun || !l->is_ours || (name && strcmp(l->name, name)))
			continue;
		request_begin(&rq, RTM_DELLINK, 0, l->ifindex);
		rc = rtnl_talk(rq.nlh, NULL, NULL);
	}
	links_free(&ls);
	return rc;
}
