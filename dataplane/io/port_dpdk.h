/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dpdk:DEVARGS[,as=IFACE] -- any device that DPDK drives: a NIC by PCI address, or a
 * virtual one (net_memif, net_af_packet, net_tap, net_null, virtio_user, ...).
 *
 * Linux does not see such a device.  In its stead crierd makes a TAP named IFACE, which
 * has the device's MAC: routes, neighbours, addresses and sockets are the TAP's.  What
 * the device receives and is no stream's goes in at the TAP (port_ops.punt), what Linux
 * sends by the TAP leaves by the device.
 */
#ifndef CRIER_PORT_DPDK_H
#define CRIER_PORT_DPDK_H

#include "port.h"

#define PORT_DPDK_ARGS_LEN 256

struct port_dpdk_conf {
	char devargs[PORT_DPDK_ARGS_LEN]; /* as DPDK wants them, without as= */
	char ifname[IF_NAMESIZE];	  /* the TAP; "" for none: tests and benches */
	bool pci;
};

/*
 * "DEVARGS[,as=IFACE]"; number: how many dpdk ports stand before it, for the name
 * dpdk<number> that the TAP has by default.  0, or -EINVAL and a line in err.
 */
int port_dpdk_parse(const char *spec, uint32_t number, struct port_dpdk_conf *conf,
		    char err[PORT_ERR_LEN]);

/*
 * Before dpdk_eal_start(), which probes NICs and would ask no kernel driver whose they are.
 * 0, or -ENODEV or -EBUSY and a line in err, as of port_dpdk_open().
 */
int port_dpdk_check(const struct port_dpdk_conf *conf, char err[PORT_ERR_LEN]);

/* Memory that a device takes with so many workers, MB: for dpdk_eal_start().  As its TAP's MTU is.
 */
uint32_t port_dpdk_memory_mb(const struct port_dpdk_conf *conf, uint32_t workers);

/*
 * After dpdk_eal_start().  numa[i] is worker i's NUMA node, -1 for any.  A device without
 * link is opened too, its handles are broken until there is one.  NULL: *rc is -errno
 * and err says what to do: -ENODEV no such device or no TAP, -EBUSY it belongs to a
 * kernel driver or another process, -ERANGE too few TX queues for the workers, -EMSGSIZE
 * the MTU of the TAP is more than the device's, -ENOMEM.
 */
struct port_dev *port_dpdk_open(const struct port_dpdk_conf *conf, uint32_t workers,
				const int *numa, int *rc, char err[PORT_ERR_LEN]);

/* The device's number for DPDK: for benches that look at what it sends. */
uint16_t port_dpdk_id(const struct port_dev *d);

#endif
