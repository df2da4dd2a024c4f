/* SPDX-License-Identifier: BSD-2-Clause */
/* What only the old ethtool ioctl tells of an interface.  Blocking, short. */
#ifndef CRIER_ETHTOOL_H
#define CRIER_ETHTOOL_H

#include <stdint.h>

uint32_t ethtool_rx_queues(const char *ifname);	 /* in use; 0: not known */
uint32_t ethtool_speed_mbps(const char *ifname); /* 0: not known */
int32_t ethtool_numa(const char *ifname);	 /* -1: not known */
int ethtool_gro_on(const char *ifname);		 /* 0 or -errno */

#endif
