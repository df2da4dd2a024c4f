/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grace: the time after which nobody can still be reading what was unlinked.
 *
 * crierd unlinks, then defers: fn runs in the event loop once each crier-dp worker
 * that was online at the time has moved on (or died) and each XDP program that was
 * running then has ended.  Nothing ever waits: the loop polls the workers' words on
 * a timer, and the kernel's RCU grace period is sat out by a helper thread.
 *
 * All calls come from the event loop's thread.
 */
#ifndef CRIER_CONTROL_GRACE_H
#define CRIER_CONTROL_GRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct tables;
struct grace;

struct grace_ops {
	/*
	 * Returns after each BPF program that runs now has ended; called from the helper
	 * thread, may block.  0 or -errno (then it is tried again).  NULL: no BPF readers.
	 */
	int (*barrier)(void *arg);
	/*
	 * Does a process hold worker n's lock?  Called from the event loop.  NULL: all
	 * workers that are online in the table are taken to be alive.
	 */
	bool (*worker_alive)(void *arg, uint32_t worker);
	void *arg;
};

/* 0 or -errno.  The tables must outlive the grace. */
int grace_open(struct tables *t, struct event_base *base, const struct grace_ops *ops,
	       struct grace **out);

/*
 * Run fn(arg) after grace.  First deferred, first run.  0 or -ENOMEM: then nothing is
 * deferred, and what was unlinked must stay unused until the next start.
 *
 * fn may defer again and may take some microseconds, no more: many run in one turn of
 * the loop until its time is used up.
 */
int grace_defer(struct grace *g, void (*fn)(void *), void *arg);

/* The same for one number of many: a page, a slot. */
int grace_defer_number(struct grace *g, void (*fn)(void *arg, uint32_t number), void *arg,
		       uint32_t number);

/* How many wait, and for how long (ns) the oldest batch has; for /metrics and /healthz. */
size_t grace_pending(const struct grace *g);
uint64_t grace_age_ns(const struct grace *g);

/* The worker that the batch under way waits for, or -1. */
int grace_waits_for(const struct grace *g);

/* Whom it waits for, in words: "worker 3 does not turn", or that the kernel takes its time. */
#define GRACE_WHY_LEN 64
const char *grace_why(const struct grace *g, char text[GRACE_WHY_LEN]);

/*
 * Runs what is still deferred, without grace, so that its memory is freed: fn must do
 * no more than give something back to a free list of this process.
 */
void grace_close(struct grace *g);

#endif
