/* SPDX-License-Identifier: BSD-2-Clause */
#include "job.h"

#include <assert.h>
#include <stdlib.h>

struct jobs {
	struct job *turn; /* last in line: turn->next is first; NULL: nobody */
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
	/* as many jobs as packets: a room without a packet has no job */
	jobs->job_memory = calloc(packets, sizeof(*jobs->job_memory));
	jobs->packet_memory = calloc(packets, sizeof(*jobs->packet_memory));
	if (!jobs->by_room || !jobs->job_memory || !jobs->packet_memory) {
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

static struct job *job_open(struct jobs *jobs, uint32_t room, uint32_t generation)
{
	struct job *job = jobs->free_jobs;

	jobs->free_jobs = job->next;
	*job = (struct job){.room = room, .generation = generation};
	jobs->by_room[room] = job;
	jobs->count++;
	line_append(jobs, job);
	return job;
}

static void job_close(struct jobs *jobs, struct job *job)
{
	jobs->by_room[job->room] = NULL;
	jobs->count--;
	job->next = jobs->free_jobs;
	jobs->free_jobs = job;
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
	for (uint32_t i = jobs->count; i; i--) {
		struct job *job = line_take_first(jobs);

		if (job->due_ns <= now_ns) {
			job->deficit += quantum;
			return job;
		}
		line_append(jobs, job);
	}
	return NULL;
}

void jobs_turn_over(struct jobs *jobs, struct job *job)
{
	assert(jobs->by_room[job->room] == job);
	if (job->packets)
		line_append(jobs, job);
	else
		job_close(jobs, job);
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
	uint64_t due = UINT64_MAX;
	const struct job *job = jobs->turn;

	for (uint32_t i = 0; i < jobs->count; i++, job = job->next)
		due = job->due_ns < due ? job->due_ns : due;
	return due;
}
