/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of a DPDK port share: port_dpdk.c (frames and packets), dpdk_dev.c (the
 * device as a whole), dpdk_probe.c (finding it).
 */
#ifndef CRIER_DPDK_DEV_H
#define CRIER_DPDK_DEV_H

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "port_dpdk.h"
#include "punt.h"

/*
 * Before a frame's buffer: what drivers put in front of it (virtio: 12 bytes).  A cache
 * line, so that the buffer begins one.
 */
#define DPDK_HEADROOM 64

struct dpdk_port {
	struct port port;
	struct dpdk_dev *dev;
	uint16_t id, queue;
	uint32_t room; /* bytes of each buffer */
	struct rte_mempool *pool;

	/* committed, not yet taken by the device: [sent, held) */
	uint32_t sent, held;
	uint32_t lost; /* dropped here, not told yet */
	struct rte_mbuf *held_mbuf[PORT_TX_BURST];

	uint32_t stock; /* mbufs at hand: [0, stock) */
	struct rte_mbuf *stock_mbuf[PORT_TX_BURST];
	struct out_frame lent[PORT_TX_BURST];

	uint32_t rx_n;
	struct rte_mbuf *rx_mbuf[PORT_RX_BURST];
	struct port_stats stats; /* of the leader: the device's */
} __attribute__((aligned(64)));

/* `up`, `removed`: written by the leader and DPDK's event thread, read by all workers. */
struct dpdk_dev {
	struct port_dev dev;
	uint16_t id;
	bool pci;
	bool up;
	bool removed;
	bool was_up; /* the leader's: frames may be in the device's rings */
	int tap_fd;
	struct punt *punt;
	struct rte_mempool *rx_pool;
	struct rte_eth_stats seen;
	struct rte_device *device;
	struct dpdk_port *handle; /* one a worker */
};

static inline struct dpdk_dev *dpdk_dev_of(struct port_dev *d)
{
	return (struct dpdk_dev *)d;
}

/* What a worker's handle does. */
extern const struct port_ops dpdk_port_ops;

/* An mbuf's fields that never change, when its pool is made. */
void dpdk_mbuf_constant(struct rte_mempool *mp, void *arg, void *obj, unsigned n);

/*
 * Takes the device: its number for DPDK and its rte_device into d.  0, or -errno and a
 * line in err.
 */
int dpdk_probe(struct dpdk_dev *d, const struct port_dpdk_conf *conf, char err[PORT_ERR_LEN]);

#endif
