/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of an interface's other end doesn't keep the loop waiting.  lo has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <event2/event.h>

#include "control/errand.h"
#include "control/peer.h"

static struct event_base *base;

static void on_told(void *arg, uint32_t ifindex, uint32_t queues, const char *peer)
{
	(void)peer;
	assert_int_equal(ifindex, 1);
	assert_int_equal(queues, 0);
	if (++*(uint32_t *)arg == 2)
		event_base_loopbreak(base);
}

static void later(void **state)
{
	struct errands *errands;
	uint32_t told = 0;

	(void)state;
	base = event_base_new();
	assert_int_equal(errands_open(base, &errands), 0);
	peer_ask(errands, 1, on_told, &told);
	peer_ask(errands, 1, on_told, &told);
	assert_int_equal(told, 0);
	event_base_dispatch(base);
	assert_int_equal(told, 2);
	for (int i = 0; i < 4; i++)
		peer_ask(errands, 1, on_told, &told);
	errands_close(errands);
	assert_in_range(told, 2, 3);
	event_base_free(base);
}

static void at_once(void **state)
{
	uint32_t told = 0;

	(void)state;
	peer_ask(NULL, 1, on_told, &told);
	assert_int_equal(told, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later),
		cmocka_unit_test(at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
