/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap shrinks in steps: small pieces that are all freed go back a MB at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/heap.h"

#define PIECES 20000
#define PIECE 1000
#define SLACK (64 << 10)

static void *piece[PIECES];

static uintptr_t heap_end(void)
{
	return (uintptr_t)sbrk(0);
}

static void pieces_take(void)
{
	for (int i = 0; i < PIECES; i++) {
		piece[i] = malloc(PIECE);
		assert_non_null(piece[i]);
	}
}

static void pieces_free(int from)
{
	for (int i = from; i < PIECES; i++)
		free(piece[i]);
}

static void shrinks_in_steps(void **state)
{
	uintptr_t end, before;
	int steps = 0;

	(void)state;
	pieces_take();
	before = end = heap_end();
	pieces_free(0);
	assert_true(heap_end() == before);
	assert_true(heap_idle());
	while (heap_task.step(&heap_task, NULL)) {
		assert_true(end - heap_end() <= HEAP_STEP + SLACK);
		assert_true(heap_end() < end);
		end = heap_end();
		steps++;
	}
	assert_in_range(steps, (PIECES * PIECE >> 20) - 3, PIECES * PIECE >> 20);
	assert_true(before - heap_end() >= (PIECES - 1) * PIECE - HEAP_KEEP - 2 * HEAP_STEP);
}

/* Behind a piece that stays there is nothing to give back, and the holes are left alone. */
static void leaves_holes(void **state)
{
	uintptr_t end;

	(void)state;
	pieces_take();
	end = heap_end();
	for (int i = 0; i < PIECES - 1; i++)
		free(piece[i]);
	assert_false(heap_idle());
	assert_false(heap_task.step(&heap_task, NULL));
	assert_true(heap_end() == end);
	pieces_free(PIECES - 1);
	assert_true(heap_idle());
}

/* Where the break is somebody else's, the task ends. */
static void ends_without_the_break(void **state)
{
	(void)state;
	pieces_take();
	pieces_free(0);
	assert_ptr_not_equal(sbrk(4096), (void *)-1);
	assert_true(heap_idle());
	assert_false(heap_task.step(&heap_task, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shrinks_in_steps),
		cmocka_unit_test(leaves_holes),
		cmocka_unit_test(ends_without_the_break),
	};

	heap_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
