/* SPDX-License-Identifier: BSD-2-Clause */
#include "numa.h"

#include <limits.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NUMA_NODES 1024
#define NUMA_WORD_BITS (8 * (int)sizeof(unsigned long))

int numa_node(int cpu)
{
	char path[PATH_MAX];

	for (int node = 0; cpu >= 0 && node < NUMA_NODES; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/node%d", cpu, node);
		if (!access(path, F_OK))
			return node;
	}
	return NUMA_NOWHERE;
}

void numa_prefer(void *memory, size_t bytes, int node)
{
	unsigned long mask[NUMA_NODES / NUMA_WORD_BITS] = {0};

	if (node < 0 || node >= NUMA_NODES)
		return;
	mask[node / NUMA_WORD_BITS] = 1UL << node % NUMA_WORD_BITS;
	/* libnuma would do it too, and is one more library for one call */
	syscall(SYS_mbind, memory, bytes, MPOL_PREFERRED, mask, NUMA_NODES + 1, 0);
}
