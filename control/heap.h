/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap shrinks in steps.
 *
 * A bulk body is read into some thousand pieces.  When the last of them is freed, malloc
 * gives all their memory back in one system call: 19 MB of a list of a million listeners
 * took 2 to 3 ms of one turn; and behind a small piece that stays, none of it went back.  So
 * these pieces are mapped one by one, and malloc gives back nothing else by itself: what is
 * free at the heap's end goes back a MB a turn.
 */
#ifndef CRIER_CONTROL_HEAP_H
#define CRIER_CONTROL_HEAP_H

#include "control/loop.h"

#define HEAP_STEP (1 << 20)   /* bytes given back in a turn */
#define HEAP_KEEP (256 << 10) /* for what comes next */

/* First of all in the process. */
void heap_init(void);

/* True: enough is free at the heap's end for a step or more. */
bool heap_idle(void);

/*
 * Gives back one step's worth.  False: nothing can be given back, for the heap's end isn't
 * the break (which somebody else moved, or which may not grow further).
 */
bool heap_step(void);

/* A task of heap_step() for as long as heap_idle(). */
extern struct task heap_task;

#endif
