/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/netdev.h"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <unistd.h>

/* linux/netdev.h is younger than the headers that crier is built with. */
#define NETDEV_CMD_DEV_GET 1
#define NETDEV_A_DEV_IFINDEX 1
#define NETDEV_A_DEV_XDP_FEATURES 3
#define NETDEV_XDP_ACT_NDO_XMIT 4
#define NETDEV_XDP_ACT_XSK_ZEROCOPY 8
#define NETDEV_ATTRS 8

struct netdev {
	struct mnl_socket *nl;
	uint16_t family;
	uint32_t seq;
	char buf[8192];
};

static struct nlmsghdr *put_request(struct netdev *n, uint16_t type, uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(n->buf);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++n->seq;
	genl->cmd = cmd;
	genl->version = 1;
	return nlh;
}

/* Sends, and hands each attribute of the one answer to fn.  The kernel answers at once. */
static int ask(struct netdev *n, const struct nlmsghdr *nlh, mnl_attr_cb_t fn, void *arg)
{
	const struct nlmsghdr *answer = (const struct nlmsghdr *)n->buf;
	ssize_t len;

	if (mnl_socket_sendto(n->nl, nlh, nlh->nlmsg_len) < 0)
		return -1;
	do {
		len = mnl_socket_recvfrom(n->nl, n->buf, sizeof(n->buf));
		if (len <= 0 || !mnl_nlmsg_ok(answer, (int)len))
			return -1;
	} while (answer->nlmsg_seq != n->seq);
	if (answer->nlmsg_type == NLMSG_ERROR)
		return -1;
	return mnl_attr_parse(answer, sizeof(struct genlmsghdr), fn, arg) < 0 ? -1 : 0;
}

static int on_family(const struct nlattr *attr, void *arg)
{
	struct netdev *n = arg;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		n->family = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int on_features(const struct nlattr *attr, void *arg)
{
	int64_t *features = arg;

	if (mnl_attr_get_type(attr) == NETDEV_A_DEV_XDP_FEATURES &&
	    mnl_attr_get_payload_len(attr) >= 8)
		*features = (int64_t)(mnl_attr_get_u64(attr) & INT64_MAX);
	return MNL_CB_OK;
}

struct netdev *netdev_open(void)
{
	struct netdev *n = calloc(1, sizeof(*n));
	struct nlmsghdr *nlh;

	if (!n)
		return NULL;
	n->nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (n->nl && mnl_socket_bind(n->nl, 0, MNL_SOCKET_AUTOPID) == 0) {
		nlh = put_request(n, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
		mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, "netdev");
		ask(n, nlh, on_family, n);
	}
	if (n->family)
		return n;
	netdev_close(n);
	return NULL;
}

void netdev_close(struct netdev *n)
{
	if (!n)
		return;
	if (n->nl)
		mnl_socket_close(n->nl);
	free(n);
}

/* 1, 0, or -1: not known. */
static int has_feature(struct netdev *n, uint32_t ifindex, int64_t bit)
{
	struct nlmsghdr *nlh;
	int64_t features = -1;

	if (!n)
		return -1;
	nlh = put_request(n, n->family, NETDEV_CMD_DEV_GET);
	mnl_attr_put_u32(nlh, NETDEV_A_DEV_IFINDEX, ifindex);
	if (ask(n, nlh, on_features, &features) || features < 0)
		return -1;
	return !!(features & bit);
}

int netdev_takes_redirects(struct netdev *n, uint32_t ifindex)
{
	return has_feature(n, ifindex, NETDEV_XDP_ACT_NDO_XMIT);
}

int netdev_zero_copy(struct netdev *n, uint32_t ifindex)
{
	return has_feature(n, ifindex, NETDEV_XDP_ACT_XSK_ZEROCOPY);
}
