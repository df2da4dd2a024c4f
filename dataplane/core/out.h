/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that a port lends for writing: the line between the engine, which knows no
 * port, and the ports, which know no member.
 *
 * A frame is written into buf from start on, len bytes.  buf is aligned to OUT_ALIGN;
 * copies are stored in whole blocks of that size, so more than the frame is written.
 */
#ifndef CRIER_OUT_H
#define CRIER_OUT_H

#include <stdint.h>

#define OUT_ALIGN 64

struct out_frame {
	uint8_t *buf;
	uint32_t start;
	uint32_t len;
};

/* A port's frames during one burst: [0, used) are written, [used, n) are not. */
struct out {
	struct out_frame *frame;
	uint32_t n;
	uint32_t used;
	uint32_t room; /* bytes of each buffer */
};

#endif
