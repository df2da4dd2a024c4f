/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CRIER_TESTS_BROADCAST_H
#define CRIER_TESTS_BROADCAST_H

#include <linux/types.h>

#define BROADCAST_CPUS 1024

/* Map "counts": element n is written by CPU n. */
struct broadcast_count {
	__u64 frames;
	__u64 pad[7];
};

#endif
