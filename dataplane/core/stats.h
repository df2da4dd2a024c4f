/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker's counters in the shared tables.  One writer: the worker; readers load them
 * relaxed.  So a count is a plain addition and costs no locked instruction.
 */
#ifndef CRIER_STATS_H
#define CRIER_STATS_H

#include "copy.h"
#include "xdp/tables.h"

struct stats {
	const struct tables *t;
	uint32_t worker;
	__u64 *c; /* this worker's, by enum crier_worker_counter */
};

static inline void stats_init(struct stats *s, const struct tables *t, uint32_t worker)
{
	s->t = t;
	s->worker = worker;
	s->c = t->worker_counters[worker].c;
}

static inline void stats_add(struct stats *s, enum crier_worker_counter which, uint64_t n)
{
	tbl_count(&s->c[which], n);
}

/* The worker's counters of a room, zeroed if they spoke of an earlier room of that number. */
struct crier_room_counters *stats_room(struct stats *s, uint32_t room, uint64_t generation);

/* Members that a packet of this room would go to now. */
static inline uint64_t stats_members(const struct tables *t, uint32_t room)
{
	return (uint64_t)tbl_load(&t->rooms[room].members4) + tbl_load(&t->rooms[room].members6);
}

/* What became of a burst's members, into worker and room counters alike. */
void stats_copies(struct stats *s, struct crier_room_counters *room, const struct copy_counts *n);

#endif
