/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A DPDK device as crier-load needs it: bursts in, bursts out, one queue each.  dpdk.c is
 * the only file here that knows DPDK; dpdk_none.c stands in where crier-load is built
 * without it.
 *
 * One process has one device (DPDK's own initialisation can be done once).  One thread
 * receives and sends; before its first burst it calls dpdk_thread_begin().
 */
#ifndef CRIER_LOAD_DPDK_H
#define CRIER_LOAD_DPDK_H

#include <stdbool.h>
#include <stdint.h>

#include "burst.h"

struct dpdk;

struct dpdk_counts {
	uint64_t missed;    /* the device had no room for */
	uint64_t no_buffer; /* we had no room for */
	uint64_t errors;
};

/* By PCI address or as a --vdev of DPDK's: "net_memif0,role=client,socket=..".  0, or -errno,
 * logged. */
int dpdk_open(struct dpdk **out, const char *devargs);
void dpdk_close(struct dpdk *d);

void dpdk_thread_begin(void);
void dpdk_thread_end(void);

const uint8_t *dpdk_mac(const struct dpdk *d);
bool dpdk_link_up(const struct dpdk *d);
void dpdk_counts(const struct dpdk *d, struct dpdk_counts *c);

/* What came in, at most BURST_MAX frames; they are the caller's until his next call. */
uint32_t dpdk_receive(struct dpdk *d, struct burst_frame f[BURST_MAX]);

/* Lends n <= BURST_MAX buffers of len bytes to write frames into; -ENOBUFS: there are none. */
int dpdk_reserve(struct dpdk *d, struct burst_frame *f, uint32_t n, uint32_t len);

/*
 * Sends all that is reserved.  While the device is full it is tried again for so long; what
 * then is left is dropped.  Returns how many left.
 */
uint32_t dpdk_send(struct dpdk *d, uint64_t patience_ns);

#endif
