/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jobs: rooms with packets that wait for their sweep or are being swept.
 *
 * Rooms take turns of a quantum each (deficit round robin, Shreedhar and Varghese,
 * 1995), so that a huge room delays a small one by a quantum and no more.  A room's
 * packets are swept in the order they came.  How many may wait is intake's to say.
 * A room that is paced stands beside the line until it is due.
 *
 * All memory is taken at the start.  Used by one thread.
 */
#ifndef CRIER_JOB_H
#define CRIER_JOB_H

#include "frame.h"
#include "walk.h"

struct packet {
	struct packet *next;
	struct rewrite_packet rewrite;
	uint64_t received_ns;
	uint64_t interval_ns; /* that the room's packets come in, 0: not known */
	uint8_t payload[FRAME_PAYLOAD_MAX];
};

/* All but its place in a queue. */
static inline void packet_copy(struct packet *to, const struct packet *from)
{
	to->rewrite = from->rewrite;
	to->received_ns = from->received_ns;
	to->interval_ns = from->interval_ns;
	memcpy(to->payload, from->payload, from->rewrite.payload_len);
}

struct job {
	uint32_t room, generation;
	struct packet *head, *tail; /* head is the one being swept, if begun */
	uint32_t packets;
	bool begun;
	bool paged;	   /* head's sweep goes by page triggers */
	uint32_t shard;	   /* of head's sweep */
	struct walk walk;  /* of head's sweep, in shard */
	int64_t deficit;   /* members it may still meet in this turn */
	uint64_t due_ns;   /* no turn before this: paced; 0: not paced */
	uint32_t place;	   /* among the paced, from 1; 0: it is none of them */
	uint32_t out;	   /* where the last burst went, see sweep.c */
	uint64_t begun_ns; /* when head's sweep began */
	uint64_t members;  /* head's audience then, in this worker's shards */
	uint64_t met;	   /* members that head's sweep has met */
	struct job *next;  /* in turn, a ring; or in the free list */
};

struct jobs;

/* NULL: no memory.  packets: how many may be held, of all rooms together. */
struct jobs *jobs_new(uint32_t max_rooms, uint32_t packets);
void jobs_free(struct jobs *jobs);

/*
 * If the room's number was another room's until now, that one's packets are dropped:
 * *gone gets how many sweeps this cut short (0 or 1), *waited how many packets had yet
 * to begin theirs.
 */
void jobs_succeed(struct jobs *jobs, uint32_t room, uint32_t generation, uint32_t *gone,
		  uint32_t *waited);

/*
 * A packet at the end of the room's queue, the caller's to fill before anything else is
 * called; NULL: no buffer is free.  After jobs_succeed().  A room that has another one is
 * paced no longer.
 */
struct packet *jobs_push(struct jobs *jobs, uint32_t room, uint32_t generation);

/*
 * Whose turn it is: a room not paced beyond now_ns, its deficit raised by quantum; or
 * NULL.  Give it back with jobs_turn_over().
 */
struct job *jobs_next(struct jobs *jobs, uint32_t quantum, uint64_t now_ns);

/* The head packet's sweep has ended.  False: the room has no other. */
bool jobs_packet_done(struct jobs *jobs, struct job *job);

/* The room is gone, and all its packets with it; returns how many. */
uint32_t jobs_drop(struct jobs *jobs, struct job *job);

/*
 * The job goes to the end of the line, beside it until job->due_ns, or away if it has no
 * packets left.
 */
void jobs_turn_over(struct jobs *jobs, struct job *job);

/* Packets that may still be held, of all rooms together. */
uint32_t jobs_spare(const struct jobs *jobs);

/* Rooms with packets. */
uint32_t jobs_count(const struct jobs *jobs);

/* When the first paced room may go on; UINT64_MAX if there is no room. */
uint64_t jobs_due_ns(const struct jobs *jobs);

#endif
