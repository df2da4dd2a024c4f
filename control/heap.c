/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/heap.h"

#include <limits.h>
#include <event2/event.h>
#include <malloc.h>
#include <stdlib.h>

#define BIG_PIECE 4096	 /* what libevent reads a body into, if there is as much to read */
#define SMALL_PIECE 1000 /* a request's and an answer's usual size */
#define HOLES_MOST (4 << 20)

/* libevent's pieces of a body that come out smaller are mapped all the same. */
static size_t piece_size(size_t size)
{
	return size > SMALL_PIECE && size < BIG_PIECE ? BIG_PIECE : size;
}

static void *piece_alloc(size_t size)
{
	return malloc(piece_size(size));
}

static void *piece_realloc(void *piece, size_t size)
{
	return realloc(piece, piece_size(size));
}

void heap_init(void)
{
	event_set_mem_functions(piece_alloc, piece_realloc, free);
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

bool heap_step(void)
{
	size_t before = mallinfo2().keepcost;

	malloc_trim(before - HEAP_STEP);
	return mallinfo2().keepcost < before;
}

static bool step(struct task *task, struct budget *budget)
{
	(void)task;
	(void)budget;
	return heap_idle() && heap_step() && heap_idle();
}

struct task heap_task = {.step = step};
