/* SPDX-License-Identifier: BSD-2-Clause */
/* Which memory is near which CPU. */
#ifndef CRIER_NUMA_H
#define CRIER_NUMA_H

#include <stddef.h>

#define NUMA_NOWHERE (-1) /* wherever the kernel likes */

/* The node of a CPU, or NUMA_NOWHERE: the machine doesn't say. */
int numa_node(int cpu);

/*
 * Pages of this memory that are not there yet come from that node while it has any.
 * A wish: where the kernel refuses, nothing is different.
 */
void numa_prefer(void *memory, size_t bytes, int node);

#endif
