/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a crier-dp at work, and what can it do?  By what its workers say in the tables. */
#ifndef CRIER_CONTROL_DP_H
#define CRIER_CONTROL_DP_H

#include <stdbool.h>
#include <stdint.h>

struct crierd;

struct dp {
	bool works;
	bool pages;    /* it sends triggers, and they are taken */
	uint64_t fast; /* ports, bit = number: by zero-copy AF_XDP or DPDK, all who serve them */
	uint64_t since_ns; /* a process of its has been seen since; 0: none */
};

/* At crierd's start: who is there was there before. */
void dp_begin(struct dp *dp, const struct crierd *d, uint64_t now_ns);

/* True: something has changed. */
bool dp_look(struct dp *dp, const struct crierd *d, uint64_t now_ns);

#endif
