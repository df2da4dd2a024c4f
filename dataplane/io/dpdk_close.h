/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaving DPDK while its event thread lives.
 *
 * Drivers tidy up on that thread when their other side goes (net_memif: when the peer
 * leaves), without a lock against who closes them; and rte_eal_cleanup() unmaps what that
 * thread still walks (DPDK 22.11).  Two memif peers that leave at once die of either.  So
 * devices are closed on that thread, and nobody cleans up after it: the process ends, and
 * with its own arguments (in memory, or without shared files) DPDK leaves nothing behind.
 */
#ifndef CRIER_DPDK_CLOSE_H
#define CRIER_DPDK_CLOSE_H

#include <stdint.h>

/* Stops and closes the device, on the event thread. */
void dpdk_device_close(uint16_t id);

#endif
