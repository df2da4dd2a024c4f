/* SPDX-License-Identifier: BSD-2-Clause */
#include "crew.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "xdp/log.h"

#define PORT_WAIT_MS 1000 /* a queue that was just closed is free within this time */

/* What a new thread and the one that makes it say to each other. */
struct start {
	struct crew *crew;
	uint32_t index;
	sem_t said; /* rc and err are */
	int rc;
	char err[PORT_ERR_LEN];
};

void crew_wake(struct crew *crew, uint64_t who)
{
	for (; who; who &= who - 1) {
		struct worker *w = crew->worker[__builtin_ctzll(who)];

		if (w && ring_wants_wake(&w->ring))
			eventfd_write(w->wake_fd, 1);
	}
}

/* The calling thread to its CPU; its name, for top(1) and the like. */
static int thread_place(const struct crew *crew, uint32_t index, char err[PORT_ERR_LEN])
{
	int cpu = crew->cpu[index];
	char name[16];
	cpu_set_t set;

	snprintf(name, sizeof(name), "crier-dp/%u", index);
	if (index)
		pthread_setname_np(pthread_self(), name);
	if (cpu < 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (!sched_setaffinity(0, sizeof(set), &set))
		return 0;
	snprintf(err, PORT_ERR_LEN, "worker %u can't run on CPU %d: %s", index, cpu,
		 strerror(errno));
	return -errno;
}

static void *thread_main(void *arg)
{
	struct start *start = arg;
	struct crew *crew = start->crew;
	uint32_t index = start->index;
	struct worker *w = NULL;

	start->rc = thread_place(crew, index, start->err);
	if (!start->rc)
		w = worker_new(crew, index, &start->rc, start->err);
	crew->worker[index] = w;
	sem_post(&start->said); /* from here on *start is gone */
	if (!w)
		return NULL;
	worker_run(w);
	worker_end(w);
	return NULL;
}

/* Signals are the leader's. */
static int thread_start(struct crew *crew, uint32_t index, char err[PORT_ERR_LEN])
{
	struct start start = {.crew = crew, .index = index};
	sigset_t all, was;
	int rc;

	sem_init(&start.said, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	rc = -pthread_create(&crew->thread[index], NULL, thread_main, &start);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	if (rc) {
		snprintf(err, PORT_ERR_LEN, "can't make a thread for worker %u: %s", index,
			 strerror(-rc));
		goto out;
	}
	while (sem_wait(&start.said))
		;
	rc = start.rc;
	if (rc) {
		memcpy(err, start.err, PORT_ERR_LEN);
		pthread_join(crew->thread[index], NULL);
		goto out;
	}
	rc = intake_add(&crew->intake, &crew->worker[index]->ring,
			&crew->worker[index]->sweeper.progress);
	if (rc)
		snprintf(err, PORT_ERR_LEN, "no memory for worker %u", index);
out:
	sem_destroy(&start.said);
	return rc;
}

static int leader_start(struct crew *crew, char err[PORT_ERR_LEN])
{
	int rc = thread_place(crew, 0, err);

	if (!rc)
		crew->worker[0] = worker_new(crew, 0, &rc, err);
	if (rc)
		return rc;
	judge_init(&crew->judge, crew->t, &crew->worker[0]->sweeper.stats,
		   &crew->worker[0]->sweeper.capture);
	rc = intake_init(&crew->intake, &crew->worker[0]->sweeper);
	if (rc)
		snprintf(err, PORT_ERR_LEN, "no memory for rooms' queues");
	return rc;
}

/* Older tables have one shard, and any may have fewer than there are workers. */
static void shards_say(const struct crew *crew)
{
	uint32_t shards = crew->t->config->shards;

	if (crew->n > shards)
		log_warn("crierd's tables have %u shard%s: %u of %u workers have nothing to do; "
			 "more come with capacity.shards and new tables (crierctl save, crierd "
			 "--flush, start, crierctl restore)",
			 shards, shards == 1 ? "" : "s", crew->n - shards, crew->n);
}

static int devices_open(struct crew *crew, char err[PORT_ERR_LEN])
{
	struct port_conf conf[COPY_OUTS];
	int rc;

	for (uint32_t i = 0; i < crew->n_devices; i++) {
		if (crew->device[i].conf.page) {
			crew->device[i].conf.of_page.triggers = crew->t->triggers;
			crew->device[i].conf.of_page.slot = crew->slot;
		}
		conf[i] = crew->device[i].conf;
	}
	rc = ports_start(conf, crew->n_devices, &crew->env, crew->n, crew->cpu[0], err);
	for (uint32_t i = 0; i < crew->n_devices && !rc; i++)
		rc = leader_open_device(crew, i, PORT_WAIT_MS, err);
	return rc;
}

int crew_open(struct crew *crew, char err[PORT_ERR_LEN])
{
	int rc;

	crew->xsks_fd = tables_map_fd(crew->t, "xsks");
	if (crew->xsks_fd < 0) {
		snprintf(err, PORT_ERR_LEN, "no map \"xsks\" beside the tables: restart crierd");
		return crew->xsks_fd;
	}
	shards_say(crew);
	rc = leader_start(crew, err);
	for (uint32_t i = 1; i < crew->n && !rc; i++)
		rc = thread_start(crew, i, err);
	if (!rc)
		rc = devices_open(crew, err);
	if (rc)
		crew_close(crew);
	return rc;
}

void crew_run(struct crew *crew)
{
	leader_run(crew);
	leader_drain(crew);
}

/* Each worker lets go of its handles before devices are closed, and stops before it is freed. */
void crew_close(struct crew *crew)
{
	if (!crew_end_ns(crew))
		__atomic_store_n(&crew->end_ns, 1, __ATOMIC_SEQ_CST);
	for (uint32_t i = 1; i < crew->n; i++) {
		if (!crew->worker[i])
			continue;
		crew_wake(crew, 1ULL << i);
		pthread_join(crew->thread[i], NULL);
	}
	if (crew->worker[0])
		worker_end(crew->worker[0]);
	leader_close_devices(crew);
	intake_free(&crew->intake);
	for (uint32_t i = 0; i < crew->n; i++) {
		if (crew->worker[i])
			worker_free(crew->worker[i]);
		crew->worker[i] = NULL;
	}
}
