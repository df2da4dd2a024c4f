/* SPDX-License-Identifier: BSD-2-Clause */
#include "job.h"

#include <assert.h>
#include <stdlib.h>

struct jobs {
	struct job *turn;   /* last in line: turn->next is first; NULL: nobody */
	struct job **paced; /* a heap: [0] is due first */
	uint32_t n_paced;
	uint32_t count;
	struct job *free_jobs;
	struct packet *free_packets;
	uint32_t spare;	      /* how many these are */
	struct job **by_room; /* NULL: the room has no packets */
	struct job *job_memory;
	struct packet *packet_memory;
};

static void lists_init(struct jobs *jobs, uint32_t packets)
{
	for (uint32_t i = 0; i < packets; i++) {
		jobs->job_memory[i].next = jobs->free_jobs;
		jobs->free_jobs = &jobs->job_memory[i];
		jobs->packet_memory[i].next = jobs->free_packets;
		jobs->free_packets = &jobs->packet_memory[i];
	}
}

struct jobs *jobs_new(uint32_t max_rooms, uint32_t packets)
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));

	if (!jobs)
		return NULL;
	jobs->by_room = calloc(max_rooms, sizeof(*jobs->by_room));
	jobs->paced = calloc(packets, sizeof(*jobs->paced));
	/* as many jobs as packets: a room without a packet has no job */
	jobs->job_memory = calloc(packets, sizeof(*jobs->job_memory));
	jobs->packet_memory = calloc(packets, sizeof(*jobs->packet_memory));
	if (!jobs->by_room || !jobs->paced || !jobs->job_memory || !jobs->packet_memory) {
		jobs_free(jobs);
		return NULL;
	}
	lists_init(jobs, packets);
	jobs->spare = packets;
	return jobs;
}

void jobs_free(struct jobs *jobs)
{
	if (!jobs)
		return;
	free(jobs->packet_memory);
	free(jobs->job_memory);
	free(jobs->paced);
	free(jobs->by_room);
	free(jobs);
}

/*
 * ---- the line ------------------------------------------------------------------
 */
static void line_append(struct jobs *jobs, struct job *job)
{
	if (jobs->turn) {
		job->next = jobs->turn->next;
		jobs->turn->next = job;
	} else {
		job->next = job;
	}
	jobs->turn = job;
}

static struct job *line_take_first(struct jobs *jobs)
{
	struct job *first = jobs->turn->next;

	if (first == jobs->turn)
		jobs->turn = NULL;
	else
		jobs->turn->next = first->next;
	return first;
}

/*
 * ---- beside the line: a binary heap ----------------------------------------------
 */
static void heap_put(struct jobs *jobs, uint32_t i, struct job *job)
{
	jobs->paced[i] = job;
	job->place = i + 1;
}

/* To place i, or above it as far as it is due before those there. */
static void heap_rise(struct jobs *jobs, uint32_t i, struct job *job)
{
	for (; i && jobs->paced[(i - 1) / 2]->due_ns > job->due_ns; i = (i - 1) / 2)
		heap_put(jobs, i, jobs->paced[(i - 1) / 2]);
	heap_put(jobs, i, job);
}

/* To place i, or below it as far as those there are due before. */
static void heap_sink(struct jobs *jobs, uint32_t i, struct job *job)
{
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < jobs->n_paced &&
		    jobs->paced[child + 1]->due_ns < jobs->paced[child]->due_ns)
			child++;
		if (child >= jobs->n_paced || jobs->paced[child]->due_ns >= job->due_ns)
			break;
		heap_put(jobs, i, jobs->paced[child]);
		i = child;
	}
	heap_put(jobs, i, job);
}

static void heap_add(struct jobs *jobs, struct job *job)
{
	heap_rise(jobs, jobs->n_paced++, job);
}

static void heap_remove(struct jobs *jobs, struct job *job)
{
	struct job *last = jobs->paced[--jobs->n_paced];
	uint32_t i = job->place - 1;

	job->place = 0;
	if (last == job)
		return;
	if (i && jobs->paced[(i - 1) / 2]->due_ns > last->due_ns)
		heap_rise(jobs, i, last);
	else
		heap_sink(jobs, i, last);
}

/* If it is paced: back into the line. */
static void job_hurry(struct jobs *jobs, struct job *job)
{
	if (!job->place)
		return;
	heap_remove(jobs, job);
	job->due_ns = 0;
	line_append(jobs, job);
}

static void job_close(struct jobs *jobs, struct job *job)
{
	jobs->by_room[job->room] = NULL;
	jobs->count--;
	job->next = jobs->free_jobs;
	jobs->free_jobs = job;
}

/*
 * Away with one job in line that has no packets: jobs_succeed() took them, and no other
 * came.  There is one whenever a packet is free and no job is.
 */
static void line_weed(struct jobs *jobs)
{
	struct job *before = jobs->turn, *job;

	while (before->next->packets)
		before = before->next;
	job = before->next;
	if (job == before)
		jobs->turn = NULL;
	else if (job == jobs->turn)
		jobs->turn = before;
	before->next = job->next;
	job_close(jobs, job);
}

static struct job *job_open(struct jobs *jobs, uint32_t room, uint32_t generation)
{
	struct job *job;

	if (!jobs->free_jobs)
		line_weed(jobs);
	job = jobs->free_jobs;
	jobs->free_jobs = job->next;
	*job = (struct job){.room = room, .generation = generation};
	jobs->by_room[room] = job;
	jobs->count++;
	line_append(jobs, job);
	return job;
}

/*
 * ---- packets -------------------------------------------------------------------
 */
static void packet_free_head(struct jobs *jobs, struct job *job)
{
	struct packet *p = job->head;

	job->head = p->next;
	job->packets--;
	p->next = jobs->free_packets;
	jobs->free_packets = p;
	jobs->spare++;
}

static struct packet *packet_append(struct jobs *jobs, struct job *job)
{
	struct packet *p = jobs->free_packets;

	jobs->free_packets = p->next;
	jobs->spare--;
	p->next = NULL;
	if (job->packets++)
		job->tail->next = p;
	else
		job->head = p;
	job->tail = p;
	return p;
}

void jobs_succeed(struct jobs *jobs, uint32_t room, uint32_t generation, uint32_t *gone,
		  uint32_t *waited)
{
	struct job *job = jobs->by_room[room];

	*gone = *waited = 0;
	if (!job || job->generation == generation)
		return;
	*gone = job->begun;
	*waited = jobs_drop(jobs, job) - *gone;
	job->generation = generation;
}

struct packet *jobs_push(struct jobs *jobs, uint32_t room, uint32_t generation)
{
	struct job *job = jobs->by_room[room];

	if (!jobs->free_packets)
		return NULL;
	if (!job)
		job = job_open(jobs, room, generation);
	job_hurry(jobs, job);
	return packet_append(jobs, job);
}

bool jobs_packet_done(struct jobs *jobs, struct job *job)
{
	packet_free_head(jobs, job);
	job->begun = false;
	job->due_ns = 0;
	return job->packets > 0;
}

uint32_t jobs_drop(struct jobs *jobs, struct job *job)
{
	uint32_t n = job->packets;

	job_hurry(jobs, job);
	while (job->packets)
		packet_free_head(jobs, job);
	job->begun = false;
	job->due_ns = 0;
	job->deficit = 0;
	return n;
}

/*
 * ---- turns ---------------------------------------------------------------------
 */
struct job *jobs_next(struct jobs *jobs, uint32_t quantum, uint64_t now_ns)
{
	struct job *job;

	while (jobs->n_paced && jobs->paced[0]->due_ns <= now_ns)
		job_hurry(jobs, jobs->paced[0]);
	if (!jobs->turn)
		return NULL;
	job = line_take_first(jobs);
	job->deficit += quantum;
	return job;
}

void jobs_turn_over(struct jobs *jobs, struct job *job)
{
	assert(jobs->by_room[job->room] == job);
	if (!job->packets)
		job_close(jobs, job);
	else if (job->due_ns)
		heap_add(jobs, job);
	else
		line_append(jobs, job);
}

uint32_t jobs_spare(const struct jobs *jobs)
{
	return jobs->spare;
}

uint32_t jobs_count(const struct jobs *jobs)
{
	return jobs->count;
}

uint64_t jobs_due_ns(const struct jobs *jobs)
{
	if (jobs->turn)
		return 0;
	return jobs->n_paced ? jobs->paced[0]->due_ns : UINT64_MAX;
}
