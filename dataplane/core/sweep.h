/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine of a worker: packets in, sweeps run a quantum at a time over its shards,
 * frames out through whoever lends them.  Knows no port and no socket; tests, benches
 * and workers drive the same lines.  Packets come from intake, or through a ring from
 * another thread's.
 *
 * Used by one thread, online (quiescent.h) in every call; between calls it holds
 * nothing of the tables but numbers.
 */
#ifndef CRIER_SWEEP_H
#define CRIER_SWEEP_H

#include "capture.h"
#include "copy.h"
#include "job.h"
#include "stats.h"
#include "unit.h"

struct sweep_io {
	/*
	 * Lends frames of port `out` as copy_lend does.  It may wait for a full port, no
	 * longer than *wait_ns for one that takes nothing, and zeroes *wait_ns after that:
	 * nobody waits for it again before it has gone on.
	 */
	void (*lend)(void *arg, uint32_t out, uint32_t n, struct out *o, uint64_t *wait_ns);
	/*
	 * Sends what was written, takes back the rest.  Returns how many frames the
	 * device is known to have dropped since it was last asked.
	 */
	uint32_t (*commit)(void *arg, uint32_t out, struct out *o);
	uint64_t (*now_ns)(void);
	void *arg;
	/*
	 * Sends a page trigger of len bytes, but for its serial and worker, and waits until it
	 * is taken, no longer than wait_ns.  False: it was not, and never will be.  It may
	 * lower sweeper.page_most then.  Not called while that is 0.
	 */
	bool (*trigger)(void *arg, struct crier_trigger *t, uint32_t len, uint64_t wait_ns);
};

#define SWEEP_PACKETS 2048 /* that a worker may hold, of all rooms together */

/*
 * What a worker tells the leader of the packets it was given.  One writer, the worker;
 * loaded and stored relaxed, for these are numbers to judge by: what is handed over
 * between threads is the ring's.
 */
struct progress {
	uint32_t *begun;  /* by room: that no longer wait, swept or not */
	uint64_t freed;	  /* that it holds no more */
	uint64_t copy_ns; /* what a copy costs, nearly at best; see cost_note() */
} __attribute__((aligned(64)));

/* What part of the time its sweeps take, waiting for ports included. */
struct busy {
	uint64_t since_ns, ns; /* of the span that is being looked at */
	uint64_t pct;	       /* in the last one */
};

struct sweeper {
	struct progress progress;
	const struct tables *t;
	uint32_t first, stride; /* it serves shards first, first + stride, ... */
	struct sweep_io io;
	struct jobs *jobs;
	struct stats stats;
	struct capture capture;
	struct copier copier;
	uint32_t out_ifindex[COPY_OUTS];
	uint32_t out_number[COPY_OUTS]; /* crierd's */
	struct busy busy;
	uint64_t met;	  /* members, by all sweeps */
	uint64_t turn_ns; /* of the last turn: rate_cap_pps counts from there */
	uint64_t turn_met;
	/*
	 * The longest payload that a trigger takes now, 0: there is no page port, or it isn't
	 * answered.  Set by whoever has the port, between turns or in io.trigger().
	 */
	uint32_t page_most;
	uint64_t fast; /* ports that take frames without a copy, bit = number; of the port's owner,
			  too */
	bool stuck[COPY_OUTS];	  /* a port that was waited for in vain */
	uint64_t lost[COPY_OUTS]; /* dropped by a port's device, not yet counted */
	struct walk_burst burst;
	struct {
		struct crier_trigger head;
		uint8_t payload[TRIGGER_PAYLOAD_MAX];
	} trigger;
};

/*
 * For the counters of slot `worker`; it serves all shards until `first` and `stride` are
 * set.  The sweeper of shard 0 is the leader's: it counts packets, for all.  0 or -ENOMEM.
 */
int sweeper_init(struct sweeper *s, const struct tables *t, uint32_t worker,
		 const struct sweep_io *io);
void sweeper_free(struct sweeper *s);

/* Copies by via.port == number leave through `out`. */
void sweeper_add_out(struct sweeper *s, uint32_t number, uint32_t out, uint32_t ifindex);
/* No longer: they are counted link_down. */
void sweeper_del_out(struct sweeper *s, uint32_t number);

/* Packets that still are an earlier room's of this number are dropped. */
void sweeper_succeed(struct sweeper *s, uint32_t room, uint32_t generation);

/*
 * A packet in the room's queue, to be filled before anything else is called; after
 * sweeper_succeed().  The caller knows that fewer than SWEEP_PACKETS are held.
 */
struct packet *sweeper_slot(struct sweeper *s, uint32_t room, uint32_t generation);

/* One quantum of the room whose turn it is.  False: no room may go on at now_ns. */
bool sweeper_turn(struct sweeper *s, uint64_t now_ns);

/* When sweeper_turn() will have something to do: 0 now, UINT64_MAX nothing waits. */
uint64_t sweeper_due_ns(const struct sweeper *s);

#endif
