/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker: one thread, its ports, its slot in the tables, and the loop that takes
 * packets in and sends copies out.
 */
#ifndef CRIER_WORKER_H
#define CRIER_WORKER_H

#include <signal.h>

#include "core/quiescent.h"
#include "core/sweep.h"
#include "io/port.h"
#include "io/port_xdp.h"

struct worker_port {
	struct port_xdp_conf conf;
	struct port_dev *dev;	 /* NULL: its interface is gone, it is tried again */
	struct port *port;	 /* this worker's handle; NULL like dev */
	uint32_t number;	 /* crierd's number for it, 0: it has none */
	bool down;		 /* its device refuses: copies are counted link_down */
	struct port_stats stats; /* as last added to the counters */
};

struct worker {
	struct tables *t;
	struct crier_worker *self;
	struct quiescent quiescent;
	struct sweeper sweeper;
	struct worker_port ports[COPY_OUTS];
	uint32_t n_ports;
	int xsks_fd;
	uint64_t busy_ns; /* when there last was something to do */
	uint64_t cold_ns; /* when the cold work is due again */
	const volatile sig_atomic_t *stop;
	bool retired; /* the tables were flushed: nobody will write them again */
};

/*
 * Takes over slot `slot` of the tables; w->ports[].conf of n_ports are set.  0, or
 * -errno and a line in err.
 */
int worker_open(struct worker *w, struct tables *t, uint32_t slot, char err[PORT_ERR_LEN]);

/* Until *w->stop or w->retired; then ends the sweeps it has begun, within bounds. */
void worker_run(struct worker *w);

void worker_close(struct worker *w);

#endif
