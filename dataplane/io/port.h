/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports: where packets come from and frames go to.  A kind of port is one file; what
 * the worker sees is this.  Calls are made once a burst, never once a frame.
 *
 * Each port belongs to one thread.
 */
#ifndef CRIER_PORT_H
#define CRIER_PORT_H

#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/out.h"

#define PORT_RX_BURST 64
#define PORT_TX_BURST 1024
#define PORT_ERR_LEN 512

struct port_rx {
	const uint8_t *data;
	uint32_t len;
};

/* What a port counted since it was opened. */
struct port_stats {
	uint64_t rx_ring_full;
	uint64_t rx_fill_empty;
	uint64_t rx_dropped;
	uint64_t tx_invalid;
	uint64_t tx_kicks;
	uint64_t tx_again;
};

struct port;

struct port_ops {
	/* Up to PORT_RX_BURST packets, the port's until rx_done(). */
	uint32_t (*rx)(struct port *p, struct port_rx *rx);
	void (*rx_done)(struct port *p);
	/*
	 * Lends up to n <= PORT_TX_BURST frames: o->frame, o->n.  If there are fewer it
	 * waits, but no longer than *wait_ns for a device that takes nothing at all, and
	 * sets *wait_ns to 0 after that.
	 */
	void (*reserve)(struct port *p, uint32_t n, struct out *o, uint64_t *wait_ns);
	/* Sends o->used frames, takes back the others.  Returns what the device dropped. */
	uint32_t (*commit)(struct port *p, struct out *o);
	/* Goes on sending what was committed; true while something is left. */
	bool (*flush)(struct port *p);
	/* Descriptors to poll for packets; returns how many, at most max. */
	uint32_t (*fds)(struct port *p, struct pollfd *fds, uint32_t max);
	void (*stats)(struct port *p, struct port_stats *s);
	/* Returns how many committed frames will not be sent. */
	uint32_t (*close)(struct port *p);
};

struct port {
	const struct port_ops *ops;
	char name[IF_NAMESIZE];
	int ifindex;
	int broken;    /* errno that the device answered: it is down or gone; 0: works */
	char mode[64]; /* for people: "zero-copy", "copy mode" */
};

#endif
