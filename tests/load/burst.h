/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames as a device lends them, a burst at a time. */
#ifndef CRIER_LOAD_BURST_H
#define CRIER_LOAD_BURST_H

#include <stdint.h>

#define BURST_MAX 64

struct burst_frame {
	uint8_t *data;
	uint32_t len;
};

#endif
