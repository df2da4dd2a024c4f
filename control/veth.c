/* SPDX-License-Identifier: BSD-2-Clause */
#include "veth.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "links.h"
#include "rtnl.h"
#include "xdp/log.h"
#include "xdp/table.h"

void *veth_request(struct veth_request *rq, uint16_t type, uint16_t flags, size_t header)
{
	memset(rq->buf, 0, sizeof(rq->buf));
	rq->nlh = mnl_nlmsg_put_header(rq->buf);
	rq->nlh->nlmsg_type = type;
	rq->nlh->nlmsg_flags = flags;
	return mnl_nlmsg_put_extra_header(rq->nlh, header);
}

void veth_read(const struct nlmsghdr *nlh, void *arg)
{
	uint32_t ifindex;

	links_msg(arg, nlh, &ifindex);
}

static void find_link(struct links *ls, const char *name)
{
	struct veth_request rq;

	veth_request(&rq, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(rq.nlh, IFLA_IFNAME, name);
	rtnl_talk(rq.nlh, veth_read, ls);
}

enum veth_pair veth_find(struct links *ls, const char *name, const char *peer)
{
	const struct link *a, *b;

	find_link(ls, name);
	find_link(ls, peer);
	a = links_by_name(ls, name);
	b = links_by_name(ls, peer);
	if (!a && !b)
		return VETH_NONE;
	if (a && b && a->is_veth && b->is_veth && a->lower == b->ifindex && b->lower == a->ifindex)
		return VETH_PAIR;
	return VETH_FOREIGN;
}

/* Queues of both ends: one a CPU, or two CPUs share a ring of 256 and lose packets. */
static void put_end(struct nlmsghdr *nlh, const char *name, uint32_t queues)
{
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, queues);
	mnl_attr_put_u32(nlh, IFLA_NUM_RX_QUEUES, queues);
}

int veth_make(const char *name, const char *peer)
{
	int cpus = get_nprocs_conf();
	uint32_t queues = cpus < 1		    ? 1
			  : cpus > CRIER_MAX_QUEUES ? CRIER_MAX_QUEUES
						    : (uint32_t)cpus;
	struct nlattr *info, *data, *nest;
	struct veth_request rq;

	veth_request(&rq, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	put_end(rq.nlh, name, queues);
	info = mnl_attr_nest_start(rq.nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(rq.nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(rq.nlh, IFLA_INFO_DATA);
	nest = mnl_attr_nest_start(rq.nlh, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(rq.nlh, sizeof(struct ifinfomsg));
	put_end(rq.nlh, peer, queues);
	mnl_attr_nest_end(rq.nlh, nest);
	mnl_attr_nest_end(rq.nlh, data);
	mnl_attr_nest_end(rq.nlh, info);
	return rtnl_talk(rq.nlh, NULL, NULL);
}

int veth_up(uint32_t ifindex)
{
	struct ifinfomsg *ifi;
	struct veth_request rq;

	ifi = veth_request(&rq, RTM_NEWLINK, 0, sizeof(*ifi));
	ifi->ifi_index = (int)ifindex;
	ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	return rtnl_talk(rq.nlh, NULL, NULL);
}

int veth_remove(uint32_t ifindex)
{
	struct ifinfomsg *ifi;
	struct veth_request rq;

	ifi = veth_request(&rq, RTM_DELLINK, 0, sizeof(*ifi));
	ifi->ifi_index = (int)ifindex;
	return rtnl_talk(rq.nlh, NULL, NULL);
}

void veth_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		log_warn("crierd: %s cannot be set to %s: %s", path, value, strerror(errno));
	close(fd);
}
