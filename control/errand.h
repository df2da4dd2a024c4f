/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errands: calls into the kernel that take too long for the event loop, run one after the
 * other on a thread of their own.  An errand begins only when the one before it has been
 * told done: so what its work() reads, and only done() functions and other work() change, needs
 * no lock.
 *
 * All calls come from the event loop's thread.
 */
#ifndef CRIER_CONTROL_ERRAND_H
#define CRIER_CONTROL_ERRAND_H

#include <stdbool.h>

struct event_base;
struct errands;

struct errand {
	void (*work)(struct errand *errand); /* on the thread; may block */
	/* In the loop, afterwards.  May submit it again, or free it. */
	void (*done)(struct errand *errand);
	bool worked; /* false in done(): crierd stops, and its turn has not come */
	struct errand *next;
};

/* 0 or -errno. */
int errands_open(struct event_base *base, struct errands **out);

/* Whoever submits keeps the errand until done().  Not again before that. */
void errands_submit(struct errands *e, struct errand *errand);

/* Waits for the errand under way; all done() functions have been called afterwards. */
void errands_close(struct errands *e);

#endif
