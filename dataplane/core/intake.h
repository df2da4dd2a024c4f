/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intake: the leader takes a packet of a room for all its members or for none, and hands
 * it to each worker that has some of them.
 *
 * What may wait is decided here alone, for one worker as for many, from what workers tell
 * (struct progress): a packet that one of them could not begin in time is dropped whole.
 * All that befalls a packet before its sweep is counted here, by the leader, once.
 *
 * Used by one thread, the leader's, online (quiescent.h) in every call.
 */
#ifndef CRIER_INTAKE_H
#define CRIER_INTAKE_H

#include "ring.h"
#include "sweep.h"

/* When a room's packets come, for pacing. */
struct pace {
	uint64_t last_ns;
	uint64_t interval_ns; /* smoothed */
};

/* A worker, as the leader sees it. */
struct hand {
	struct ring *ring; /* NULL: the leader's own sweeper */
	const struct progress *progress;
	uint32_t *given; /* by room: packets it was given */
	uint64_t given_all;
	uint64_t members; /* of the room at hand */
};

struct intake {
	const struct tables *t;
	struct sweeper *leader;
	/*
	 * True: the leader is in the midst of a sweep, which waits for a port.  Others get their
	 * packets at once; the leader's own are held, and its sweeper isn't touched.
	 */
	bool holding;
	struct ring held;
	struct pace *pace; /* by room */
	uint64_t woke;	   /* workers that were given something: bit i */
	uint16_t ip_id;
	uint32_t n;
	struct hand hand[CRIER_MAX_WORKERS]; /* the leader is 0 */
};

/* With the leader's own sweeper, and no other worker yet.  0 or -ENOMEM. */
int intake_init(struct intake *in, struct sweeper *leader);
/* The next worker, which serves shards as the sweepers' first and stride say. */
int intake_add(struct intake *in, struct ring *ring, const struct progress *progress);
void intake_free(struct intake *in);

/*
 * A packet for a room, which the caller has steered: its UDP payload is copied.  All
 * that can befall it is counted here.
 */
void intake_push(struct intake *in, uint32_t room, uint32_t generation, const void *payload,
		 uint32_t len, uint64_t now_ns);

/* Between sweeps: gives the leader's sweeper what was held.  True: there was something. */
bool intake_release(struct intake *in);

/* A worker's packets, `most` of them, from its ring to its sweeper; returns how many. */
uint32_t intake_take(struct ring *ring, struct sweeper *s, uint32_t most);

#endif
