/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/heap.h"

#include <limits.h>
#include <malloc.h>

#define BIG_PIECE 4096 /* what libevent reads a body into, if there is as much to read */
#define HOLES_MOST (4 << 20)

void heap_init(void)
{
	mallopt(M_MMAP_THRESHOLD, BIG_PIECE);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

/*
 * malloc_trim() also gives back holes amid the heap, all in that one call.  Where there are
 * large ones, behind a small piece that stays, they wait for the next body.
 */
bool heap_idle(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.keepcost > HEAP_KEEP + HEAP_STEP && m.fordblks - m.keepcost < HOLES_MOST;
}

void heap_step(void)
{
	malloc_trim(mallinfo2().keepcost - HEAP_STEP);
}

static bool step(struct task *task, struct budget *budget)
{
	(void)task;
	(void)budget;
	if (heap_idle())
		heap_step();
	return heap_idle();
}

struct task heap_task = {.step = step};
