/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/grace.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "xdp/log.h"
#include "xdp/tables.h"

#define POLL_MIN_US 1000
#define POLL_MAX_US 10000
#define ALIVE_AFTER_NS 20000000ULL /* a worker that moves needs no question put to its lock */
#define BATCH_KEEP 16384
#define RUN_BUDGET_NS 700000ULL /* thread CPU time of deferred work a turn of the loop */

struct deferred {
	void (*fn)(void *);
	void (*fn_number)(void *, uint32_t); /* this one if fn is NULL */
	void *arg;
	uint32_t number;
};

struct batch {
	struct deferred *item;
	size_t n, cap;
	uint64_t since_ns;
};

struct barrier_thread {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	uint64_t wanted, done; /* under lock */
	bool stop;	       /* under lock */
	int eventfd;	       /* the thread writes, the loop reads */
};

struct grace {
	struct tables *t;
	struct grace_ops ops;
	struct event *poll, *barrier_done;
	struct batch next;    /* collects */
	struct batch current; /* waits, then runs */
	size_t ran;	      /* items of current that ran already */
	bool waiting, running;
	bool barrier_over;
	uint64_t snapshot[CRIER_MAX_WORKERS];
	uint64_t waits; /* bit n: worker n has not moved yet */
	long poll_us;
	struct barrier_thread rcu;
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* ---- the kernel's part, on the helper thread ---- */

static void *barrier_main(void *arg)
{
	struct grace *g = arg;
	struct barrier_thread *rcu = &g->rcu;

	pthread_mutex_lock(&rcu->lock);
	while (!rcu->stop) {
		uint64_t wanted = rcu->wanted;
		int err;

		if (rcu->done == wanted) {
			pthread_cond_wait(&rcu->wake, &rcu->lock);
			continue;
		}
		pthread_mutex_unlock(&rcu->lock);
		err = g->ops.barrier(g->ops.arg);
		if (err)
			usleep(POLL_MAX_US);
		pthread_mutex_lock(&rcu->lock);
		if (err)
			continue; /* reuse waits: better a full table than a torn read */
		rcu->done = wanted;
		if (eventfd_write(rcu->eventfd, 1) != 0)
			break;
	}
	pthread_mutex_unlock(&rcu->lock);
	return NULL;
}

static void barrier_request(struct grace *g)
{
	g->barrier_over = !g->ops.barrier;
	if (g->barrier_over)
		return;
	pthread_mutex_lock(&g->rcu.lock);
	g->rcu.wanted++;
	pthread_cond_signal(&g->rcu.wake);
	pthread_mutex_unlock(&g->rcu.lock);
}

static int barrier_start(struct grace *g)
{
	int err;

	g->rcu.eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->rcu.eventfd < 0)
		return -errno;
	pthread_mutex_init(&g->rcu.lock, NULL);
	pthread_cond_init(&g->rcu.wake, NULL);
	err = -pthread_create(&g->rcu.thread, NULL, barrier_main, g);
	if (err) {
		close(g->rcu.eventfd);
		g->ops.barrier = NULL;
	}
	return err;
}

static void barrier_stop(struct grace *g)
{
	pthread_mutex_lock(&g->rcu.lock);
	g->rcu.stop = true;
	pthread_cond_signal(&g->rcu.wake);
	pthread_mutex_unlock(&g->rcu.lock);
	pthread_join(g->rcu.thread, NULL);
	pthread_cond_destroy(&g->rcu.wake);
	pthread_mutex_destroy(&g->rcu.lock);
	close(g->rcu.eventfd);
}

/* ---- the workers' part ---- */

/*
 * A read-modify-write that adds nothing is the fence: the worker's next exchange of
 * this word comes after it and so sees all that was unlinked before.
 */
static void workers_snapshot(struct grace *g)
{
	uint32_t n = g->t->config->max_workers;

	g->waits = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct crier_worker *w = &g->t->workers[i];

		g->snapshot[i] = __atomic_fetch_add(&w->quiescent, 0, __ATOMIC_SEQ_CST);
		if (g->snapshot[i] & 1)
			g->waits |= 1ULL << i;
	}
}

static void workers_check(struct grace *g, bool ask_locks)
{
	for (uint64_t left = g->waits; left; left &= left - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(left);
		bool moved = tbl_load_acquire(&g->t->workers[i].quiescent) != g->snapshot[i];

		if (!moved && ask_locks && g->ops.worker_alive)
			moved = !g->ops.worker_alive(g->ops.arg, i);
		if (moved)
			g->waits &= ~(1ULL << i);
	}
}

/* ---- batches ---- */

static void poll_in(struct grace *g, long us)
{
	struct timeval tv = {0, us};

	event_add(g->poll, &tv);
}

static void batch_swap(struct grace *g)
{
	struct batch empty = g->current;

	if (empty.cap > BATCH_KEEP) { /* give back what a mass departure needed */
		free(empty.item);
		empty = (struct batch){0};
	}
	empty.n = 0;
	g->current = g->next;
	g->next = empty;
	g->ran = 0;
}

static void batch_begin(struct grace *g)
{
	batch_swap(g);
	g->waiting = true;
	g->poll_us = POLL_MIN_US;
	workers_snapshot(g);
	barrier_request(g);
}

static void run_one(struct grace *g)
{
	struct deferred d = g->current.item[g->ran++];

	if (d.fn)
		d.fn(d.arg);
	else
		d.fn_number(d.arg, d.number);
}

static void batch_run(struct grace *g)
{
	uint64_t start = now_ns(CLOCK_THREAD_CPUTIME_ID);

	g->running = true;
	while (g->ran < g->current.n) {
		run_one(g);
		if (g->ran % 16 == 0 && now_ns(CLOCK_THREAD_CPUTIME_ID) - start > RUN_BUDGET_NS)
			return;
	}
	g->current.n = g->ran = 0;
	g->running = false;
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct grace *g = arg;

	(void)fd;
	(void)what;
	if (g->waiting) {
		uint64_t age = now_ns(CLOCK_MONOTONIC) - g->current.since_ns;

		workers_check(g, age > ALIVE_AFTER_NS);
		if (!g->waits && g->barrier_over)
			g->waiting = false, g->running = true;
	}
	if (g->running) {
		batch_run(g);
		if (g->running) {
			poll_in(g, 0);
			return;
		}
	}
	if (!g->waiting && g->next.n)
		batch_begin(g);
	if (g->waiting) {
		poll_in(g, g->poll_us);
		g->poll_us = g->poll_us * 2 > POLL_MAX_US ? POLL_MAX_US : g->poll_us * 2;
	}
}

static void on_barrier_done(evutil_socket_t fd, short what, void *arg)
{
	struct grace *g = arg;
	eventfd_t n;

	(void)what;
	if (eventfd_read(fd, &n) != 0)
		return;
	pthread_mutex_lock(&g->rcu.lock);
	g->barrier_over = g->rcu.done == g->rcu.wanted;
	pthread_mutex_unlock(&g->rcu.lock);
	if (g->waiting)
		poll_in(g, 0);
}

static int defer(struct grace *g, struct deferred d)
{
	struct batch *b = &g->next;

	if (b->n == b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 256;
		struct deferred *item = realloc(b->item, cap * sizeof(*item));

		if (!item)
			return -ENOMEM;
		b->item = item;
		b->cap = cap;
	}
	if (b->n == 0)
		b->since_ns = now_ns(CLOCK_MONOTONIC);
	b->item[b->n++] = d;
	if (!g->waiting && !g->running)
		poll_in(g, POLL_MIN_US);
	return 0;
}

int grace_defer(struct grace *g, void (*fn)(void *), void *arg)
{
	return defer(g, (struct deferred){.fn = fn, .arg = arg});
}

int grace_defer_number(struct grace *g, void (*fn)(void *, uint32_t), void *arg, uint32_t number)
{
	return defer(g, (struct deferred){.fn_number = fn, .arg = arg, .number = number});
}

int grace_open(struct tables *t, struct event_base *base, const struct grace_ops *ops,
	       struct grace **out)
{
	struct grace *g = calloc(1, sizeof(*g));
	int err = -ENOMEM;

	if (!g)
		return err;
	g->t = t;
	g->ops = *ops;
	g->poll = event_new(base, -1, 0, on_poll, g);
	if (!g->poll)
		goto out;
	if (g->ops.barrier) {
		err = barrier_start(g);
		if (err)
			goto out;
		g->barrier_done =
			event_new(base, g->rcu.eventfd, EV_READ | EV_PERSIST, on_barrier_done, g);
		if (!g->barrier_done || event_add(g->barrier_done, NULL) != 0) {
			err = -ENOMEM;
			goto out;
		}
	}
	*out = g;
	return 0;
out:
	grace_close(g);
	return err;
}

size_t grace_pending(const struct grace *g)
{
	return g->next.n + g->current.n - g->ran;
}

uint64_t grace_age_ns(const struct grace *g)
{
	const struct batch *b = g->waiting || g->running ? &g->current : &g->next;

	return b->n ? now_ns(CLOCK_MONOTONIC) - b->since_ns : 0;
}

int grace_waits_for(const struct grace *g)
{
	return g->waiting && g->waits ? __builtin_ctzll(g->waits) : -1;
}

const char *grace_why(const struct grace *g, char text[GRACE_WHY_LEN])
{
	int worker = grace_waits_for(g);

	if (worker < 0)
		snprintf(text, GRACE_WHY_LEN, "the kernel's grace period (RCU) is not over");
	else
		snprintf(text, GRACE_WHY_LEN, "worker %d does not turn", worker);
	return text;
}

void grace_close(struct grace *g)
{
	if (!g)
		return;
	if (g->ops.barrier)
		barrier_stop(g);
	while (g->ran < g->current.n || g->next.n) {
		if (g->ran == g->current.n)
			batch_swap(g);
		while (g->ran < g->current.n)
			run_one(g);
	}
	if (g->poll)
		event_free(g->poll);
	if (g->barrier_done)
		event_free(g->barrier_done);
	free(g->current.item);
	free(g->next.item);
	free(g);
}
