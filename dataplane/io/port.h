/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports: where packets come from and frames go to.  A kind of port is one file; what
 * workers see is this.  Calls are made once a burst, never once a frame.
 *
 * A device (struct port_dev) belongs to the leader, who opens, publishes and closes it.
 * Each worker sends by a handle of its own (struct port), which belongs to that worker's
 * thread alone; the leader's, which is handle 0, receives on all queues.  The leader
 * closes a device only after each worker has said that it uses its handle no more.
 */
#ifndef CRIER_PORT_H
#define CRIER_PORT_H

#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/out.h"
#include "xdp/table.h"

#define PORT_RX_BURST 64
#define PORT_TX_BURST 1024
#define PORT_ERR_LEN 512

struct port_rx {
	const uint8_t *data;
	uint32_t len;
};

/* What a handle counted since it was opened. */
struct port_stats {
	uint64_t rx_ring_full;
	uint64_t rx_fill_empty;
	uint64_t rx_dropped;
	uint64_t tx_invalid;
	uint64_t tx_kicks;
	uint64_t tx_again;
	uint64_t tap_refused; /* punted frames that Linux's TAP would not take */
	uint64_t tap_lost;    /* frames of Linux's that the device would not take */
};

struct port;
struct crier_trigger;

struct port_ops {
	/* Up to PORT_RX_BURST packets, the port's until rx_done().  Handle 0 alone. */
	uint32_t (*rx)(struct port *p, struct port_rx *rx);
	void (*rx_done)(struct port *p);
	/*
	 * Lends up to n <= PORT_TX_BURST frames: o->frame, o->n.  If there are fewer it
	 * waits, but no longer than *wait_ns for a device that takes nothing at all, and
	 * sets *wait_ns to 0 after that.  While it waits it calls port_meanwhile().
	 */
	void (*reserve)(struct port *p, uint32_t n, struct out *o, uint64_t *wait_ns);
	/* Sends o->used frames, takes back the others.  Returns what the device dropped. */
	uint32_t (*commit)(struct port *p, struct out *o);
	/* Goes on sending what was committed; true while something is left. */
	bool (*flush)(struct port *p);
	/* Descriptors to poll for packets; returns how many, at most max. */
	uint32_t (*fds)(struct port *p, struct pollfd *fds, uint32_t max);
	/*
	 * Gives a packet of a bypass device to Linux, which has not seen it; false: there is
	 * no room.
	 */
	bool (*punt)(struct port *p, const struct port_rx *rx);
	void (*stats)(struct port *p, struct port_stats *s);
	/*
	 * The worker's last call: how many committed frames will not be sent, unless close()
	 * of the device tells.  NULL: close() does.
	 */
	uint32_t (*drop)(struct port *p);
	/* Page ports alone; sweep_io.trigger and sweeper.page_most say what they do. */
	uint32_t (*page_most)(struct port *p);
	bool (*trigger)(struct port *p, struct crier_trigger *t, uint32_t len, uint64_t wait_ns);
};

struct port {
	const struct port_ops *ops;
	/*
	 * errno that the device answered: it is down or gone; 0: works.  Written by the
	 * worker (port_break), read by the leader too.
	 */
	int broken;
	/*
	 * Set by who opened the device, before the handle is lent; NULL: there is nothing else
	 * to do.  May call rx() and rx_done() of any handle, and punt(), but nothing that sends.
	 */
	void (*meanwhile)(void *arg);
	void *meanwhile_arg;
};

/* Now and then while a handle waits for its device. */
static inline void port_meanwhile(const struct port *p)
{
	if (p->meanwhile)
		p->meanwhile(p->meanwhile_arg);
}

static inline void port_break(struct port *p, int broken)
{
	__atomic_store_n(&p->broken, broken, __ATOMIC_RELAXED);
}

static inline int port_broken(const struct port *p)
{
	return __atomic_load_n(&p->broken, __ATOMIC_RELAXED);
}

struct port_dev;

struct port_dev_ops {
	/*
	 * Packets for port `number` come to this device from now on (0: no longer), by the
	 * map `xsks_fd` where that is how they come.  0 or -errno.
	 */
	int (*publish)(struct port_dev *d, int xsks_fd, uint32_t number);
	/* Its interface is no longer what it was when it was opened. */
	bool (*gone)(struct port_dev *d);
	/* Returns how many committed frames will not be sent, of those that no drop() told. */
	uint32_t (*close)(struct port_dev *d);
};

struct port_dev {
	const struct port_dev_ops *ops;
	char name[IF_NAMESIZE];
	int ifindex;
	char mode[64];	/* for people: "zero-copy", "copy mode" */
	bool zero_copy; /* its frames go to the device as they lie */
	/*
	 * Linux doesn't see it: what it receives nobody has judged (port_ops.punt), nothing
	 * wakes a sleeper when a packet comes, and its link comes and goes while it is open.
	 */
	bool bypass;
	uint32_t workers;
	struct port *port[CRIER_MAX_WORKERS]; /* worker i's handle, i < workers */
};

#endif
