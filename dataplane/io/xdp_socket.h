/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An AF_XDP device in memory: what port_xdp.c opens and xdp_io.c works on.  No other
 * file includes this.
 *
 * Each ring is used by one thread: fill and RX rings of all queues by the leader, TX and
 * completion ring of a sending queue by its worker.  What different threads write stands
 * in different cache lines.
 */
#ifndef CRIER_XDP_SOCKET_H
#define CRIER_XDP_SOCKET_H

#include <xdp/xsk.h>

#include "port.h"

#define PORT_TX_RING 2048
#define PORT_TX_FRAMES 4096 /* of each worker: as many as the completion ring holds */
#define PORT_RX_RING 2048

struct xdp_queue {
	struct xsk_socket *xsk;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons rx;
	struct xsk_ring_cons comp; /* if nobody sends on this queue */
	struct xdp_statistics seen;
	uint64_t other_drops; /* of rx_dropped, what fill_ring_empty_descs doesn't tell */
};

struct xdp_dev;

/* A worker's handle: its sending queue. */
struct xdp_handle {
	struct port port;
	struct xdp_dev *dev;
	uint8_t *area; /* the device's, and the next two */
	uint32_t chunk;
	bool zero_copy;
	bool dropped; /* drop() has told what is left */
	int fd;
	struct xsk_ring_prod tx;
	struct xsk_ring_cons comp;
	uint32_t lost; /* dropped by the device, not told yet */
	uint64_t kicks, again;
	uint32_t free;
	uint64_t addr[PORT_TX_FRAMES]; /* [0, free) may be lent; with colour */
	struct out_frame lent[PORT_TX_BURST];
} __attribute__((aligned(64)));

struct xdp_dev {
	struct port_dev dev;
	struct xsk_umem *umem;
	uint8_t *area;
	size_t bytes;
	uint32_t chunk;
	bool zero_copy;
	uint32_t queues;    /* with a socket */
	uint32_t rx_queues; /* of these, the first ones that receive */
	uint32_t tx_base;   /* worker i sends on queue tx_base + i */
	uint32_t number;    /* as published; 0: not */

	/* the leader's, as it receives */
	uint32_t rx_from __attribute__((aligned(64))); /* the queue that is asked first */
	uint32_t rx_given;
	struct xdp_queue *rx_queue;
	uint64_t rx_addr[PORT_RX_BURST];
	struct port_stats stats;
	struct xdp_queue queue[CRIER_MAX_QUEUES];
};

static inline struct xdp_handle *xdp_handle(const struct xdp_dev *x, uint32_t worker)
{
	return (struct xdp_handle *)x->dev.port[worker];
}

/* The queue's frames, `n` of them, to its fill ring. */
void xdp_fill(struct xdp_dev *x, struct xdp_queue *q, const uint64_t *addr, uint32_t n);

/* All frames of the handle's can be lent: those from `base` on. */
void xdp_frames_init(struct xdp_handle *h, uint64_t base);

/* Descriptors that the kernel has not taken yet. */
uint32_t xdp_tx_pending(const struct xdp_handle *h);

extern const struct port_ops xdp_port_ops;

#endif
