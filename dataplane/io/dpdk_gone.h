/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices that are taken away while they are open.
 *
 * A driver may say so itself (mlx5 does).  For a card behind vfio-pci the kernel asks: its
 * removal, or an unbind, stands still until the card is let go, and DPDK tells who watches
 * the device.
 */
#ifndef CRIER_DPDK_GONE_H
#define CRIER_DPDK_GONE_H

#include <stdbool.h>
#include <stdint.h>

struct rte_device;

/* From now on *removed is set, relaxed and by DPDK's event thread, when the device goes. */
void dpdk_gone_watch(uint16_t id, struct rte_device *device, bool *removed);

/* Nobody sets *removed after this.  Not from the event thread. */
void dpdk_gone_forget(uint16_t id, struct rte_device *device, bool *removed);

#endif
