/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crew: all workers of a process and the devices that they share.
 *
 * Worker 0, the leader, runs on the thread that calls; it alone receives, opens and
 * closes devices, and decides what may wait.  It hands packets to the others through
 * their rings.  A crew of one has no ring and no other thread.
 */
#ifndef CRIER_CREW_H
#define CRIER_CREW_H

#include <pthread.h>
#include <signal.h>

#include "core/intake.h"
#include "io/port_conf.h"
#include "judge.h"
#include "worker.h"

struct device {
	struct port_conf conf;
	struct port_dev *dev; /* the leader's; NULL: its interface is gone, it is tried again */
	/*
	 * crierd's number for it, 0: it has none.  Written by the leader, read by workers,
	 * relaxed: it says where copies go, not what memory may be used.
	 */
	uint32_t number;
	/*
	 * Odd: workers may use their handles of dev; even: they may not.  Written by the
	 * leader, read by workers, sequentially consistent: it also ends their sleep.  dev is
	 * there before the turn gets odd, and until each worker has said that it saw the next.
	 */
	uint32_t turn;
};

struct crew {
	struct tables *t;
	uint32_t n;			  /* workers */
	uint32_t slot[CRIER_MAX_WORKERS]; /* their slots in the tables */
	int cpu[CRIER_MAX_WORKERS];	  /* -1: wherever the scheduler likes */
	uint32_t n_devices;
	struct device device[COPY_OUTS];
	struct port_env env;
	const volatile sig_atomic_t *stop;

	struct worker *worker[CRIER_MAX_WORKERS];
	pthread_t thread[CRIER_MAX_WORKERS]; /* of all but the leader */
	struct intake intake;
	struct judge judge; /* of devices that Linux doesn't see */
	uint64_t look_ns;   /* the leader's: while a sweep waits, packets are looked for then */
	int xsks_fd;
	bool retired; /* the tables were flushed: nobody will write them again */
	/*
	 * 0: work.  Else no packet will come any more, and sweeps must end by then.  Written
	 * once by the leader, read by workers, sequentially consistent.
	 */
	uint64_t end_ns;
};

/*
 * Starts the workers and opens the devices; t, n, slot, cpu, device[].conf, n_devices,
 * env and stop are set.  0, or -errno and a line in err, and nothing runs.
 */
int crew_open(struct crew *crew, char err[PORT_ERR_LEN]);

/* Until *stop or retired; then all end the sweeps they have begun, within bounds. */
void crew_run(struct crew *crew);

void crew_close(struct crew *crew);

/* Wakes those whose bits are set, if they sleep, to look at what the leader said. */
void crew_wake(struct crew *crew, uint64_t who);

static inline uint32_t device_turn(const struct device *d)
{
	return __atomic_load_n(&d->turn, __ATOMIC_SEQ_CST);
}

static inline uint64_t crew_end_ns(const struct crew *crew)
{
	return __atomic_load_n(&crew->end_ns, __ATOMIC_SEQ_CST);
}

/* ---- leader.c ---- */

/* 0, or -errno and a line in err.  busy_ms: as port_conf_open() has it. */
int leader_open_device(struct crew *crew, uint32_t i, uint64_t busy_ms, char err[PORT_ERR_LEN]);

/* The leader's loop: until *stop or retired. */
void leader_run(struct crew *crew);

/* Takes what still is in the sockets; then tells the crew to end, and ends its own sweeps. */
void leader_drain(struct crew *crew);

/* When all workers have ended. */
void leader_close_devices(struct crew *crew);

#endif
