/* SPDX-License-Identifier: BSD-2-Clause */
/* Which NUMA node a CPU is of, and that memory is asked for there: against the kernel's own word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dataplane/io/numa.h"

#define BYTES (64 * 1024UL)

static void test_node_of_each_cpu(void **state)
{
	cpu_set_t was, one;
	unsigned cpu, node;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(was), &was), 0);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &was))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
		assert_int_equal(getcpu(&cpu, &node), 0);
		assert_int_equal(cpu, i);
		if (numa_node(i) != NUMA_NOWHERE)
			assert_int_equal(numa_node(i), node);
	}
	sched_setaffinity(0, sizeof(was), &was);
	assert_int_equal(numa_node(-1), NUMA_NOWHERE);
	assert_int_equal(numa_node(CPU_SETSIZE * 8), NUMA_NOWHERE);
}

/* What the kernel says of a page: its policy, and the nodes that this names. */
static int policy_of(void *memory, unsigned long *nodes)
{
	unsigned long mask[16] = {0};
	int mode = -1;

	if (syscall(SYS_get_mempolicy, &mode, mask, sizeof(mask) * 8, memory, MPOL_F_ADDR))
		return -1;
	*nodes = mask[0];
	return mode;
}

static void test_memory_is_preferred_there(void **state)
{
	char *memory =
		mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long nodes = 0;
	int node = numa_node(sched_getcpu());

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	numa_prefer(memory, BYTES, NUMA_NOWHERE); /* no wish, no policy */
	if (policy_of(memory, &nodes) < 0 || node == NUMA_NOWHERE) {
		print_message("skipped: this kernel knows no NUMA\n");
		skip();
	}
	assert_int_equal(policy_of(memory, &nodes), MPOL_DEFAULT);
	numa_prefer(memory, BYTES, node);
	assert_int_equal(policy_of(memory + BYTES - 1, &nodes), MPOL_PREFERRED);
	assert_int_equal(nodes, 1UL << node);
	munmap(memory, BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node_of_each_cpu),
		cmocka_unit_test(test_memory_is_preferred_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
