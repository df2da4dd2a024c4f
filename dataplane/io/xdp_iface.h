/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a port must know of its interface, asked of the kernel by ioctl: sysfs shows the
 * network namespace in which it was mounted, which may be another.
 */
#ifndef CRIER_XDP_IFACE_H
#define CRIER_XDP_IFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "port.h"

struct xdp_iface {
	int ifindex;
	uint32_t mtu;
	uint32_t rx_queues, tx_queues; /* each from 1 to CRIER_MAX_QUEUES */
};

/* 0; or -ENODEV: no such interface, -ENETDOWN: it is down, all known but queues; err says so. */
int xdp_iface_get(const char *ifname, struct xdp_iface *iface, char err[PORT_ERR_LEN]);

/* Its index now, or 0: it is gone. */
int xdp_iface_index(const char *ifname);

#endif
