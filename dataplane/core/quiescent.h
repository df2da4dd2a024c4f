/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker's side of grace: its word in "workers" tells crierd that whatever it had
 * read from the tables before, it holds no more.
 *
 * Odd: online, and each bump by 2 is such a moment.  Even: offline, it reads nothing.
 * Each step is a sequentially consistent exchange: it comes after all reads before it,
 * and before all reads after it.  One writer, the worker; crierd reads.
 */
#ifndef CRIER_QUIESCENT_H
#define CRIER_QUIESCENT_H

#include <linux/types.h>
#include <stdint.h>

struct quiescent {
	__u64 *word; /* workers[n].quiescent */
	uint64_t value;
};

static inline void quiescent_set(struct quiescent *q, uint64_t value)
{
	q->value = value;
	(void)__atomic_exchange_n(q->word, value, __ATOMIC_SEQ_CST);
}

/* Takes over the word, whatever a dead worker left there; offline. */
static inline void quiescent_init(struct quiescent *q, __u64 *word)
{
	q->word = word;
	quiescent_set(q, (__atomic_load_n(word, __ATOMIC_RELAXED) | 1) + 1);
}

/* Before any table is read. */
static inline void quiescent_online(struct quiescent *q)
{
	quiescent_set(q, q->value | 1);
}

/* Between quanta, online: nothing read before is held any more. */
static inline void quiescent_turn(struct quiescent *q)
{
	quiescent_set(q, q->value + 2);
}

/* Before sleeping: nothing is held, nothing will be read. */
static inline void quiescent_offline(struct quiescent *q)
{
	quiescent_set(q, (q->value | 1) + 1);
}

#endif
