/* SPDX-License-Identifier: BSD-2-Clause */
/* A veth's other end, wherever it is. */
#ifndef CRIER_CONTROL_PEER_H
#define CRIER_CONTROL_PEER_H

#include <stdint.h>

#include "xdp/table.h"

/*
 * RX queues of the interface's other end, whose name goes into peer.  0: it is no veth, or the
 * other end is in a namespace that we cannot look into.  Asks the kernel; crierd's main thread.
 */
uint32_t peer_rx_queues(uint32_t ifindex, char peer[CRIER_IFNAME_LEN]);

#endif
