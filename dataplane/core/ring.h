/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring of packets from the leader to one worker: single producer, single consumer, no
 * lock.  A slot holds the packet itself: packets are small, a worker makes thousands of
 * copies of each, and a buffer shared by all workers would have to be counted and given
 * back across threads.
 *
 * Also how the worker sleeps and the leader wakes it.  Each says what it did and then
 * looks at what the other says, sequentially consistent both: either the leader sees that
 * the worker sleeps, or the worker sees that something came.
 */
#ifndef CRIER_RING_H
#define CRIER_RING_H

#include "job.h"

#define RING_SLOTS 1024 /* a power of two */

struct ring_slot {
	uint32_t room, generation;
	struct packet packet;
};

struct ring {
	struct ring_slot *slot;
	/* How many were pushed, ever.  Written by the leader, released; read by the worker. */
	uint32_t tail __attribute__((aligned(64)));
	uint32_t head_seen; /* the leader's last look at head */
	/* How many were taken, ever.  Written by the worker, released; read by the leader. */
	uint32_t head __attribute__((aligned(64)));
	/* Set by the worker before it sleeps, cleared by who of the two is first to. */
	uint32_t asleep __attribute__((aligned(64)));
};

/* 0 or -ENOMEM.  Best called by the worker's thread: its memory is near that CPU then. */
int ring_init(struct ring *r);
void ring_free(struct ring *r);

/* ---- the leader ---- */

static inline bool ring_has_room(struct ring *r)
{
	if (r->tail - r->head_seen < RING_SLOTS)
		return true;
	r->head_seen = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
	return r->tail - r->head_seen < RING_SLOTS;
}

/* The slot to fill, if there is room; then ring_push(). */
static inline struct ring_slot *ring_next(struct ring *r)
{
	return &r->slot[r->tail % RING_SLOTS];
}

static inline void ring_push(struct ring *r)
{
	__atomic_store_n(&r->tail, r->tail + 1, __ATOMIC_SEQ_CST);
}

/* After all that was said: must the worker be woken?  True once a sleep. */
static inline bool ring_wants_wake(struct ring *r)
{
	return __atomic_load_n(&r->asleep, __ATOMIC_SEQ_CST) &&
	       __atomic_exchange_n(&r->asleep, 0, __ATOMIC_SEQ_CST);
}

/* ---- the worker ---- */

/* The oldest packet, NULL: none.  The worker's until ring_pop(). */
static inline const struct ring_slot *ring_first(const struct ring *r)
{
	if (__atomic_load_n(&r->tail, __ATOMIC_SEQ_CST) == r->head)
		return NULL;
	return &r->slot[r->head % RING_SLOTS];
}

static inline void ring_pop(struct ring *r)
{
	__atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
}

/* From now on the leader wakes it; the worker looks once more, and may sleep then. */
static inline void ring_sleep(struct ring *r)
{
	__atomic_store_n(&r->asleep, 1, __ATOMIC_SEQ_CST);
}

static inline void ring_awake(struct ring *r)
{
	__atomic_store_n(&r->asleep, 0, __ATOMIC_SEQ_CST);
}

#endif
