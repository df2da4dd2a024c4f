/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker: one thread, its handles of the devices, its slot in the tables, its shards
 * of every room, and the loop that takes packets from the leader and sends copies out.
 * The leader is worker 0; what it does besides is in leader.c.
 */
#ifndef CRIER_WORKER_H
#define CRIER_WORKER_H

#include "core/quiescent.h"
#include "core/ring.h"
#include "core/sweep.h"
#include "io/port.h"

struct crew;

/* Its side of a device (struct device, crew.h). */
struct worker_port {
	struct port *port;	 /* NULL: there is none now */
	uint32_t number;	 /* crierd's number for it, 0: it has none */
	bool down;		 /* its device refuses: copies are counted link_down */
	struct port_stats stats; /* as last added to the counters */
	/*
	 * The device's turn that it goes by.  Written by the worker, released, when it has
	 * let go of the handle of an earlier turn; the leader reads it and may close then.
	 */
	uint32_t turn;
};

struct worker {
	struct ring ring; /* from the leader; not in use by the leader itself */
	struct sweeper sweeper;
	struct crew *crew;
	uint32_t index;
	struct crier_worker *self;
	struct quiescent quiescent;
	struct worker_port ports[COPY_OUTS];
	struct port *page; /* which of them is a page port, NULL: none now */
	int wake_fd;
	uint64_t busy_ns; /* when there last was something to do */
	uint64_t cold_ns; /* when the cold work is due again */
};

/*
 * Worker `index` of the crew, on the thread and CPU that it will run on: so its memory is
 * near.  NULL: *rc is -errno and err has a line.
 */
struct worker *worker_new(struct crew *crew, uint32_t index, int *rc, char err[PORT_ERR_LEN]);

/* A worker but the leader: takes packets from its ring until the crew ends. */
void worker_run(struct worker *w);

/* Its last word on its own thread: it holds no handle and reads no table from here on. */
void worker_end(struct worker *w);

/* From any thread, once nobody uses it. */
void worker_free(struct worker *w);

/* ---- parts that the leader's loop shares ---- */

uint64_t worker_clock_ns(void);

/* Takes or lets go of handles, as the devices' turns say. */
void worker_look(struct worker *w);

/* As many sweeps as a turn has; true: there was something to do. */
bool worker_sweep(struct worker *w, uint64_t now_ns);

/* True while a port has frames that its device hasn't taken. */
bool worker_flush(struct worker *w);

void worker_stats(struct worker *w, struct worker_port *wp);

/* How long it may sleep, 0: not at all. */
uint64_t worker_nap_ns(const struct worker *w, uint64_t now_ns);

/* Offline, until one of fds is ready or the time is over. */
void worker_sleep(struct worker *w, struct pollfd *fds, uint32_t n, uint64_t ns);

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif
