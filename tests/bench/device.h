/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DPDK devices for benches, and a look at what they send: one frame in 997 for headers,
 * payload and both sums, so that nothing can be left out.
 */
#ifndef CRIER_BENCH_DEVICE_H
#define CRIER_BENCH_DEVICE_H

#include <stdint.h>

#include "dataplane/io/port_dpdk.h"

#define DEVICE_HEADERS (14 + 20 + 8)

/* What fails here ends the bench.  Once a process, from the thread that will be the first worker.
 */
void device_start(int cpu, uint32_t workers);

struct port_dev *device_open(const char *devargs, uint32_t workers);

/*
 * Of one queue; written by the thread that sends on it.  A frame that the device refuses
 * is offered, and counted, once more.
 */
struct hook {
	const uint8_t *payload;
	uint32_t len; /* of frames; 0: what is sent now is no copy, count it only */
	uint64_t offered, checked;
} __attribute__((aligned(64)));

/* The hook must stay where it is. */
void hook_install(struct port_dev *d, uint16_t queue, struct hook *h);

/*
 * How many other frames go out before a buffer does so again, of those that `send` sends on
 * queue 0; it returns how many.
 */
uint64_t buffers_apart(struct port_dev *d, uint64_t (*send)(void));

#endif
