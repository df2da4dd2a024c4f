/* SPDX-License-Identifier: BSD-2-Clause */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xdp_iface.h"

static void open_error(int rc, const char *ifname, char err[PORT_ERR_LEN])
{
	switch (rc) {
	case -EBUSY:
		snprintf(err, PORT_ERR_LEN,
			 "%s: another program holds this TAP: is another crier-dp running?",
			 ifname);
		break;
	case -EINVAL:
		snprintf(err, PORT_ERR_LEN,
			 "%s is no TAP: a dpdk port needs one, by a name that no interface has "
			 "(crierd --interface NAME,mode=dpdk makes it)",
			 ifname);
		break;
	case -EPERM:
	case -EACCES:
		snprintf(err, PORT_ERR_LEN, "%s: no right to the TAP: CAP_NET_ADMIN is needed",
			 ifname);
		break;
	case -ENOENT:
		snprintf(err, PORT_ERR_LEN, "no /dev/net/tun: does this kernel have TUN/TAP?");
		break;
	default:
		snprintf(err, PORT_ERR_LEN, "%s: TAP: %s", ifname, strerror(-rc));
	}
}

int tap_open(const char *ifname, char err[PORT_ERR_LEN])
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd, rc;

	/* asked for a name that nothing has, the kernel would make one that dies with us */
	if (!xdp_iface_index(ifname)) {
		snprintf(err, PORT_ERR_LEN,
			 "there is no TAP %s: start crierd with --interface %s,mode=dpdk", ifname,
			 ifname);
		return -ENODEV;
	}
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && !ioctl(fd, TUNSETIFF, &ifr))
		return fd;
	rc = -errno;
	if (fd >= 0)
		close(fd);
	open_error(rc, ifname, err);
	return rc;
}

static int interface_ioctl(const char *ifname, unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", ifname);
	if (ioctl(fd, request, ifr))
		rc = -errno;
	close(fd);
	return rc;
}

int tap_set_mac(const char *ifname, const uint8_t mac[6])
{
	struct ifreq ifr = {.ifr_hwaddr.sa_family = ARPHRD_ETHER};

	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	return interface_ioctl(ifname, SIOCSIFHWADDR, &ifr);
}

void tap_set_speed(const char *ifname, uint32_t mbps)
{
	struct ethtool_cmd cmd = {.cmd = ETHTOOL_GSET};
	struct ifreq ifr = {.ifr_data = (void *)&cmd};

	/* a kernel before 5.6 refuses: then the speed is not known */
	if (interface_ioctl(ifname, SIOCETHTOOL, &ifr))
		return;
	cmd.cmd = ETHTOOL_SSET;
	ethtool_cmd_speed_set(&cmd, mbps ? mbps : (uint32_t)SPEED_UNKNOWN);
	interface_ioctl(ifname, SIOCETHTOOL, &ifr);
}

void tap_set_carrier(int fd, bool up)
{
	unsigned int carrier = up;

	/* a kernel before 5.0 refuses: then it takes the cable for plugged in */
	ioctl(fd, TUNSETCARRIER, &carrier);
}
