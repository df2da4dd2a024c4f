/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread that polls a DPDK device for the sink and judges what comes, on a core of its
 * own if so told.  It keeps account of itself: a run in which the sink was the limit says
 * nothing of the sender.
 */
#ifndef CRIER_LOAD_POLL_H
#define CRIER_LOAD_POLL_H

#include <pthread.h>
#include <stdbool.h>

#include "dpdk.h"
#include "neighbour.h"
#include "sink.h"

struct poller {
	struct dpdk *dev;
	struct sink *sink;
	struct neighbour_self self; /* for whom ARP and ND are answered */
	int cpu;		    /* -1: any */
	pthread_t thread;
	bool running;
	bool stop;	       /* atomic */
	struct sink_load load; /* the thread's until it has ended; the counts are read at the end */
	uint64_t window_ns, window_busy_ns, window_frames;
	uint64_t first_ns, last_ns; /* of frames */
};

/* dev, sink, self and cpu are set.  0, or -errno, logged. */
int poller_start(struct poller *p);

/* Returns when the thread has ended: then its account is in the sink. */
void poller_stop(struct poller *p);

#endif
