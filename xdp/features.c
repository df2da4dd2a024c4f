/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this kernel and this interface can do.
 */
#include "loader.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Is it Linux 5.`least` or later?  An odd name is: let the kernel itself refuse. */
static bool release_is(const char *release, unsigned int least)
{
	unsigned int major = 0, minor = 0;

	return sscanf(release, "%u.%u", &major, &minor) != 2 || major > 5 ||
	       (major == 5 && minor >= least);
}

int kernel_check(char err[LOADER_ERR_LEN])
{
	struct utsname u;

	if (uname(&u) || release_is(u.release, 11))
		return 0;
	err_say(err, "Linux %s is too old: crier needs 5.11 or later (a clock that XDP can afford)",
		u.release);
	return -EOPNOTSUPP;
}

bool kernel_broadcasts(void)
{
	struct utsname u;

	return uname(&u) || release_is(u.release, 14);
}

/* -1: there is none to be read. */
static int file_is_on(const char *path)
{
	FILE *f = fopen(path, "re");
	int c;

	if (!f)
		return -1;
	c = fgetc(f);
	fclose(f);
	return c >= '1' && c <= '9';
}

void loader_features(struct loader_features *out)
{
	char err[LOADER_ERR_LEN];
	struct utsname u;

	memset(out, 0, sizeof(*out));
	out->bpf_jit = file_is_on("/proc/sys/net/core/bpf_jit_enable");
	out->btf = !access("/sys/kernel/btf/vmlinux", R_OK);
	out->broadcasts = kernel_broadcasts();
	out->xdp_link = !kernel_check(err);
	if (!uname(&u))
		snprintf(out->kernel, sizeof(out->kernel), "%.63s", u.release);
}

/*
 * ---- VLAN tags ------------------------------------------------------------------------
 *
 * XDP sees a tag only if it lies in the frame.  A NIC with rx-vlan-offload takes it out
 * first.  A veth has no such step: its frames carry the tag beside them exactly if the
 * sending end has tx-vlan-offload (measured in both XDP modes: the receiving end's own
 * setting changes nothing).
 */
static int ethtool(const char *ifname, void *cmd)
{
	struct ifreq ifr = {.ifr_data = cmd};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	ret = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	close(fd);
	return ret;
}

static uint32_t vlan_flags(const char *ifname)
{
	struct ethtool_value v = {.cmd = ETHTOOL_GFLAGS};

	return ethtool(ifname, &v) ? 0 : v.data;
}

int nic_driver(const char *ifname, char driver[32])
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	int ret = ethtool(ifname, &info);

	snprintf(driver, 32, "%.31s", ret ? "" : info.driver);
	return ret;
}

/* veth tells its peer's ifindex, in the peer's namespace, as its first statistic; 0: no. */
static uint32_t veth_peer(const char *ifname)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_gstrings *names;
	struct ethtool_stats *stats;
	uint32_t peer = 0;

	if (ethtool(ifname, &info) || !info.n_stats || info.n_stats > 65536)
		return 0;
	names = calloc(1, sizeof(*names) + (size_t)info.n_stats * ETH_GSTRING_LEN);
	stats = calloc(1, sizeof(*stats) + (size_t)info.n_stats * sizeof(stats->data[0]));
	if (names && stats) {
		names->cmd = ETHTOOL_GSTRINGS;
		names->string_set = ETH_SS_STATS;
		names->len = info.n_stats;
		stats->cmd = ETHTOOL_GSTATS;
		stats->n_stats = info.n_stats;
		if (!ethtool(ifname, names) && !ethtool(ifname, stats) && names->len &&
		    stats->n_stats && !strcmp((char *)names->data, "peer_ifindex"))
			peer = (uint32_t)stats->data[0];
	}
	free(names);
	free(stats);
	return peer;
}

static int veth_vlan_hidden(const char *ifname, char note[LOADER_NOTE_LEN])
{
	char peer[IF_NAMESIZE], driver[32];

	/*
	 * The other end is here only if it exists, is a veth, and its other end is we; with our
	 * own index it stands in another namespace.
	 */
	if (!if_indextoname(veth_peer(ifname), peer) || !strcmp(peer, ifname) ||
	    nic_driver(peer, driver) || strcmp(driver, "veth") ||
	    veth_peer(peer) != if_nametoindex(ifname)) {
		snprintf(
			note, LOADER_NOTE_LEN,
			"the other end of %.15s is in another namespace: if VLAN-tagged packets "
			"come from there, run `ethtool -K <that end> txvlan off`, or XDP sees them "
			"untagged",
			ifname);
		return 0;
	}
	if (!(vlan_flags(peer) & ETH_FLAG_TXVLAN))
		return 0;
	snprintf(note, LOADER_NOTE_LEN,
		 "%s hands VLAN tags over beside the frame, so XDP sees its tagged packets "
		 "untagged: `ethtool -K %s txvlan off`",
		 peer, peer);
	return 1;
}

int loader_vlan_hidden(const char *ifname, char note[LOADER_NOTE_LEN])
{
	char driver[32];

	note[0] = '\0';
	if (nic_driver(ifname, driver))
		return 0;
	if (!strcmp(driver, "veth"))
		return veth_vlan_hidden(ifname, note);
	if (!(vlan_flags(ifname) & ETH_FLAG_RXVLAN))
		return 0;
	snprintf(note, LOADER_NOTE_LEN,
		 "%.15s takes VLAN tags out of frames before XDP sees them (rx-vlan-offload): "
		 "`ethtool -K %.15s rxvlan off`",
		 ifname, ifname);
	return 1;
}
