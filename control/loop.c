/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

#define STEP_NS 500000ULL
#define TURN_MOST_NS 2000000ULL

struct loop {
	struct event_base *base;
	struct event *kick;
	struct task ring; /* head of a ring of tasks */
	struct loop_stats stats;
	bool stop;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

uint64_t loop_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t loop_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void unlink_task(struct task *task)
{
	task->prev->next = task->next;
	task->next->prev = task->prev;
	task->next = task->prev = NULL;
}

static void link_last(struct loop *l, struct task *task)
{
	task->prev = l->ring.prev;
	task->next = &l->ring;
	task->prev->next = task;
	l->ring.prev = task;
}

bool loop_busy(const struct loop *l)
{
	return l->ring.next != &l->ring;
}

/* A timer of 0 fires in the next turn; an event made active would fire in this one. */
static void kick(struct loop *l)
{
	struct timeval now = {0, 0};

	if (loop_busy(l))
		event_add(l->kick, &now);
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct budget budget = {.end_ns = loop_cpu_ns() + STEP_NS};
	struct task *task = l->ring.next;

	(void)fd;
	(void)what;
	if (task == &l->ring)
		return;
	unlink_task(task);
	if (task->step(task, &budget))
		link_last(l, task);
	kick(l);
}

void loop_add(struct loop *l, struct task *task)
{
	if (task->next)
		return;
	link_last(l, task);
	kick(l);
}

void loop_cancel(struct loop *l, struct task *task)
{
	(void)l;
	if (task->next)
		unlink_task(task);
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

/* Bounded turns: after half a millisecond of callbacks the loop looks for new events first. */
static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct timeval most = {0, 500};
	struct event_base *base = NULL;

	if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
	    event_config_set_max_dispatch_interval(config, &most, -1, 0) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

int loop_open(struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->ring.next = l->ring.prev = &l->ring;
	l->base = base_new();
	if (l->base)
		l->kick = event_new(l->base, -1, 0, on_kick, l);
	if (!l->kick) {
		loop_close(l);
		return -ENOMEM;
	}
	*out = l;
	return 0;
}

static void turn_count(struct loop_stats *s, uint64_t ns)
{
	s->turns++;
	s->turn_sum_ns += ns;
	if (ns > s->turn_max_ns)
		s->turn_max_ns = ns;
	if (ns > TURN_MOST_NS)
		s->over_2ms++;
}

int loop_run(struct loop *l)
{
	l->stop = false;
	while (!l->stop) {
		uint64_t start = loop_cpu_ns();

		if (event_base_loop(l->base, EVLOOP_ONCE) < 0)
			return -1;
		turn_count(&l->stats, loop_cpu_ns() - start);
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
	event_base_loopbreak(l->base);
}

const struct loop_stats *loop_stats(const struct loop *l)
{
	return &l->stats;
}

void loop_close(struct loop *l)
{
	if (!l)
		return;
	if (l->kick)
		event_free(l->kick);
	if (l->base)
		event_base_free(l->base);
	free(l);
}
