/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDP program over the world of packet_world.h in the kernel's own maps, and one packet at a
 * time through it by BPF_PROG_TEST_RUN.
 */
#ifndef CRIER_TEST_STEERED_H
#define CRIER_TEST_STEERED_H

#include "load.h"
#include "tables.h"

#define PORT 5
#define LO 1 /* interface by which packets come in */

/* First of all, see sandbox.h. */
int world_sandbox(void);

/* From world_up() to world_down(), which are cmocka's fixtures of a group. */
extern struct loader *loader;
extern struct tables world;
extern int prog_fd;
extern int sock; /* where accepted packets go */
extern uint32_t crier0;

int world_up(void **state);
int world_down(void **state);

/* The counters of all CPUs, and the sum of a stream's. */
struct counts {
	uint64_t c[CRIER_XDP_N];
	uint64_t accepted, refused, bytes;
};

void counts_read(struct counts *out);

/* What the program returned. */
int run_by(uint32_t ifindex, const uint8_t *packet, size_t len);
int run(const uint8_t *packet, size_t len);

#endif
