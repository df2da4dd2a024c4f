/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crierd's one event loop: work done in steps, and a watch on how long its turns are.
 *
 * Whatever may take longer than a moment is a task; each turn of the loop runs one
 * task for less than a millisecond of thread CPU time, tasks in rotation.  Everything here
 * belongs to the loop's thread.
 */
#ifndef CRIER_CONTROL_LOOP_H
#define CRIER_CONTROL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct loop;

/* Thread CPU time, ns. */
uint64_t loop_cpu_ns(void);
/* CLOCK_MONOTONIC, ns. */
uint64_t loop_now_ns(void);

struct budget {
	uint64_t end_ns; /* thread CPU time */
	uint32_t asked;
};

/* May be asked after each small piece of work: it looks at the clock each 16th time. */
static inline bool budget_spent(struct budget *b)
{
	return ++b->asked % 16 == 0 && loop_cpu_ns() >= b->end_ns;
}

struct task {
	/*
	 * True: another turn, please.  The task is off the list while it steps, so that
	 * one which returns false may have freed itself.
	 */
	bool (*step)(struct task *task, struct budget *budget);
	struct task *next, *prev; /* the loop's; NULL: not queued */
};

int loop_open(struct loop **out);
struct event_base *loop_base(struct loop *l);

/* At the end of the rotation; no-op if it is there already. */
void loop_add(struct loop *l, struct task *task);
/* No-op if it isn't queued. */
void loop_cancel(struct loop *l, struct task *task);
bool loop_busy(const struct loop *l);

/* Until loop_stop().  0 or -1. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

struct loop_stats {
	uint64_t turns;
	uint64_t turn_max_ns; /* thread CPU time of the longest turn since the start */
	uint64_t turn_sum_ns;
	uint64_t over_2ms; /* turns longer than the 2 ms that none should take */
};
const struct loop_stats *loop_stats(const struct loop *l);

void loop_close(struct loop *l);

#endif
