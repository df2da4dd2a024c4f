/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xdp:IFACE[,queue=N] -- AF_XDP sockets on every RX queue of an interface; worker i sends
 * on queue N + i.  crierd's XDP program feeds them through the map "xsks".
 */
#ifndef CRIER_PORT_XDP_H
#define CRIER_PORT_XDP_H

#include "port.h"

struct port_xdp_conf {
	char ifname[IF_NAMESIZE];
	uint32_t tx_queue;
	uint64_t busy_ms; /* how long to wait for a queue that another socket still holds */
	int node[CRIER_MAX_WORKERS]; /* where each worker's frames should be; see numa.h */
};

/* "IFACE[,queue=N]".  0, or -EINVAL and a line in err. */
int port_xdp_parse(const char *spec, struct port_xdp_conf *conf, char err[PORT_ERR_LEN]);

/*
 * Opens sockets on all queues.  NULL: *rc is -errno and err says what to do: -ENODEV no
 * such interface, -ENETDOWN it is down, -ERANGE fewer queues than workers need, -EBUSY
 * a queue is somebody else's, -EPERM no right.
 */
struct port_dev *port_xdp_open(const struct port_xdp_conf *conf, uint32_t workers, int *rc,
			       char err[PORT_ERR_LEN]);

#endif
