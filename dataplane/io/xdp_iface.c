/* SPDX-License-Identifier: BSD-2-Clause */
#include "xdp_iface.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xdp/table.h"

static uint32_t queues_some(uint32_t n)
{
	if (n == 0)
		return 1;
	return n < CRIER_MAX_QUEUES ? n : CRIER_MAX_QUEUES;
}

/* A device that can't tell has one queue, as far as AF_XDP is concerned. */
static void iface_queues(int fd, struct ifreq *ifr, struct xdp_iface *iface)
{
	struct ethtool_channels ch = {.cmd = ETHTOOL_GCHANNELS};

	ifr->ifr_data = (void *)&ch;
	if (ioctl(fd, SIOCETHTOOL, ifr))
		ch = (struct ethtool_channels){0};
	iface->rx_queues = queues_some(ch.combined_count + ch.rx_count);
	iface->tx_queues = queues_some(ch.combined_count + ch.tx_count);
}

static int iface_ask(int fd, const char *ifname, struct xdp_iface *iface, char err[PORT_ERR_LEN])
{
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (ioctl(fd, SIOCGIFINDEX, &ifr)) {
		snprintf(err, PORT_ERR_LEN, "there is no interface \"%s\"", ifname);
		return -ENODEV;
	}
	iface->ifindex = ifr.ifr_ifindex;
	iface->mtu = ioctl(fd, SIOCGIFMTU, &ifr) ? 1500 : (uint32_t)ifr.ifr_mtu;
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) || !(ifr.ifr_flags & IFF_UP)) {
		snprintf(err, PORT_ERR_LEN, "interface %s is down: ip link set %s up", ifname,
			 ifname);
		return -ENETDOWN;
	}
	iface_queues(fd, &ifr, iface);
	return 0;
}

int xdp_iface_get(const char *ifname, struct xdp_iface *iface, char err[PORT_ERR_LEN])
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0) {
		rc = -errno;
		snprintf(err, PORT_ERR_LEN, "socket: %s", strerror(-rc));
		return rc;
	}
	rc = iface_ask(fd, ifname, iface, err);
	close(fd);
	return rc;
}

int xdp_iface_index(const char *ifname)
{
	return (int)if_nametoindex(ifname);
}
