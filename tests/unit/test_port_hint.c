/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where an interface's port is looked for first, as BPF has it: the maps are arrays here, and
 * another CPU comes in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PORT_HINTS 256

/* Two interfaces that share a hint. */
#define OURS 7
#define OTHER (OURS + PORT_HINTS)

static int config, ingest, locals, streams, rooms, ports, guard, guard_buckets, member_index,
	members4, members6, steer_clock, port_hints, port_numbers;
static uint32_t hint, numbers_asked, other_number;

/* noinline: elements of other maps are asked for in code that is never run here. */
static __attribute__((noinline)) void *map_element(const void *map, const void *key);
#define bpf_map_lookup_elem map_element
#define bpf_jiffies64() 0
#define bpf_ktime_get_coarse_ns() 0
#define __bpf__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes" /* of functions that BPF wants global */
#include "view.h"
#pragma GCC diagnostic pop

static struct crier_port port[CRIER_MAX_PORTS];

static void *map_element(const void *map, const void *key)
{
	static uint32_t number;
	uint32_t at = *(const uint32_t *)key;

	if (map == &port_hints)
		return at == OURS ? &hint : NULL;
	if (map == &ports) {
		if (other_number)
			hint = other_number;
		return at < CRIER_MAX_PORTS ? &port[at] : NULL;
	}
	assert_ptr_equal(map, &port_numbers);
	numbers_asked++;
	number = at == OURS ? 1 : at == OTHER ? 2 : 0;
	return number ? &number : NULL;
}

static int setup(void **state)
{
	(void)state;
	memset(port, 0, sizeof(port));
	port[1].ifindex = OURS;
	port[2].ifindex = OTHER;
	hint = numbers_asked = other_number = 0;
	return 0;
}

static void remembers(void **state)
{
	(void)state;
	assert_int_equal(steer_port_number(NULL, OURS), 1);
	assert_int_equal(numbers_asked, 1);
	assert_int_equal(steer_port_number(NULL, OURS), 1);
	assert_int_equal(numbers_asked, 1);
}

/* The hint is the other's, or one's own that went, or that of nobody. */
static void looks_again(void **state)
{
	(void)state;
	assert_int_equal(steer_port_number(NULL, OURS), 1);
	assert_int_equal(steer_port_number(NULL, OTHER), 2);
	assert_int_equal(steer_port_number(NULL, OURS), 1);
	port[1].ifindex = 0;
	assert_int_equal(steer_port_number(NULL, OURS), 1);
	hint = ~0U;
	assert_int_equal(steer_port_number(NULL, OURS), 1);
	assert_int_equal(numbers_asked, 5);
	assert_int_equal(steer_port_number(NULL, OTHER + PORT_HINTS), 0);
}

/* Another CPU writes the hint after this one has found its own port there. */
static void overtaken(void **state)
{
	(void)state;
	hint = 1;
	other_number = 2;
	assert_int_equal(steer_port_number(NULL, OURS), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(remembers, setup),
		cmocka_unit_test_setup(looks_again, setup),
		cmocka_unit_test_setup(overtaken, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
