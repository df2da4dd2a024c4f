/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel says of a device's XDP, by generic netlink's family "netdev" (Linux 6.3). */
#ifndef CRIER_CONTROL_NETDEV_H
#define CRIER_CONTROL_NETDEV_H

#include <stdint.h>

struct netdev;

/* NULL: the kernel has no such family, or no memory; then nothing is known. */
struct netdev *netdev_open(void);
void netdev_close(struct netdev *n);

/* Does it take frames that XDP redirects to it?  1, 0, or -1: not known.  Asks the kernel. */
int netdev_takes_redirects(struct netdev *n, uint32_t ifindex);

/* Do AF_XDP sockets share their memory with its driver?  Likewise. */
int netdev_zero_copy(struct netdev *n, uint32_t ifindex);

#endif
